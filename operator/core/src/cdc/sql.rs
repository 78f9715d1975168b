//! Statements, as text: what Sluice runs, and what it tells people to run, are the same words.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::names;
use crate::view::source::{Table, TableName};

/// Schema of what Sluice makes in a source.
pub const SCHEMA: &str = "sluice";
/// A row for each slot, written so that an idle database's WAL can be released (F4).
pub const HEARTBEAT: &str = "sluice.heartbeat";

/// The heartbeat table's name.
pub fn heartbeat_table() -> TableName {
    TableName::new(SCHEMA, "heartbeat")
}

/// `"name"`
pub fn ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// `name` where PostgreSQL takes it for itself without quotes, else `"name"`: for text that people read.
pub fn ident_short(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !RESERVED.contains(&name);
    if plain { name.to_owned() } else { ident(name) }
}

/// Words that cannot name a table or role without quotes (PostgreSQL's appendix C, "reserved") and that people use.
const RESERVED: &[&str] = &[
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "both",
    "case",
    "cast",
    "check",
    "collate",
    "column",
    "constraint",
    "create",
    "default",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "false",
    "fetch",
    "for",
    "foreign",
    "from",
    "grant",
    "group",
    "having",
    "in",
    "initially",
    "intersect",
    "into",
    "lateral",
    "leading",
    "limit",
    "not",
    "null",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "placing",
    "primary",
    "references",
    "returning",
    "select",
    "session_user",
    "some",
    "table",
    "then",
    "to",
    "trailing",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "variadic",
    "when",
    "where",
    "window",
    "with",
];

/// `schema.table`, quoted where needed.
pub fn table(name: &TableName) -> String {
    format!("{}.{}", ident_short(&name.schema), ident_short(&name.name))
}

/// `'text'`, whatever `standard_conforming_strings` says.
pub fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') { format!("E'{}'", quoted.replace('\\', "\\\\")) } else { format!("'{quoted}'") }
}

fn tables(names: &BTreeSet<TableName>) -> String {
    names.iter().map(table).collect::<Vec<_>>().join(", ")
}

pub fn create_publication(name: &str, of: &BTreeSet<TableName>, comment: &str) -> Vec<String> {
    let create = format!("CREATE PUBLICATION {} FOR TABLE {}", ident_short(name), tables(of));
    vec![create, comment_publication(name, comment)]
}

/// Marks publication and slot as a pipeline's.
pub fn comment_publication(name: &str, comment: &str) -> String {
    format!("COMMENT ON PUBLICATION {} IS {}", ident_short(name), literal(comment))
}

pub fn set_publication(name: &str, of: &BTreeSet<TableName>) -> String {
    format!("ALTER PUBLICATION {} SET TABLE {}", ident_short(name), tables(of))
}

/// Undoes a narrowed `publish` list.
pub fn publish_all_changes(name: &str) -> String {
    format!("ALTER PUBLICATION {} SET (publish = 'insert, update, delete, truncate')", ident_short(name))
}

pub fn drop_publication(name: &str) -> String {
    format!("DROP PUBLICATION IF EXISTS {}", ident_short(name))
}

/// Does nothing where the slot is gone or in use.
pub fn drop_slot(name: &str) -> String {
    format!(
        "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = {} AND NOT active",
        literal(name)
    )
}

pub fn create_heartbeat() -> Vec<String> {
    vec![
        format!("CREATE SCHEMA IF NOT EXISTS {SCHEMA}"),
        format!("CREATE TABLE IF NOT EXISTS {HEARTBEAT} (slot text PRIMARY KEY, at timestamptz NOT NULL)"),
    ]
}

/// What the connector runs at every beat.
pub fn beat(slot: &str) -> String {
    format!(
        "INSERT INTO {HEARTBEAT} (slot, at) VALUES ({}, now()) ON CONFLICT (slot) DO UPDATE SET at = EXCLUDED.at",
        literal(slot)
    )
}

/// Debezium's signal table: `id`, `type` and `data`, in this order.
pub fn create_signals(table: &TableName) -> Vec<String> {
    vec![
        format!("CREATE SCHEMA IF NOT EXISTS {SCHEMA}"),
        format!(
            "CREATE TABLE IF NOT EXISTS {} (id text PRIMARY KEY, type text NOT NULL, data text)",
            self::table(table)
        ),
    ]
}

/// Orders the rows of tables to be read; once, however often it is run.
pub fn order(signals: &TableName, id: &str, tables: &[String], filter: Option<&str>) -> String {
    let mut data = serde_json::json!({
        "type": "INCREMENTAL",
        "data-collections": tables.iter().map(|table| names::expression(table)).collect::<Vec<_>>(),
    });
    if let (Some(filter), [table]) = (filter, tables) {
        data["additional-conditions"] = serde_json::json!([{ "data-collection": names::expression(table), "filter": format!("({filter})") }]);
    }
    give(signals, id, "execute-snapshot", &data)
}

