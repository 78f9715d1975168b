use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};
use std::time::Duration;

use sluice_clients::connect::replay::addressed;
use sluice_clients::kafka::{At, Client, Error, TopicPartition};
use sluice_core::cdc::replay::{self, Place, Sums};
use sluice_core::cdc::{Sink, Wanted, names};
use sluice_crds::cdc_pipeline::Replay;
use tokio::time::sleep;
use tracing::{debug, info};

use super::desk::State;
use super::part::{self, Part};
use crate::cdc::look::Found;
use crate::context::Context;
use crate::scope::{Key, chain};

/// How long a call may take.
const CALL: Duration = Duration::from_secs(20);
/// After what Kafka did not answer.
const AGAIN: Duration = Duration::from_secs(10);
/// Between looks at how far the sink is: it commits every ten seconds.
const LOOK: Duration = Duration::from_secs(3);

/// What is sent. Two that are equal need not both be done.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Names the run in what it sends.
    pub run: String,
    pub sink: String,
    /// Topics of the pipeline's tables.
    pub topics: BTreeSet<String>,
    letters: String,
    from: i64,
    group: String,
    cluster: Key,
}

impl Job {
    /// `None`: it has not begun, or there is no Kafka.
    pub fn new(wanted: &Wanted, sink: &Sink, run: &Replay, found: &Found) -> Option<Self> {
        Some(Self {
            run: replay::run(run),
            sink: sink.name.clone(),
            topics: wanted.tables.iter().map(|table| wanted.topic(table)).collect(),
            letters: sink.dead_letter.clone()?,
            from: run.from?,
            group: names::consumer_group(&wanted.sink_connector(sink)),
            cluster: found.cluster.clone()?,
        })
    }
}

/// Why a run cannot go on.
pub enum Stop {
    /// Not now: it begins again, and finds in the topics what it has sent.
    Again(String),
    /// Never.
    Failed(String),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Again(chain(&error))
    }
}

type Copies = BTreeSet<(Place, i64)>;

/// What was sent, and where the letters begin and end.
struct Sent {
    from: i64,
    to: i64,
    sums: Sums,
    /// Where the copies stand.
    copies: Copies,
}

/// Sends the letters of a run, waits until the sink has read them, and wakes the pipeline.
pub async fn run(job: Job, pipeline: Key, context: Weak<Context>, state: Arc<State>) {
    info!(%pipeline, run = job.run, "sends dead letters again");
    let mut to = None;
    let outcome = loop {
        let Some(client) = client(&context, &job) else {
            sleep(AGAIN).await;
            continue;
        };
        match job.attempt(&client, &mut to, &state).await {
            Ok(sent) => break Ok((sent.to, sent.sums)),
            Err(Stop::Failed(why)) => break Err(why),
            Err(Stop::Again(why)) => {
                debug!(%pipeline, run = job.run, why, "letters are sent later");
                let seconds = AGAIN.as_secs();
                let told = format!("{why}. Sluice begins again in {seconds} s, and sends nothing twice");
                state.note(|state| state.message = told);
                sleep(AGAIN).await;
            }
        }
    };
    match &outcome {
        Ok((_, sums)) => info!(%pipeline, run = job.run, ?sums, "sent dead letters again"),
        Err(why) => info!(%pipeline, run = job.run, why, "dead letters cannot be sent again"),
    }
    state.note(|state| state.outcome = Some(outcome));
    if let Some(context) = context.upgrade() {
        context.shelves.pipelines.wake(&pipeline);
    }
}

fn client(context: &Weak<Context>, job: &Job) -> Option<Client> {
    let context = context.upgrade()?;
    context.kafka.get(&job.cluster).map(|world| world.client.within(CALL))
}

