use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use sluice_crds::CdcPipelineStatus;
use sluice_crds::cdc_pipeline::{Accepted, OffsetRun, Remembered, Resnapshot, SnapshotRun};

use super::Gap;
use crate::cdc::adhoc;
use crate::condition::whole_seconds;
use crate::reason::Reason as _;
use crate::view::source::{Lsn, SourceView};

/// Runs that are remembered. Older ones whose request is gone from the spec are forgotten.
const RUNS: usize = 64;

/// What status keeps from pass to pass. It is written before anything is done because of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    pub remembered: Option<Remembered>,
    pub accepted: Option<Accepted>,
    pub resnapshot: Option<Resnapshot>,
    pub runs: Vec<SnapshotRun>,
    /// Of `spec.offsets`.
    pub offsets: Vec<OffsetRun>,
}

impl Memory {
    pub fn of(status: Option<&CdcPipelineStatus>) -> Self {
        let Some(status) = status else { return Self::default() };
        let guard = status.guard.as_ref();
        Self {
            remembered: guard.and_then(|guard| guard.remembered.clone()),
            accepted: guard.and_then(|guard| guard.accepted.clone()),
            resnapshot: status.resnapshot.clone(),
            runs: status.snapshots.clone(),
            offsets: status.offsets.clone(),
        }
    }

    pub(super) fn accepted_to(&self) -> Option<Lsn> {
        self.accepted.as_ref()?.to_lsn.as_ref()?.parse().ok()
    }

    /// Writes down what this server and slot are known by. What was fine on another timeline makes that the known one.
    pub fn remember(&mut self, view: &SourceView, slot: &str) {
        let known = self.remembered.get_or_insert_default();
        if let Some(identity) = &view.identity {
            known.system_identifier.get_or_insert_with(|| identity.system_identifier.clone());
            known.timeline = Some(identity.timeline);
        }
        // one that is being made goes again when its making is cut short
        known.slot_seen |= view.slots.get(slot).is_some_and(|slot| !slot.is_being_made());
    }

    pub(super) fn accept(&mut self, gap: &Gap, now: Timestamp) {
        self.accepted = Some(Accepted {
            reason: gap.reason.as_str().to_owned(),
            from_lsn: gap.from.map(|lsn| lsn.to_string()),
            to_lsn: gap.to.map(|lsn| lsn.to_string()),
            bytes: gap.bytes(),
            at: Some(Time(whole_seconds(now))),
        });
    }

    pub(in crate::cdc) fn begin(&mut self, reason: &str, ids: Vec<String>, now: Timestamp) {
        let since = Some(Time(whole_seconds(now)));
        self.resnapshot = Some(Resnapshot { reason: reason.to_owned(), ids, since });
    }

    /// Offsets and slot are given up: the next start is a first one.
    pub(super) fn finish(&mut self, requested: &[String], now: Timestamp) {
        let answered = self.resnapshot.take().map(|done| done.ids).unwrap_or_default();
        (self.remembered, self.accepted) = (None, None);
        for run in &mut self.runs {
            adhoc::superseded(run, now);
        }
        self.ran(&answered, requested, now);
    }

    /// These requests were carried out.
    pub fn ran(&mut self, ids: &[String], requested: &[String], now: Timestamp) {
        for id in self.pending(ids) {
            self.runs.push(SnapshotRun { id, at: Some(Time(whole_seconds(now))), ..Default::default() });
        }
        while self.runs.len() > RUNS
            && let Some(old) = self.runs.iter().position(|run| !requested.contains(&run.id))
        {
            self.runs.remove(old);
        }
    }

    /// Requests that have not run yet.
    pub fn pending(&self, requested: &[String]) -> Vec<String> {
        let ran = |id: &&String| !self.runs.iter().any(|run| run.id == **id);
        requested.iter().filter(ran).cloned().collect()
    }
}
