//! A cluster that is not left alone: faults and edits in an order that a seed decides, while a producer goes on.
//!
//! `faults` is what is done, `watch` sees how soon status says it and when all is well again, `judge` asks Kafka at the end:
//! every acknowledged record is there, no throttle is left, and status says what Kafka says. `pipeline` does the same to a pipeline while a shop
//! trades in its source: in the end its sink is the source, row by row.

use std::fmt;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;
use sluice_crds::{KafkaCluster, Topic};

use crate::install;
use crate::kubernetes::objects::Space;
use crate::kubernetes::operator::Operator;
use crate::kubernetes::{self, dump};
use crate::scene::{Agent, Kafka, Place, kafka};
use crate::ui::Ui;
use crate::wait::{chain, seconds};

mod bed;
mod faults;
mod judge;
mod pipeline;
mod watch;

use faults::Fault;

/// Namespace of all of it.
const NAMESPACE: &str = "e2e-chaos";
const CLUSTER: &str = "kafka";
/// Where the producer writes.
const TOPIC: &str = "numbered";
/// After a fault. The slowest is a roll of three nodes on a machine with two cores.
const HEALED: Duration = seconds(240);
/// After a node has failed to start: the kubelet waits for up to five minutes before it tries again.
const BACKED_OFF: Duration = seconds(420);

#[derive(clap::Args)]
pub struct Args {
    /// For how long faults are made; what the last one did is waited for
    #[arg(long, default_value_t = 8)]
    minutes: u64,
    /// Which faults, and in which order: that of an earlier run makes the same again
    #[arg(long)]
    seed: Option<u64>,
    /// Disturb a pipeline, with the databases and workers that it has, and not only Kafka
    #[arg(long)]
    pipeline: bool,
    /// Leave the namespace as it is at the end
    #[arg(long)]
    keep: bool,
}

/// What is disturbed.
pub struct Arena {
    pub place: Place,
    pub agent: Agent,
    pub kafka: Kafka,
    pub operator: Operator,
    /// Power and network of the machines, where they are ours.
    pub bed: Option<bed::Bed>,
}

pub async fn main(args: Args) -> Result<ExitCode> {
    let seed = match args.seed {
        Some(seed) => seed,
        None => u64::from(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.subsec_nanos()),
    };
    let ui = Ui::new();
    ui.say(format!("seed {seed}: `e2e chaos --seed {seed}` makes the same faults in the same order"));
    let done = async {
        if args.pipeline { pipeline::play(&ui, &args, seed).await } else { play(&ui, &args, seed).await }
    };
    let done = Box::pin(ui.during(done)).await;
    match done {
        Ok(sum) => {
            ui.say(format!("seed {seed}: {sum}"));
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            ui.say(format!("FAIL seed {seed}: {}", chain(error.as_ref())));
            Ok(ExitCode::FAILURE)
        }
    }
}

async fn play(ui: &Arc<Ui>, args: &Args, seed: u64) -> Result<String> {
    let client = kubernetes::connect().await?;
    let place = Place::new(Space::new(client.clone(), NAMESPACE), ui.begin("chaos"));
    place.remove_space().await?;
    place.space.create().await?;
    let agent = Agent::start(&place).await?;
    let kafka = kafka::bring_up(&place, CLUSTER, kafka::spec(3)).await?;
    let operator = Operator::find(&client).await?;
    let bed = bed::Bed::find().await?;
    let arena = Arena { place, agent, kafka, operator, bed };
    let began = Instant::now();
    let played = disturb(ui, &arena, Duration::from_secs(args.minutes * 60), seed).await;
    leave(ui, &arena.place, &arena.operator, began, args.keep, played).await
}

/// Writes down how all of it was left by what went wrong, and takes it away.
async fn leave<T>(
    ui: &Ui,
    place: &Place,
    operator: &Operator,
    began: Instant,
    keep: bool,
    played: Result<T>,
) -> Result<T> {
    if played.is_err() {
        let folder = install::repository()?.join("e2e/out/chaos");
        let written = dump::write(&folder, &[&place.space], Some(operator), began.elapsed()).await;
        ui.say(format!(
            "  everything about it: {} {}",
            folder.display(),
            written.err().map_or_else(String::new, |e| format!("({e:#})"))
        ));
    }
    if !keep {
        place.clear().await?;
        place.remove_space().await?;
    }
    played
}

