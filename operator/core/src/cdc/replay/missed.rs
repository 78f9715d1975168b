use std::collections::BTreeMap;

use sluice_crds::CdcPipelineStatus;
use sluice_crds::cdc_pipeline::{SnapshotRun, SnapshotType};

use super::letter::Letter;
use crate::cdc::Wanted;
use crate::view::source::Lsn;

/// Up to where changes may never have come to Kafka: a gap was gone over, or all rows were read anew. A row may have been deleted there without
/// a trace in its topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Missed {
    lsn: Option<Lsn>,
    /// Milliseconds since 1970.
    at: Option<i64>,
    /// The same by topic, where all rows of a table were read: before that it may not have been in the pipeline.
    tables: BTreeMap<String, i64>,
}

impl Missed {
    pub fn of(wanted: &Wanted, status: Option<&CdcPipelineStatus>) -> Self {
        let Some(status) = status else { return Self::default() };
        let gap = status.guard.as_ref().and_then(|guard| guard.accepted.as_ref());
        let snapshot = status.snapshot.as_ref();
        let read = snapshot.and_then(|snapshot| snapshot.lsn.as_ref().or(snapshot.from_lsn.as_ref()));
        let lsns = [gap.and_then(|gap| gap.to_lsn.as_ref()), read];
        let anew = status.snapshots.iter().filter(|run| run.type_ == SnapshotType::Initial);
        let times =
            [gap.and_then(|gap| gap.at.as_ref()), snapshot.and_then(|snapshot| snapshot.since.as_ref())];
        let times = times.into_iter().flatten().chain(anew.filter_map(|run| run.at.as_ref()));
        Self {
            lsn: lsns.into_iter().flatten().filter_map(|lsn| lsn.parse().ok()).max(),
            at: times.map(|at| at.0.as_millisecond()).max(),
            tables: tables(wanted, &status.snapshots),
        }
    }

    /// Whether a letter is from before, or may be: it is if its position says so or its time does. A copy has the time at which it was
    /// copied: what it is a copy of is no younger.
    pub fn covers(&self, letter: &Letter) -> bool {
        let table = letter.from.as_ref().and_then(|(place, _)| self.tables.get(&place.topic));
        let at = self.at.max(table.copied());
        let by_lsn = self.lsn.zip(letter.lsn).map(|(missed, lsn)| lsn < missed);
        let by_time = at.zip(letter.made).map(|(missed, made)| made < missed);
        let by_time = by_time.filter(|older| *older || letter.copied.is_none());
        // of a table that was away only its time tells
        let unknown = if table.is_some() { by_time.is_none() } else { by_lsn.is_none() && by_time.is_none() };
        let is_asked = self.lsn.is_some() || at.is_some();
        by_lsn == Some(true) || by_time == Some(true) || (unknown && is_asked)
    }
}

/// When all rows of a table were ordered to be read last.
fn tables(wanted: &Wanted, runs: &[SnapshotRun]) -> BTreeMap<String, i64> {
    let mut tables = BTreeMap::new();
    for table in &wanted.tables {
        let name = table.to_string();
        let whole = |run: &&SnapshotRun| run.where_.is_none() && run.tables.contains(&name);
        let at = runs.iter().filter(whole).filter_map(|run| run.at.as_ref());
        if let Some(at) = at.map(|at| at.0.as_millisecond()).max() {
            tables.insert(wanted.topic(table), at);
        }
    }
    tables
}
