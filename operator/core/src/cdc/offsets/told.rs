//! What is said of offsets that are set.

use sluice_crds::cdc_pipeline::{OffsetReason, OffsetRun};
use sluice_crds::{CdcPipeline, CdcPipelineStatus};

use super::{DONE, FAILED, RESUMING, SETTING, STOPPING, set, under_way as run_under_way};
use crate::cdc::guard::Gap;
use crate::cdc::{CdcReason, Wanted, names};
use crate::condition::{Verdict, VerdictKind};
use crate::finding::and_then;
use crate::reason::Reason as _;
use crate::units::human_bytes;
use crate::view::source::Lsn;

/// What a request waits for.
pub(super) enum Cause {
    /// The pipeline goes on without its connector for now, and says why.
    Unplanned,
    /// Connect has not stopped the connector yet; what the Connector says of itself, where it is not well.
    Stopping(Option<String>),
    SourceUnseen,
    OffsetUnknown,
    PositionsUnseen,
    /// Somebody reads the slot.
    InUse {
        slot: String,
        pid: Option<i32>,
    },
    /// Rows are being read: the run's id.
    Rows(String),
}

impl Cause {
    fn told(&self) -> String {
        match self {
            Self::Unplanned => "The connector is stopped once nothing else holds the pipeline up".into(),
            Self::Stopping(None) => "Sluice waits for Connect to have stopped the connector".into(),
            Self::Stopping(Some(words)) => {
                format!("Sluice waits for Connect to have stopped the connector, which says {words}")
            }
            Self::SourceUnseen => "Sluice waits until it can see the source".into(),
            Self::OffsetUnknown => {
                "Sluice waits for Connect to say what offset the source connector has stored".into()
            }
            Self::PositionsUnseen => {
                "Sluice waits for Kafka to say where the topics and the sink's consumer group are".into()
            }
            Self::InUse { slot, pid } => {
                let process = pid.map(|pid| format!(" by the process {pid}")).unwrap_or_default();
                let end = pid
                    .map(|pid| format!("; to end it at once: SELECT pg_terminate_backend({pid});"))
                    .unwrap_or_default();
                format!(
                    "The slot {slot} is still in use{process}, which could store another offset. Sluice waits until it is free: a reader \
                     whose network has gone is let go after wal_sender_timeout{end}"
                )
            }
            Self::Rows(id) => format!(
                "Sluice waits until the rows of {id} have been read, see status.snapshots. To go on now, set spec.state to Stopped until the \
                 request is done: the rows are read after it"
            ),
        }
    }
}

/// A request that was not begun yet.
pub(super) fn waits(mut verdict: Verdict, run: &OffsetRun, cause: &Cause) -> Verdict {
    let sentence = format!("The request {} of spec.offsets is not begun yet. {}", run.id, cause.told());
    verdict.message = and_then(verdict.message, &sentence);
    verdict
}

/// `ours`: what the pipeline says comes of the request, and is not needed beside it.
pub(super) fn under_way(
    mut verdict: Verdict,
    ours: bool,
    run: &OffsetRun,
    connector: &str,
    cause: Option<&Cause>,
) -> Verdict {
    let (whose, id) = (whose(run), &run.id);
    let mut sentence = match run.state.as_str() {
        RESUMING if run.reason.is_some() => format!(
            "The request {id} of spec.offsets was not carried out, see status.offsets, and the connector {connector} is let go on"
        ),
        RESUMING => format!(
            "The offset of {whose} was set as the request {id} of spec.offsets asks, and the connector {connector} is let go on"
        ),
        state => {
            let now = if state == STOPPING { "is stopped for it" } else { "is stopped meanwhile" };
            format!(
                "The offset of {whose} is being set as the request {id} of spec.offsets asks: the connector {connector} {now}, and goes on \
                 after it"
            )
        }
    };
    if let Some(cause) = cause {
        sentence = and_then(sentence, &cause.told());
    }
    if ours {
        return Verdict::reconciling(CdcReason::SettingOffsets, sentence);
    }
    verdict.message = and_then(verdict.message, &sentence);
    verdict
}

