//! What a real shop does all day.

use anyhow::{Result, ensure};
use serde_json::json;
use sluice_crds::CdcPipeline;

use crate::agent::workload::TABLES;
use crate::scene::Scene;
use crate::scene::pipeline::Shop;
use crate::wait::{chain, seconds};

const SEED: u64 = 20;
/// A second.
const RATE: u64 = 60;

pub async fn p20_the_reference_workload_arrives_row_by_row(s: &Scene<'_>) -> Result<()> {
    let (kafka, connect, database) =
        (s.shared_kafka().await?, s.shared_connect().await?, s.shared_postgres().await?);
    let agent = s.agent();
    let shop = Shop {
        name: "p20".into(),
        source: database.database(s, agent, "p20_source").await?,
        sink: database.database(s, agent, "p20_sink").await?,
    };
    agent.workload(&shop.source, SEED, 0, RATE).await?;

    let mut spec = shop.spec(connect, database, database);
    spec["tables"] = TABLES.map(|table| format!("public.{table}")).into();
    // the one without a key goes to its topic, and to no sink
    let mut visits = spec.clone();
    (visits["tables"], visits["sinks"]) = (json!(["public.visits"]), json!([]));
    s.apply::<CdcPipeline>("p20", spec).await?;
    s.apply::<CdcPipeline>("p20-visits", visits).await?;
    // the first is drawn while the rows that were there before are read
    for (seed, seconds_long) in [(SEED, 20), (SEED + 1, 10)] {
        let done = agent.workload(&shop.source, seed, RATE * seconds_long, RATE).await?;
        ensure!(done.rolled_back > 0, "nobody changed their mind: {done:?}");
        for name in ["p20", "p20-visits"] {
            s.ready::<CdcPipeline>(name, seconds(90)).await?;
        }
        s.eventually("the sink to hold the shop's rows", seconds(60), async || {
            let compared = agent.compare(&shop, &TABLES).await.map_err(|error| chain(error.as_ref()))?;
            if compared.is_same() && compared.same > 500 { Ok(()) } else { Err(format!("{compared:?}")) }
        })
        .await?;
    }
    let visits: u64 = agent.sql_value(&shop.source, "SELECT count(*) FROM visits").await?.parse()?;
    s.eventually(&format!("the topic to have the {visits} visits"), seconds(30), async || {
        let there = agent.values(&kafka.bootstrap, "p20-visits.public.visits", 1).await;
        let there = there.map_err(|error| chain(error.as_ref()))?;
        if there.records == visits { Ok(()) } else { Err(format!("{there:?}")) }
    })
    .await
}
