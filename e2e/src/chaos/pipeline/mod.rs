//! A pipeline that is not left alone, while a shop trades in its source (`e2e/workload`).
//!
//! `faults` is what is done. After each the pipeline must be well again by itself; in the end the sink must be the source, row by row.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::json;
use sluice_crds::CdcPipeline;

use super::bed::Bed;
use super::watch::Watching;
use super::{Args, CLUSTER, HEALED, NAMESPACE};
use crate::agent::workload::TABLES;
use crate::kubernetes;
use crate::kubernetes::conditions::{condition, ready};
use crate::kubernetes::objects::Space;
use crate::kubernetes::operator::Operator;
use crate::scene::pipeline::Shop;
use crate::scene::postgres::{self, Options};
use crate::scene::{Agent, Connect, Kafka, Place, Postgres, connect, kafka};
use crate::ui::Ui;
use crate::wait::{chain, said, seconds};

mod faults;

use faults::Fault;

const NAME: &str = "shop";
/// Reads the source.
const KEEPER: &str = "keeper";
/// Transactions a second.
const RATE: u64 = 40;
/// Every change has arrived so long after the shop has closed.
const ARRIVED: Duration = seconds(120);

/// What is disturbed.
pub struct Arena {
    place: Place,
    agent: Agent,
    operator: Operator,
    source: Postgres,
    sink: Postgres,
    shop: Shop,
    /// Network of the machines, where they are ours.
    bed: Option<Bed>,
}

pub async fn play(ui: &Arc<Ui>, args: &Args, seed: u64) -> Result<String> {
    let client = kubernetes::connect().await?;
    let place = Place::new(Space::new(client.clone(), NAMESPACE), ui.begin("chaos"));
    place.remove_space().await?;
    place.space.create().await?;
    let agent = Agent::start(&place).await?;
    let operator = Operator::find(&client).await?;
    let kafka = async {
        let kafka: Kafka = kafka::bring_up(&place, CLUSTER, kafka::spec(3)).await?;
        let connect = connect::bring_up(&place, "connect", connect::spec(CLUSTER)).await?;
        anyhow::Ok((kafka, connect))
    };
    let persistent = || Options { persistent: true, ..Options::default() };
    let ((_, connect), source, sink) = tokio::try_join!(
        kafka,
        postgres::bring_up(&place, "source", persistent()),
        postgres::bring_up(&place, "sink", persistent()),
    )?;
    let shop = Shop {
        name: NAME.into(),
        source: source.database(&place, &agent, "shop_source").await?,
        sink: sink.database(&place, &agent, "shop_sink").await?,
    };
    let bed = Bed::find().await?;
    let arena = Arena { place, agent, operator, source, sink, shop, bed };
    arena.open(&connect, seed).await?;
    let began = Instant::now();
    let played = disturb(ui, &arena, Duration::from_secs(args.minutes * 60), seed).await;
    super::leave(ui, &arena.place, &arena.operator, began, args.keep, played).await
}

async fn disturb(ui: &Ui, arena: &Arena, period: Duration, seed: u64) -> Result<String> {
    let trading = arena.agent.start_trading(&arena.shop.source, seed, RATE).await?;
    let mut dice = fastrand::Rng::with_seed(seed);
    let began = Instant::now();
    let bed = arena.bed.as_ref();
    let roll = |made, spare: &[u32]| Fault::roll(&mut dice, made, spare);
    let (made, failure) =
        super::faults(ui, (bed, &arena.place), period, roll, async |fault| one(arena, fault).await).await?;
    // also when something failed: whether rows were lost is what matters most
    let traded = trading.finish().await.context("the shop's last words")?;
    let rows = super::judged(failure, arena.arrived().await)?;
    Ok(format!(
        "{made} faults in {:.0} s; {} transactions committed, {} rolled back, {} cut short; the sink is the source, {rows} rows",
        began.elapsed().as_secs_f64(),
        traded.committed,
        traded.rolled_back,
        traded.lost,
    ))
}

/// Makes a fault and waits until it is mended; how soon status said it, and how long it took.
async fn one(arena: &Arena, fault: &Fault) -> Result<String> {
    let began = Instant::now();
    let watching = Watching::start(&arena.place, NAME, fault.is_to_be_shown(), trouble);
    fault.make(arena).await?;
    let shown = watching.until_healed(&arena.place, HEALED, async || arena.is_well().await).await?;
    let shown = shown.map_or_else(|| "nothing to say".to_owned(), |shown| shown.to_string());
    Ok(format!("{fault} → {shown} → well after {:.1} s", began.elapsed().as_secs_f64()))
}

/// What a pipeline's status says is wrong.
fn trouble(pipeline: &CdcPipeline) -> Option<String> {
    let ready = condition(pipeline, "Ready").filter(|ready| ready.status != "True")?;
    Some(ready.reason)
}

impl Arena {
    /// The shop opens, and its pipeline runs.
    async fn open(&self, connect: &Connect, seed: u64) -> Result<()> {
        self.agent.workload(&self.shop.source, seed, 0, RATE).await?;
        let mut spec = self.shop.spec(connect, &self.source, &self.sink);
        // the shop goes on when its password changes
        let role = format!("CREATE ROLE {KEEPER} SUPERUSER LOGIN PASSWORD '{}'", postgres::PASSWORD);
        self.agent.sql(&self.shop.source, &[&role]).await?;
        spec["source"]["postgres"]["user"] = KEEPER.into();
        spec["tables"] = TABLES.map(|table| format!("public.{table}")).into();
        spec["topics"] = json!({"replicationFactor": 3});
        self.place.apply::<CdcPipeline>(NAME, spec).await?;
        self.place.ready::<CdcPipeline>(NAME, seconds(120)).await.map(drop)
    }

    async fn is_well(&self) -> Result<(), String> {
        let pipeline: CdcPipeline = self.place.space.get(NAME).await.map_err(said)?;
        ready(&pipeline)?;
        // and changes flow: one that is made now arrives
        let mark = "UPDATE products SET weight = extract(epoch FROM clock_timestamp()) WHERE name = 'Thing 200' RETURNING weight::text";
        let there = self.agent.sql_value(&self.shop.source, mark).await.map_err(|e| chain(e.as_ref()))?;
        let look = format!("SELECT count(*)::text FROM products WHERE weight >= {there}");
        for _ in 0..10 {
            let here = self.agent.sql_value(&self.shop.sink, &look).await.map_err(|e| chain(e.as_ref()))?;
            if here != "0" {
                return Ok(());
            }
        }
        Err("a change that was made has not arrived yet".into())
    }

    /// Rows, once both sides have the same.
    async fn arrived(&self) -> Result<usize> {
        self.place
            .eventually("the sink to be the source", ARRIVED, async || {
                let compared =
                    self.agent.compare(&self.shop, &TABLES).await.map_err(|e| chain(e.as_ref()))?;
                if compared.is_same() { Ok(compared.same) } else { Err(format!("{compared:?}")) }
            })
            .await
    }
}
