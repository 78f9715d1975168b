//! Rows that are read while changes wait.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use sluice_crds::CdcPipeline;
use sluice_crds::cdc_pipeline::SnapshotRun;

use crate::kubernetes::conditions::verdict;
use crate::scene::Scene;
use crate::scene::pipeline::Shop;
use crate::wait::{said, seconds};

const NAME: &str = "p17";

pub async fn p17_rows_are_read_while_changes_wait(s: &Scene<'_>) -> Result<()> {
    let (connect, database) = (s.shared_connect().await?, s.shared_postgres().await?);
    let shop = Shop::open(s, s.agent(), database, database, NAME).await?;
    let mut spec = shop.spec(connect, database, database);
    s.apply::<CdcPipeline>(NAME, spec.clone()).await?;
    s.ready::<CdcPipeline>(NAME, seconds(90)).await?;
    shop.same(s, 60).await?;
    let counted = async || {
        let pipeline: CdcPipeline = s.space.get(NAME).await.map_err(said)?;
        let snapshot = pipeline.status.unwrap_or_default().snapshot.unwrap_or_default();
        if snapshot.state == "Done" { Ok(()) } else { Err(format!("{snapshot:?}")) }
    };
    s.eventually("the rows of the first snapshot to be counted", seconds(60), counted).await?;

    // a part of them is lost in the sink, and asked for; changes follow
    s.agent().sql(&shop.sink, &["DELETE FROM orders WHERE id <= 200"]).await?;
    let request = |id: &str, filter: &str| json!([{"id": id, "type": "Blocking", "tables": ["public.orders"], "where": filter}]);
    spec["snapshots"] = request("some", "id <= 200");
    s.apply::<CdcPipeline>(NAME, spec.clone()).await?;
    let some = in_state(s, "some", &["Done", "Failed"], seconds(120)).await?;
    ensure!(some.state == "Done" && some.rows == Some(200), "200 rows are below 201: {some:?}");
    shop.sell(s.agent(), 5000, 20).await?;
    shop.same(s, 60).await?;
    again(s, &mut spec, &some).await?;

    // one that the connector's restart cuts short is ordered again, and read to its end
    s.agent().sql(&shop.sink, &["DELETE FROM orders WHERE id <= 300"]).await?;
    spec["snapshots"] = request("slow", "pg_sleep(0.04) IS NOT NULL");
    s.apply::<CdcPipeline>(NAME, spec.clone()).await?;
    let first = in_state(s, "slow", &["Reading"], seconds(60)).await?;
    shop.sell(s.agent(), 6000, 20).await?;
    spec["restartedAt"] = json!("2026-01-01T00:00:00Z");
    s.apply::<CdcPipeline>(NAME, spec.clone()).await?;
    let slow = in_state(s, "slow", &["Done", "Failed"], seconds(180)).await?;
    ensure!(slow.state == "Done" && slow.rows >= Some(520), "all rows, from the first one: {slow:?}");
    ensure!(slow.at > first.at, "it should have been ordered again: {first:?}, {slow:?}");
    shop.same(s, 60).await?;
    let ready = s.ready::<CdcPipeline>(NAME, seconds(60)).await?;
    let guard = ready.status.context("it has a status")?.guard.context("the guard has looked")?;
    ensure!(guard.verdict == "Fine" && guard.accepted.is_none(), "nothing is missing: {guard:?}");

    spec["snapshots"] = request("bad", "no_such_column = 1");
    s.apply::<CdcPipeline>(NAME, spec).await?;
    // it is tried three times, each time once the connector has gone on
    let bad = in_state(s, "bad", &["Done", "Failed"], seconds(300)).await?;
    ensure!(bad.state == "Failed" && bad.message.contains("public.orders"), "{bad:?}");
    ensure!(bad.failures == Some(3), "{bad:?}");
    shop.sell(s.agent(), 7000, 20).await?;
    shop.same(s, 60).await
}

/// The same request, applied with other changes, does not run again.
async fn again(s: &Scene<'_>, spec: &mut Value, ran: &SnapshotRun) -> Result<()> {
    for again in 0..5 {
        spec["topics"]["retention"] = json!({"time": format!("{}d", 7 + again)});
        s.apply::<CdcPipeline>(NAME, spec.clone()).await?;
    }
    s.ready::<CdcPipeline>(NAME, seconds(60)).await?;
    let now = in_state(s, &ran.id, &["Done"], seconds(10)).await?;
    ensure!(now.at == ran.at, "it ran again: {now:?}");
    Ok(())
}

async fn in_state(s: &Scene<'_>, id: &str, states: &[&str], within: Duration) -> Result<SnapshotRun> {
    s.eventually(&format!("the run {id} to be {}", states.join(" or ")), within, async || {
        let pipeline: CdcPipeline = s.space.get(NAME).await.map_err(said)?;
        let runs = pipeline.status.clone().unwrap_or_default().snapshots;
        let run = runs.into_iter().find(|run| run.id == id).ok_or_else(|| verdict(&pipeline))?;
        if states.contains(&run.state.as_str()) { Ok(run) } else { Err(format!("{run:?}")) }
    })
    .await
}
