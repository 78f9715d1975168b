use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use parking_lot::Mutex;
use sluice_core::cdc::verify::Outcome;
use tokio_util::task::AbortOnDropHandle;

use super::task::Job;
use crate::scope::Key;

/// Comparisons that run at once: each holds two sessions and up to a thousand keys.
const AT_ONCE: usize = 2;

/// Who compares now. A database server is compared with one copy at a time.
#[derive(Default)]
pub struct Desk {
    seats: Mutex<HashMap<Key, Seat>>,
}

struct Seat {
    job: Job,
    state: Arc<State>,
    /// `None`: taken, and not begun yet.
    task: Option<AbortOnDropHandle<()>>,
}

/// What a task tells of itself.
#[derive(Default)]
pub struct State {
    pub rows: AtomicI64,
    outcome: Mutex<Option<Outcome>>,
}

impl State {
    pub fn end(&self, outcome: Outcome) {
        *self.outcome.lock() = Some(outcome);
    }
}

/// What is known of a job.
pub enum Seen {
    /// It does not run.
    Nothing,
    /// So many rows were compared.
    Running(i64),
    Ended(Outcome),
}

impl Desk {
    pub fn seen(&self, pipeline: &Key, job: &Job) -> Seen {
        let seats = self.seats.lock();
        // one that was asked for otherwise meanwhile answers another question
        let Some(seat) = seats.get(pipeline).filter(|seat| seat.job == *job && seat.task.is_some()) else {
            return Seen::Nothing;
        };
        let outcome = seat.state.outcome.lock().clone();
        outcome.map_or_else(|| Seen::Running(seat.state.rows.load(Ordering::Relaxed)), Seen::Ended)
    }

    /// Whether the job may begin: then its place is kept until it does, or the pipeline stops.
    pub fn take(&self, pipeline: &Key, job: &Job) -> bool {
        let mut seats = self.seats.lock();
        let others = || seats.iter().filter(|(key, _)| *key != pipeline);
        let server = |job: &Job| (job.source.host(), job.source.port);
        if others().count() >= AT_ONCE || others().any(|(_, seat)| server(&seat.job) == server(job)) {
            return false;
        }
        seats.insert(pipeline.clone(), Seat { job: job.clone(), state: Arc::default(), task: None });
        true
    }

    /// Begins the job whose place was kept.
    pub fn begin<F: Future<Output = ()> + Send + 'static>(
        &self,
        pipeline: &Key,
        work: impl FnOnce(Arc<State>) -> F,
    ) {
        let mut seats = self.seats.lock();
        if let Some(seat) = seats.get_mut(pipeline) {
            seat.task = Some(AbortOnDropHandle::new(tokio::spawn(work(Arc::clone(&seat.state)))));
        }
    }

    /// The pipeline compares nothing any more.
    pub fn leave(&self, pipeline: &Key) {
        self.seats.lock().remove(pipeline);
    }
}
