//! From an empty cluster to changes that flow, a line per stage.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use k8s_openapi::api::apps::v1::StatefulSet;
use kube::Client;
use sluice_crds::{CdcPipeline, ConnectCluster, KafkaCluster};

use super::shop::{NAMESPACE, PIPELINE, Shop, TABLES};
use super::story;
use crate::agent::latency::Latency;
use crate::install;
use crate::kubernetes::objects::Space;
use crate::kubernetes::operator::Operator;
use crate::scene::{Agent, Place};
use crate::ui::Ui;
use crate::wait::{chain, said, seconds};

/// Changes whose way to the sink is timed.
const TIMED: &str = "200";

/// Runs one stage and prints it with its time.
async fn stage<T>(ui: &Ui, place: &Place, what: &str, work: impl Future<Output = Result<T>>) -> Result<T> {
    place.task.rename(what);
    let start = Instant::now();
    let done = work.await;
    let mark = if done.is_ok() { '✓' } else { '✗' };
    ui.say(format!("{mark} {:>6.1} s  {what}", start.elapsed().as_secs_f64()));
    done
}

pub async fn play(ui: &Arc<Ui>, client: &Client, images: &[PathBuf], set: &[String]) -> Result<()> {
    let root = install::repository()?;
    let place = Place::new(Space::new(client.clone(), NAMESPACE), ui.begin("demo"));
    story::cluster(ui, client).await?;
    if let Ok(operator) = Operator::find(client).await
        && operator.space.name != install::NAMESPACE
    {
        bail!(
            "Sluice is installed in the namespace {} already; the demo brings its own",
            operator.space.name
        );
    }
    stage(ui, &place, "Sluice installed by its charts", install::run(ui, images, set)).await?;
    let began = Instant::now();
    let examples = root.join("manifests/examples/shop");
    stage(ui, &place, "manifests/examples/shop applied", apply(&examples)).await?;
    let agent =
        stage(ui, &place, "two PostgreSQL databases, the shop's with 6,200 rows", databases(&place)).await?;
    let shop = Shop::find(&place).await?;
    let cluster = async { place.ready::<KafkaCluster>("kafka", seconds(180)).await };
    stage(ui, &place, "KafkaCluster kafka: three nodes, each broker and controller", cluster).await?;
    let connect = async { place.ready::<ConnectCluster>("connect", seconds(180)).await };
    stage(ui, &place, "ConnectCluster connect", connect).await?;
    stage(
        ui,
        &place,
        "CdcPipeline shop: every row of three tables is in the warehouse",
        snapshot(&place, &agent, &shop),
    )
    .await?;
    ui.say(format!(
        "           from `kubectl apply` to a filled warehouse: {:.0} s",
        began.elapsed().as_secs_f64()
    ));
    stage(ui, &place, "300 INSERTs, UPDATEs and DELETEs followed", live(&place, &agent, &shop)).await?;
    let latency =
        stage(ui, &place, &format!("{TIMED} changes timed, one by one"), latency(&agent, &shop)).await?;
    stage(ui, &place, "both sides compared, row by row", same(&place, &agent, &shop)).await?;
    place.task.rename("tables");
    story::tell(ui, &place, &agent, &shop, latency).await
}

async fn apply(examples: &Path) -> Result<()> {
    install::command(Command::new(install::tool("kubectl")).arg("apply").arg("-f").arg(examples))
        .await
        .map(drop)
}

async fn databases(place: &Place) -> Result<Agent> {
    let agent = Agent::start(place).await?;
    for name in ["shop-db", "warehouse-db"] {
        place
            .eventually(&format!("PostgreSQL {name}"), seconds(120), async || {
                let set: StatefulSet = place.space.get(name).await.map_err(said)?;
                let ready = set.status.and_then(|status| status.ready_replicas).unwrap_or(0);
                if ready == 1 { Ok(()) } else { Err("not ready".into()) }
            })
            .await?;
    }
    Ok(agent)
}

async fn snapshot(place: &Place, agent: &Agent, shop: &Shop) -> Result<()> {
    let pipeline = place.ready::<CdcPipeline>(PIPELINE, seconds(180)).await?;
    let source = pipeline.status.and_then(|status| status.source).context("status has no source")?;
    if !source.snapshot_completed {
        place
            .eventually("the snapshot to be complete", seconds(120), async || {
                let pipeline: CdcPipeline = place.space.get(PIPELINE).await.map_err(said)?;
                let source = pipeline.status.and_then(|status| status.source).unwrap_or_default();
                source
                    .snapshot_completed
                    .then_some(())
                    .ok_or_else(|| format!("lag {:?} bytes", source.lag_bytes))
            })
            .await?;
    }
    same(place, agent, shop).await
}

/// A demo that is run again finds its rows of the last time, and goes on.
async fn live(place: &Place, agent: &Agent, shop: &Shop) -> Result<()> {
    let changes = [
        "INSERT INTO orders (customer_id, sku, quantity) \
         SELECT 1 + n % 1000, 'SKU-' || 1 + n % 200, 1 + n % 3 FROM generate_series(1, 100) n",
        "UPDATE orders SET status = 'shipped' WHERE id IN (SELECT id FROM orders WHERE status = 'new' ORDER BY id LIMIT 100)",
        "DELETE FROM orders WHERE id IN (SELECT id FROM orders WHERE status = 'shipped' ORDER BY id LIMIT 100)",
    ];
    agent.sql(&shop.source, &changes).await?;
    same(place, agent, shop).await
}

async fn latency(agent: &Agent, shop: &Shop) -> Result<Latency> {
    // explicit ids far above those of the sequence, which stays behind them
    let first =
        agent.sql_value(&shop.source, "SELECT greatest(max(id) + 1, 1000000)::text FROM orders").await?;
    let change = "INSERT INTO orders (id, customer_id, sku, quantity) VALUES ($1, 1, 'SKU-1', 1)";
    let probe = "SELECT 1 FROM orders WHERE id = $1";
    let args =
        ["--source-dsn", &shop.source, "--sink-dsn", &shop.sink, "--changes", TIMED, "--first", &first];
    agent.latency(&[&args[..], &["--change", change, "--probe", probe]].concat()).await
}

async fn same(place: &Place, agent: &Agent, shop: &Shop) -> Result<()> {
    for (table, columns) in TABLES {
        let there = shop.sum(agent, &shop.source, table, columns).await?;
        place
            .eventually(&format!("{table} in the warehouse to be as in the shop"), seconds(120), async || {
                let here =
                    shop.sum(agent, &shop.sink, table, columns).await.map_err(|e| chain(e.as_ref()))?;
                if here == there { Ok(()) } else { Err(format!("{here} there, {there} here")) }
            })
            .await?;
    }
    Ok(())
}
