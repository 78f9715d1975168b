//! Rows that were there before the pipeline.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use serde_json::json;
use sluice_crds::CdcPipeline;
use sluice_crds::cdc_pipeline::SnapshotStatus;

use crate::kubernetes::conditions::condition;
use crate::scene::pipeline::{ROWS, Shop};
use crate::scene::postgres::{self, Options};
use crate::scene::{Expect, Scene, connect, kafka};
use crate::wait::{chain, said, seconds};

const MILLION: u64 = 1_000_000;
/// Enough for a worker to be killed half way.
const MANY: u64 = MILLION / 10;
const COMPLETE: &str = "SnapshotComplete";

pub async fn p04_the_progress_of_a_snapshot_rises(s: &Scene<'_>) -> Result<()> {
    let (connect, database) = (s.shared_connect().await?, s.shared_postgres().await?);
    let shop = Shop::open(s, s.agent(), database, database, "p4").await?;
    shop.sell(s.agent(), ROWS + 1, MILLION - ROWS).await?;
    s.agent().sql(&shop.source, &["ANALYZE orders"]).await?;
    let mut spec = shop.spec(connect, database, database);
    // what a sink does with them is another matter
    spec["sinks"] = json!([]);
    s.apply::<CdcPipeline>("p4", spec).await?;

    let first =
        until(s, "p4", "the first rows to have come", seconds(120), |seen| seen.rows > Some(0)).await?;
    // changes go on meanwhile, and are no rows of the snapshot
    shop.sell(s.agent(), MILLION + 1, 100).await?;
    s.agent().sql(&shop.source, &["DELETE FROM orders WHERE id <= 30"]).await?;
    let (mut seen, mut early) = (vec![first], false);
    let read = s
        .eventually("all rows to have been read", seconds(900), async || {
            let (now, complete) = snapshot(s, "p4").await?;
            early |= complete && now.state != "Done";
            if now.rows > seen.last().and_then(|last| last.rows) {
                seen.push(now.clone());
            }
            if now.state == "Reading" { Err(format!("{now:?}")) } else { Ok(now) }
        })
        .await?;
    ensure!(!early, "SnapshotComplete was True while rows were being read");
    let reading: Vec<_> = seen.iter().filter(|seen| seen.state == "Reading").collect();
    ensure!(reading.len() > 1, "progress should have been seen to rise: {seen:?}");
    let percent: Vec<_> = reading.iter().filter_map(|seen| seen.percent).collect();
    ensure!(percent.len() == reading.len() && percent.is_sorted(), "without a fraction that rises: {seen:?}");
    let (began, ended) =
        read.started_at.as_ref().zip(read.completed_at.as_ref()).context("it has no times")?;
    // a pace is told after ten seconds
    let told = seen.iter().any(|seen| seen.seconds_left.is_some());
    ensure!(
        told || ended.0.as_second() - began.0.as_second() < 20,
        "nobody said how long it takes: {seen:?}"
    );

    let done =
        until(s, "p4", "the rows to have been compared", seconds(120), |seen| seen.state == "Done").await?;
    let pipeline = s.get::<CdcPipeline>("p4").await?;
    let complete = condition(&pipeline, COMPLETE).context("there is no condition SnapshotComplete")?;
    ensure!(complete.status == "True" && complete.reason == "RowsArrived", "{complete:?}");
    ensure!(
        done.rows == i64::try_from(MILLION).ok(),
        "a million rows and no change should have been counted: {done:?}"
    );
    ensure!(done.attempts == 1, "{done:?}");
    s.ready::<CdcPipeline>("p4", seconds(30)).await.map(drop)
}

/// Longer than Debezium waits for its slot if it is let (90 s).
const OPEN: u64 = 130;