async fn disturb(ui: &Ui, arena: &Arena, period: Duration, seed: u64) -> Result<String> {
    let spec = json!({
        "clusterRef": {"name": CLUSTER}, "partitions": 6, "replicationFactor": 3,
        "config": {"min.insync.replicas": 2}, "deletionPolicy": "Delete",
    });
    arena.place.apply::<Topic>(TOPIC, spec).await?;
    arena.place.ready::<Topic>(TOPIC, seconds(30)).await?;
    let producing = arena.agent.start_numbered(&arena.kafka.bootstrap, TOPIC).await?;
    let mut dice = fastrand::Rng::with_seed(seed);
    let began = Instant::now();
    let bed = arena.bed.as_ref();
    let roll = |made, spare: &[u32]| Fault::roll(&mut dice, made, spare);
    let (made, failure) =
        faults(ui, (bed, &arena.place), period, roll, async |fault| one(arena, fault).await).await?;
    // also when something failed: whether records were lost is what matters most
    let produced = producing.finish().await.context("the producer's last words")?;
    let read = judge::every_acknowledged_record_is_there(arena, &produced).await;
    judged(failure, read)?;
    judge::no_throttle_is_left(arena).await?;
    judge::status_says_what_kafka_says(arena).await?;
    Ok(format!(
        "{made} faults in {:.0} s; {} records acknowledged and read back ({} not acknowledged{}; the slowest after {:.1} s); no \
         throttle left; status says what Kafka says",
        began.elapsed().as_secs_f64(),
        produced.acked,
        produced.failed,
        produced.first_error.map_or_else(String::new, |error| format!(": {error}")),
        Duration::from_millis(produced.slowest_ms).as_secs_f64(),
    ))
}

/// Makes faults for so long, or until one is not mended in time; how many there were, and why it ended early. The machines are as they were.
async fn faults<F: fmt::Display>(
    ui: &Ui,
    (bed, place): (Option<&bed::Bed>, &Place),
    period: Duration,
    mut roll: impl FnMut(usize, &[u32]) -> F,
    one: impl AsyncFn(&F) -> Result<String>,
) -> Result<(usize, Option<anyhow::Error>)> {
    let (began, mut made, mut failure) = (Instant::now(), 0, None);
    while began.elapsed() < period && failure.is_none() {
        let fault = roll(made, &bed::machines(bed, place).await?);
        made += 1;
        match one(&fault).await {
            Ok(line) => ui.say(format!("  {:>5.0} s  {line}", began.elapsed().as_secs_f64())),
            Err(error) => failure = Some(error.context(format!("fault {made}, {fault}"))),
        }
    }
    if let Some(bed) = bed {
        bed.restore().await?;
    }
    ensure!(made > 0, "no fault was made");
    Ok((made, failure))
}

/// What was found in the end counts also where a fault was not mended: what is lost matters most.
fn judged<T>(failure: Option<anyhow::Error>, found: Result<T>) -> Result<T> {
    let Some(failure) = failure else { return found };
    let lost = found.err().map_or_else(String::new, |error| format!("; and {error:#}"));
    bail!("{}{lost}", chain(failure.as_ref()));
}

/// Makes a fault and waits until it is mended; how soon status said it, and how long it took.
async fn one(arena: &Arena, fault: &Fault) -> Result<String> {
    let began = Instant::now();
    let must = fault.is_to_be_shown();
    let mut watching = watch::Watching::start(&arena.place, CLUSTER, must, watch::trouble);
    fault.make(arena, &mut watching).await?;
    let within = if matches!(fault, Fault::FullDisk { .. }) { BACKED_OFF } else { HEALED };
    let shown = watching.until_healed(&arena.place, within, async || watch::is_well(arena).await).await?;
    fault.has_come_true(arena).await?;
    judge::status_says_what_kafka_says(arena).await?;
    let shown = shown.map_or_else(|| "nothing to say".to_owned(), |shown| shown.to_string());
    Ok(format!("{fault} → {shown} → well after {:.1} s", began.elapsed().as_secs_f64()))
}

impl Arena {
    pub async fn cluster(&self) -> Result<KafkaCluster> {
        self.place.get(CLUSTER).await
    }
}
