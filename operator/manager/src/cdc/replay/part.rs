use std::collections::BTreeMap;

use sluice_clients::connect::replay::{addressed, bare, copy, seen, tombstone};
use sluice_clients::kafka::{At, Client, NewRecord, Offsets, Peeked, Record, Tail, TopicPartition};
use sluice_core::cdc::replay::{Batch, Letter, Place, Sending, What};

use super::task::{Job, Stop};
use crate::context::Context;

/// Letters that are sent at once, in bytes: the topics are read once for all of them.
const ALL: usize = 32 << 20;
/// What goes in one batch: a broker takes a megabyte by default (`max.message.bytes`).
const BYTES: usize = 256 << 10;

/// Records of a dead-letter topic from an offset on, a few megabytes at most, and where to go on.
pub async fn page(client: &Client, topic: &str, from: i64) -> Result<(Vec<Record>, i64), Stop> {
    let tail = read(client, &TopicPartition { topic: topic.to_owned(), partition: 0 }, from).await?;
    Ok((tail.records, tail.next))
}

/// What the letters say of themselves, and what is sent of them.
#[derive(Default)]
pub struct Part {
    told: Vec<Letter>,
    records: Vec<Record>,
    bytes: usize,
}

impl Part {
    pub fn is_full(&self) -> bool {
        self.bytes >= ALL
    }

    pub fn take(&mut self, record: Record) {
        self.told.push(addressed(&record));
        let record = bare(record);
        self.bytes += size(record.key.as_ref(), record.value.as_ref());
        self.records.push(record);
    }
}

fn size(key: Option<&Vec<u8>>, value: Option<&Vec<u8>>) -> usize {
    key.map_or(0, Vec::len) + value.map_or(0, Vec::len)
}

/// Sends letters that are the newest of their rows, and looks until nothing has overtaken them.
pub async fn send(client: &Client, job: &Job, part: &Part) -> Result<Batch, Stop> {
    let bounds = bounds(client, job, &part.told).await?;
    let mut batch = Batch::new(&job.run, &part.told, &job.topics, &bounds);
    loop {
        for (place, from) in batch.asks() {
            show(client, &mut batch, &place, from).await?;
        }
        let sends = batch.sends();
        if sends.is_empty() {
            return Ok(batch);
        }
        write(client, &mut batch, &part.records, &sends).await?;
    }
}

/// Where the partitions of letters begin and end.
async fn bounds(client: &Client, job: &Job, letters: &[Letter]) -> Result<BTreeMap<Place, (i64, i64)>, Stop> {
    let from = letters.iter().filter_map(|letter| letter.from.as_ref());
    let mut topics: Vec<&str> =
        from.map(|(place, _)| place.topic.as_str()).filter(|topic| job.topics.contains(*topic)).collect();
    topics.sort_unstable();
    topics.dedup();
    if topics.is_empty() {
        return Ok(BTreeMap::new());
    }
    let begins = client.list_offsets(&topics, At::Earliest).await?;
    let ends = client.list_offsets(&topics, At::Latest).await?;
    let known = |offsets: &Offsets, at: &TopicPartition| match offsets.get(at) {
        Some(Ok(offset)) => Ok(*offset),
        Some(Err(error)) => Err(Stop::Again(format!("{}-{}: {error}", at.topic, at.partition))),
        None => Err(Stop::Again(format!("{}-{} is not there", at.topic, at.partition))),
    };
    ends.keys()
        .map(|at| {
            let place = Place { topic: at.topic.clone(), partition: at.partition };
            Ok((place, (known(&begins, at)?, known(&ends, at)?)))
        })
        .collect()
}

/// Shows a partition to its end as it is now.
async fn show(client: &Client, batch: &mut Batch, place: &Place, from: i64) -> Result<(), Stop> {
    let at = partition(place);
    let mut next = from;
    loop {
        let tail = read(client, &at, next).await?;
        for record in &tail.records {
            batch.saw(place, &seen(record));
        }
        next = tail.next;
        batch.read_to(place, next);
        if next >= tail.end {
            return Ok(());
        }
    }
}

async fn write(
    client: &Client,
    batch: &mut Batch,
    letters: &[Record],
    sends: &[Sending],
) -> Result<(), Stop> {
    for of_place in sends.chunk_by(|a, b| a.place == b.place) {
        let at = partition(&of_place[0].place);
        let (mut records, mut of, mut bytes) = (Vec::new(), Vec::new(), 0);
        for sending in of_place {
            let record = made(client, letters, sending).await?;
            let size = size(record.key.as_ref(), record.value.as_ref());
            if bytes + size > BYTES && !records.is_empty() {
                produce(client, batch, &at, &std::mem::take(&mut records), &std::mem::take(&mut of)).await?;
                bytes = 0;
            }
            bytes += size;
            records.push(record);
            of.push(sending);
        }
        produce(client, batch, &at, &records, &of).await?;
    }
    Ok(())
}

/// The record that is to be written.
async fn made(client: &Client, letters: &[Record], sending: &Sending) -> Result<NewRecord, Stop> {
    let letter = &letters[sending.letter];
    let at = match sending.what {
        What::Letter => return Ok(copy(letter, &sending.copied)),
        What::Nothing => return Ok(tombstone(letter, &sending.copied)),
        What::Newest(at) => at,
    };
    let place = partition(&sending.place);
    let mut peeks = client.peek(&BTreeMap::from([(place.clone(), at)])).await?;
    match peeks.remove(&place) {
        Some(Ok(Peeked::Record(record))) if record.offset == at => Ok(copy(&record, &sending.copied)),
        _ => Err(Stop::Again(format!("{}-{} does not show offset {at}", place.topic, place.partition))),
    }
}

async fn produce(
    client: &Client,
    batch: &mut Batch,
    at: &TopicPartition,
    records: &[NewRecord],
    of: &[&Sending],
) -> Result<(), Stop> {
    let now = Context::now().as_millisecond();
    let Err(error) = client.produce(at, records, now).await? else { return Ok(()) };
    let why = format!("{}-{}: {error}", at.topic, at.partition);
    if error.code.is_retriable() || of.iter().any(|sending| sending.what != What::Letter) {
        return Err(Stop::Again(why));
    }
    for sending in of {
        batch.refused(sending.letter);
    }
    Ok(())
}

/// What a partition holds from there on, a part of it; it has moved on where there is more.
async fn read(client: &Client, at: &TopicPartition, from: i64) -> Result<Tail, Stop> {
    let (topic, partition) = (&at.topic, at.partition);
    match client.tail(at, Some(from), 0).await? {
        Some(tail) if tail.sealed => Err(Stop::Failed(format!(
            "{topic}-{partition} has records of a compression that Sluice cannot open (it opens LZ4), so nobody can tell which rows have \
             changed: nothing more is sent. Take compression.type out of the topic's configuration, read the rows anew by an id in \
             spec.snapshots with type: Incremental, and add another id to the sink's replay"
        ))),
        Some(tail) if tail.next > from || from >= tail.end => Ok(tail),
        Some(_) | None => {
            Err(Stop::Again(format!("{topic}-{partition} cannot be read from offset {from} on")))
        }
    }
}

fn partition(place: &Place) -> TopicPartition {
    TopicPartition { topic: place.topic.clone(), partition: place.partition }
}
