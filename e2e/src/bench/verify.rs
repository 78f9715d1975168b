//! A million rows, compared.

use anyhow::{Context, Result, ensure};
use serde_json::json;
use sluice_crds::CdcPipeline;

use super::Bench;
use crate::scene::pipeline::{ROWS, Shop};
use crate::scene::{Connect, Postgres};
use crate::wait::{said, seconds};

const MILLION: u64 = 1_000_000;

/// From a comparison's `startedAt` to its `finishedAt`. The rows are put into both databases by hand, and no snapshot reads them.
pub async fn million(bench: &mut Bench<'_>) -> Result<()> {
    let place = &bench.place;
    let postgres = Postgres::in_place(place, "postgres");
    let connect = Connect { name: "connect".into(), url: String::new() };
    let shop = Shop::open(place, &bench.agent, &postgres, &postgres, "million").await?;
    shop.sell(&bench.agent, ROWS + 1, MILLION - ROWS).await?;
    let copy = Shop { source: shop.sink.clone(), ..shop };
    let table = "CREATE TABLE orders (id bigint PRIMARY KEY, customer text, amount numeric(10,2))";
    bench.agent.sql(&copy.source, &[table]).await?;
    copy.sell(&bench.agent, 1, MILLION).await?;
    let mut spec = copy.spec(&connect, &postgres, &postgres);
    spec["snapshot"] = json!({"mode": "Never"});
    spec["verify"] = json!([{"id": "million"}]);
    place.apply::<CdcPipeline>("million", spec).await?;
    let run = place
        .eventually("a million rows to be compared", seconds(300), async || {
            let pipeline: CdcPipeline = place.space.get("million").await.map_err(said)?;
            let runs = pipeline.status.unwrap_or_default().verification;
            let run = runs.into_iter().next().ok_or("nothing is compared yet")?;
            if run.state == "Done" { Ok(run) } else { Err(format!("{run:?}")) }
        })
        .await?;
    let same = run.result.as_deref() == Some("Same") && run.rows == i64::try_from(MILLION).ok();
    ensure!(same, "all rows should have been compared, and be the same: {run:?}");
    let (began, ended) = run.started_at.zip(run.finished_at).context("status has no times")?;
    bench.note("verify_1m_s", (ended.0 - began.0).total(jiff::Unit::Second)?);
    Ok(())
}
