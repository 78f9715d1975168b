//! What is said of gaps and of what heals them.

use sluice_crds::cdc_pipeline::OnGap;

use super::{Gap, Healing};
use crate::cdc::lag::coarse;
use crate::cdc::{CdcReason, Wanted};
use crate::condition::Verdict;
use crate::units::human_bytes;

/// The source connector must not run, and does not any more once it is `stopped`.
pub fn halted(gap: &Gap, wanted: &Wanted, stopped: bool) -> Verdict {
    let bytes = gap.bytes().filter(|_| gap.reason != CdcReason::SlotAhead);
    let bytes = bytes
        .map(|bytes| format!(". Up to {} of WAL were not read", human_bytes(coarse(bytes))))
        .unwrap_or_default();
    let instead = match (wanted.source.on_gap, gap.passable) {
        (OnGap::Continue, _) => ". onGap: Continue cannot go over this kind of gap",
        (_, true) => ", or spec.source.onGap: Continue to go on without what is missing",
        (_, false) => "",
    };
    let mend = "To read all rows anew, add an id to spec.snapshots (for example snapshots: [{id: \"1\"}]) or set spec.source.onGap: \
                Resnapshot";
    let is = if stopped { "is" } else { "is being" };
    let message = format!(
        "{}{bytes}. The source connector {is} stopped, and the sinks go on with what is in the topics. {mend}{instead}",
        gap.what
    );
    Verdict::stalled(gap.reason, message)
}

/// All rows are about to be read anew.
pub fn resnapshotting(step: &Healing, why: &str, wanted: &Wanted) -> Verdict {
    let slot = &wanted.source.slot;
    let now = match step {
        Healing::Stop => "The source connector is being stopped".to_owned(),
        Healing::Forget => "Connect is forgetting the source connector's offsets".to_owned(),
        Healing::Drop(_) => format!("The slot {slot} is being dropped"),
        Healing::Ask => "Sluice waits for Connect to say what offsets the source connector has".to_owned(),
        Healing::InUse(pid) => {
            let pid = pid.map(|pid| format!(" by the process {pid}")).unwrap_or_default();
            format!(
                "The slot {slot} is still in use{pid}; it is dropped once it is free. A reader whose network has gone is let go \
                 after wal_sender_timeout"
            )
        }
    };
    let message = format!(
        "All rows are read anew ({why}). {now}. Rows that were deleted in the source meanwhile stay in the sinks"
    );
    Verdict::reconciling(CdcReason::Resnapshotting, message)
}
