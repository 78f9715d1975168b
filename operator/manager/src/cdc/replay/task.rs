use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use sluice_clients::kafka::{At, Client, Error, TopicPartition, Topics};
use sluice_core::cdc::replay::{self, Bound, Copies, Missed, Sums};
use sluice_core::cdc::{Sink, Wanted, names};
use sluice_crds::cdc_pipeline::Replay;
use tokio::time::{Instant, sleep, timeout};
use tracing::{debug, info};

use super::desk::{Outcome, Room, State, Stay};
use super::ground::offset;
use super::part::{self, Part};
use super::wait::wait;
use crate::cdc::look::Found;
use crate::context::Context;
use crate::scope::{Key, chain};

/// How long a call may take.
const CALL: Duration = Duration::from_secs(20);
/// After what Kafka did not answer.
const AGAIN: Duration = Duration::from_secs(10);
/// Between looks at how far the sink is: it commits every ten seconds.
pub const LOOK: Duration = Duration::from_secs(3);
/// How long a broker may hold what nobody waits for any more, and write it then. It has no deadline for that; it is about as long as a broker is
/// given that does not answer before another one takes its place.
const LATE: Duration = Duration::from_mins(1);
/// How often in a row it is tried before another pipeline has its turn.
const ATTEMPTS: u32 = 5;
/// How long a run that is to end tries to put in order what it has written, where Kafka does not answer.
const IN_ORDER: Duration = Duration::from_mins(1);

/// What is sent. Two that are equal need not both be done.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Names the run in what it sends.
    pub run: String,
    pub sink: String,
    /// The request's.
    pub id: String,
    /// Topics of the pipeline's tables.
    pub topics: BTreeSet<String>,
    /// The dead-letter topic.
    pub letters: String,
    pub group: String,
    /// Letters that are older are not sent.
    pub missed: Missed,
    /// `None`: it is to be found out which letters are taken.
    taken: Option<Taken>,
    cluster: Key,
}

/// Which letters are taken.
#[derive(Clone, Debug, PartialEq)]
struct Taken {
    topic_id: String,
    from: i64,
    to: i64,
}

/// Whether something may be on its way to Kafka that was written for the same run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    New,
    Again,
}

impl Job {
    /// `None`: it has not begun, or there is no Kafka.
    pub fn new(wanted: &Wanted, sink: &Sink, run: &Replay, found: &Found, missed: Missed) -> Option<Self> {
        run.started_at.as_ref()?;
        let taken = run.from.zip(run.to);
        Some(Self {
            run: replay::run(run),
            sink: sink.name.clone(),
            id: run.id.clone(),
            topics: wanted.tables.iter().map(|table| wanted.topic(table)).collect(),
            letters: run.topic.clone(),
            group: names::consumer_group(&wanted.sink_connector(sink)),
            missed,
            taken: taken.map(|(from, to)| Taken { topic_id: run.topic_id.clone(), from, to }),
            cluster: found.cluster.clone()?,
        })
    }
}

#[cfg(test)]
impl Job {
    /// One of this name, and nothing more.
    pub fn named(run: &str) -> Self {
        let nothing = String::new;
        Self {
            run: run.into(),
            sink: nothing(),
            id: nothing(),
            topics: BTreeSet::new(),
            letters: nothing(),
            group: nothing(),
            missed: Missed::default(),
            taken: None,
            cluster: Key { namespace: nothing(), name: nothing() },
        }
    }
}

/// Why a run cannot go on.
pub enum Stop {
    /// Not now: it begins again, and finds in the topics what it has sent.
    Again(String),
    /// The letters that it was to take are not there any more.
    Anew(String),
    /// Never.
    Failed(String),
    /// It was told to end.
    Left,
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Again(chain(&error))
    }
}

/// What is remembered from one attempt to the next.
pub struct Memo {
    /// Since then something may be on its way that is not in its topic yet.
    unsure: Option<Instant>,
    /// A newer change may have to come behind what was written.
    pub owes: bool,
    /// Once all was sent.
    sent: Option<Sent>,
    /// While letters are held.
    stay: Option<Stay>,
    /// How often it was tried since.
    tries: u32,
}

