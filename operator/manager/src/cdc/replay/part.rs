use std::time::Duration;

use sluice_clients::connect::replay::{addressed, bare, seen};
use sluice_clients::kafka::{At, Client, Record, Tail, TopicPartition};
use sluice_core::cdc::replay::{Batch, Key, Letter, Place, What};
use tokio::time::{Instant, sleep};

use super::desk::State;
use super::ground::{look, offset};
use super::task::{Job, LOOK, Memo, Stop};
use super::write::{NAMED, Writer};

/// Letters that are sent at once, in bytes: the topics are read once for all of them.
const ALL: usize = 8 << 20;
/// A letter is written only by what was read so long ago at most: what changes in between has to be mended.
const FRESH: Duration = Duration::from_secs(2);
/// What a letter takes beside its record: what it says of itself, and what is known of its row.
const OVERHEAD: usize = 600;

/// Records of a dead-letter topic from an offset on, a few megabytes at most.
pub async fn page(client: &Client, topic: &str, from: i64) -> Result<Tail, Stop> {
    read(client, &TopicPartition { topic: topic.to_owned(), partition: 0 }, from).await
}

/// What the letters say of themselves, and what is sent of them.
#[derive(Default)]
pub struct Part {
    pub told: Vec<Letter>,
    pub records: Vec<Record>,
    bytes: usize,
}

impl Part {
    pub fn is_full(&self) -> bool {
        self.bytes >= ALL
    }

    /// For a message.
    pub fn row(&self, letter: usize) -> String {
        let told = &self.told[letter];
        let topic = told.from.as_ref().map_or("", |(place, _)| place.topic.as_str());
        format!("{topic} {}", told.key.as_ref().map(Key::text).unwrap_or_default())
    }

    pub fn take(&mut self, record: Record) {
        self.told.push(addressed(&record));
        let record = bare(record);
        self.bytes += record.size() + OVERHEAD;
        self.records.push(record);
    }
}

/// Sends letters that are the newest of their rows, and looks until nothing has overtaken them. Once the run is to end it writes only what puts
/// in order what it has written.
pub async fn send(
    client: &Client,
    job: &Job,
    part: &Part,
    state: &State,
    memo: &mut Memo,
) -> Result<Batch, Stop> {
    let mut known = look(client, &job.topics, &part.told).await?;
    (known.ground.again, known.ground.missed) = (memo.may_have_sent(), job.missed.clone());
    let mut batch = Batch::new(&job.run, &part.told, &known.ground);
    let mut writer = Writer { client, part, known: &known, refused: Vec::new() };
    loop {
        let began = Instant::now();
        for (place, from) in batch.asks() {
            show(client, &mut batch, (&place, from), state, memo).await?;
        }
        // what was read first of much is old by now: it is looked at once more, which takes less each time
        let fresh = began.elapsed() < FRESH;
        let mut sends = batch.sends();
        if state.left().is_some() || !fresh {
            sends.retain(|sending| sending.what != What::Letter);
        }
        let late = memo.is_late() && state.left().is_none();
        if !sends.is_empty() {
            writer.write(&mut batch, &sends, memo).await?;
        } else if fresh && late {
            let message = "Reads on for a minute: what was written before Sluice was interrupted, or had no answer, may come yet";
            state.note(|state| message.clone_into(&mut state.message));
            sleep(LOOK).await;
        } else if fresh {
            break;
        }
    }
    let doubtful = batch.doubtful();
    if !doubtful.is_empty() {
        let mut rows: Vec<_> = doubtful.iter().take(NAMED).map(|letter| part.row(*letter)).collect();
        if doubtful.len() > NAMED {
            rows.push(format!("{} more", doubtful.len() - NAMED));
        }
        return Err(Stop::Failed(format!(
            "Of these rows nobody can tell whether what was sent is the newest change, because something came to their topics that hides others \
             (keys of other columns, more partitions, another compression), so the sink may show older ones: {}. Sluice sends nothing more. Read \
             the tables' rows anew, by an id in spec.snapshots with type: Incremental",
            rows.join("; ")
        )));
    }
    if writer.refused.is_empty() {
        return Ok(batch);
    }
    Err(Stop::Failed(format!(
        "{}. Until these rows change again the sink shows an older change of them. Sluice sends nothing more. Raise max.message.bytes of the \
         topics and add another id, which begins with them; or read the rows anew, by an id in spec.snapshots with type: Incremental",
        writer.refused.join("; ")
    )))
}

/// Shows a partition to its end as it is now.
async fn show(
    client: &Client,
    batch: &mut Batch,
    (place, from): (&Place, i64),
    state: &State,
    memo: &Memo,
) -> Result<(), Stop> {
    let at = TopicPartition { topic: place.topic.clone(), partition: place.partition };
    let mut next = from;
    loop {
        if memo.may_end(state.left()) {
            return Err(Stop::Left);
        }
        let tail = match read(client, &at, next).await {
            Err(Stop::Again(why)) => {
                // retention may have come by while other partitions were read
                let begin = offset(&client.list_offsets(&[&at.topic], At::Earliest).await?, &at)?;
                if begin <= next {
                    return Err(Stop::Again(why));
                }
                batch.forgot(place, begin);
                next = begin;
                continue;
            }
            tail => tail?,
        };
        if tail.end < next {
            let why =
                format!("{}-{} ended at offset {next}, and now at {}", at.topic, at.partition, tail.end);
            return Err(Stop::Again(why));
        }
        // first what nobody can see: a copy is in doubt if it may stand before that
        for sealed in &tail.sealed {
            batch.sealed(place, sealed.before);
        }
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

/// What a partition holds from there on, a part of it; it has moved on where there is more.
async fn read(client: &Client, at: &TopicPartition, from: i64) -> Result<Tail, Stop> {
    match client.tail(at, Some(from), 0).await? {
        Some(tail) if tail.next > from || from >= tail.end => Ok(tail),
        Some(_) | None => {
            let (topic, partition) = (&at.topic, at.partition);
            Err(Stop::Again(format!("{topic}-{partition} cannot be read from offset {from} on")))
        }
    }
}
