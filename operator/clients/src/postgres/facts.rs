use std::collections::BTreeSet;

use serde::de::DeserializeOwned;
use sluice_core::cdc::verify::pair::Described;
use sluice_core::view::source::{Identity, Lsn, Pulse, SinkView, SourceView, TableName};
use tokio_postgres::Transaction;
use tokio_postgres::types::{ToSql, Type};

use super::error::Error;
use super::session::Session;
use super::{compare_sql, sink_sql, source_sql};

/// What pipelines want to know of a source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceQuestion {
    pub tables: BTreeSet<TableName>,
    pub publications: BTreeSet<String>,
}

impl Session {
    /// All facts of a source, as of one moment.
    pub async fn source(&mut self, question: &SourceQuestion) -> Result<SourceView, Error> {
        let (schemas, names): (Vec<&str>, Vec<&str>) =
            question.tables.iter().map(|table| (table.schema.as_str(), table.name.as_str())).unzip();
        let publications: Vec<&str> = question.publications.iter().map(String::as_str).collect();
        let text = self
            .look("look at the source", async |transaction| {
                let parameters: [(&(dyn ToSql + Sync), Type); 3] = [
                    (&schemas, Type::TEXT_ARRAY),
                    (&names, Type::TEXT_ARRAY),
                    (&publications, Type::TEXT_ARRAY),
                ];
                one(transaction, source_sql::FACTS, &parameters).await
            })
            .await?;
        let mut view: SourceView = read("look at the source", &text)?;
        view.identity = self.identity().await?;
        Ok(view)
    }

    /// Position and slots only.
    pub async fn pulse(&mut self) -> Result<Pulse, Error> {
        let text = self
            .look("look at the slots", async |transaction| one(transaction, source_sql::PULSE, &[]).await);
        read("look at the slots", &text.await?)
    }

    /// All facts of a sink's schema, as of one moment.
    pub async fn sink(&mut self, schema: &str, tables: &BTreeSet<String>) -> Result<SinkView, Error> {
        let tables: Vec<&str> = tables.iter().map(String::as_str).collect();
        let text = self
            .look("look at the sink", async |transaction| {
                let parameters: [(&(dyn ToSql + Sync), Type); 2] =
                    [(&schema, Type::TEXT), (&tables, Type::TEXT_ARRAY)];
                one(transaction, sink_sql::FACTS, &parameters).await
            })
            .await?;
        read("look at the sink", &text)
    }

    /// How many rows a table has, and a position behind which none of the changes is that they hold. Refused where row-level security
    /// would hide some of them.
    pub async fn count(&mut self, table: &TableName) -> Result<(i64, Lsn), Error> {
        let doing = "count rows";
        let rows = self.texts(doing, source_sql::ALL_ROWS, &source_sql::count(table)).await?;
        let mut one = rows.into_iter().flatten();
        let (rows, position) = (one.next().unwrap_or_default(), one.next().unwrap_or_default());
        let document = format!("[{rows}, \"{position}\"]");
        read(doing, &document)
    }

    /// A table as far as comparing it needs; `None`: there is none.
    pub async fn described(&mut self, table: &TableName) -> Result<Option<Described>, Error> {
        let text = self
            .look("describe a table", async |transaction| {
                let parameters: [(&(dyn ToSql + Sync), Type); 2] =
                    [(&table.schema, Type::TEXT), (&table.name, Type::TEXT)];
                one(transaction, compare_sql::DESCRIBE, &parameters).await
            })
            .await?;
        if text.is_empty() { Ok(None) } else { read("describe a table", &text).map(Some) }
    }

    /// Some providers keep these functions to themselves; then there is no identity, and everything else still is.
    async fn identity(&mut self) -> Result<Option<Identity>, Error> {
        let asked = self.look("ask which cluster this is", async |transaction| {
            one(transaction, source_sql::IDENTITY, &[]).await
        });
        match asked.await {
            Ok(text) => read("ask which cluster this is", &text).map(Some),
            Err(Error::Refused { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// `query_typed`: the statement has no name, which a pooler could not follow.
async fn one(
    transaction: &Transaction<'_>,
    sql: &str,
    parameters: &[(&(dyn ToSql + Sync), Type)],
) -> Result<String, tokio_postgres::Error> {
    let rows = transaction.query_typed(sql, parameters).await?;
    // a SELECT without FROM has one row
    rows.first().map_or_else(|| Ok(String::new()), |row| row.try_get(0))
}

pub(super) fn read<T: DeserializeOwned>(doing: &'static str, text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|source| Error::Unreadable { doing, source })
}
