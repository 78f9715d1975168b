use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use sluice_clients::kafka::KnownRows;
use sluice_core::cdc::Gauges;

use super::adhoc::Listening;
use super::count::Counter;
use super::replay;
use super::verify::Desk;
use crate::scope::Key;

/// The least time between writes of a status in which only figures moved.
const FIGURES: Duration = Duration::from_secs(10);
/// The same while a snapshot runs: somebody looks at it.
const PROGRESS: Duration = Duration::from_secs(3);

/// What passes remember. Nothing is lost with it: it only paces them.
#[derive(Default)]
pub struct Notes {
    /// Comparisons that run.
    pub verifying: Desk,
    /// Dead letters that are sent again.
    pub replaying: replay::Desk,
    /// Rows of sources that are counted.
    pub counting: Counter,
    pipelines: Mutex<HashMap<Key, Note>>,
}

#[derive(Clone, Debug, Default)]
struct Note {
    written: Option<Instant>,
    measured: Option<Instant>,
    gauges: Gauges,
    rows: KnownRows,
    listening: Listening,
}

impl Notes {
    pub fn forget(&self, pipeline: &Key) {
        self.verifying.leave(pipeline);
        self.replaying.leave(pipeline);
        self.counting.leave(pipeline);
        self.pipelines.lock().remove(pipeline);
    }

    /// Whether figures alone may be written again.
    pub fn figures_are_due(&self, pipeline: &Key, snapshot: bool) -> bool {
        let pause = if snapshot { PROGRESS } else { FIGURES };
        let notes = self.pipelines.lock();
        notes.get(pipeline).and_then(|note| note.written).is_none_or(|at| at.elapsed() >= pause)
    }

    pub fn written(&self, pipeline: &Key) {
        let mut notes = self.pipelines.lock();
        notes.entry(pipeline.clone()).or_default().written = Some(Instant::now());
    }

    /// What was measured within `fresh`.
    pub fn gauges(&self, pipeline: &Key, fresh: Duration) -> Option<Gauges> {
        let notes = self.pipelines.lock();
        let note = notes.get(pipeline)?;
        note.measured.filter(|at| at.elapsed() < fresh).map(|_| note.gauges.clone())
    }

    pub fn rows(&self, pipeline: &Key) -> KnownRows {
        let notes = self.pipelines.lock();
        notes.get(pipeline).map(|note| note.rows.clone()).unwrap_or_default()
    }

    pub fn rows_known(&self, pipeline: &Key, rows: KnownRows) {
        let mut notes = self.pipelines.lock();
        notes.entry(pipeline.clone()).or_default().rows = rows;
    }

    pub fn listening(&self, pipeline: &Key) -> Listening {
        let notes = self.pipelines.lock();
        notes.get(pipeline).map(|note| note.listening.clone()).unwrap_or_default()
    }

    pub fn listened(&self, pipeline: &Key, listening: Listening) {
        let mut notes = self.pipelines.lock();
        notes.entry(pipeline.clone()).or_default().listening = listening;
    }

    pub fn measured(&self, pipeline: &Key, gauges: &Gauges) {
        let mut notes = self.pipelines.lock();
        let note = notes.entry(pipeline.clone()).or_default();
        (note.measured, note.gauges) = (Some(Instant::now()), gauges.clone());
    }
}
