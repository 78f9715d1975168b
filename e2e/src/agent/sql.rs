//! SQL, so that a scenario can play the database's owner.

use anyhow::{Context, Result};
use serde_json::{Map, Value};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

#[derive(clap::Args)]
pub struct Sql {
    #[arg(long)]
    pub dsn: String,
    /// Statements, run one after the other, each in a transaction of its own
    #[arg(required = true)]
    pub statements: Vec<String>,
}

/// The last statement's rows, every value as text.
pub async fn run(args: Sql) -> Result<Vec<Map<String, Value>>> {
    let client = connect(&args.dsn).await?;
    let mut rows = Vec::new();
    for statement in &args.statements {
        let messages = client.simple_query(statement).await.with_context(|| statement.clone())?;
        rows = messages
            .into_iter()
            .filter_map(|message| match message {
                SimpleQueryMessage::Row(row) => Some(object(&row)),
                _ => None,
            })
            .collect();
    }
    Ok(rows)
}

fn object(row: &tokio_postgres::SimpleQueryRow) -> Map<String, Value> {
    row.columns()
        .iter()
        .enumerate()
        .map(|(i, column)| (column.name().to_owned(), row.get(i).map_or(Value::Null, Value::from)))
        .collect()
}

pub async fn connect(dsn: &str) -> Result<Client> {
    let mut config: tokio_postgres::Config = dsn.parse()?;
    config.connect_timeout(std::time::Duration::from_secs(5));
    let (client, connection) = config.connect(NoTls).await.context("connect to the database")?;
    // ends with the client; its errors also come out of the query that was running
    tokio::spawn(connection);
    Ok(client)
}
