use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};
use thiserror::Error;

/// Schema and name, as they are in the catalog: case counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableName {
    pub schema: String,
    pub name: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is no table name like public.orders")]
pub struct BadTableName(String);

impl TableName {
    pub fn new(schema: impl Into<String>, name: impl Into<String>) -> Self {
        Self { schema: schema.into(), name: name.into() }
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.name)
    }
}

impl FromStr for TableName {
    type Err = BadTableName;
    fn from_str(text: &str) -> Result<Self, BadTableName> {
        match text.split_once('.') {
            Some((schema, name)) if !schema.is_empty() && !name.is_empty() => Ok(Self::new(schema, name)),
            _ => Err(BadTableName(text.to_owned())),
        }
    }
}

impl<'de> Deserialize<'de> for TableName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Table {
    /// `pg_class.relkind`
    pub kind: TableKind,
    /// `pg_class.relreplident`: `d` (the primary key), `n` (nothing), `f` (the full row), `i` (an index).
    pub replica_identity: String,
    /// Columns of the primary key, in its order.
    pub primary_key: Vec<String>,
    /// Columns of each unique index that an upsert can use, the primary key's among them. Of sinks only.
    pub unique_keys: Vec<Vec<String>>,
    pub columns: Vec<Column>,
    pub owner: String,
    /// Our role is the owner or a member of it.
    pub owned: bool,
    pub rights: Rights,
    /// There are values that live outside of their rows, as far as `ANALYZE` has seen. Of sources only.
    pub toasted: bool,
    /// Row-level security hides rows from our role.
    pub row_security: bool,
    /// The planner's estimate; -1: never analyzed.
    pub rows: i64,
}

/// What our role may do; `USAGE` on the schema included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Rights {
    pub select: bool,
    pub insert: bool,
    pub update: bool,
    pub delete: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum TableKind {
    #[default]
    #[serde(rename = "r")]
    Table,
    #[serde(rename = "p")]
    Partitioned,
    #[serde(rename = "v")]
    View,
    #[serde(rename = "m")]
    MaterializedView,
    #[serde(rename = "f")]
    ForeignTable,
    #[serde(other)]
    Other,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Column {
    pub name: String,
    /// As it is declared, `numeric(12,2)`.
    #[serde(rename = "type")]
    pub type_name: String,
    /// The type under a domain, else the same.
    pub base_type: String,
    /// Every PostgreSQL has `base_type`.
    pub built_in: bool,
    pub not_null: bool,
    /// It has a default, or the database numbers it: an INSERT may leave it out. Of sinks only.
    pub filled: bool,
    /// Computed by the database: never in the write-ahead log.
    pub generated: bool,
    /// Large values live outside the row; an update that does not touch them does not carry them.
    pub toastable: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_named_with_its_schema() {
        let table: TableName = "public.orders".parse().unwrap();
        assert_eq!((table.schema.as_str(), table.to_string().as_str()), ("public", "public.orders"));
        for wrong in ["orders", ".orders", "public.", ""] {
            assert!(wrong.parse::<TableName>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_unknown_kind_is_no_table() {
        assert_eq!(serde_json::from_str::<TableKind>("\"S\"").unwrap(), TableKind::Other);
    }
}
