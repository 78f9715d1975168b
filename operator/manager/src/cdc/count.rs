use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use parking_lot::Mutex;
use sluice_core::cdc::Wanted;
use sluice_core::cdc::snapshot::{self, Counted, Counts};
use sluice_core::view::source::{Lsn, SourceView, TableName};
use sluice_crds::CdcPipeline;
use tokio::sync::Semaphore;
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, info};

use super::look::Found;
use crate::context::Context;
use crate::observe::database::{Failure, World};
use crate::scope::Key;

/// Tables that are counted at once.
const AT_ONCE: usize = 2;
/// For one table, twice what its server is given: the snapshot read it, too, and took longer.
const CALL: Duration = Duration::from_hours(4);
/// When what could not be counted is counted again; then after twice as long, and so on.
const AGAIN: Duration = Duration::from_mins(1);
const AT_MOST: Duration = Duration::from_hours(1);
/// What failed after so long a time is not tried again: each try keeps the source from cleaning up behind it.
const TOO_LONG: Duration = Duration::from_mins(30);

/// Counts rows of sources beside the passes, once for each snapshot.
pub struct Counter {
    turns: Arc<Semaphore>,
    jobs: Mutex<HashMap<Key, Job>>,
}

struct Job {
    what: What,
    state: Arc<Mutex<Counted>>,
    _task: AbortOnDropHandle<()>,
}

/// Which snapshot, and of which tables.
#[derive(Clone, Debug, PartialEq)]
struct What {
    since: Option<Time>,
    tables: BTreeSet<TableName>,
}

impl Default for Counter {
    fn default() -> Self {
        Self { turns: Arc::new(Semaphore::new(AT_ONCE)), jobs: Mutex::default() }
    }
}

impl Counter {
    /// How far it is; begins it where status says that rows are to be counted.
    pub fn turn(
        &self,
        context: &Arc<Context>,
        pipeline: &CdcPipeline,
        wanted: &Wanted,
        found: &Found,
    ) -> Counted {
        let status = pipeline.status.as_ref();
        let snapshot = status.and_then(|status| status.snapshot.as_ref());
        let mut jobs = self.jobs.lock();
        let Some(snapshot) = snapshot.filter(|snapshot| snapshot.state == snapshot::COUNTING) else {
            jobs.remove(&found.key);
            return Counted::NotYet;
        };
        let what = What { since: snapshot.since.clone(), tables: wanted.tables.clone() };
        if let Some(job) = jobs.get(&found.key).filter(|job| job.what == what) {
            return job.state.lock().clone();
        }
        if !wanted.paused {
            let state = Arc::default();
            let work = Work {
                pipeline: found.key.clone(),
                tables: what.tables.clone(),
                source: Arc::clone(&found.source),
                turns: Arc::clone(&self.turns),
                context: Arc::downgrade(context),
                state: Arc::clone(&state),
            };
            let task = AbortOnDropHandle::new(tokio::spawn(work.run()));
            jobs.insert(found.key.clone(), Job { what, state, _task: task });
        }
        Counted::NotYet
    }

    pub fn leave(&self, pipeline: &Key) {
        self.jobs.lock().remove(pipeline);
    }
}

struct Work {
    pipeline: Key,
    tables: BTreeSet<TableName>,
    source: Arc<World<SourceView>>,
    turns: Arc<Semaphore>,
    context: Weak<Context>,
    state: Arc<Mutex<Counted>>,
}

impl Work {
    async fn run(self) {
        let (mut counts, mut again) = (Counts::default(), AGAIN);
        loop {
            let counted = match self.count(&mut counts).await {
                Ok(()) => {
                    info!(pipeline = %self.pipeline, rows = counts.rows.values().sum::<i64>(), "counted the source's rows");
                    Counted::Done(counts.clone())
                }
                Err((table, took, failure)) => {
                    debug!(pipeline = %self.pipeline, %table, error = failure.text, "the source's rows were not counted");
                    let text = format!("{table}: {}", failure.text);
                    if took < TOO_LONG { Counted::Failed(text) } else { Counted::GivenUp(text) }
                }
            };
            let done = matches!(counted, Counted::Done(_) | Counted::GivenUp(_));
            *self.state.lock() = counted;
            if let Some(context) = self.context.upgrade() {
                context.shelves.pipelines.wake(&self.pipeline);
            }
            if done {
                return;
            }
            tokio::time::sleep(again).await;
            again = (again * 2).min(AT_MOST);
        }
    }

    /// Tables that are not in `counts` yet; those that were counted stay so when another fails.
    async fn count(&self, counts: &mut Counts) -> Result<(), (TableName, Duration, Failure)> {
        let left: Vec<_> = self.tables.iter().filter(|table| !counts.rows.contains_key(*table)).collect();
        for table in left {
            // the semaphore is never closed
            let _turn = self.turns.acquire().await;
            let began = Instant::now();
            let (rows, position) =
                self.one(table).await.map_err(|failure| (table.clone(), began.elapsed(), failure))?;
            counts.rows.insert(table.clone(), rows);
            counts.position = counts.position.max(position);
        }
        Ok(())
    }

    async fn one(&self, table: &TableName) -> Result<(i64, Lsn), Failure> {
        Ok(self.source.session(CALL).await?.count(table).await?)
    }
}