/// Connect did not do it.
pub fn not_set(mut verdict: Verdict, run: &OffsetRun, words: &str) -> Verdict {
    let sentence = format!(
        "Connect has not set the offset of {}, which the request {} of spec.offsets asks for: {words}. Sluice tries again every second, and \
         the connector stays stopped meanwhile. To go on without, take the request out of spec.offsets",
        whose(run),
        run.id
    );
    if verdict.reason == CdcReason::SettingOffsets.as_str() {
        return Verdict::reconciling(CdcReason::SettingOffsets, sentence);
    }
    verdict.message = and_then(verdict.message, &sentence);
    verdict
}

/// The connector stays stopped `until` then.
pub(super) fn left(mut verdict: Verdict, run: &OffsetRun, connector: &str, until: &str) -> Verdict {
    let sentence = format!(
        "The connector {connector} was stopped for the request {} of spec.offsets, and is let go on once {until}",
        run.id
    );
    verdict.message = and_then(verdict.message, &sentence);
    verdict
}

/// A spec that cannot be meant ends the pass. Whose connector was stopped before that must not have to be guessed.
pub fn while_invalid(pipeline: &CdcPipeline, verdict: Verdict) -> Verdict {
    let runs = pipeline.status.as_ref().map(|status| status.offsets.as_slice()).unwrap_or_default();
    let Some(run) = run_under_way(runs) else { return verdict };
    let name = pipeline.metadata.name.as_deref().unwrap_or_default();
    let connector = match &run.sink {
        Some(sink) => names::sink_connector(name, sink),
        None => names::source_connector(name),
    };
    left(verdict, run, &connector, "the spec can be meant")
}

fn whose(run: &OffsetRun) -> String {
    run.sink.as_ref().map_or_else(|| "the source".to_owned(), |name| format!("sink {name}"))
}

/// What a pipeline that is fine adds of requests that were refused.
pub(super) fn with_refused(mut verdict: Verdict, wanted: &Wanted, runs: &[OffsetRun]) -> Verdict {
    let refused = |run: &&OffsetRun| {
        let asked = wanted.offsets.iter().any(|request| request.id == run.id);
        asked && run.state == FAILED && run.reason != Some(OffsetReason::BeforeStart)
    };
    let refused: Vec<&str> = runs.iter().filter(refused).map(|run| run.id.as_str()).collect();
    if verdict.kind == VerdictKind::Ready && !refused.is_empty() {
        let sentence = format!(
            "Of spec.offsets these were refused, see status.offsets, and are not tried again under the same id: {}",
            refused.join(", ")
        );
        verdict.message = and_then(verdict.message, &sentence);
    }
    verdict
}

/// For events: requests that have been carried out since, or refused, and what to say of them.
pub fn turned(before: Option<&CdcPipelineStatus>, now: &CdcPipelineStatus) -> Vec<(bool, String)> {
    let is_over = |run: &OffsetRun| [RESUMING, DONE, FAILED].contains(&run.state.as_str());
    let was_over =
        |id: &str| before.is_some_and(|it| it.offsets.iter().any(|run| run.id == id && is_over(run)));
    let new = now.offsets.iter().filter(|run| is_over(run) && !was_over(&run.id));
    let told = |run: &OffsetRun| match (run.reason, &run.sink) {
        (Some(_), _) => (false, format!("spec.offsets, {}: {}", run.id, run.message)),
        (None, None) => {
            let (from, to) = (run.from_lsn.as_deref(), run.lsn.as_deref());
            let (from, to) = (from.unwrap_or_default(), to.unwrap_or_default());
            let what =
                format!("changes from {from} to {to} are not in Kafka, and reading goes on behind them");
            (true, format!("spec.offsets, {}: {what}", run.id))
        }
        (None, Some(sink)) => {
            let (again, skipped) = (run.repeated_records.unwrap_or(0), run.skipped_records.unwrap_or(0));
            let what = format!("{again} records come to sink {sink} again, and {skipped} are skipped");
            (true, format!("spec.offsets, {}: {what}", run.id))
        }
    };
    new.filter(|run| run.reason != Some(OffsetReason::BeforeStart)).map(told).collect()
}

