//! The reference workload: a shop whose customers never rest, and whether a copy of it is the same.
//!
//! The schema is `e2e/workload/schema.sql`; `deals` are the transactions, drawn by a seed; `compare` looks at both sides row by row, in its own
//! way, not the product's.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep_until};
use tokio_postgres::Client;

use super::sql::connect;

pub mod compare;
mod deals;

const SCHEMA: &str = include_str!("../../../workload/schema.sql");

#[derive(clap::Args)]
pub struct Workload {
    #[arg(long)]
    pub dsn: String,
    /// Make the tables, and the rows that are there before anybody buys
    #[arg(long)]
    pub schema: bool,
    /// Which transactions, and in which order
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    #[arg(long, default_value_t = 0)]
    pub transactions: u64,
    /// Transactions a second; 0: as many as the database takes
    #[arg(long, default_value_t = 0)]
    pub rate: u32,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Done {
    pub committed: u64,
    pub rolled_back: u64,
}

pub async fn run(args: Workload) -> Result<Done> {
    let client = connect(&args.dsn).await?;
    if args.schema {
        client.batch_execute(SCHEMA).await?;
    }
    let mut dice = fastrand::Rng::with_seed(args.seed);
    let (mut done, began) = (Done::default(), Instant::now());
    let mut shop = deals::Shop::of(&client).await?;
    for n in 0..args.transactions {
        if args.rate > 0 {
            let due = Duration::from_secs_f64(f64::from(u32::try_from(n)?) / f64::from(args.rate));
            sleep_until(began + due).await;
        }
        let deal = shop.deal(&mut dice);
        deal_with(&client, &deal).await?;
        if deal.commits { done.committed += 1 } else { done.rolled_back += 1 }
    }
    ensure!(args.transactions == 0 || done.committed > 0, "every transaction was rolled back");
    Ok(done)
}

async fn deal_with(client: &Client, deal: &deals::Deal) -> Result<()> {
    let end = if deal.commits { "COMMIT" } else { "ROLLBACK" };
    client
        .batch_execute(&format!("BEGIN; {}; {end}", deal.statements.join("; ")))
        .await
        .map_err(|error| anyhow::Error::new(error).context(deal.statements.join(";\n")))
}
