//! A structural schema as flat rows: one per field, parents before their children.

use serde_json::{Value, json};

/// One row of the reference.
#[derive(Debug)]
pub struct Field {
    /// `pools[].storage.size`
    pub path: String,
    pub required: bool,
    /// Type and bounds: `integer, 1 to 200`.
    pub value: String,
    pub default: String,
    pub meaning: String,
}

/// The fields of an object's schema.
pub fn of(schema: &Value) -> Vec<Field> {
    let mut rows = Vec::new();
    object(schema, "", &mut rows);
    rows
}

/// Messages of the validation rules, each with the path it guards.
pub fn rules(schema: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    walk(schema, "", &mut |schema, path| {
        for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
            let path = if path.is_empty() { "metadata" } else { path };
            found.push((path.to_owned(), text(&rule["message"]).to_owned()));
        }
    });
    found
}

/// Text that may stand in a cell of a table.
pub fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

fn object(schema: &Value, prefix: &str, rows: &mut Vec<Field>) {
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, field) in properties(schema) {
        let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        rows.push(Field {
            required: required.contains(&name.as_str()),
            value: value(field),
            default: default(&field["default"]),
            meaning: cell(text(&field["description"])),
            path: path.clone(),
        });
        if documented(field) {
            below(field, &path, &mut |schema, path| object(schema, path, rows));
        }
    }
}

/// Types of Kubernetes come without prose: their fields stand in the Kubernetes reference, not in ours.
fn documented(field: &Value) -> bool {
    // the one such type that has prose
    if field["x-kubernetes-list-map-keys"] == json!(["type"]) {
        return false;
    }
    let mut any = false;
    below(field, "", &mut |schema, _| {
        any |= properties(schema).any(|(_, f)| f["description"].is_string());
    });
    any
}

/// Calls `see` with the object schema that `field` holds: itself, its items or its entries.
fn below(field: &Value, path: &str, see: &mut impl FnMut(&Value, &str)) {
    if field["properties"].is_object() {
        see(field, path);
    } else if field["items"].is_object() {
        below(&field["items"], &format!("{path}[]"), see);
    } else if field["additionalProperties"].is_object() {
        below(&field["additionalProperties"], &format!("{path}.*"), see);
    }
}

fn walk(schema: &Value, path: &str, see: &mut impl FnMut(&Value, &str)) {
    see(schema, path);
    for (name, field) in properties(schema) {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        walk(field, &path, see);
    }
    if schema["items"].is_object() {
        walk(&schema["items"], &format!("{path}[]"), see);
    }
}

fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema["properties"].as_object().into_iter().flatten()
}

fn value(field: &Value) -> String {
    let mut words = vec![noun(field)];
    if let (Some(least), Some(most)) = (field["minimum"].as_f64(), field["maximum"].as_f64()) {
        words.push(format!("{least} to {most}"));
    }
    for (key, what) in [("maxLength", "characters"), ("maxItems", "items"), ("maxProperties", "entries")] {
        if let Some(most) = field[key].as_u64() {
            words.push(format!("at most {most} {what}"));
        }
    }
    if let Some(pattern) = field["pattern"].as_str() {
        words.push(format!("`{}`", cell(pattern)));
    }
    words.join(", ")
}

fn noun(field: &Value) -> String {
    if let Some(values) = field["enum"].as_array() {
        return values
            .iter()
            .filter_map(Value::as_str)
            .map(|v| format!("`{v}`"))
            .collect::<Vec<_>>()
            .join(" or ");
    }
    if field["x-kubernetes-int-or-string"] == true {
        return "integer or string".into();
    }
    match text(&field["type"]) {
        "array" => format!("list of {}", noun(&field["items"])),
        "object" if field["additionalProperties"].is_object() => {
            format!("map of {}", noun(&field["additionalProperties"]))
        }
        "string" if field["format"] == "date-time" => "time".into(),
        "" => "string, number or boolean".into(),
        plain => plain.into(),
    }
}

/// Objects whose defaults are those of their fields need no entry of their own.
fn default(value: &Value) -> String {
    match value {
        Value::Null | Value::Object(_) => String::new(),
        Value::String(text) => format!("`{text}`"),
        other => format!("`{}`", cell(&other.to_string())),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
