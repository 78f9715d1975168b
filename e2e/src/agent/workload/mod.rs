//! The reference workload: a shop whose customers never rest, and whether a copy of it is the same.
//!
//! The schema is `e2e/workload/schema.sql`; `deals` are the transactions, drawn by a seed; `compare` looks at both sides row by row, in its own
//! way, not the product's.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt as _;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_postgres::Client;

use super::sql::connect;

pub mod compare;
mod deals;

/// Those that a sink can take: they have a key.
pub const TABLES: [&str; 4] = ["customers", "products", "orders", "lines"];
const SCHEMA: &str = include_str!("../../../workload/schema.sql");
/// How often a database that is away is tried again.
const AGAIN: Duration = Duration::from_millis(500);

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
    /// How many; without it, until stdin ends
    #[arg(long)]
    pub transactions: Option<u64>,
    /// A second
    #[arg(long, default_value_t = 50)]
    pub rate: u32,
    /// For so many seconds a database that is away is waited for
    #[arg(long, default_value_t = 0)]
    pub patience_s: u64,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Done {
    pub committed: u64,
    pub rolled_back: u64,
    /// How often the database was gone.
    pub lost: u64,
}

pub async fn run(args: Workload) -> Result<Done> {
    let mut client = connect(&args.dsn).await?;
    if args.schema {
        client.batch_execute(SCHEMA).await?;
    }
    let mut dice = fastrand::Rng::with_seed(args.seed);
    let mut done = Done::default();
    let mut shop = deals::Shop::of(&client).await?;
    let mut pace = interval(Duration::from_secs(1) / args.rate.max(1));
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut stdin, mut ignored) = (tokio::io::stdin(), [0; 64]);
    let mut made = 0;
    while args.transactions.is_none_or(|wanted| made < wanted) {
        tokio::select! {
            read = stdin.read(&mut ignored), if args.transactions.is_none() => if read? == 0 { break },
            _ = pace.tick() => {
                made += 1;
                let deal = shop.deal(&mut dice);
                match deal_with(&client, &deal).await {
                    Ok(()) if deal.commits => done.committed += 1,
                    Ok(()) => done.rolled_back += 1,
                    // whether it was committed nobody knows, and it does not matter: both sides are asked in the end
                    Err(error) if args.patience_s > 0 && is_away(&error) => {
                        done.lost += 1;
                        client = reached_again(&args).await?;
                        shop = deals::Shop::of(&client).await?;
                    }
                    Err(error) => {
                        return Err(anyhow::Error::new(error).context(deal.statements.join(";\n")));
                    }
                }
            }
        }
    }
    ensure!(made == 0 || done.committed > 0, "no transaction was committed");
    Ok(done)
}

async fn deal_with(client: &Client, deal: &deals::Deal) -> Result<(), tokio_postgres::Error> {
    let end = if deal.commits { "COMMIT" } else { "ROLLBACK" };
    client.batch_execute(&format!("BEGIN; {}; {end}", deal.statements.join("; "))).await
}

/// Not by what was asked of it.
fn is_away(error: &tokio_postgres::Error) -> bool {
    // class 57: it is shut down, or starts
    error.is_closed() || error.as_db_error().is_none_or(|error| error.code().code().starts_with("57"))
}

async fn reached_again(args: &Workload) -> Result<Client> {
    let since = Instant::now();
    loop {
        tokio::time::sleep(AGAIN).await;
        match connect(&args.dsn).await {
            Ok(client) => return Ok(client),
            Err(error) if since.elapsed() > Duration::from_secs(args.patience_s) => return Err(error),
            Err(_) => {}
        }
    }
}
