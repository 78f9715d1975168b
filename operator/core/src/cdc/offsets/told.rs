//! What is said of offsets that are set.

use sluice_crds::cdc_pipeline::{OffsetReason, OffsetRun};

use super::{FAILED, STOPPING};
use crate::cdc::{CdcReason, Wanted};
use crate::condition::{Verdict, VerdictKind};
use crate::finding::and_then;
use crate::units::human_bytes;
use crate::view::source::Lsn;

pub(super) fn under_way(run: &OffsetRun, connector: &str) -> Verdict {
    let now = if run.state == STOPPING { "is being stopped for it" } else { "is stopped meanwhile" };
    let message = format!(
        "The offset of {} is being set as the request {} of spec.offsets asks: the connector {connector} {now}, and goes on after it",
        whose(run),
        run.id
    );
    Verdict::reconciling(CdcReason::SettingOffsets, message)
}

/// Connect did not do it.
pub fn not_set(run: &OffsetRun, words: &str) -> Verdict {
    let message = format!(
        "Connect has not set the offset of {}, which the request {} of spec.offsets asks for: {words}. Sluice tries again every second, and \
         the connector stays stopped meanwhile. To go on without, take the request out of spec.offsets",
        whose(run),
        run.id
    );
    Verdict::reconciling(CdcReason::SettingOffsets, message)
}

fn whose(run: &OffsetRun) -> String {
    run.sink.as_ref().map_or_else(|| "the source".to_owned(), |name| format!("sink {name}"))
}

/// What a pipeline that is fine adds of requests that were refused.
pub(super) fn with_refused(mut verdict: Verdict, wanted: &Wanted, runs: &[OffsetRun]) -> Verdict {
    let asked = |run: &&OffsetRun| wanted.offsets.iter().any(|request| request.id == run.id);
    let refused: Vec<&str> =
        runs.iter().filter(asked).filter(|run| run.state == FAILED).map(|run| run.id.as_str()).collect();
    if verdict.kind == VerdictKind::Ready && !refused.is_empty() {
        let sentence = format!(
            "Of spec.offsets these were refused, see status.offsets, and are not tried again under the same id: {}",
            refused.join(", ")
        );
        verdict.message = and_then(verdict.message, &sentence);
    }
    verdict
}

/// Why, and what one can do.
pub(super) enum Refusal {
    Behind { lsn: Lsn, at: Lsn, what: &'static str },
    Ahead { lsn: Lsn, position: Lsn },
    TimeAhead,
    NothingStored,
    Unreadable,
    SinkGone,
    TakenOut,
}

impl Refusal {
    pub(super) fn told(&self) -> (OffsetReason, String) {
        match self {
            Self::Behind { lsn, at, what } => (
                OffsetReason::LsnBehind,
                format!(
                    "lsn {lsn} is {} behind {at}, {what}: what lies between cannot be read again. Nothing was changed. Give a later lsn under \
                     another id, or have rows read anew by an id in spec.snapshots",
                    human_bytes(at.since(*lsn))
                ),
            ),
            Self::Ahead { lsn, position } => (
                OffsetReason::LsnAhead,
                format!(
                    "lsn {lsn} is ahead of the server, which is at {position}: changes that are still to come would be skipped. Nothing was \
                     changed. Give an lsn up to SELECT pg_current_wal_lsn() under another id"
                ),
            ),
            Self::TimeAhead => (
                OffsetReason::TimeAhead,
                "time is in the future: records that are still to come would be skipped. Nothing was changed. Give an earlier time, or to: \
                 Latest, under another id"
                    .into(),
            ),
            Self::NothingStored => (
                OffsetReason::NothingStored,
                "The source connector has no offset and slot to set forward: it has not read its first snapshot to the end. Nothing was changed. Wait \
                 until the pipeline streams, and give the request another id"
                    .into(),
            ),
            Self::Unreadable => (
                OffsetReason::OffsetUnreadable,
                "Connect has an offset for the source connector that is not one of Debezium's for PostgreSQL: what would be skipped cannot be told. \
                 Nothing was changed. An id in spec.snapshots reads all rows anew"
                    .into(),
            ),
            Self::SinkGone => (
                OffsetReason::SinkGone,
                "The sink was taken out of spec.sinks before its offset was set".into(),
            ),
            Self::TakenOut => (
                OffsetReason::TakenOut,
                "The request was taken out of spec.offsets before it was carried out. Nothing was changed".into(),
            ),
        }
    }
}
