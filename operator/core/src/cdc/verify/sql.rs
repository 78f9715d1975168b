//! Statements that compare two tables, as text. All answers are text.

use super::pair::Side;
use crate::cdc::sql::{ident, literal};

/// Texts of values that do not depend on the server's settings, no row hidden silently, one process of the server at a time.
pub const SETTINGS: &str = "SET LOCAL datestyle = 'ISO, YMD'; SET LOCAL intervalstyle = 'postgres'; SET LOCAL timezone = 'UTC'; \
     SET LOCAL extra_float_digits = 1; SET LOCAL bytea_output = 'hex'; SET LOCAL lc_monetary = 'C'; SET LOCAL row_security = off; \
     SET LOCAL max_parallel_workers_per_gather = 0";

/// The source's position, after everything that a statement before this one could see.
pub const POSITION: &str = "SELECT pg_current_wal_insert_lsn()::text";

/// The values of a key, as texts.
pub type Key = Vec<String>;

/// Rows behind `after` up to and with `to`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Range {
    pub after: Option<Key>,
    pub to: Option<Key>,
}

/// The key of the `n`th row of the range, as a JSON array; no row where there are fewer.
pub fn bound(side: &Side, range: &Range, n: u32) -> String {
    let keys = names(side);
    let offset = n.saturating_sub(1);
    format!(
        "SELECT {} FROM {}{} ORDER BY {keys} OFFSET {offset} LIMIT 1",
        key(side),
        table(side),
        within(side, range)
    )
}

/// Count and checksum of a range. Of no more than `limit` rows: more are a difference anyway.
pub fn digest(side: &Side, range: &Range, limit: u32) -> String {
    format!(
        "SELECT count(*)::text, coalesce(sum(('x' || left(hash, 16))::bit(64)::bigint), 0)::text FROM (SELECT {} AS hash FROM {}{} LIMIT \
         {limit}) rows",
        hash(side),
        table(side),
        within(side, range)
    )
}

/// Key, checksum and version of each row of a range, in order, `limit` at most.
pub fn keys(side: &Side, range: &Range, limit: u32) -> String {
    format!("{}{} ORDER BY {} LIMIT {limit}", rows(side), within(side, range), names(side))
}

/// The same of these keys. As a table, which the server joins: a list of keys of several columns is a thousand conditions, each tried
/// on every row.
pub fn at<'a>(side: &Side, keys: impl Iterator<Item = &'a Key>) -> String {
    let keys: Vec<String> = keys.map(|key| values(side, key)).collect();
    format!("{} WHERE ({}) IN (VALUES {})", rows(side), names(side), keys.join(", "))
}

fn rows(side: &Side) -> String {
    format!("SELECT {}, {}, xmin::text FROM {}", key(side), hash(side), table(side))
}

/// A row's text quotes what needs it and tells NULL from an empty text. UTF-8: databases differ in their encoding.
fn hash(side: &Side) -> String {
    format!("md5(convert_to(ROW({})::text, 'UTF8'))", side.columns.join(", "))
}

fn table(side: &Side) -> String {
    format!("{}.{}", ident(&side.table.schema), ident(&side.table.name))
}

fn names(side: &Side) -> String {
    side.key.iter().map(|(name, _)| ident(name)).collect::<Vec<_>>().join(", ")
}

fn key(side: &Side) -> String {
    let texts: Vec<String> = side.key.iter().map(|(name, _)| format!("{}::text", ident(name))).collect();
    format!("json_build_array({})::text", texts.join(", "))
}

fn values(side: &Side, key: &Key) -> String {
    let value = |((_, kind), value): (&(String, String), &String)| format!("{}::{kind}", literal(value));
    format!("({})", side.key.iter().zip(key).map(value).collect::<Vec<_>>().join(", "))
}

fn within(side: &Side, range: &Range) -> String {
    let compare = |key: &Option<Key>, sign: &str| {
        key.as_ref().map(|key| format!("({}) {sign} {}", names(side), values(side, key)))
    };
    let limits: Vec<String> =
        [compare(&range.after, ">"), compare(&range.to, "<=")].into_iter().flatten().collect();
    if limits.is_empty() { String::new() } else { format!(" WHERE {}", limits.join(" AND ")) }
}
