//! What happens at the far end of a pipeline.

use anyhow::{Context, Result, ensure};
use serde_json::json;
use sluice_crds::CdcPipeline;

use crate::kubernetes::conditions::{condition, verdict};
use crate::scene::Scene;
use crate::scene::pipeline::{ROWS, Shop};
use crate::wait::{chain, said, seconds};

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
    let last = told.last_dead_letter.context("status does not show the last dead letter")?;
    ensure!(
        (last.topic.as_str(), last.partition) == ("p10.public.orders", 0)
            && last.error.contains("JsonParseException"),
        "{last:?}"
    );
    let topic = told.dead_letter_topic.context("status names no dead-letter topic")?;
    let letters = s.agent().values(&kafka.bootstrap, &topic, 5).await?;
    ensure!(letters.records == 1 && letters.values == [poison], "in {topic}: {letters:?}");
    s.ready::<CdcPipeline>("p10", seconds(30)).await.map(drop)
}

/// Seconds that nothing can be written to the sink.
const LOCKED: u64 = 110;

pub async fn p13_a_sink_that_is_stuck_falls_behind_and_is_named(s: &Scene<'_>) -> Result<()> {
    let (connect, database) = (s.shared_connect().await?, s.shared_postgres().await?);
    let shop = Shop::open(s, s.agent(), database, database, "p13").await?;
    let mut spec = shop.spec(connect, database, database);
    spec["source"]["postgres"]["heartbeat"] = json!({"intervalSeconds": 5});
    spec["objectives"] = json!({"maxLag": "40s", "maxSnapshotDuration": "1h"});
    s.apply::<CdcPipeline>("p13", spec).await?;
    s.ready::<CdcPipeline>("p13", seconds(90)).await?;
    shop.same(s, 30).await?;
    objective(s, "LagBudget", "True", &[]).await?;
    objective(s, "SnapshotBudget", "True", &[]).await?;

    // the connector runs, and waits in the database; a lock that is logged would hold up everybody's new slots too
    let wait = format!("SELECT pg_sleep({LOCKED})::text");
    let lock = ["BEGIN", "LOCK TABLE orders IN SHARE ROW EXCLUSIVE MODE", &wait, "COMMIT"];
    let locked = s.agent().sql(&shop.sink, &lock);
    let seen = async {
        const HELD: &str = "SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
            WHERE c.relname = 'orders' AND l.mode = 'ShareRowExclusiveLock' AND l.granted";
        s.eventually("the sink's table to be locked", seconds(20), async || {
            let held = s.agent().sql_value(&shop.sink, HELD).await.map_err(|e| chain(e.as_ref()))?;
            if held == "1" { Ok(()) } else { Err(format!("{held} such locks")) }
        })
        .await?;
        shop.sell(s.agent(), ROWS + 1, 50).await?;
        objective(s, "LagBudget", "False", &["Sink copy", "40 s (objectives.maxLag)", "p13-copy"]).await?;
        let first = lag(s).await.map_err(anyhow::Error::msg)?;
        s.eventually("the lag to grow while nothing moves", seconds(60), async || {
            let now = lag(s).await?;
            if now >= first + 20 { Ok(()) } else { Err(format!("{now} s, before {first} s")) }
        })
        .await
    };
    let (locked, seen) = tokio::join!(locked, seen);
    seen?;
    locked?;
    shop.same(s, 60).await?;
    objective(s, "LagBudget", "True", &[]).await?;
    s.ready::<CdcPipeline>("p13", seconds(30)).await.map(drop)
}

async fn lag(s: &Scene<'_>) -> Result<i64, String> {
    let pipeline: CdcPipeline = s.space.get("p13").await.map_err(said)?;
    let sink = pipeline.status.unwrap_or_default().sinks.into_iter().next().ok_or("no sink in status")?;
    sink.lag_seconds.ok_or_else(|| "status does not say".into())
}

/// Until the condition has this status, and its message these words.
async fn objective(s: &Scene<'_>, kind: &str, status: &str, words: &[&str]) -> Result<()> {
    s.eventually(&format!("{kind}={status} {words:?}"), seconds(90), async || {
        let pipeline: CdcPipeline = s.space.get("p13").await.map_err(said)?;
        let found = condition(&pipeline, kind).ok_or_else(|| verdict(&pipeline))?;
        let met = found.status == status && words.iter().all(|word| found.message.contains(word));
        if met { Ok(()) } else { Err(format!("{} {}: {}", found.status, found.reason, found.message)) }
    })
    .await
}
