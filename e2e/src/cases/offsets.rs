//! Where a sink, or the source, goes on: set on request.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use sluice_crds::CdcPipeline;
use sluice_crds::cdc_pipeline::{OffsetReason, OffsetRun};

use crate::kubernetes::conditions::verdict;
use crate::scene::Scene;
use crate::scene::pipeline::Shop;
use crate::wait::{said, seconds};

const NAME: &str = "p18";

pub async fn p18_offsets_are_set_by_id_and_once(s: &Scene<'_>) -> Result<()> {
    let (connect, database) = (s.shared_connect().await?, s.shared_postgres().await?);
    let shop = Shop::open(s, s.agent(), database, database, NAME).await?;
    let mut spec = shop.spec(connect, database, database);
    s.apply::<CdcPipeline>(NAME, spec.clone()).await?;
    s.ready::<CdcPipeline>(NAME, seconds(90)).await?;
    shop.same(s, 60).await?;

    // what the sink has lost is delivered again from the topics
    s.agent().sql(&shop.sink, &["DELETE FROM orders WHERE id <= 200"]).await?;
    spec["offsets"] = json!([{"id": "again", "sink": "copy", "to": "Earliest"}]);
    s.apply::<CdcPipeline>(NAME, spec.clone()).await?;
    let first = ended(s, "again", seconds(90)).await?;
    ensure!(first.state == "Done" && first.repeated_records >= Some(500), "{first:?}");
    shop.same(s, 60).await?;
    for again in 0..10 {
        spec["topics"]["retention"] = json!({"time": format!("{}d", 7 + again)});
        s.apply::<CdcPipeline>(NAME, spec.clone()).await?;
    }
    s.ready::<CdcPipeline>(NAME, seconds(60)).await?;
    ensure!(ended(s, "again", seconds(10)).await? == first, "applied ten times is applied once");

    // the source goes on behind what was written while it was stopped
    spec["state"] = json!("Stopped");
    s.apply::<CdcPipeline>(NAME, spec.clone()).await?;
    s.eventually("the pipeline to be stopped", seconds(60), async || {
        let pipeline: CdcPipeline = s.space.get(NAME).await.map_err(said)?;
        let status = pipeline.status.clone().unwrap_or_default();
        let stopped = status.observed_generation == pipeline.metadata.generation
            && status.phase.as_deref() == Some("Stopped")
            && status.conditions.iter().any(|c| c.type_ == "Ready" && c.status == "True");
        if stopped { Ok(()) } else { Err(verdict(&pipeline)) }
    })
    .await?;
    shop.sell(s.agent(), 9000, 50).await?;
    let lsn = s.agent().sql_value(&shop.source, "SELECT pg_current_wal_lsn()::text").await?;
    shop.sell(s.agent(), 9100, 20).await?;
    spec["state"] = json!("Running");
    spec["offsets"] = json!([
        {"id": "again", "sink": "copy", "to": "Earliest"},
        {"id": "behind", "lsn": "0/10"},
        {"id": "skip", "lsn": lsn},
    ]);
    s.apply::<CdcPipeline>(NAME, spec.clone()).await?;
    let behind = ended(s, "behind", seconds(60)).await?;
    ensure!(behind.reason == Some(OffsetReason::LsnBehind), "{behind:?}");
    let skip = ended(s, "skip", seconds(90)).await?;
    ensure!(skip.state == "Done" && skip.skipped_bytes > Some(0), "{skip:?}");
    let ready = s.ready::<CdcPipeline>(NAME, seconds(90)).await?;
    let accepted = ready.status.context("it has a status")?.guard.and_then(|guard| guard.accepted);
    let accepted = accepted.context("what was skipped is recorded")?;
    ensure!(accepted.reason == "OffsetSet" && accepted.bytes == skip.skipped_bytes, "{accepted:?}");
    shop.sell(s.agent(), 9200, 20).await?;
    let rows = "SELECT (count(*) FILTER (WHERE id BETWEEN 9000 AND 9049) || ' of ' || count(*) FILTER (WHERE id >= 9100)) FROM orders";
    s.eventually("what came later to be in the sink, and what was skipped not", seconds(60), async || {
        let here = s.agent().sql_value(&shop.sink, rows).await.map_err(|error| error.to_string())?;
        if here == "0 of 40" { Ok(()) } else { Err(here) }
    })
    .await?;
    let ready = s.ready::<CdcPipeline>(NAME, seconds(30)).await?;
    let guard = ready.status.context("it has a status")?.guard.context("the guard has looked")?;
    ensure!(guard.verdict == "Fine", "what was skipped knowingly is no gap: {guard:?}");
    Ok(())
}

async fn ended(s: &Scene<'_>, id: &str, within: Duration) -> Result<OffsetRun> {
    s.eventually(&format!("the request {id} to have come to its end"), within, async || {
        let pipeline: CdcPipeline = s.space.get(NAME).await.map_err(said)?;
        let runs = pipeline.status.clone().unwrap_or_default().offsets;
        let run = runs.into_iter().find(|run| run.id == id).ok_or_else(|| verdict(&pipeline))?;
        if run.completed_at.is_some() { Ok(run) } else { Err(format!("{run:?}")) }
    })
    .await
}
