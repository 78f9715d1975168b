//! What protects rows and the database: the guard before a start, the WAL budget, what a deletion leaves.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::events::v1::Event;
use serde_json::{Value, json};
use sluice_crds::cdc_pipeline::SnapshotRun;
use sluice_crds::{CdcPipeline, Connector};

use crate::kubernetes::conditions::{condition, verdict};
use crate::scene::pipeline::{ROWS, Shop};
use crate::scene::{Expect, Kafka, Scene};
use crate::wait::{chain, said, seconds};

pub async fn p07_a_slot_that_was_advanced_is_refused_and_heals_on_request(s: &Scene<'_>) -> Result<()> {
    let (connect, database) = (s.shared_connect().await?, s.shared_postgres().await?);
    let shop = Shop::open(s, s.agent(), database, database, "p7").await?;
    let slot = read_and_stopped(s, &shop, shop.spec(connect, database, database)).await?;
    shop.sell(s.agent(), ROWS + 1, 5).await?;
    let advance = format!("SELECT pg_replication_slot_advance('{slot}', pg_current_wal_lsn())");
    s.agent().sql(&shop.source, &[&advance]).await?;

    let words = ["past the stored offset", "spec.snapshots", &slot];
    let told = halts(s, "p7", &Expect::refused(&["SlotAhead"], &words)).await?;
    let status = told.status.unwrap_or_default();
    let bytes = status.guard.and_then(|guard| guard.gap_bytes).unwrap_or_default();
    ensure!(status.phase.as_deref() == Some("Halted") && bytes > 0, "{:?}, {bytes} bytes", status.phase);
    heals(s, &shop).await?;
    shop.sell(s.agent(), ROWS + 6, 5).await?;
    shop.same(s, 30).await
}

pub async fn p08_wal_over_the_budget_is_told_while_paused(s: &Scene<'_>) -> Result<()> {
    let (connect, database) = (s.shared_connect().await?, s.shared_postgres().await?);
    let shop = Shop::open(s, s.agent(), database, database, "p8").await?;
    let mut spec = shop.spec(connect, database, database);
    spec["objectives"] = json!({"maxRetainedWal": "32Mi"});
    s.apply::<CdcPipeline>("p8", spec).await?;
    let slot = streaming(s, "p8").await?;
    shop.same(s, 30).await?;
    budget(s, "p8", "True").await?;
    state(s, "p8", "Paused", "PipelinePaused").await?;
    let busy = [
        "CREATE TABLE busy (n int, t text)",
        "INSERT INTO busy SELECT n, repeat(md5(n::text), 16) FROM generate_series(1, 100000) n",
    ];
    s.agent().sql(&shop.source, &busy).await?;

    let message = budget(s, "p8", "False").await?;
    ensure!(message.contains(&slot) && message.contains("32.0 MiB"), "{message}");
    let status = s.get::<CdcPipeline>("p8").await?.status.unwrap_or_default();
    ensure!(status.phase.as_deref() == Some("Paused"), "it is still paused: {:?}", status.phase);
    s.eventually("an Event that says so", seconds(15), async || {
        let events = s.space.list::<Event>("").await.map_err(said)?;
        let ours = |event: &&Event| {
            event.reason.as_deref() == Some("BudgetExceeded")
                && event.regarding.as_ref().and_then(|object| object.name.as_deref()) == Some("p8")
        };
        events.iter().find(ours).map(drop).ok_or_else(|| format!("none of {} events", events.len()))
    })
    .await?;
    let metric = metric(s, "sluice_cdc_wal_budget_exceeded", "p8").await?;
    ensure!(metric == "1", "sluice_cdc_wal_budget_exceeded is {metric}");
    let query = format!("SELECT wal_status FROM pg_replication_slots WHERE slot_name = '{slot}'");
    let wal_status = s.agent().sql_value(&shop.source, &query).await?;
    ensure!(wal_status != "lost", "the slot was lost before anybody was told");

    s.merge::<CdcPipeline>("p8", json!({"spec": {"state": "Running"}})).await?;
    s.ready::<CdcPipeline>("p8", seconds(60)).await?;
    budget(s, "p8", "True").await?;
    shop.sell(s.agent(), ROWS + 1, 5).await?;
    shop.same(s, 30).await
}

