//! What is done about a gap, and how all rows are read anew: stop the source connector, have Connect forget its offsets, drop the
//! slot, begin as for the first time. Each step follows from what is seen, so an interruption costs nothing.

use jiff::Timestamp;
use sluice_crds::cdc_pipeline::{OnBudgetExceeded, OnGap};

use super::{Gap, Guarded, Memory, Stored};
use crate::cdc::child::Child;
use crate::cdc::{Wanted, Work, sql};
use crate::reason::Reason as _;
use crate::view::source::SourceView;

/// What a pass does about what the guard saw.
#[derive(Clone, Debug, PartialEq)]
pub enum Turn {
    /// Nothing stands against the source connector.
    GoOn(Memory),
    /// It must not run.
    Halt(Gap),
    /// All rows are read anew, and this is the next step.
    Heal(Healing, Memory),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Healing {
    /// The source connector is being stopped.
    Stop,
    /// Have Connect forget its offsets.
    Forget,
    /// Drop the slot.
    Drop(Work),
    /// Connect does not say what is stored.
    Ask,
    /// The slot is in use by this process.
    InUse(Option<i32>),
}

/// What is seen beside the gap.
pub struct Around<'a> {
    pub wanted: &'a Wanted,
    pub view: &'a SourceView,
    pub stored: Stored,
    pub memory: &'a Memory,
    /// The source's Connector.
    pub source: Option<&'a Child>,
    /// The slot keeps more than `objectives.maxRetainedWal`.
    pub over_budget: bool,
    pub now: Timestamp,
}

pub fn heal(guarded: &Guarded, around: &Around<'_>) -> Turn {
    let Around { wanted, now, .. } = *around;
    let mut memory = around.memory.clone();
    if memory.resnapshot.is_none() {
        let pending = memory.pending(&wanted.snapshots);
        let started = around.source.is_some() || memory.remembered.is_some();
        let gap = guarded.gap.as_ref();
        if !pending.is_empty() && (started || gap.is_some()) {
            memory.begin("Requested", pending, now);
        } else if wanted.source.on_budget_exceeded == OnBudgetExceeded::DropSlot && drops(around) {
            memory.begin("BudgetExceeded", Vec::new(), now);
        } else {
            match (gap, wanted.source.on_gap) {
                (None, _) => return Turn::GoOn(memory),
                (Some(gap), OnGap::Resnapshot) => memory.begin(gap.reason.as_str(), Vec::new(), now),
                (Some(gap), OnGap::Continue) if gap.passable => {
                    memory.accept(gap, now);
                    return Turn::GoOn(memory);
                }
                (Some(gap), OnGap::Halt | OnGap::Continue) => return Turn::Halt(gap.clone()),
            }
        }
    }
    if let Some(step) = step(around) {
        return Turn::Heal(step, memory);
    }
    memory.finish(&wanted.requested(), now);
    Turn::GoOn(memory)
}

/// A snapshot that runs holds the slot back, and would do so again after the drop: then it is only told.
fn drops(around: &Around<'_>) -> bool {
    around.over_budget
        && around.stored != Stored::Snapshotting
        && around.view.slots.contains_key(&around.wanted.source.slot)
}

/// `None`: nothing is left of what was.
fn step(around: &Around<'_>) -> Option<Healing> {
    if !around.source.is_some_and(Child::is_stopped) {
        return Some(Healing::Stop);
    }
    match around.stored {
        Stored::Unknown => return Some(Healing::Ask),
        Stored::Nothing => {}
        Stored::At(_) | Stored::Snapshotting | Stored::Unreadable => return Some(Healing::Forget),
    }
    let name = &around.wanted.source.slot;
    let slot = around.view.slots.get(name)?;
    Some(if slot.active {
        Healing::InUse(slot.active_pid)
    } else {
        let doing = format!("drop the slot {name}, which is made anew");
        Healing::Drop(Work { sink: None, doing, statements: vec![sql::drop_slot(name)] })
    })
}
