use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use sluice_core::cdc::Gauges;

use super::verify::Desk;
use crate::scope::Key;

/// The least time between writes of a status in which only figures moved.
const FIGURES: Duration = Duration::from_secs(10);

/// What passes remember. Nothing is lost with it: it only paces them.
#[derive(Default)]
pub struct Notes {
    /// Comparisons that run.
    pub verifying: Desk,
    notes: Mutex<HashMap<Key, Note>>,
}

#[derive(Clone, Debug, Default)]
struct Note {
    written: Option<Instant>,
    measured: Option<Instant>,
    gauges: Gauges,
}

impl Notes {
    pub fn forget(&self, pipeline: &Key) {
        self.verifying.leave(pipeline);
        self.notes.lock().expect("no panic while noting").remove(pipeline);
    }

    /// Whether figures alone may be written again.
    pub fn figures_are_due(&self, pipeline: &Key) -> bool {
        let notes = self.notes.lock().expect("no panic while noting");
        notes.get(pipeline).and_then(|note| note.written).is_none_or(|at| at.elapsed() >= FIGURES)
    }

    pub fn written(&self, pipeline: &Key) {
        let mut notes = self.notes.lock().expect("no panic while noting");
        notes.entry(pipeline.clone()).or_default().written = Some(Instant::now());
    }

    /// What was measured within `fresh`.
    pub fn gauges(&self, pipeline: &Key, fresh: Duration) -> Option<Gauges> {
        let notes = self.notes.lock().expect("no panic while noting");
        let note = notes.get(pipeline)?;
        note.measured.filter(|at| at.elapsed() < fresh).map(|_| note.gauges.clone())
    }

    pub fn measured(&self, pipeline: &Key, gauges: &Gauges) {
        let mut notes = self.notes.lock().expect("no panic while noting");
        let note = notes.entry(pipeline.clone()).or_default();
        (note.measured, note.gauges) = (Some(Instant::now()), gauges.clone());
    }
}
