//! A small shop in one database, and a pipeline from it into another.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::{Agent, Connect, Place, Postgres, Scene};
use crate::wait::{chain, seconds};

/// Two databases of one server: `<name>_source` with a table of orders, `<name>_sink` empty.
pub struct Shop {
    pub name: String,
    pub source: String,
    pub sink: String,
}

/// Rows that the source begins with.
pub const ROWS: u64 = 500;

impl Shop {
    /// `place` gets the Secrets; superusers read and write, for cases that are not about rights.
    pub async fn open(
        place: &Place,
        agent: &Agent,
        source: &Postgres,
        sink: &Postgres,
        name: &str,
    ) -> Result<Self> {
        let (from, to) = (format!("{name}_source"), format!("{name}_sink"));
        let shop = Self {
            name: name.into(),
            source: source.database(place, agent, &from).await?,
            sink: sink.database(place, agent, &to).await?,
        };
        let table = "CREATE TABLE orders (id bigint PRIMARY KEY, customer text NOT NULL, amount numeric(10,2) NOT NULL)";
        agent.sql(&shop.source, &[table]).await?;
        shop.sell(agent, 1, ROWS).await?;
        Ok(shop)
    }

    /// Inserts orders with the ids from `first` on.
    pub async fn sell(&self, agent: &Agent, first: u64, count: u64) -> Result<()> {
        let insert = format!(
            "INSERT INTO orders SELECT n, 'customer ' || n % 7, n * 0.25 FROM generate_series({first}, {}) n",
            first + count - 1
        );
        agent.sql(&self.source, &[&insert]).await.map(drop)
    }

    /// A CdcPipeline's spec from source to sink.
    pub fn spec(&self, connect: &Connect, source: &Postgres, sink: &Postgres) -> Value {
        let connection = |postgres: &Postgres, end: &str| {
            postgres.connection(
                &format!("{}_{end}", self.name),
                "postgres",
                &format!("{}-{end}-password", self.name),
            )
        };
        json!({
            "connectRef": {"name": connect.name},
            "source": {"postgres": connection(source, "source")},
            "tables": ["public.orders"],
            "topics": {"partitions": 1},
            "sinks": [{"name": "copy", "postgres": connection(sink, "sink")}],
            "deletionPolicy": "Delete",
        })
    }

    /// Until both sides hold the same orders, value by value.
    pub async fn same(&self, s: &Scene<'_>, within: u64) -> Result<()> {
        const SUM: &str = "SELECT count(*) || ' rows ' || coalesce(md5(string_agg(id || '|' || customer || '|' || amount, ',' ORDER BY id)), '') FROM orders";
        self.agree(s, SUM, within).await
    }

    /// Until both sides answer the same to a query that begins with a number of rows.
    pub async fn agree(&self, s: &Scene<'_>, query: &str, within: u64) -> Result<()> {
        let there = s.agent().sql_value(&self.source, query).await?;
        ensure!(!there.starts_with("0 "), "the source has no rows: nothing would be compared");
        s.eventually(&format!("the sink to hold the source's {there}"), seconds(within), async || {
            let here = s.agent().sql_value(&self.sink, query).await.map_err(|e| chain(e.as_ref()))?;
            if here == there { Ok(()) } else { Err(here) }
        })
        .await
    }
}