/// Why, and what one can do.
pub(super) enum Refusal {
    Behind {
        lsn: Lsn,
        at: Lsn,
        what: &'static str,
    },
    Ahead {
        lsn: Lsn,
        position: Lsn,
    },
    TimeAhead,
    NothingStored,
    /// Positions cannot be compared.
    Gap(Gap),
    ManyPartitions,
    SinkGone,
    TakenOut,
    BeforeStart,
}

impl Refusal {
    pub(super) fn told(&self, run: &OffsetRun) -> (OffsetReason, String) {
        // Connect may have stored it before that could be seen
        let changed = match (run.state.as_str(), &run.sink) {
            (SETTING, None) => {
                "It may have been set already, which was not seen any more: status.guard.storedLsn says where the source is"
            }
            (SETTING, Some(_)) => {
                "It may have been set already, which was not seen any more: status.sinks has how far the sink is behind"
            }
            _ => "Nothing was changed",
        };
        match self {
            Self::Behind { lsn, at, what } => (
                OffsetReason::LsnBehind,
                format!(
                    "lsn {lsn} is {} behind {at}, {what}: what lies between cannot be read again. {changed}. Give a later lsn under \
                     another id, or have rows read anew by an id in spec.snapshots",
                    human_bytes(at.since(*lsn))
                ),
            ),
            Self::Ahead { lsn, position } => (
                OffsetReason::LsnAhead,
                format!(
                    "lsn {lsn} is ahead of the server, which is at {position}: changes that are still to come would be skipped. {changed}. \
                     Give an lsn up to SELECT pg_current_wal_lsn() under another id"
                ),
            ),
            Self::TimeAhead => (
                OffsetReason::TimeAhead,
                format!(
                    "time is in the future: records that are still to come would be skipped. {changed}. Give an earlier time, or to: \
                     Latest, under another id"
                ),
            ),
            Self::NothingStored => (
                OffsetReason::NothingStored,
                format!(
                    "The source connector has no offset and slot to set forward: it has not read its first snapshot to the end. {changed}. Wait \
                     until the pipeline streams, and give the request another id"
                ),
            ),
            Self::Gap(gap) => (
                reason(gap),
                format!(
                    "{}: what would be skipped cannot be told. {changed}. An id in spec.snapshots reads all rows anew; what else can be \
                     done stands in the pipeline's own message",
                    gap.what
                ),
            ),
            Self::ManyPartitions => (
                OffsetReason::ManyPartitions,
                format!(
                    "The sink's topics have more than {} partitions, and status cannot hold where to go on in each. {changed}. Stop the sink's \
                     connector by spec.state, and set the offsets of its consumer group with Kafka's own tools",
                    set::PARTITIONS
                ),
            ),
            Self::SinkGone => (
                OffsetReason::SinkGone,
                format!("The sink was taken out of spec.sinks before its offset was seen to be set. {changed}"),
            ),
            Self::TakenOut => (
                OffsetReason::TakenOut,
                format!(
                    "The request was taken out of spec.offsets before it was seen to be carried out. {changed}"
                ),
            ),
            Self::BeforeStart => (
                OffsetReason::BeforeStart,
                "The pipeline was started for the first time with this request already in its spec: what it asked of one that was there before \
                 is not asked again. Nothing was changed. If it is meant, give it another id"
                    .into(),
            ),
        }
    }
}

/// The guard's, where positions cannot be compared.
fn reason(gap: &Gap) -> OffsetReason {
    match gap.reason {
        CdcReason::OtherServer => OffsetReason::OtherServer,
        CdcReason::SlotLost => OffsetReason::SlotLost,
        CdcReason::SlotMissing => OffsetReason::SlotMissing,
        CdcReason::ServerWentBack => OffsetReason::ServerWentBack,
        _ => OffsetReason::OffsetUnreadable,
    }
}
