//! Never lose silently: before the source connector is let begin, and all the time after, what it has stored is compared with the
//! slot and the server that it is to go on from.
//!
//! `stored` (Debezium's offset) and `reader` (what an observer saw the slot's reader do) → [`judge`] (`rules`, the first that holds
//! is the gap) → `told` (its words). `memory` is what status keeps for it; `heal` is what a plan does about a gap.

mod heal;
mod memory;
mod reader;
mod rules;
mod stored;
mod told;

pub use heal::{Around, Healing, Turn, heal};
pub use memory::Memory;
pub use reader::Reader;
pub use stored::Stored;
pub use told::{halted, resnapshotting};

use super::CdcReason;
use crate::view::source::{Lsn, Slot, SourceView};

/// What is compared.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    pub view: &'a SourceView,
    /// Name of the slot.
    pub slot: &'a str,
    pub stored: Stored,
    pub memory: &'a Memory,
    /// The source connector was stopped by order: then Connect stored all that it had delivered, and the slot cannot be ahead.
    pub stopped: bool,
}

impl Facts<'_> {
    fn present(&self) -> Option<&Slot> {
        self.view.slots.get(self.slot)
    }
}

/// Changes that were not read and cannot be any more, or may not have been.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// One of the reasons of [`rules`].
    pub reason: CdcReason,
    /// What was read last.
    pub from: Option<Lsn>,
    /// What can be read next.
    pub to: Option<Lsn>,
    /// What happened, in a sentence without its end.
    pub what: String,
    /// Debezium would go on behind the gap, if it were let: then `onGap: Continue` can.
    pub passable: bool,
}

impl Gap {
    /// How much is missing, at most; `None` where positions tell nothing.
    pub fn bytes(&self) -> Option<i64> {
        Some(self.to?.since(self.from?).abs())
    }
}

/// What the guard saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guarded {
    pub gap: Option<Gap>,
    pub stored: Option<Lsn>,
    pub confirmed: Option<Lsn>,
    pub restart: Option<Lsn>,
    pub server: Lsn,
}

/// Compares. What is not known is no gap: whoever lets the connector begin asks for it first.
pub fn judge(facts: &Facts<'_>) -> Guarded {
    let slot = facts.present();
    Guarded {
        gap: rules::ALL.iter().find_map(|rule| rule(facts)),
        stored: facts.stored.lsn(),
        confirmed: slot.and_then(|slot| slot.confirmed_flush_lsn),
        restart: slot.and_then(|slot| slot.restart_lsn),
        server: facts.view.position,
    }
}
