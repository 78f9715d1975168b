//! The one place that knows the YAML library.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_yaml::{Mapping, Value};

pub use serde_yaml::Error;

/// One document, without a `---` line.
pub fn to_string<T: Serialize>(value: &T) -> Result<String, Error> {
    serde_yaml::to_string(value).map(|text| for_kubernetes(&text))
}

/// A custom resource as a person would write it: fields of `spec` that only repeat a default are left out.
///
/// What is left is parsed back, so that the text always means `value`.
pub fn to_short_string<T>(value: &T) -> Result<String, Error>
where
    T: Serialize + DeserializeOwned + PartialEq,
{
    let mut document = serde_yaml::to_value(value)?;
    loop {
        let mut droppable = None;
        visit(&document["spec"], &mut Vec::new(), &mut |path| {
            if droppable.is_none() && means(&without(&document, path), value) {
                droppable = Some(path.to_vec());
            }
        });
        match droppable {
            Some(path) => document = without(&document, &path),
            None => return to_string(&document),
        }
    }
}

/// Kubernetes and Helm read YAML 1.1, where `Off` is false; the library writes 1.2, where it is a word.
fn for_kubernetes(text: &str) -> String {
    const BOOLEANS: [&str; 8] = ["y", "n", "yes", "no", "on", "off", "true", "false"];
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        let start = line.rfind(": ").or_else(|| line.rfind("- ")).map_or(line.len(), |at| at + 2);
        let (before, word) = line.split_at(start);
        let is_word =
            BOOLEANS.contains(&word.to_ascii_lowercase().as_str()) && !["true", "false"].contains(&word);
        out.push_str(before);
        if is_word {
            out.push('"');
        }
        out.push_str(word);
        out.push_str(if is_word { "\"\n" } else { "\n" });
    }
    out
}

/// Every document of a file.
#[cfg(test)]
pub fn documents<T: DeserializeOwned>(text: &str) -> Result<Vec<T>, Error> {
    serde_yaml::Deserializer::from_str(text).map(|document| T::deserialize(document)).collect()
}

fn means<T: DeserializeOwned + PartialEq>(document: &Value, value: &T) -> bool {
    T::deserialize(document).is_ok_and(|read| read == *value)
}

/// A step down into a document.
#[derive(Clone)]
enum Step {
    Key(Value),
    Index(usize),
}

/// Calls `see` with the path of every mapping entry below `at`, outermost first.
fn visit(at: &Value, path: &mut Vec<Step>, see: &mut impl FnMut(&[Step])) {
    let children: Vec<(Step, &Value)> = match at {
        Value::Mapping(entries) => entries.iter().map(|(k, v)| (Step::Key(k.clone()), v)).collect(),
        Value::Sequence(items) => items.iter().enumerate().map(|(i, v)| (Step::Index(i), v)).collect(),
        _ => return,
    };
    for (step, child) in children {
        let is_entry = matches!(step, Step::Key(_));
        path.push(step);
        if is_entry {
            see(path);
        }
        visit(child, path, see);
        path.pop();
    }
}

/// `document` without the entry of `spec` at `path`.
fn without(document: &Value, path: &[Step]) -> Value {
    let mut document = document.clone();
    let Some((Step::Key(last), parents)) = path.split_last() else { return document };
    let parent = parents.iter().try_fold(&mut document["spec"], |at, step| match step {
        Step::Key(key) => at.get_mut(key),
        Step::Index(index) => at.get_mut(*index),
    });
    if let Some(entries) = parent.and_then(Value::as_mapping_mut) {
        Mapping::shift_remove(entries, last);
    }
    document
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
    struct Thing {
        spec: Spec,
    }
    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
    struct Spec {
        name: String,
        #[serde(default)]
        inner: Inner,
    }
    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
    #[serde(default)]
    struct Inner {
        on: bool,
        list: Vec<u8>,
    }

    #[test]
    fn defaults_are_left_out_and_everything_else_stays() {
        let mut thing = Thing { spec: Spec { name: "a".into(), ..Default::default() } };
        assert_eq!(to_short_string(&thing).unwrap(), "spec:\n  name: a\n");
        thing.spec.inner.list = vec![7];
        let text = to_short_string(&thing).unwrap();
        assert_eq!(text, "spec:\n  name: a\n  inner:\n    list:\n    - 7\n");
        assert_eq!(documents::<Thing>(&text).unwrap(), [thing]);
    }

    #[test]
    fn a_word_that_kubernetes_would_take_for_a_boolean_is_quoted() {
        let value = serde_json::json!({ "mode": "Off", "modes": ["Auto", "Off"], "kept": true, "text": "turn it: off" });
        let text = to_string(&value).unwrap();
        assert!(
            text.contains("mode: \"Off\"") && text.contains("- \"Off\"") && text.contains("kept: true"),
            "{text}"
        );
        assert_eq!(documents::<serde_json::Value>(&text).unwrap(), [value]);
    }
}
