use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex};

use sluice_core::cdc::replay::Sums;
use tokio_util::task::AbortOnDropHandle;

use super::task::Job;
use crate::scope::Key;

/// Pipelines that send letters at once: each holds some megabytes of them.
const AT_ONCE: usize = 2;

/// Who sends letters now.
#[derive(Default)]
pub struct Desk {
    seats: Mutex<HashMap<Key, Seat>>,
}

struct Seat {
    job: Job,
    state: Arc<State>,
    _task: AbortOnDropHandle<()>,
}

/// What a task tells of itself.
#[derive(Default)]
pub struct State(Mutex<Progress>);

#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// Behind the last letter that is looked at.
    pub to: Option<i64>,
    pub sums: Sums,
    /// What is waited for.
    pub message: String,
    /// `Err`: why it cannot be done.
    pub outcome: Option<Result<(i64, Sums), String>>,
}

impl State {
    pub fn note(&self, change: impl FnOnce(&mut Progress)) {
        change(&mut self.0.lock().expect("no panic while noting"));
    }

    pub fn seen(&self) -> Progress {
        self.0.lock().expect("no panic while noting").clone()
    }
}

impl Desk {
    /// `None`: it does not run.
    pub fn seen(&self, pipeline: &Key, job: &Job) -> Option<Progress> {
        let seats = self.seats.lock().expect("no panic while noting");
        seats.get(pipeline).filter(|seat| seat.job == *job).map(|seat| seat.state.seen())
    }

    pub fn has_room(&self, pipeline: &Key) -> bool {
        let seats = self.seats.lock().expect("no panic while noting");
        seats.keys().filter(|key| *key != pipeline).count() < AT_ONCE
    }

    pub fn begin<F: Future<Output = ()> + Send + 'static>(
        &self,
        pipeline: &Key,
        job: Job,
        work: impl FnOnce(Arc<State>) -> F,
    ) {
        let state = Arc::<State>::default();
        let task = AbortOnDropHandle::new(tokio::spawn(work(Arc::clone(&state))));
        let mut seats = self.seats.lock().expect("no panic while noting");
        seats.insert(pipeline.clone(), Seat { job, state, _task: task });
    }

    /// The pipeline sends nothing any more.
    pub fn leave(&self, pipeline: &Key) {
        self.seats.lock().expect("no panic while noting").remove(pipeline);
    }
}
