//! What happens at the far end of a pipeline.

use anyhow::{Context, Result, ensure};
use serde_json::json;
use sluice_crds::CdcPipeline;

use crate::scene::Scene;
use crate::scene::pipeline::{ROWS, Shop};
use crate::wait::{said, seconds};

pub async fn p10_a_poison_record_goes_to_the_dead_letters(s: &Scene<'_>) -> Result<()> {
    let kafka = s.shared_kafka().await?;
    let connect = s.shared_connect().await?;
    let database = s.shared_postgres().await?;
    let shop = Shop::open(s, s.agent(), database, database, "p10").await?;
    let mut spec = shop.spec(connect, database, database);
    spec["sinks"][0]["deadLetter"] = json!({});
    s.apply::<CdcPipeline>("p10", spec).await?;
    s.ready::<CdcPipeline>("p10", seconds(90)).await?;
    shop.same(s, 30).await?;

    let poison = "this is no change event";
    let produced = s.agent().produce_value(&kafka.bootstrap, "p10.public.orders", poison).await?;
    ensure!(produced.acked == 1, "{produced:?}");
    shop.sell(s.agent(), ROWS + 1, 20).await?;
    shop.same(s, 30).await.context("the flow should go on behind the poison record")?;

    let told = s
        .eventually("status to count one dead letter", seconds(30), async || {
            let pipeline: CdcPipeline = s.space.get("p10").await.map_err(said)?;
            let sink =
                pipeline.status.unwrap_or_default().sinks.into_iter().next().ok_or("no sink in status")?;
            if sink.dead_letters == Some(1) { Ok(sink) } else { Err(format!("{:?}", sink.dead_letters)) }
        })
        .await?;
    let topic = told.dead_letter_topic.context("status names no dead-letter topic")?;
    let letters = s.agent().values(&kafka.bootstrap, &topic, 5).await?;
    ensure!(letters.records == 1 && letters.values == [poison], "in {topic}: {letters:?}");
    s.ready::<CdcPipeline>("p10", seconds(30)).await.map(drop)
}