/// Orders the rows of tables to be read at once while changes wait; once, however often it is run. Debezium takes the filter of this kind as
/// a whole query, and the table of a filter by its name and not as an expression.
pub fn order_blocking(signals: &TableName, id: &str, tables: &[String], filter: Option<&str>) -> String {
    let mut data = serde_json::json!({
        "type": "BLOCKING",
        "data-collections": tables.iter().map(|table| names::expression(table)).collect::<Vec<_>>(),
    });
    if let (Some(filter), [name]) = (filter, tables)
        && let Ok(from) = name.parse::<TableName>()
    {
        let query = format!("SELECT * FROM {} WHERE ({filter})", self::table(&from));
        data["additional-conditions"] = serde_json::json!([{ "data-collection": name, "filter": query }]);
    }
    give(signals, id, "execute-snapshot", &data)
}

/// Of an order that may be under way, or is only on its way.
pub fn stop(signals: &TableName, id: &str, tables: &[String]) -> String {
    let tables: Vec<_> = tables.iter().map(|table| names::expression(table)).collect();
    let data = serde_json::json!({"type": "INCREMENTAL", "data-collections": tables});
    give(signals, &format!("stop {id}"), "stop-snapshot", &data)
}

/// A row that is there already was given before.
fn give(signals: &TableName, id: &str, kind: &str, data: &serde_json::Value) -> String {
    format!(
        "INSERT INTO {} (id, type, data) VALUES ({}, {}, {}) ON CONFLICT (id) DO NOTHING",
        table(signals),
        literal(id),
        literal(kind),
        literal(&data.to_string()),
    )
}

/// Does nothing where the table is not there, or not ours.
pub fn drop_signals(table: &TableName) -> String {
    format!(
        "DO $sluice$ BEGIN IF EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = {schema} AND c.relname = {name} AND pg_has_role(c.relowner, 'USAGE')) THEN \
         DROP TABLE {table}; END IF; END $sluice$",
        schema = literal(&table.schema),
        name = literal(&table.name),
        table = self::table(table),
    )
}

/// Removes a pipeline's row, and the table and schema with the last one's. Does nothing where they are gone.
pub fn drop_heartbeat(slot: &str) -> String {
    format!(
        "DO $sluice$ BEGIN \
         IF EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = {schema} AND c.relname = 'heartbeat') THEN \
         DELETE FROM {HEARTBEAT} WHERE slot = {slot}; \
         IF NOT EXISTS (SELECT FROM {HEARTBEAT}) \
         AND NOT EXISTS (SELECT FROM pg_publication_rel WHERE prrelid = '{HEARTBEAT}'::regclass) \
         AND (SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = '{HEARTBEAT}'::regclass) THEN \
         DROP TABLE {HEARTBEAT}; \
         IF (SELECT pg_has_role(nspowner, 'USAGE') FROM pg_namespace WHERE nspname = {schema}) \
         AND NOT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = {schema}) THEN DROP SCHEMA {SCHEMA}; END IF; \
         END IF; END IF; END $sluice$",
        schema = literal(SCHEMA),
        slot = literal(slot),
    )
}

/// A table in a sink like `source`: same columns and key. No defaults and no further constraints: rows come complete, and a
/// change that the source has accepted must not fail here.
pub fn create_sink_table(schema: &str, name: &str, source: &Table) -> String {
    let mut text = format!("CREATE TABLE IF NOT EXISTS {}.{} (", ident(schema), ident(name));
    for column in source.columns.iter().filter(|column| !column.generated) {
        // a type that only the source has becomes text, which takes all of them
        let type_name = if column.built_in { column.base_type.as_str() } else { "text" };
        let _ = write!(text, "{} {type_name}, ", ident(&column.name));
    }
    let key = source.primary_key.iter().map(|column| ident(column)).collect::<Vec<_>>().join(", ");
    let _ = write!(text, "PRIMARY KEY ({key}))");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_where_they_must_be() {
        for (name, text) in [
            ("orders", "orders"),
            ("Orders", "\"Orders\""),
            ("order", "\"order\""),
            ("a\"b", "\"a\"\"b\""),
            ("1a", "\"1a\""),
            ("a-b", "\"a-b\""),
        ] {
            assert_eq!(ident_short(name), text);
        }
        assert_eq!(table(&TableName::new("public", "Orders")), "public.\"Orders\"");
    }

    #[test]
    fn no_text_ends_its_literal() {
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal("a\\'b"), "E'a\\\\''b'");
    }
}
