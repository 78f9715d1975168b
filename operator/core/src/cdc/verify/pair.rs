//! How two tables are compared: by which key, over which columns, and in which form.

use serde::Deserialize;
use sluice_crds::cdc_pipeline::VerifyMode;

use crate::view::source::TableName;

/// A table as its catalog describes it, as far as comparing needs it. The clients crate asks for it as JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Described {
    pub columns: Vec<DescribedColumn>,
    /// Columns of the primary key, in its order.
    pub key: Vec<String>,
}

/// One column.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct DescribedColumn {
    pub name: String,
    /// As declared, `numeric(12,2)`.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Every PostgreSQL has the type, or it is an enum or a text by another name: its text says all, and a sink keeps it.
    pub plain: bool,
    pub generated: bool,
    /// What decides the order of its texts; `None`: nothing does.
    pub collation: Option<String>,
}

/// Two tables that can be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    pub source: Side,
    pub sink: Side,
    /// Columns that are left out, each with why.
    pub skipped: Vec<String>,
}

/// One of them. Keys and columns are in the same order on both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Side {
    pub table: TableName,
    /// Name and declared type.
    pub key: Vec<(String, String)>,
    /// Expressions whose texts are the same where the values are.
    pub columns: Vec<String>,
}

/// `Err`: why they cannot be compared.
pub fn pair(
    mode: VerifyMode,
    (source, from): (&TableName, &Described),
    (sink, to): (&TableName, &Described),
) -> Result<Pair, String> {
    if from.key.is_empty() {
        return Err(format!("{source} has no primary key to compare it by"));
    }
    let mut sides = (side(source), side(sink));
    let mut skipped = Vec::new();
    let find = |name: &str| to.columns.iter().find(|column| column.name == name);
    for name in &from.key {
        let own = from.columns.iter().find(|column| column.name == *name);
        let Some((a, b)) = own.zip(find(name)) else {
            return Err(format!("{sink} has no column {name}, which is in the key of {source}"));
        };
        if let Some(why) = ordered_otherwise(a, b) {
            return Err(format!("rows cannot be walked in one order by {name}: {why}"));
        }
        sides.0.key.push((a.name.clone(), a.type_name.clone()));
        sides.1.key.push((b.name.clone(), b.type_name.clone()));
    }
    let asked = |column: &&DescribedColumn| {
        !column.generated && (mode == VerifyMode::Checksum || from.key.contains(&column.name))
    };
    for a in from.columns.iter().filter(asked) {
        match find(&a.name) {
            None => skipped.push(format!("{} (not in the sink)", a.name)),
            Some(_) if !a.plain => skipped.push(format!("{} ({})", a.name, a.type_name)),
            Some(b) => {
                sides.0.columns.push(expression(a, b));
                sides.1.columns.push(expression(b, a));
            }
        }
    }
    Ok(Pair { source: sides.0, sink: sides.1, skipped })
}

fn side(table: &TableName) -> Side {
    Side { table: table.clone(), key: Vec::new(), columns: Vec::new() }
}

/// A type without its modifier: `timestamp(3) with time zone` is `timestamp with time zone`.
fn bare(type_name: &str) -> String {
    let Some((before, after)) = type_name.split_once('(') else { return type_name.to_owned() };
    let after = after.split_once(')').map_or("", |(_, rest)| rest);
    format!("{before}{after}")
}

fn is_number(bare: &str) -> bool {
    ["smallint", "integer", "bigint", "numeric", "real", "double precision"].contains(&bare)
}

fn is_text(bare: &str) -> bool {
    ["text", "character varying"].contains(&bare)
}

fn ordered_otherwise(a: &DescribedColumn, b: &DescribedColumn) -> Option<String> {
    let (left, right) = (bare(&a.type_name), bare(&b.type_name));
    let alike =
        left == right || (is_number(&left) && is_number(&right)) || (is_text(&left) && is_text(&right));
    if !alike || !a.plain {
        return Some(format!("it is {} in the source and {} in the sink", a.type_name, b.type_name));
    }
    let collation = |column: &DescribedColumn| column.collation.clone().unwrap_or_default();
    (a.collation != b.collation)
        .then(|| format!("the source sorts it by {} and the sink by {}", collation(a), collation(b)))
}

/// An expression of `own` whose text equals that of the other side's where the values are equal.
fn expression(own: &DescribedColumn, other: &DescribedColumn) -> String {
    let name = crate::cdc::sql::ident(&own.name);
    let (this, that) = (bare(&own.type_name), bare(&other.type_name));
    match this.as_str() {
        // 1.5 and 1.50
        _ if is_number(&this) && is_number(&that) && own.type_name != other.type_name => {
            format!("trim_scale({name}::numeric)")
        }
        "json" if that == "jsonb" => format!("{name}::jsonb"),
        // it arrives as the same moment in UTC
        "time with time zone" => format!("{name} AT TIME ZONE 'UTC'"),
        "timestamp with time zone" if that == "timestamp without time zone" => {
            format!("{name} AT TIME ZONE 'UTC'")
        }
        _ => name,
    }
}
