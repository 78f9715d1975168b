//! How far a sink, or the source, is with being set, once its connector rests.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use sluice_crds::cdc_pipeline::{Accepted, OffsetRun, OffsetTarget};

use super::told::{Cause, Refusal};
use super::turn::Next;
use super::{ByPartition, Positions, SETTING, STOPPING, Set};
use crate::cdc::guard::{Guarded, Memory, Stored};
use crate::cdc::plan::Seen;
use crate::cdc::{CdcReason, Wanted};
use crate::condition::whole_seconds;
use crate::view::source::{Lsn, Slot};

/// `status.guard.accepted.reason` of changes that were skipped on request.
pub const SET: &str = "OffsetSet";
/// Partitions whose targets status can hold.
pub(super) const PARTITIONS: usize = 10_000;
/// Where a partition has no target.
const NONE: i64 = -1;

/// Writes down where the sink is to go on. Until that is done the topics grow, and lose what is old.
pub(super) fn aim(run: &mut OffsetRun, positions: &Positions) {
    for ((topic, partition), offset) in &positions.targets {
        if run.targets.last().is_none_or(|last| last.topic != *topic) {
            run.targets.push(OffsetTarget { topic: topic.clone(), offsets: Vec::new() });
        }
        let at = usize::try_from(*partition).unwrap_or_default();
        if let Some(OffsetTarget { offsets, .. }) = run.targets.last_mut() {
            offsets.resize(at.max(offsets.len()), NONE);
            offsets.push(*offset);
        }
    }
}

fn aimed(run: &OffsetRun) -> ByPartition {
    let of = |target: &OffsetTarget| {
        let topic = target.topic.clone();
        let one = move |(partition, offset): (i32, &i64)| ((topic.clone(), partition), *offset);
        (0..).zip(&target.offsets).map(one).collect::<Vec<_>>()
    };
    run.targets.iter().flat_map(of).filter(|(_, offset)| *offset != NONE).collect()
}

pub(super) fn sink(run: &mut OffsetRun, positions: &Positions, connector: String) -> Next {
    let Positions { begins, committed, .. } = positions;
    let aimed = aimed(run);
    // a partition that came since is new from its beginning on; what retention has removed meanwhile cannot be gone to, and would look missed
    let one = |(partition, begin): (&(String, i32), &i64)| {
        (partition.clone(), aimed.get(partition).map_or(*begin, |aim| *aim.max(begin)))
    };
    let targets: ByPartition = begins.iter().map(one).collect();
    if run.state == STOPPING {
        let (mut skipped, mut repeated) = (0, 0);
        for (partition, target) in &targets {
            let begin = begins.get(partition).copied().unwrap_or_default();
            let from = committed.get(partition).copied().unwrap_or(begin);
            // what is gone comes not again, and is not skipped either
            skipped += (target - from.max(begin)).max(0);
            repeated += (from - target).max(0);
        }
        (run.skipped_records, run.repeated_records) = (Some(skipped), Some(repeated));
        SETTING.clone_into(&mut run.state);
    }
    let set = targets.iter().all(|(partition, target)| committed.get(partition) == Some(target));
    if set { Next::Done } else { Next::Set(Set::Sink { connector, offsets: targets }) }
}

/// Where the source is.
pub(super) struct Standing<'a> {
    stored: Lsn,
    confirmed: Lsn,
    position: Lsn,
    slot: &'a Slot,
}

/// What keeps from telling where the source is.
pub(super) enum Hindrance {
    Unseen(Cause),
    Refused(Refusal),
}

/// Only where positions can be compared: a slot that is ahead is what such a request mends.
pub(super) fn place<'a>(
    wanted: &Wanted,
    seen: &'a Seen<'_>,
    guarded: Option<&Guarded>,
) -> Result<Standing<'a>, Hindrance> {
    let (Some(guarded), Some(view)) = (guarded, seen.source.sight.current()) else {
        return Err(Hindrance::Unseen(Cause::SourceUnseen));
    };
    if let Some(gap) = guarded.gap.as_ref().filter(|gap| gap.reason != CdcReason::SlotAhead) {
        return Err(Hindrance::Refused(Refusal::Gap(gap.clone())));
    }
    let nothing = Err(Hindrance::Refused(Refusal::NothingStored));
    let stored = match seen.stored {
        // the guard tells of an offset that nobody can read
        Stored::Unknown | Stored::Unreadable => return Err(Hindrance::Unseen(Cause::OffsetUnknown)),
        Stored::Nothing | Stored::Snapshotting => return nothing,
        Stored::At(stored) => stored,
    };
    let Some(slot) = view.slots.get(&wanted.source.slot) else { return nothing };
    let Some(confirmed) = slot.confirmed_flush_lsn else { return nothing };
    Ok(Standing { stored, confirmed, position: view.position, slot })
}

impl Standing<'_> {
    /// Why it cannot be set there.
    pub(super) fn refuses(&self, lsn: Lsn) -> Option<Refusal> {
        if lsn < self.stored {
            return Some(Refusal::Behind { lsn, at: self.stored, what: "up to where everything was read" });
        }
        if lsn < self.confirmed {
            let what = "before which the slot gives nothing any more";
            return Some(Refusal::Behind { lsn, at: self.confirmed, what });
        }
        (lsn > self.position).then_some(Refusal::Ahead { lsn, position: self.position })
    }
}

pub(super) fn source(
    wanted: &Wanted,
    seen: &Seen<'_>,
    guarded: Option<&Guarded>,
    memory: &mut Memory,
    run: &mut OffsetRun,
    lsn: Lsn,
) -> Next {
    let standing = match place(wanted, seen, guarded) {
        Ok(standing) => standing,
        Err(Hindrance::Refused(refusal)) => return Next::Refused(refusal),
        Err(Hindrance::Unseen(cause)) => return Next::Wait(cause),
    };
    if !seen.fresh {
        return Next::LookAgain;
    }
    // one that reads on though its connector is stopped would store where it is after this, or has done so
    if standing.slot.active {
        return Next::Wait(Cause::InUse { slot: wanted.source.slot.clone(), pid: standing.slot.active_pid });
    }
    let Standing { stored, .. } = standing;
    if stored == lsn {
        return Next::Done;
    }
    if let Some(refusal) = standing.refuses(lsn) {
        return Next::Refused(refusal);
    }
    if run.state == STOPPING {
        let bytes = Some(lsn.since(stored));
        (run.from_lsn, run.skipped_bytes) = (Some(stored.to_string()), bytes);
        SETTING.clone_into(&mut run.state);
        memory.accepted = Some(Accepted {
            reason: SET.into(),
            from_lsn: run.from_lsn.clone(),
            to_lsn: run.lsn.clone(),
            bytes,
            at: Some(Time(whole_seconds(seen.now))),
        });
    }
    Next::Set(Set::Source { connector: wanted.source_connector(), lsn })
}

/// What was not skipped after all is missed again.
pub(super) fn forget_accepted(memory: &mut Memory, run: &OffsetRun) {
    if memory.accepted.as_ref().is_some_and(|it| it.reason == SET && it.to_lsn == run.lsn) {
        memory.accepted = None;
    }
}
