//! Dead letters that are sent again.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use sluice_crds::cdc_pipeline::Replay;
use sluice_crds::{CdcPipeline, Connector};

use crate::kubernetes::conditions::verdict;
use crate::scene::Scene;
use crate::scene::pipeline::{ROWS, Shop};
use crate::scene::place::Expect;
use crate::wait::{chain, said, seconds};

const TOPIC: &str = "p19.public.orders";

pub async fn p19_dead_letters_are_sent_again_once_their_cause_is_mended(s: &Scene<'_>) -> Result<()> {
    let (kafka, connect, database) =
        (s.shared_kafka().await?, s.shared_connect().await?, s.shared_postgres().await?);
    let shop = Shop::open(s, s.agent(), database, database, "p19").await?;
    let mut spec = shop.spec(connect, database, database);
    spec["sinks"][0]["deadLetter"] = json!({});
    s.apply::<CdcPipeline>("p19", spec.clone()).await?;
    s.ready::<CdcPipeline>("p19", seconds(90)).await?;
    shop.same(s, 30).await?;

    // while Sluice changes nothing, somebody has the sink's connector read numbers
    spec["paused"] = json!(true);
    s.apply::<CdcPipeline>("p19", spec.clone()).await?;
    let paused = Expect::refused(&["Paused"], &["spec.paused"]);
    s.says::<CdcPipeline>("p19", &paused, seconds(30)).await?;
    converter(s, "org.apache.kafka.connect.converters.IntegerConverter").await?;
    shop.sell(s.agent(), ROWS + 1, 20).await?;
    let changes = [
        "UPDATE orders SET customer = 'changed while aside' WHERE id = 501",
        "DELETE FROM orders WHERE id = 1",
        "UPDATE orders SET customer = 'older' WHERE id = 2",
    ];
    s.agent().sql(&shop.source, &changes).await?;
    letters(s, 23).await?;

    // it is mended, and one of the rows changes again
    spec["paused"] = json!(false);
    s.apply::<CdcPipeline>("p19", spec.clone()).await?;
    s.eventually("the connector to be as it is declared", seconds(60), async || {
        let connector: Connector = s.space.get("p19-copy").await.map_err(said)?;
        let found = connector.spec.config.get("value.converter").map(|it| it.as_str().to_owned());
        let mended = found.as_deref().is_some_and(|name| name.ends_with("JsonConverter"));
        if mended { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await?;
    s.ready::<Connector>("p19-copy", seconds(60)).await?;
    s.agent().sql(&shop.source, &["UPDATE orders SET customer = 'newer' WHERE id = 2"]).await?;
    s.eventually("the newer row in the sink", seconds(60), async || {
        let query = "SELECT customer FROM orders WHERE id = 2";
        let here = s.agent().sql_value(&shop.sink, query).await.map_err(|e| chain(e.as_ref()))?;
        if here == "newer" { Ok(()) } else { Err(here) }
    })
    .await?;

    spec["sinks"][0]["replay"] = json!([{"id": "mended"}]);
    s.apply::<CdcPipeline>("p19", spec.clone()).await?;
    let mended = ended(s, "mended").await?;
    let counts = (mended.replayed, mended.superseded, mended.left_out, mended.failed_again);
    ensure!(counts == (Some(21), Some(2), None, Some(0)), "each row once, none that is older: {mended:?}");
    shop.same(s, 30).await.context("the letters' rows should be in the sink, and the newer one untouched")?;

    let records = s.agent().values(&kafka.bootstrap, TOPIC, 0).await?.records;
    for again in 0..5 {
        spec["topics"]["retention"] = json!({"time": format!("{}d", 7 + again)});
        s.apply::<CdcPipeline>("p19", spec.clone()).await?;
    }
    s.ready::<CdcPipeline>("p19", seconds(60)).await?;
    let same = ended(s, "mended").await?;
    ensure!(same == mended, "it ran again: {same:?}");
    let now = s.agent().values(&kafka.bootstrap, TOPIC, 0).await?.records;
    ensure!(now == records, "{now} records, before {records}");

    // what cannot be mended comes back, and nothing is lost by it
    let produced = s.agent().produce_value(&kafka.bootstrap, TOPIC, "this is no change event").await?;
    ensure!(produced.acked == 1, "{produced:?}");
    letters(s, 24).await?;
    spec["sinks"][0]["replay"] = json!([{"id": "mended"}, {"id": "in-vain"}]);
    s.apply::<CdcPipeline>("p19", spec).await?;
    let vain = ended(s, "in-vain").await?;
    let counts = (vain.replayed, vain.superseded, vain.left_out, vain.failed_again);
    ensure!(counts == (Some(1), Some(0), None, Some(1)), "only the new letter: {vain:?}");
    ensure!(vain.message.contains("lastDeadLetter"), "{vain:?}");
    shop.sell(s.agent(), 2001, 20).await?;
    shop.same(s, 60).await?;
    s.ready::<CdcPipeline>("p19", seconds(30)).await.map(drop)
}

/// Behind Sluice's back; until the connector runs with it.
async fn converter(s: &Scene<'_>, class: &str) -> Result<()> {
    let patch: Value = json!({"spec": {"config": {"value.converter": class}}});
    s.merge::<Connector>("p19-copy", patch).await?;
    s.ready::<Connector>("p19-copy", seconds(60)).await.map(drop)
}

async fn letters(s: &Scene<'_>, count: i64) -> Result<()> {
    s.eventually(&format!("status to count {count} dead letters"), seconds(60), async || {
        let pipeline: CdcPipeline = s.space.get("p19").await.map_err(said)?;
        let sinks = pipeline.status.unwrap_or_default().sinks;
        let found = sinks.first().and_then(|sink| sink.dead_letters);
        if found == Some(count) { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await
}

/// Until the replay has come to its end.
async fn ended(s: &Scene<'_>, id: &str) -> Result<Replay> {
    s.eventually(&format!("the replay {id} to end"), seconds(90), async || {
        let pipeline: CdcPipeline = s.space.get("p19").await.map_err(said)?;
        let runs = pipeline.status.clone().unwrap_or_default().replays;
        let run = runs.into_iter().find(|run| run.id == id).ok_or_else(|| verdict(&pipeline))?;
        if run.state == "Done" { Ok(run) } else { Err(format!("{run:?}")) }
    })
    .await
}