pub async fn p09_deletion_follows_its_policy(s: &Scene<'_>) -> Result<()> {
    let (kafka, connect) = (s.shared_kafka().await?, s.shared_connect().await?);
    let database = s.shared_postgres().await?;
    for (name, policy, left) in [("p9-kept", "Retain", true), ("p9-gone", "Delete", false)] {
        let shop = Shop::open(s, s.agent(), database, database, &name.replace('-', "_")).await?;
        let spec = |policy: &str| {
            let mut spec = shop.spec(connect, database, database);
            spec["deletionPolicy"] = policy.into();
            // the Secrets of a database are named with a dash
            for (end, part) in [("source", "/source/postgres"), ("sink", "/sinks/0/postgres")] {
                let postgres = spec.pointer_mut(part).expect("a part of the spec");
                postgres["password"]["name"] = format!("{name}-{end}-password").into();
            }
            spec
        };
        s.apply::<CdcPipeline>(name, spec(policy)).await?;
        let slot = streaming(s, name).await?;
        shop.same(s, 30).await?;
        let topic = format!("{name}.public.orders");
        let before = records(s, kafka, &topic).await?;
        ensure!(before == ROWS, "{before} records of {ROWS} rows in {topic}");

        s.remove::<CdcPipeline>(name, seconds(60)).await?;
        s.gone::<Connector>(&format!("{name}-source"), seconds(30)).await?;
        for (what, query) in [
            ("slot", format!("SELECT count(*) FROM pg_replication_slots WHERE slot_name = '{slot}'")),
            ("publication", format!("SELECT count(*) FROM pg_publication WHERE pubname = '{slot}'")),
        ] {
            let count = s.agent().sql_value(&shop.source, &query).await?;
            ensure!((count == "1") == left, "{policy}: there are {count} {what}s {slot}");
        }
        let there = s.agent().topic(&kafka.bootstrap, &topic).await?.is_some();
        ensure!(there == left, "{policy}: is there the topic {topic}? {there}");

        // a pipeline of the same name goes on where the offsets were kept, and begins anew where they were not
        shop.sell(s.agent(), ROWS + 1, 7).await?;
        s.apply::<CdcPipeline>(name, spec("Delete")).await?;
        streaming(s, name).await?;
        shop.same(s, 60).await?;
        let after = records(s, kafka, &topic).await?;
        ensure!(after == ROWS + 7, "{policy}: {after} records of {} rows in {topic}", ROWS + 7);
    }
    Ok(())
}

pub async fn p11_the_same_request_runs_once(s: &Scene<'_>) -> Result<()> {
    let (kafka, connect) = (s.shared_kafka().await?, s.shared_connect().await?);
    let database = s.shared_postgres().await?;
    let shop = Shop::open(s, s.agent(), database, database, "p11").await?;
    let mut spec = shop.spec(connect, database, database);
    s.apply::<CdcPipeline>("p11", spec.clone()).await?;
    streaming(s, "p11").await?;
    shop.same(s, 30).await?;
    spec["snapshots"] = json!([{"id": "once"}]);
    s.apply::<CdcPipeline>("p11", spec.clone()).await?;
    let first = ran(s, "p11", "once").await?;
    streaming(s, "p11").await?;
    s.eventually("all rows to be read a second time", seconds(60), async || {
        let records = records(s, kafka, "p11.public.orders").await.map_err(|e| chain(e.as_ref()))?;
        if records == 2 * ROWS { Ok(()) } else { Err(format!("{records} records")) }
    })
    .await?;
    for again in 0..10 {
        // a spec that differs elsewhere is a new generation
        spec["topics"]["retention"] = json!({"time": format!("{}d", 7 + again)});
        s.apply::<CdcPipeline>("p11", spec.clone()).await?;
    }
    streaming(s, "p11").await?;
    let last = ran(s, "p11", "once").await?;
    ensure!(first.at == last.at, "it ran again: {:?}, then {:?}", first.at, last.at);
    let records = records(s, kafka, "p11.public.orders").await?;
    ensure!(records == 2 * ROWS, "{records} records of {ROWS} rows that were read twice");
    shop.same(s, 30).await
}

/// A pipeline of the shop's name has read all rows and is stopped; its slot, which nobody reads.
pub(super) async fn read_and_stopped(s: &Scene<'_>, shop: &Shop, spec: Value) -> Result<String> {
    s.apply::<CdcPipeline>(&shop.name, spec).await?;
    let slot = streaming(s, &shop.name).await?;
    shop.same(s, 30).await?;
    state(s, &shop.name, "Stopped", "PipelineStopped").await?;
    until_free(s, shop, &slot).await?;
    Ok(slot)
}

