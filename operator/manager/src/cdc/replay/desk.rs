use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use sluice_core::cdc::replay::{Bound, Sums};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::task::Job;
use crate::scope::Key;

/// Pipelines that send letters at once: each holds some megabytes of them, and Sluice has little memory.
const AT_ONCE: usize = 1;

/// Who may hold letters, of all scopes.
#[derive(Clone)]
pub struct Room(Arc<Semaphore>);

/// Until it is dropped.
pub type Stay = OwnedSemaphorePermit;

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

impl Room {
    /// Once nobody sends letters, or puts in order what it was sending, who came before.
    pub async fn enter(&self) -> Stay {
        Arc::clone(&self.0).acquire_owned().await.expect("it is never closed")
    }
}

/// Who sends letters now. Where the desk goes, because another Sluice leads, all of them end at once: two that send the same letters would
/// each overtake the other.
#[derive(Default)]
pub struct Desk(Mutex<Seats>);

#[derive(Default)]
struct Seats {
    taken: HashMap<Key, Seat>,
    /// Those that were told to end, and first put in order what they were writing.
    leaving: Vec<AbortOnDropHandle<()>>,
}

struct Seat {
    job: Job,
    state: Arc<State>,
    task: AbortOnDropHandle<()>,
}

/// What a task tells of itself, and is told.
#[derive(Default)]
pub struct State(Mutex<Progress>);

#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// `None`: it has not looked at any letter yet.
    pub sums: Option<Sums>,
    /// What is waited for.
    pub message: String,
    pub outcome: Option<Outcome>,
    /// When it was told to end.
    left: Option<Instant>,
}

/// How a job has ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It is known which letters the run takes. Status has to say it before the first is sent.
    Bounded(Bound),
    Done(Sums),
    /// The dead-letter topic is another one than the run began with.
    Anew(String),
    Failed(String),
}

impl State {
    pub fn note(&self, change: impl FnOnce(&mut Progress)) {
        change(&mut self.0.lock());
    }

    pub fn seen(&self) -> Progress {
        self.0.lock().clone()
    }

    /// Since when it is to end.
    pub fn left(&self) -> Option<Instant> {
        self.0.lock().left
    }
}

impl Desk {
    fn seats(&self) -> MutexGuard<'_, Seats> {
        let mut seats = self.0.lock();
        seats.leaving.retain(|task| !task.is_finished());
        seats
    }

    /// Which job the pipeline has.
    pub fn job(&self, pipeline: &Key) -> Option<Job> {
        self.seats().taken.get(pipeline).map(|seat| seat.job.clone())
    }

    /// `None`: it does not run, or came to an end that nobody told.
    pub fn seen(&self, pipeline: &Key, job: &Job) -> Option<Progress> {
        let seats = self.seats();
        let seat = seats.taken.get(pipeline).filter(|seat| seat.job == *job)?;
        // before the outcome is looked at: it is told before the task ends
        let ended = seat.task.is_finished();
        Some(seat.state.seen()).filter(|progress| !ended || progress.outcome.is_some())
    }

    pub fn begin<F: Future<Output = ()> + Send + 'static>(
        &self,
        pipeline: &Key,
        job: Job,
        work: impl FnOnce(Arc<State>) -> F,
    ) {
        let state = Arc::<State>::default();
        let task = AbortOnDropHandle::new(tokio::spawn(work(Arc::clone(&state))));
        let mut seats = self.seats();
        if let Some(before) = seats.taken.insert(pipeline.clone(), Seat { job, state, task }) {
            seats.retire(before);
        }
    }

    /// The pipeline sends nothing any more. What was written is put in order first: a newer change may have to come behind it.
    pub fn leave(&self, pipeline: &Key) {
        let mut seats = self.seats();
        if let Some(seat) = seats.taken.remove(pipeline) {
            seats.retire(seat);
        }
    }
}

impl Seats {
    fn retire(&mut self, seat: Seat) {
        if !seat.task.is_finished() {
            seat.state.note(|state| state.left = Some(Instant::now()));
            self.leaving.push(seat.task);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures::FutureExt as _;
    use tokio::time::{Duration, timeout};

    use super::*;

    fn key(name: &str) -> Key {
        Key { namespace: "shop".into(), name: name.into() }
    }

    /// Goes on until it is told to end.
    async fn works(state: Arc<State>, stay: Stay) {
        while state.left().is_none() {
            tokio::task::yield_now().await;
        }
        drop(stay);
    }

    async fn until(what: impl Fn() -> bool) {
        while !what() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn one_pipeline_sends_at_a_time_and_the_next_when_all_is_in_order() {
        let (desk, room) = (Desk::default(), Room::default());
        let (one, two) = (key("one"), key("two"));
        let job = Job::named("first");
        let stay = room.enter().await;
        desk.begin(&one, job.clone(), |state| works(state, stay));
        let elsewhere = room.clone();
        let (mut next, mut last) = (pin!(elsewhere.enter()), pin!(room.enter()));
        assert!(next.as_mut().now_or_never().is_none() && last.as_mut().now_or_never().is_none());
        assert!(desk.seen(&one, &job).is_some() && desk.seen(&one, &Job::named("other")).is_none());
        assert_eq!((desk.job(&one), desk.job(&two)), (Some(job.clone()), None));
        desk.leave(&one);
        assert_eq!(desk.job(&one), None);
        let stay = next.await;
        assert!(last.as_mut().now_or_never().is_none(), "one after the other");
        drop(stay);
        drop(last.await);
    }

    #[tokio::test]
    async fn one_that_ends_without_a_word_keeps_no_seat() {
        let desk = Desk::default();
        let job = Job::named("first");
        desk.begin(&key("one"), job.clone(), |_| async {});
        until(|| desk.seen(&key("one"), &job).is_none()).await;
        let tells = |state: Arc<State>| async move {
            state.note(|state| state.outcome = Some(Outcome::Failed("no".into())));
        };
        desk.begin(&key("one"), job.clone(), tells);
        until(|| desk.seen(&key("one"), &job).is_some_and(|progress| progress.outcome.is_some())).await;
        tokio::task::yield_now().await;
        assert!(desk.seen(&key("one"), &job).is_some(), "its outcome is still to be told");
    }

    #[tokio::test]
    async fn nobody_sends_once_the_desk_is_gone() {
        let (desk, room) = (Desk::default(), Room::default());
        let running = Arc::new(room.enter().await);
        for name in ["one", "two"] {
            let held = Arc::clone(&running);
            let work = |_| async move {
                std::future::pending::<()>().await;
                drop(held);
            };
            desk.begin(&key(name), Job::named(name), work);
        }
        drop(running);
        desk.leave(&key("two"));
        assert!(room.enter().now_or_never().is_none());
        drop(desk);
        drop(timeout(Duration::from_secs(30), room.enter()).await.expect("its place is free"));
    }
}