impl Memo {
    fn new(start: Start) -> Self {
        let unsure = (start == Start::Again).then(Instant::now);
        Self { unsure, owes: false, sent: None, stay: None, tries: 0 }
    }

    /// Copies of the run may be in their topics already.
    pub fn may_have_sent(&self) -> bool {
        self.owes || self.unsure.is_some()
    }

    /// Something may have been written.
    pub fn unsure(&mut self) {
        self.owes = true;
        self.unsure = Some(Instant::now());
    }

    /// What nobody has seen may still come.
    pub fn is_late(&self) -> bool {
        self.unsure.is_some_and(|since| since.elapsed() < LATE)
    }

    /// A run that is to end since then need not go on: it owes nothing, or Kafka had its time.
    pub fn may_end(&self, left: Option<Instant>) -> bool {
        left.is_some_and(|at| !self.owes || at.elapsed() > IN_ORDER)
    }
}

/// What was sent.
#[derive(Default)]
pub struct Sent {
    pub sums: Sums,
    pub copies: Copies,
}

/// Sends the letters of a run, waits until the sink has read them, and wakes the pipeline.
pub async fn run(
    job: Job,
    (start, room): (Start, Room),
    pipeline: Key,
    context: Weak<Context>,
    state: Arc<State>,
) {
    info!(%pipeline, run = job.run, "sends dead letters again");
    let mut memo = Memo::new(start);
    let outcome = loop {
        let why = match client(&context, &job) {
            None => "The Kafka cluster is not known yet".to_owned(),
            Some(client) => match job.carry_out(&client, &room, &state, &mut memo).await {
                Ok(outcome) => break Some(outcome),
                Err(Stop::Left) => break None,
                Err(Stop::Failed(why)) => break Some(Outcome::Failed(why)),
                Err(Stop::Anew(why)) => {
                    // what takes over does not know of it
                    while memo.is_late() && state.left().is_none() {
                        sleep(LOOK).await;
                    }
                    break Some(Outcome::Anew(why));
                }
                Err(Stop::Again(why)) => why,
            },
        };
        if context.strong_count() == 0 || memo.may_end(state.left()) {
            break None;
        }
        debug!(%pipeline, run = job.run, why, "letters are sent later");
        memo.tries += 1;
        if memo.tries >= ATTEMPTS && !memo.owes {
            // others have their turn
            memo.stay = None;
        }
        let told = format!("{why}. Sluice begins again in {} s, and sends nothing twice", AGAIN.as_secs());
        state.note(|state| state.message = told);
        sleep(AGAIN).await;
    };
    info!(%pipeline, run = job.run, ?outcome, "the part of a replay has ended");
    // what follows may begin once the outcome is told
    drop(memo);
    state.note(|state| state.outcome = outcome);
    if let Some(context) = context.upgrade() {
        context.shelves.pipelines.wake(&pipeline);
    }
}

/// Waits for its turn.
async fn enter(room: &Room, state: &State) -> Result<Stay, Stop> {
    let mut turn = pin!(room.enter());
    while state.left().is_none() {
        if let Ok(stay) = timeout(LOOK, &mut turn).await {
            state.note(|state| state.message.clear());
            return Ok(stay);
        }
        let message = "Waits for a replay of another pipeline to end, or for one of this pipeline to put in order what it was writing";
        state.note(|state| message.clone_into(&mut state.message));
    }
    Err(Stop::Left)
}

fn client(context: &Weak<Context>, job: &Job) -> Option<Client> {
    let context = context.upgrade()?;
    context.kafka.get(&job.cluster).map(|world| world.client.within(CALL))
}

impl Job {
    async fn carry_out(
        &self,
        client: &Client,
        room: &Room,
        state: &State,
        memo: &mut Memo,
    ) -> Result<Outcome, Stop> {
        let Some(taken) = &self.taken else { return Ok(Outcome::Bounded(self.bound(client).await?)) };
        if memo.sent.is_none() {
            if memo.stay.is_none() {
                memo.stay = Some(enter(room, state).await?);
                memo.tries = 0;
            }
            memo.sent = Some(self.send(client, taken, state, memo).await?);
            // no letter is held any more, so others may begin; and nothing is read anew because Kafka does not answer meanwhile
            memo.stay = None;
        }
        let sent = memo.sent.get_or_insert_default();
        wait(client, self, taken.to, sent, state).await?;
        Ok(Outcome::Done(sent.sums.clone()))
    }