/// It is told to run, and says why it does not; its source stays stopped.
pub(super) async fn halts(s: &Scene<'_>, name: &str, why: &Expect<'_>) -> Result<CdcPipeline> {
    s.merge::<CdcPipeline>(name, json!({"spec": {"state": "Running"}})).await?;
    s.says::<CdcPipeline>(name, why, seconds(20)).await?;
    let words = [why.words, &["The source connector is stopped"]].concat();
    let told = s.says::<CdcPipeline>(name, &Expect { words: &words, ..*why }, seconds(20)).await?;
    s.stays("the source connector does not run", seconds(10), async || {
        let source: Connector = s.space.get(&format!("{name}-source")).await.map_err(said)?;
        let state = source.status.and_then(|status| status.state).unwrap_or_default();
        if state == "Stopped" { Ok(()) } else { Err(state) }
    })
    .await?;
    Ok(told)
}

/// All rows come once they are asked for.
pub(super) async fn heals(s: &Scene<'_>, shop: &Shop) -> Result<()> {
    s.merge::<CdcPipeline>(&shop.name, json!({"spec": {"snapshots": [{"id": "heal"}]}})).await?;
    ran(s, &shop.name, "heal").await?;
    s.ready::<CdcPipeline>(&shop.name, seconds(90)).await?;
    shop.same(s, 30).await
}

/// Until changes flow; the pipeline's slot.
pub(super) async fn streaming(s: &Scene<'_>, name: &str) -> Result<String> {
    let flows = Expect { status: "True", reasons: &["Streaming"], words: &[] };
    let pipeline = s.says::<CdcPipeline>(name, &flows, seconds(120)).await?;
    let source = pipeline.status.and_then(|status| status.source).context("status names no source")?;
    Ok(source.slot)
}

/// Orders a state and waits until it is in force.
pub(super) async fn state(s: &Scene<'_>, name: &str, state: &str, reason: &str) -> Result<()> {
    s.merge::<CdcPipeline>(name, json!({"spec": {"state": state}})).await?;
    let there = Expect { status: "True", reasons: &[reason], words: &[] };
    s.says::<CdcPipeline>(name, &there, seconds(60)).await.map(drop)
}

async fn until_free(s: &Scene<'_>, shop: &Shop, slot: &str) -> Result<()> {
    let query = format!("SELECT active FROM pg_replication_slots WHERE slot_name = '{slot}'");
    s.eventually("nobody to read the slot", seconds(30), async || {
        let active = s.agent().sql_value(&shop.source, &query).await.map_err(|e| chain(e.as_ref()))?;
        if active == "f" { Ok(()) } else { Err(format!("active: {active}")) }
    })
    .await
}

/// Until status says that the request was carried out.
async fn ran(s: &Scene<'_>, name: &str, id: &str) -> Result<SnapshotRun> {
    s.eventually(&format!("the snapshot {id} to have been begun"), seconds(90), async || {
        let pipeline: CdcPipeline = s.space.get(name).await.map_err(said)?;
        let runs = pipeline.status.clone().unwrap_or_default().snapshots;
        runs.into_iter().find(|run| run.id == id).ok_or_else(|| verdict(&pipeline))
    })
    .await
}

/// Until the condition `WalBudget` has this status; its message.
async fn budget(s: &Scene<'_>, name: &str, status: &str) -> Result<String> {
    s.eventually(&format!("WalBudget={status}"), seconds(90), async || {
        let pipeline: CdcPipeline = s.space.get(name).await.map_err(said)?;
        match condition(&pipeline, "WalBudget") {
            Some(budget) if budget.status == status => Ok(budget.message.clone()),
            Some(budget) => Err(budget.message.clone()),
            None => Err("there is no such condition".into()),
        }
    })
    .await
}

async fn records(s: &Scene<'_>, kafka: &Kafka, topic: &str) -> Result<u64> {
    Ok(s.agent().values(&kafka.bootstrap, topic, 0).await?.records)
}

/// The value of a pipeline's metric, from the operator that leads.
async fn metric(s: &Scene<'_>, metric: &str, pipeline: &str) -> Result<String> {
    let mut seen = Vec::new();
    for pod in s.operator().await?.pods().await? {
        let address = pod.status.and_then(|status| status.pod_ip).context("an operator has no address")?;
        let answer = s.agent().rest("GET", &format!("http://{address}:8080/metrics"), None).await?;
        let text = answer.body.as_str().map_or_else(|| answer.body.to_string(), str::to_owned);
        let label = format!("name=\"{pipeline}\"");
        let line = text.lines().find(|line| line.starts_with(metric) && line.contains(&label));
        seen.extend(line.and_then(|line| line.rsplit(' ').next()).map(str::to_owned));
    }
    seen.pop().with_context(|| format!("no operator has {metric} of {pipeline}"))
}
