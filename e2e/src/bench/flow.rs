//! A task that fails, and rows on their way.

use std::time::Instant;

use anyhow::{Result, ensure};
use kube::runtime::watcher::Config;
use serde_json::json;
use sluice_crds::{CdcPipeline, Connector, Topic};

use super::watch::until;
use super::{Bench, cluster};
use crate::kubernetes::conditions::condition;
use crate::scene::pipeline::Shop;
use crate::scene::postgres::{self, Options};
use crate::scene::{Connect, Kafka, Postgres, connect};
use crate::wait::seconds;

const FAILURES: usize = 5;
const CHANGES: &str = "400";
/// Changes a second beside them, and the least of them that make the figure one.
const LOAD: &str = "500";
const LEAST: f64 = 490.0;

/// From the acknowledged write of a record that no converter reads, to the Connector's Ready=False; the median.
pub async fn failure(bench: &mut Bench<'_>, kafka: &Kafka) -> Result<()> {
    let place = &bench.place;
    connect::bring_up(place, "connect", connect::spec(cluster::NAME)).await?;
    let database = postgres::bring_up(place, "postgres", Options::default()).await?;
    let mut times = Vec::new();
    for n in 0..FAILURES {
        let name = format!("fails-{n}");
        place
            .apply::<Topic>(&name, json!({"clusterRef": {"name": cluster::NAME}, "deletionPolicy": "Delete"}))
            .await?;
        place.ready::<Topic>(&name, seconds(30)).await?;
        let config = json!({
            "topics": name, "connection.url": format!("jdbc:postgresql://{}/postgres", database.host),
            "connection.username": "postgres", "connection.password": postgres::PASSWORD,
            "consumer.override.auto.offset.reset": "earliest",
            "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        });
        let class = "io.debezium.connector.jdbc.JdbcSinkConnector";
        let spec = json!({
            "connectRef": {"name": "connect"}, "class": class, "config": config, "autoRestart": {"enabled": false},
        });
        place.apply::<Connector>(&name, spec).await?;
        place.ready::<Connector>(&name, seconds(60)).await?;
        times.push(fails(bench, kafka, &name).await?);
    }
    times.sort_by(f64::total_cmp);
    bench.note("task_failure_seen_s", times[FAILURES / 2]);
    bench.note("task_failure_seen_max_s", times[FAILURES - 1]);
    Ok(())
}

async fn fails(bench: &Bench<'_>, kafka: &Kafka, name: &str) -> Result<f64> {
    let not_ready = |c: &Connector| condition(c, "Ready").is_some_and(|ready| ready.status == "False");
    let seen = async {
        until(bench.place.space.api(), Config::default(), seconds(300), not_ready, |seen| {
            seen.get(name).is_some_and(|failed| *failed)
        })
        .await?;
        anyhow::Ok(Instant::now())
    };
    let written = async {
        let produced = bench.agent.produce_value(&kafka.bootstrap, name, "not JSON").await?;
        ensure!(produced.acked == 1, "{produced:?}");
        anyhow::Ok(Instant::now())
    };
    let (seen, written) = tokio::try_join!(seen, written)?;
    Ok(seen.saturating_duration_since(written).as_secs_f64())
}

pub async fn latency(bench: &mut Bench<'_>) -> Result<()> {
    let place = &bench.place;
    let postgres = Postgres::in_place(place, "postgres");
    let connect = Connect { name: "connect".into(), url: String::new() };
    let shop = Shop::open(place, &bench.agent, &postgres, &postgres, "bench").await?;
    place.apply::<CdcPipeline>("bench", shop.spec(&connect, &postgres, &postgres)).await?;
    place.ready::<CdcPipeline>("bench", seconds(120)).await?;
    let change = "INSERT INTO orders VALUES ($1, 'somebody', 1)";
    let probe = "SELECT 1 FROM orders WHERE id = $1";
    let args =
        ["--source-dsn", &shop.source, "--sink-dsn", &shop.sink, "--changes", CHANGES, "--first", "1000000"];
    let latency = bench.agent.latency(&[&args[..], &["--change", change, "--probe", probe]].concat()).await?;
    bench.note("commit_to_sink_p50_ms", latency.p50_ms);
    bench.note("commit_to_sink_p99_ms", latency.p99_ms);
    let args =
        ["--source-dsn", &shop.source, "--sink-dsn", &shop.sink, "--changes", CHANGES, "--first", "2000000"];
    let load = ["--load", LOAD, "--load-first", "3000000"];
    let args = [&args[..], &load, &["--change", change, "--probe", probe]].concat();
    let latency = bench.agent.latency(&args).await?;
    ensure!(
        latency.load >= LEAST,
        "the source took only {:.0} changes a second beside those that are timed",
        latency.load
    );
    bench.note("cdc_load_per_s", latency.load);
    bench.note("cdc_p50_ms", latency.p50_ms);
    bench.note("cdc_p99_ms", latency.p99_ms);
    Ok(())
}
