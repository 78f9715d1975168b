//! Rows that are read while a pipeline runs.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use sluice_crds::CdcPipeline;
use sluice_crds::cdc_pipeline::SnapshotRun;

use crate::kubernetes::conditions::verdict;
use crate::scene::Scene;
use crate::scene::pipeline::Shop;
use crate::scene::place::Expect;
use crate::wait::{said, seconds};

const NOTES: u64 = 10_000;
const NOTES_SUM: &str = "SELECT count(*) || ' ' || coalesce(sum(hashtext(id || text)), 0) FROM notes";

pub async fn p14_a_table_that_is_added_is_read_while_changes_flow(s: &Scene<'_>) -> Result<()> {
    let (connect, database) = (s.shared_connect().await?, s.shared_postgres().await?);
    let shop = Shop::open(s, s.agent(), database, database, "p14").await?;
    let mut spec = shop.spec(connect, database, database);
    s.apply::<CdcPipeline>("p14", spec.clone()).await?;
    s.ready::<CdcPipeline>("p14", seconds(90)).await?;
    let rows = format!("INSERT INTO notes SELECT id, 'note ' || id FROM generate_series(1, {NOTES}) AS id");
    let create = "CREATE TABLE notes (id bigint PRIMARY KEY, text text NOT NULL)";
    s.agent().sql(&shop.source, &[create, &rows]).await?;
    spec["tables"].as_array_mut().context("the tables are a list")?.push(json!("public.notes"));
    s.apply::<CdcPipeline>("p14", spec.clone()).await?;
    // changes of old and new tables go on meanwhile
    s.agent().sql(&shop.source, &["UPDATE notes SET text = 'changed' WHERE id % 100 = 0"]).await?;
    let added = ended(s, "added/public.notes", seconds(150)).await?;
    ensure!(added.state == "Done", "the rows should have been read: {added:?}");
    ensure!(added.rows == i64::try_from(NOTES).ok(), "all of them: {added:?}");
    s.agent().sql(&shop.source, &["DELETE FROM notes WHERE id = 5"]).await?;
    shop.agree(s, NOTES_SUM, 60).await?;
    let ready = s.ready::<CdcPipeline>("p14", seconds(30)).await?;
    let status = ready.status.context("it has a status")?;
    let told = |check: &str| status.preflight.iter().any(|finding| finding.check == check);
    ensure!(!told("TableRows") && !told("Signals"), "nothing is left to say of it: {:?}", status.preflight);
    shop.sell(s.agent(), 5000, 20).await?;
    shop.same(s, 60).await?;

    // a part of them is lost in the sink, and asked for
    s.agent().sql(&shop.sink, &["DELETE FROM notes WHERE id <= 200"]).await?;
    spec["snapshots"] =
        json!([{"id": "some", "type": "Incremental", "tables": ["public.notes"], "where": "id <= 200"}]);
    s.apply::<CdcPipeline>("p14", spec.clone()).await?;
    let some = ended(s, "some", seconds(90)).await?;
    ensure!(some.state == "Done" && some.rows == Some(199), "199 rows are below 201: {some:?}");
    shop.agree(s, NOTES_SUM, 60).await?;
    for again in 0..5 {
        spec["topics"]["retention"] = json!({"time": format!("{}d", 7 + again)});
        s.apply::<CdcPipeline>("p14", spec.clone()).await?;
    }
    s.ready::<CdcPipeline>("p14", seconds(60)).await?;
    let again = ended(s, "some", seconds(10)).await?;
    ensure!(again.at == some.at, "it ran again: {again:?}");

    // one that takes long is taken out again
    spec["snapshots"] = json!([{"id": "slow", "type": "Incremental", "tables": ["public.notes"], "where": "pg_sleep(0.002) IS NOT NULL"}]);
    s.apply::<CdcPipeline>("p14", spec.clone()).await?;
    in_state(s, "slow", &["Reading"], seconds(60)).await?;
    spec["snapshots"] = json!([{"id": "bad", "type": "Incremental", "tables": ["public.notes"], "where": "no_such_column = 1"}]);
    s.apply::<CdcPipeline>("p14", spec).await?;
    let bad = ended(s, "bad", seconds(90)).await?;
    ensure!(bad.state == "Failed" && bad.message.contains("public.notes"), "{bad:?}");
    let slow = ended(s, "slow", seconds(10)).await?;
    ensure!(slow.state == "Failed" && slow.message.contains("taken out"), "{slow:?}");
    shop.sell(s.agent(), 6000, 20).await?;
    shop.same(s, 60).await
}

