use sluice_crds::CdcPipelineStatus;
use sluice_crds::cdc_pipeline::SnapshotType;

use super::letter::Letter;
use crate::view::source::Lsn;

/// Up to where changes may never have come to Kafka: a gap was gone over, or all rows were read anew. A row may have been deleted there without
/// a trace in its topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Missed {
    lsn: Option<Lsn>,
    /// Milliseconds since 1970.
    at: Option<i64>,
}

impl Missed {
    pub fn of(status: Option<&CdcPipelineStatus>) -> Self {
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
        }
    }

    /// Whether a letter is from before, or may be: it is if its position says so or its time does. A copy has the time at which it was copied.
    pub fn covers(&self, letter: &Letter) -> bool {
        let made = letter.made.filter(|_| letter.copied.is_none());
        let by_lsn = self.lsn.zip(letter.lsn).map(|(missed, lsn)| lsn < missed);
        let by_time = self.at.zip(made).map(|(missed, made)| made < missed);
        match (by_lsn, by_time) {
            (None, None) => *self != Self::default(),
            (by_lsn, by_time) => by_lsn == Some(true) || by_time == Some(true),
        }
    }
}