    async fn send(
        &self,
        client: &Client,
        taken: &Taken,
        state: &State,
        memo: &mut Memo,
    ) -> Result<Sent, Stop> {
        let known = self.bound(client).await?;
        let anew = |what: String| Stop::Anew(format!("{what}. Sluice looks again which letters there are"));
        if known.topic_id != taken.topic_id {
            return Err(anew(format!("{} was made anew while its letters were being sent", self.letters)));
        }
        let short = |end: i64| {
            anew(format!(
                "{} ended at offset {} when the replay began, and now at {end}",
                self.letters, taken.to
            ))
        };
        if known.end < taken.to {
            return Err(short(known.end));
        }
        let begin = self.offset(client, At::Earliest).await?;
        let owed = memo.owes;
        let mut sent = Sent::default();
        let mut next = taken.from.max(begin);
        while next < taken.to {
            let mut part = Part::default();
            while next < taken.to && !part.is_full() {
                // what was written of the parts before is in order, unless an attempt before this one has left something
                if memo.may_end(state.left()) {
                    return Err(Stop::Left);
                }
                let page = part::page(client, &self.letters, next).await?;
                if page.end < taken.to {
                    return Err(short(page.end));
                }
                // those behind are the next run's
                let ours = page.sealed.iter().filter(|sealed| sealed.before <= taken.to);
                sent.sums.packed(ours.map(|sealed| sealed.records).sum());
                page.records
                    .into_iter()
                    .filter(|letter| letter.offset < taken.to)
                    .for_each(|it| part.take(it));
                next = page.next;
            }
            let batch = part::send(client, self, &part, state, memo).await?;
            memo.owes &= owed;
            sent.sums.add(&batch.sums());
            for (place, offset) in batch.copies() {
                sent.copies.note(place, offset);
            }
            state.note(|state| {
                state.sums = Some(sent.sums.clone());
                state.message.clear();
            });
        }
        memo.owes = false;
        // the last part was put in order, and not sent
        if state.left().is_some() { Err(Stop::Left) } else { Ok(sent) }
    }

    /// Which letters there are.
    async fn bound(&self, client: &Client) -> Result<Bound, Stop> {
        let topics = client.metadata(Topics::Named(&[self.letters.as_str()])).await?;
        let topic = match topics.into_iter().find(|(name, _)| *name == self.letters) {
            Some((_, Ok(topic))) => topic,
            Some((_, Err(error))) => return Err(Stop::Again(format!("{}: {error}", self.letters))),
            None => return Err(Stop::Again(format!("{} is not there", self.letters))),
        };
        let partitions = topic.partitions.len();
        if partitions > 1 {
            return Err(Stop::Failed(format!(
                "{} has {partitions} partitions, and Sluice reads letters of one: it sends none of them. Give the sink a dead-letter topic of its \
                 own (deadLetter.topic), which Sluice makes with one partition",
                self.letters,
            )));
        }
        Ok(Bound { topic_id: topic.id.to_string(), end: self.offset(client, At::Latest).await? })
    }

    /// Where the dead-letter topic begins or ends.
    pub async fn offset(&self, client: &Client, at: At) -> Result<i64, Stop> {
        let offsets = client.list_offsets(&[self.letters.as_str()], at).await?;
        offset(&offsets, &TopicPartition { topic: self.letters.clone(), partition: 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_is_to_end_goes_on_for_a_minute_if_it_owes_something() {
        let long = Instant::now().checked_sub(IN_ORDER + LOOK);
        for (left, owes, ends) in [
            (None, false, false),
            (None, true, false),
            (Some(Instant::now()), false, true),
            (Some(Instant::now()), true, false),
            (long, true, long.is_some()),
        ] {
            let memo = Memo { owes, ..Memo::new(Start::New) };
            assert_eq!(memo.may_end(left), ends, "{left:?} {owes}");
        }
    }
}