pub async fn p16_a_transaction_that_holds_up_the_slot_is_named(s: &Scene<'_>) -> Result<()> {
    let (connect, sink) = (s.shared_connect().await?, s.shared_postgres().await?);
    // what holds up one slot holds up every other in the server
    let source = postgres::bring_up(s, "p16-postgres", Options::default()).await?;
    let shop = Shop::open(s, s.agent(), &source, sink, "p16").await?;
    s.agent().sql(&shop.source, &["CREATE TABLE elsewhere (id int)"]).await?;
    let wait = format!("SELECT pg_sleep({OPEN})::text");
    let open = ["BEGIN", "INSERT INTO elsewhere VALUES (1)", &wait, "COMMIT"];
    let open = s.agent().sql(&shop.source, &open);
    let told = async {
        s.eventually("the transaction to be open", seconds(20), async || {
            let query = "SELECT count(*) FROM pg_stat_activity WHERE backend_xid IS NOT NULL";
            let count = s.agent().sql_value(&shop.source, query).await.map_err(|e| chain(e.as_ref()))?;
            if count == "1" { Ok(()) } else { Err(format!("{count} transactions")) }
        })
        .await?;
        s.apply::<CdcPipeline>("p16", shop.spec(connect, &source, sink)).await?;
        let waits = Expect {
            status: "False",
            reasons: &["SlotWaiting"],
            words: &["postgres in p16_source", "pg_terminate_backend("],
        };
        s.says::<CdcPipeline>("p16", &waits, seconds(60)).await?;
        // PostgreSQL goes on making the slot of a reader that is told to stop: the next one may not read before it is made
        for (state, status) in [("Stopped", "True"), ("Running", "False")] {
            s.merge::<CdcPipeline>("p16", json!({"spec": {"state": state}})).await?;
            s.says::<CdcPipeline>("p16", &Expect { status, reasons: &[], words: &[] }, seconds(60)).await?;
        }
        s.says::<CdcPipeline>("p16", &waits, seconds(30)).await?;
        shop.sell(s.agent(), ROWS + 1, 20).await
    };
    let (open, told) = tokio::join!(open, told);
    told?;
    open?;
    s.ready::<CdcPipeline>("p16", seconds(180)).await?;
    shop.sell(s.agent(), ROWS + 21, 20).await?;
    shop.same(s, 60).await
}

pub async fn p05_a_snapshot_that_is_cut_short_begins_again(s: &Scene<'_>) -> Result<()> {
    kafka::bring_up(s, "kafka", kafka::spec(1)).await?;
    let connect = connect::bring_up(s, "connect", connect::spec("kafka")).await?;
    let database = postgres::bring_up(s, "postgres", Options::default()).await?;
    let shop = Shop::open(s, s.agent(), &database, &database, "p5").await?;
    shop.sell(s.agent(), ROWS + 1, MANY - ROWS).await?;
    s.agent().sql(&shop.source, &["ANALYZE orders"]).await?;
    s.apply::<CdcPipeline>("p5", shop.spec(&connect, &database, &database)).await?;

    let half = until(s, "p5", "half of the rows to have come", seconds(180), |seen| seen.percent >= Some(50))
        .await?;
    let pods = s.space.list::<Pod>("app.kubernetes.io/name=kafka-connect").await?;
    let pod = pods.first().context("there is no pod of Connect")?;
    s.space.kill::<Pod>(&pod.name_any()).await?;
    let killed = Instant::now();

    let again = until(s, "p5", "it to have begun again", seconds(240), |seen| seen.attempts > 1).await?;
    ensure!(again.lsn != half.lsn || again.started_at != half.started_at, "{half:?}, then {again:?}");
    let done =
        until(s, "p5", "the rows to have been compared", seconds(300), |seen| seen.state == "Done").await?;
    ensure!(done.rows == i64::try_from(MANY).ok(), "what came before counts for nothing: {done:?}");
    let pipeline = s.get::<CdcPipeline>("p5").await?;
    let complete = condition(&pipeline, COMPLETE).context("there is no condition SnapshotComplete")?;
    ensure!(complete.status == "True" && complete.message.contains("cut short"), "{complete:?}");
    s.ready::<CdcPipeline>("p5", seconds(60)).await?;
    shop.sell(s.agent(), MANY + 1, 50).await?;
    // more than twice as many rows as there are have gone through the sink
    shop.same(s, 600)
        .await
        .with_context(|| format!("{} s after the pod was killed", killed.elapsed().as_secs()))
}

/// What status says of the snapshot, and whether the condition says that it is complete.
async fn snapshot(s: &Scene<'_>, name: &str) -> Result<(SnapshotStatus, bool), String> {
    let pipeline: CdcPipeline = s.space.get(name).await.map_err(said)?;
    let complete = condition(&pipeline, COMPLETE).is_some_and(|complete| complete.status == "True");
    let snapshot = pipeline.status.unwrap_or_default().snapshot.ok_or("status says nothing of it")?;
    Ok((snapshot, complete))
}

async fn until(
    s: &Scene<'_>,
    name: &str,
    what: &str,
    within: Duration,
    there: impl Fn(&SnapshotStatus) -> bool,
) -> Result<SnapshotStatus> {
    s.eventually(what, within, async || {
        let (seen, _) = snapshot(s, name).await?;
        if there(&seen) { Ok(seen) } else { Err(format!("{seen:?}")) }
    })
    .await
}
