//! The example in `manifests/examples/shop`: where its databases are, and what should be the same in both.

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::Secret;

use crate::scene::{Agent, Place};

pub const NAMESPACE: &str = "shop";
pub const PIPELINE: &str = "shop";

/// Each captured table with the columns by which the two sides are compared, as text that both write alike.
pub const TABLES: [(&str, &str); 3] = [
    ("customers", "id || '|' || name || '|' || email"),
    ("products", "sku || '|' || title || '|' || price::numeric(10,2)"),
    ("orders", "id || '|' || customer_id || '|' || sku || '|' || quantity || '|' || status"),
];

pub struct Shop {
    pub source: String,
    pub sink: String,
}

impl Shop {
    pub async fn find(place: &Place) -> Result<Self> {
        let source =
            format!("postgres://sluice:{}@shop-db.shop/shop", password(place, "shop-db-sluice").await?);
        let sink = format!(
            "postgres://sluice:{}@warehouse-db.shop/warehouse",
            password(place, "warehouse-db-sluice").await?
        );
        Ok(Self { source, sink })
    }

    /// Rows of a table and a checksum over them: `5000 2c26b4…`.
    pub async fn sum(&self, agent: &Agent, dsn: &str, table: &str, columns: &str) -> Result<String> {
        let query = format!(
            "SELECT count(*) || ' ' || coalesce(md5(string_agg(row, ',' ORDER BY row)), '') \
             FROM (SELECT {columns} AS row FROM {table}) AS rows"
        );
        agent.sql_value(dsn, &query).await
    }
}

async fn password(place: &Place, secret: &str) -> Result<String> {
    let secret: Secret = place.get(secret).await?;
    let bytes =
        secret.data.and_then(|mut data| data.remove("password")).context("the Secret has no password")?;
    Ok(String::from_utf8(bytes.0)?)
}
