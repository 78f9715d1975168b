//! Records in, records out.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use futures::stream::{FuturesUnordered, StreamExt};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{Offset, TopicPartitionList};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt;

use super::kafka::client;
use super::latency::rank;
use super::numbers;

#[derive(clap::Args)]
pub struct Produce {
    #[arg(long)]
    pub bootstrap: String,
    #[arg(long)]
    pub topic: String,
    /// How many; without it, until stdin ends
    #[arg(long)]
    pub count: Option<u64>,
    /// Records per second; without it, as fast as they are taken
    #[arg(long)]
    pub rate: Option<u32>,
    #[arg(long, default_value = "all")]
    pub acks: String,
    /// Keys are PREFIX-0, PREFIX-1, …
    #[arg(long, default_value = "record")]
    pub prefix: String,
    /// Value of every record; without it, the key
    #[arg(long)]
    pub value: Option<String>,
    /// Further settings of the client: KEY=VALUE
    #[arg(long = "set")]
    pub settings: Vec<String>,
    /// How long the client tries to deliver a record before it gives up
    #[arg(long, default_value_t = 30_000)]
    pub patience_ms: u32,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Produced {
    pub acked: u64,
    pub failed: u64,
    pub first_error: Option<String>,
    /// Numbers of records that were not acknowledged; they may be there all the same.
    pub unacknowledged: Vec<u64>,
    /// Times from handing a record over to its acknowledgement: below this are 99 of 100, and the longest.
    pub p99_ms: f64,
    pub slowest_ms: u64,
}

#[derive(clap::Args)]
pub struct Consume {
    #[arg(long)]
    pub bootstrap: String,
    #[arg(long)]
    pub topic: String,
    /// Count only keys that begin so
    #[arg(long, default_value = "")]
    pub prefix: String,
    /// Give back the first N values
    #[arg(long, default_value_t = 0)]
    pub values: usize,
    /// Further settings of the client: KEY=VALUE
    #[arg(long = "set")]
    pub settings: Vec<String>,
    /// Look for PREFIX-0 up to PREFIX-N, without N
    #[arg(long, default_value_t = 0)]
    pub numbers: u64,
    /// Of these, numbers that need not be there: 3,7-9
    #[arg(long, value_delimiter = ',', value_parser = numbers::run)]
    pub but: Vec<RangeInclusive<u64>>,
    #[arg(long, default_value_t = 30)]
    pub patience_s: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Consumed {
    pub records: u64,
    /// Different keys among them.
    pub distinct: u64,
    /// Of the numbers that were asked for, how many are not there, and the first of them.
    pub missing: u64,
    pub first_missing: Option<u64>,
    pub values: Vec<String>,
}

pub async fn produce(args: Produce) -> Result<Produced> {
    let mut config = configured(&args.bootstrap, &args.settings)?;
    let producer: FutureProducer = config
        .set("acks", &args.acks)
        .set("enable.idempotence", if args.acks == "all" { "true" } else { "false" })
        .set("message.timeout.ms", args.patience_ms.to_string())
        .set("linger.ms", "1")
        .create()?;
    let mut told = Produced::default();
    let mut times = Vec::new();
    let mut flying = FuturesUnordered::new();
    let mut stdin = tokio::io::stdin();
    let mut ignored = [0; 64];
    let mut pace =
        tokio::time::interval(args.rate.map_or(Duration::from_micros(1), |r| Duration::from_secs(1) / r));
    let mut next = 0;
    loop {
        let more = args.count.is_none_or(|count| next < count);
        if !more && flying.is_empty() {
            break;
        }
        tokio::select! {
            Some(delivery) = flying.next() => note(&mut told, &mut times, delivery),
            read = stdin.read(&mut ignored), if args.count.is_none() => if read? == 0 { break },
            _ = pace.tick(), if more && flying.len() < 10_000 => {
                flying.push(send(&producer, &args, next));
                next += 1;
            }
        }
    }
    while let Some(delivery) = flying.next().await {
        note(&mut told, &mut times, delivery);
    }
    times.sort_unstable_by(f64::total_cmp);
    told.p99_ms = if times.is_empty() { 0.0 } else { rank(&times, 99) };
    Ok(told)
}

fn configured(bootstrap: &str, settings: &[String]) -> Result<ClientConfig> {
    let mut config = client(bootstrap);
    for setting in settings {
        let (key, value) = setting.split_once('=').with_context(|| format!("{setting}: KEY=VALUE"))?;
        config.set(key, value);
    }
    Ok(config)
}

async fn send(producer: &FutureProducer, args: &Produce, n: u64) -> Result<Duration, (u64, String)> {
    let key = format!("{}-{n}", args.prefix);
    let value = args.value.as_deref().unwrap_or(&key);
    let start = Instant::now();
    let record = FutureRecord::to(&args.topic).key(&key).payload(value);
    match producer.send(record, Duration::from_millis(u64::from(args.patience_ms))).await {
        Ok(_) => Ok(start.elapsed()),
        Err((error, _)) => Err((n, error.to_string())),
    }
}

fn note(told: &mut Produced, times: &mut Vec<f64>, delivery: Result<Duration, (u64, String)>) {
    match delivery {
        Ok(took) => {
            told.acked += 1;
            told.slowest_ms = told.slowest_ms.max(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
            times.push(took.as_secs_f64() * 1000.0);
        }
        Err((n, error)) => {
            told.failed += 1;
            told.unacknowledged.push(n);
            told.first_error.get_or_insert(error);
        }
    }
}

pub async fn consume(args: Consume) -> Result<Consumed> {
    tokio::task::spawn_blocking(move || read(&args)).await?
}

fn read(args: &Consume) -> Result<Consumed> {
    let deadline = Instant::now() + Duration::from_secs(args.patience_s);
    let left = || deadline.saturating_duration_since(Instant::now());
    let consumer: BaseConsumer = configured(&args.bootstrap, &args.settings)?
        .set("group.id", "e2e-agent") // never joined: partitions are assigned by hand
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "false")
        .set("isolation.level", "read_uncommitted")
        .create()?;
    let metadata = consumer.fetch_metadata(Some(&args.topic), left()).context("fetch metadata")?;
    let topic = metadata.topics().first().context("no metadata for the topic")?;
    if let Some(error) = topic.error() {
        bail!("{}: {error:?}", args.topic);
    }
    let mut assignment = TopicPartitionList::new();
    let mut ends = std::collections::BTreeMap::new();
    for partition in topic.partitions() {
        let (low, high) = consumer.fetch_watermarks(&args.topic, partition.id(), left())?;
        if high > low {
            assignment.add_partition_offset(&args.topic, partition.id(), Offset::Beginning)?;
            ends.insert(partition.id(), high);
        }
    }
    consumer.assign(&assignment)?;
    let mut keys = BTreeSet::new();
    let mut told = Consumed { records: 0, distinct: 0, missing: 0, first_missing: None, values: Vec::new() };
    while !ends.is_empty() {
        let Some(message) = consumer.poll(left()) else {
            bail!("{} s were not enough: {} partitions not read to their end", args.patience_s, ends.len());
        };
        let message = message?;
        if ends.get(&message.partition()).is_some_and(|end| message.offset() + 1 >= *end) {
            ends.remove(&message.partition());
        }
        let key = String::from_utf8_lossy(message.key().unwrap_or_default()).into_owned();
        if key.starts_with(&args.prefix) {
            told.records += 1;
            keys.insert(key);
            if told.values.len() < args.values {
                told.values.push(String::from_utf8_lossy(message.payload().unwrap_or_default()).into_owned());
            }
        }
    }
    told.distinct = keys.len() as u64;
    let missing = |n: &u64| {
        !args.but.iter().any(|run| run.contains(n)) && !keys.contains(&format!("{}-{n}", args.prefix))
    };
    let missing: Vec<u64> = (0..args.numbers).filter(missing).collect();
    (told.missing, told.first_missing) = (missing.len() as u64, missing.first().copied());
    Ok(told)
}