pub async fn p15_what_a_sink_will_never_read_is_told_and_read_anew(s: &Scene<'_>) -> Result<()> {
    let (kafka, connect, database) =
        (s.shared_kafka().await?, s.shared_connect().await?, s.shared_postgres().await?);
    let shop = Shop::open(s, s.agent(), database, database, "p15").await?;
    let mut spec = shop.spec(connect, database, database);
    s.apply::<CdcPipeline>("p15", spec.clone()).await?;
    s.ready::<CdcPipeline>("p15", seconds(90)).await?;
    shop.same(s, 60).await?;
    // the sink has committed where it is
    s.eventually("the sink to have committed what it read", seconds(60), async || {
        let pipeline: CdcPipeline = s.space.get("p15").await.map_err(said)?;
        let sinks = pipeline.status.unwrap_or_default().sinks;
        let read = sinks.first().is_some_and(|sink| sink.lag_records == Some(0) && sink.missed.is_empty());
        if read { Ok(()) } else { Err(format!("{sinks:?}")) }
    })
    .await?;

    // nobody reads while the sink's table refuses every row
    let refuse = "ALTER TABLE orders ADD CONSTRAINT refused CHECK (id < 1000) NOT VALID";
    s.agent().sql(&shop.sink, &[refuse]).await?;
    shop.sell(s.agent(), 1001, 100).await?;
    // what the database refuses is not tried again by itself, so nobody goes on behind what is gone
    let failed = Expect::refused(&["SinkNotReady"], &["p15-copy", "TaskFailed"]);
    s.says::<CdcPipeline>("p15", &failed, seconds(90)).await?;
    s.agent().meddle(&kafka.bootstrap, "p15.public.orders", &["trim"]).await?;
    s.eventually("status to say that records are gone", seconds(60), async || {
        let pipeline: CdcPipeline = s.space.get("p15").await.map_err(said)?;
        let sinks = pipeline.status.unwrap_or_default().sinks;
        let missed = sinks.first().and_then(|sink| sink.missed.first());
        if missed.is_some_and(|missed| missed.records >= Some(100)) {
            Ok(())
        } else {
            Err(format!("{sinks:?}"))
        }
    })
    .await?;
    s.agent().sql(&shop.sink, &["ALTER TABLE orders DROP CONSTRAINT refused"]).await?;
    spec["restartedAt"] = json!("2026-01-01T00:00:00Z");
    s.apply::<CdcPipeline>("p15", spec.clone()).await?;
    let expect = Expect::refused(&["SinkGap"], &["public.orders", "copy", "spec.snapshots"]);
    s.says::<CdcPipeline>("p15", &expect, seconds(90)).await?;

    spec["snapshots"] = json!([{"id": "heal", "type": "Incremental"}]);
    s.apply::<CdcPipeline>("p15", spec).await?;
    s.ready::<CdcPipeline>("p15", seconds(120)).await?;
    shop.sell(s.agent(), 2001, 20).await?;
    shop.same(s, 60).await
}

/// Until the run has come to its end.
async fn ended(s: &Scene<'_>, id: &str, within: Duration) -> Result<SnapshotRun> {
    in_state(s, id, &["Done", "Failed"], within).await
}

async fn in_state(s: &Scene<'_>, id: &str, states: &[&str], within: Duration) -> Result<SnapshotRun> {
    s.eventually(&format!("the run {id} to be {}", states.join(" or ")), within, async || {
        let pipeline: CdcPipeline = s.space.get("p14").await.map_err(said)?;
        let runs = pipeline.status.clone().unwrap_or_default().snapshots;
        let run = runs.into_iter().find(|run| run.id == id).ok_or_else(|| verdict(&pipeline))?;
        if states.contains(&run.state.as_str()) { Ok(run) } else { Err(format!("{run:?}")) }
    })
    .await
}
