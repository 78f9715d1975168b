//! Source and sink, row by row.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use tokio_postgres::Client;

use crate::agent::sql::connect;

/// How many rows are named.
const NAMED: usize = 5;

#[derive(clap::Args)]
pub struct Compare {
    #[arg(long)]
    pub source_dsn: String,
    #[arg(long)]
    pub sink_dsn: String,
    /// Tables, by the same names on both sides
    #[arg(required = true)]
    pub tables: Vec<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Compared {
    /// That are on both sides, and the same.
    pub same: usize,
    pub missing: usize,
    pub extra: usize,
    pub different: usize,
    /// The first of these.
    pub first: Vec<String>,
}

impl Compared {
    pub fn is_same(&self) -> bool {
        self.missing + self.extra + self.different == 0
    }
}

pub async fn run(args: Compare) -> Result<Compared> {
    let (source, sink) = (connect(&args.source_dsn).await?, connect(&args.sink_dsn).await?);
    let mut all = Compared::default();
    for table in &args.tables {
        let (key, columns) = shape(&source, table).await?;
        let (there, here) =
            (rows(&source, table, &key, &columns).await?, rows(&sink, table, &key, &columns).await?);
        compare(table, &there, &here, &mut all);
    }
    Ok(all)
}

/// By key.
type Rows = BTreeMap<String, String>;

/// The columns of the key, and all.
async fn shape(client: &Client, table: &str) -> Result<(Vec<String>, Vec<String>)> {
    let columns = "SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped \
                   ORDER BY attnum";
    let key = "SELECT quote_ident(a.attname) FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey) \
               WHERE i.indisprimary AND i.indrelid = $1::text::regclass";
    let mut shape = Vec::new();
    for query in [key, columns] {
        let rows = client.query(query, &[&table]).await?;
        shape.push(rows.iter().map(|row| row.get(0)).collect::<Vec<String>>());
    }
    let columns = shape.pop().unwrap_or_default();
    let key = shape.pop().unwrap_or_default();
    ensure!(!key.is_empty(), "{table} has no key to compare by");
    Ok((key, columns))
}

/// Every value as its text: the same value has the same one on both sides, whatever type the sink gave it.
async fn rows(client: &Client, table: &str, key: &[String], columns: &[String]) -> Result<Rows> {
    let texts =
        |names: &[String]| names.iter().map(|name| format!("{name}::text")).collect::<Vec<_>>().join(", ");
    let query = format!("SELECT ROW({})::text, md5(ROW({})::text) FROM {table}", texts(key), texts(columns));
    let rows = client.query(&query, &[]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

fn compare(table: &str, there: &Rows, here: &Rows, all: &mut Compared) {
    for key in there.keys().chain(here.keys().filter(|key| !there.contains_key(*key))) {
        let (what, count) = match (there.get(key), here.get(key)) {
            (Some(one), Some(other)) if one == other => {
                all.same += 1;
                continue;
            }
            (Some(_), Some(_)) => ("different", &mut all.different),
            (_, None) => ("missing", &mut all.missing),
            (None, _) => ("extra", &mut all.extra),
        };
        *count += 1;
        if all.first.len() < NAMED {
            all.first.push(format!("{table} {key} {what}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_to_differ_is_counted_and_the_first_are_named() {
        let rows = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(key, sum)| ((*key).into(), (*sum).into())).collect::<Rows>()
        };
        let mut all = Compared::default();
        let source = rows(&[("(1)", "a"), ("(2)", "b"), ("(3)", "c")]);
        compare("t", &source, &rows(&[("(1)", "a"), ("(2)", "x"), ("(4)", "d")]), &mut all);
        assert_eq!((all.same, all.missing, all.extra, all.different), (1, 1, 1, 1));
        assert_eq!(all.first, ["t (2) different", "t (3) missing", "t (4) extra"]);
        assert!(!all.is_same());
        let mut all = Compared::default();
        compare("t", &source, &source, &mut all);
        assert!(all.is_same() && all.same == 3);
    }
}