impl Job {
    async fn attempt(&self, client: &Client, to: &mut Option<i64>, state: &State) -> Result<Sent, Stop> {
        let mut sent = self.send(client, to, state).await?;
        if !sent.copies.is_empty() {
            let message = format!("Waits until the sink {} has read what was sent", self.sink);
            state.note(|state| state.message = message);
        }
        let (mut again, mut next) = (Copies::new(), sent.from);
        while !sent.copies.is_empty() {
            let committed = self.committed(client).await?;
            next = self.put_aside(client, next, &mut again).await?;
            // Debezium's sink commits what it has written (`JdbcSinkConnectorTask.preCommit`): a record that was put aside, and is the
            // last, is not committed
            let read = |copy: &(Place, i64)| {
                again.contains(copy) || committed.get(&copy.0).is_some_and(|offset| *offset > copy.1)
            };
            if sent.copies.iter().all(read) {
                break;
            }
            sleep(LOOK).await;
        }
        sent.sums.failed_again = i64::try_from(again.len()).unwrap_or(i64::MAX);
        Ok(sent)
    }

    async fn send(&self, client: &Client, to: &mut Option<i64>, state: &State) -> Result<Sent, Stop> {
        let (begin, end) = self.bounds(client).await?;
        // one that was made anew has begun to count anew
        let from = if self.from > end { begin } else { self.from.max(begin) };
        let to = *to.get_or_insert(end);
        let mut sent = Sent { from, to, sums: Sums::default(), copies: Copies::new() };
        let mut next = from;
        while next < to {
            let mut part = Part::default();
            while next < to && !part.is_full() {
                let (letters, behind) = part::page(client, &self.letters, next).await?;
                for letter in letters.into_iter().filter(|letter| letter.offset < to) {
                    part.take(letter);
                }
                next = behind;
            }
            let batch = part::send(client, self, &part).await?;
            sent.sums.add(&batch.sums());
            sent.copies.extend(batch.copies());
            state.note(|state| {
                (state.to, state.sums) = (Some(to), sent.sums.clone());
                state.message.clear();
            });
        }
        state.note(|state| (state.to, state.sums) = (Some(to), sent.sums.clone()));
        Ok(sent)
    }

    /// Where the dead-letter topic begins and ends.
    async fn bounds(&self, client: &Client) -> Result<(i64, i64), Stop> {
        let topic = [self.letters.as_str()];
        let (begins, ends) = (
            client.list_offsets(&topic, At::Earliest).await?,
            client.list_offsets(&topic, At::Latest).await?,
        );
        if ends.len() > 1 {
            return Err(Stop::Failed(format!(
                "{} has {} partitions, and Sluice reads letters of one: nothing was sent. Give the sink a dead-letter topic of its own \
                 (deadLetter.topic), which Sluice makes with one partition",
                self.letters,
                ends.len()
            )));
        }
        let at = TopicPartition { topic: self.letters.clone(), partition: 0 };
        let offset = |offsets: &sluice_clients::kafka::Offsets| match offsets.get(&at) {
            Some(Ok(offset)) => Ok(*offset),
            Some(Err(error)) => Err(Stop::Again(format!("{}: {error}", self.letters))),
            None => Err(Stop::Again(format!("{} is not there", self.letters))),
        };
        Ok((offset(&begins)?, offset(&ends)?))
    }

    /// What the sink has read.
    async fn committed(&self, client: &Client) -> Result<BTreeMap<Place, i64>, Stop> {
        let groups = client.offset_fetch(&[self.group.as_str()]).await?;
        let of = groups.into_iter().find(|(group, _)| *group == self.group).map(|(_, item)| item);
        let offsets = of.and_then(Result::ok).unwrap_or_default();
        let place = |at: TopicPartition| Place { topic: at.topic, partition: at.partition };
        Ok(offsets.into_iter().map(|(at, offset)| (place(at), offset)).collect())
    }

    /// Which copies came to the dead-letter topic from this offset on; and where to go on.
    async fn put_aside(&self, client: &Client, from: i64, again: &mut Copies) -> Result<i64, Stop> {
        let (_, end) = self.bounds(client).await?;
        let mut next = from;
        while next < end {
            let (letters, behind) = part::page(client, &self.letters, next).await?;
            let ours = |letter: &replay::Letter| letter.copied.as_ref().is_some_and(|it| it.run == self.run);
            again.extend(letters.iter().map(addressed).filter(ours).filter_map(|letter| letter.from));
            next = behind;
        }
        Ok(next)
    }
}
