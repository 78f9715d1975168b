//! Whether a sink holds what its source holds.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use sluice_crds::CdcPipeline;
use sluice_crds::cdc_pipeline::Verification;

use crate::kubernetes::conditions::{condition, verdict};
use crate::scene::Scene;
use crate::scene::pipeline::{ROWS, Shop};
use crate::wait::{said, seconds};

/// What differs is looked at again once the sink has caught up: a beat and two flushes of offsets, three times ten seconds.
const LOOKED_AGAIN: Duration = seconds(90);

pub async fn p12_source_and_sink_are_compared(s: &Scene<'_>) -> Result<()> {
    let (connect, database) = (s.shared_connect().await?, s.shared_postgres().await?);
    let shop = Shop::open(s, s.agent(), database, database, "p12").await?;
    let mut spec = shop.spec(connect, database, database);
    spec["verify"] = json!([{"id": "first"}]);
    s.apply::<CdcPipeline>("p12", spec.clone()).await?;
    s.ready::<CdcPipeline>("p12", seconds(90)).await?;
    // it begins as soon as changes flow, when the rows of the snapshot may still be on their way to the sink
    let first = ended(s, "first").await?;
    ensure!(first.result.as_deref() == Some("Same"), "source and sink are the same: {first:?}");
    ensure!(first.rows == i64::try_from(ROWS).ok(), "all rows are compared: {first:?}");
    says(s, "True", "RowsAgree", &[]).await?;

    s.agent().sql(&shop.sink, &["UPDATE orders SET customer = 'somebody else' WHERE id = 77"]).await?;
    spec["verify"] = json!([{"id": "first"}, {"id": "second"}]);
    s.apply::<CdcPipeline>("p12", spec.clone()).await?;
    let second = ended(s, "second").await?;
    let counts = (second.missing, second.extra, second.different);
    ensure!(counts == (Some(0), Some(0), Some(1)), "one row differs: {second:?}");
    let keys = second.differences.first().map(|table| table.keys.clone()).unwrap_or_default();
    ensure!(keys == ["different: id=77"], "the row is named by its key: {second:?}");
    says(s, "False", "RowsDiffer", &["public.orders", "id=77"]).await?;
    s.ready::<CdcPipeline>("p12", seconds(30)).await?;

    for again in 0..10 {
        // a spec that differs elsewhere is a new generation
        spec["topics"]["retention"] = json!({"time": format!("{}d", 7 + again)});
        s.apply::<CdcPipeline>("p12", spec.clone()).await?;
    }
    s.ready::<CdcPipeline>("p12", seconds(60)).await?;
    let again = ended(s, "second").await?;
    ensure!(again.started_at == second.started_at, "it ran again: {again:?}");

    s.agent().sql(&shop.sink, &["UPDATE orders SET customer = 'customer ' || id % 7 WHERE id = 77"]).await?;
    spec["verify"] = json!([{"id": "third"}]);
    s.apply::<CdcPipeline>("p12", spec).await?;
    let third = ended(s, "third").await?;
    ensure!(third.result.as_deref() == Some("Same"), "the row is mended: {third:?}");
    says(s, "True", "RowsAgree", &[]).await
}

/// Until the comparison has come to its end.
async fn ended(s: &Scene<'_>, id: &str) -> Result<Verification> {
    s.eventually(&format!("the comparison {id} to end"), LOOKED_AGAIN, async || {
        let pipeline: CdcPipeline = s.space.get("p12").await.map_err(said)?;
        let runs = pipeline.status.clone().unwrap_or_default().verification;
        let run = runs.into_iter().find(|run| run.id == id).ok_or_else(|| verdict(&pipeline))?;
        if run.state == "Done" { Ok(run) } else { Err(format!("{run:?}")) }
    })
    .await
}

async fn says(s: &Scene<'_>, status: &str, reason: &str, words: &[&str]) -> Result<()> {
    let pipeline = s.get::<CdcPipeline>("p12").await?;
    let verified = condition(&pipeline, "Verified").context("there is no condition Verified")?;
    ensure!(verified.status == status && verified.reason == reason, "{verified:?}");
    let missing = words.iter().find(|word| !verified.message.contains(**word));
    ensure!(missing.is_none(), "the message lacks {missing:?}: {}", verified.message);
    Ok(())
}
