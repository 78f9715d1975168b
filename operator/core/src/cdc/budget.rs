//! How much WAL the pipeline's slot keeps on the source's disk, how fast that grows, and how long it can go on: until the budget
//! (`objectives.maxRetainedWal`), and until the server gives the slot up (`max_slot_wal_keep_size`).

use super::lag::coarse;
use super::{CdcReason, Wanted};
use crate::units::human_bytes;
use crate::view::source::SourceView;

/// Below so many percent of `max_slot_wal_keep_size` left, the slot is about to be lost.
const NEAR: i64 = 20;
/// A budget that was exceeded holds again below so many percent of it.
const AGAIN: i64 = 90;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    pub retained: i64,
    /// Bytes in a second.
    pub growth: i64,
    pub budget: Option<i64>,
    /// Until the server gives the slot up; `None`: it does not.
    pub left: Option<i64>,
    pub state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// There is neither a budget nor a limit.
    #[default]
    Unbounded,
    Within,
    Exceeded,
    /// The server is about to invalidate the slot, budget or not.
    LimitNear,
}

/// `None` while the slot is not there. `was`: it was exceeded when it was looked at last.
pub fn judge(wanted: &Wanted, view: &SourceView, was: bool) -> Option<Budget> {
    let slot = view.slots.get(&wanted.source.slot)?;
    let lag = view.lags.get(&wanted.source.slot)?;
    let budget = wanted.max_retained_wal;
    let keep = view.server.max_slot_wal_keep_size;
    let limit = (keep >= 0).then(|| keep.saturating_mul(1 << 20));
    let left = slot.safe_wal_size.filter(|_| limit.is_some());
    let near = slot.wal_status.as_deref() == Some("unreserved")
        || left.zip(limit).is_some_and(|(left, limit)| left < limit / 100 * NEAR);
    let over = budget.is_some_and(|budget| {
        let threshold = if was { budget / 100 * AGAIN } else { budget };
        lag.retained > threshold
    });
    let state = match (near, over) {
        (true, _) => State::LimitNear,
        (_, true) => State::Exceeded,
        _ if budget.is_some() || limit.is_some() => State::Within,
        _ => State::Unbounded,
    };
    Some(Budget { retained: lag.retained, growth: lag.growth, budget, left, state })
}

impl Budget {
    pub fn is_exceeded(&self) -> bool {
        matches!(self.state, State::Exceeded | State::LimitNear)
    }

    /// More than the user's own budget, which is what `onBudgetExceeded` is about.
    pub fn is_over(&self) -> bool {
        self.budget.is_some_and(|budget| self.retained > budget)
    }

    pub fn seconds_to_budget(&self) -> Option<i64> {
        let left = (self.budget? - self.retained).max(0);
        seconds(left, self.growth)
    }

    pub fn seconds_to_limit(&self) -> Option<i64> {
        seconds(self.left?.max(0), self.growth)
    }

    /// The condition `WalBudget`; `None` where there is nothing to keep to.
    pub fn told(&self, wanted: &Wanted) -> Option<(bool, CdcReason, String)> {
        let slot = &wanted.source.slot;
        let kept = human_bytes(coarse(self.retained));
        let of = self.budget.map(|budget| format!(" of {}", human_bytes(budget))).unwrap_or_default();
        let pace = match self.growth {
            0 => String::new(),
            growth => format!(", growing by {} a second", human_bytes(coarse(growth))),
        };
        let mend = "It is released once the pipeline reads again: see why it does not, or set spec.state: Running. To give up its \
                    position instead, and read all rows anew, add an id to spec.snapshots";
        match self.state {
            State::Unbounded => None,
            // no figures: they would move all the time
            State::Within => {
                let budget =
                    self.budget.map_or("the server's max_slot_wal_keep_size".to_owned(), human_bytes);
                Some((true, CdcReason::WithinBudget, format!("The slot {slot} keeps less WAL than {budget}")))
            }
            State::Exceeded => Some((
                false,
                CdcReason::BudgetExceeded,
                format!("The slot {slot} keeps {kept}{of} of WAL on the database's disk{pace}. {mend}"),
            )),
            State::LimitNear => Some((
                false,
                CdcReason::LimitNear,
                format!(
                    "The server gives up the slot {slot} after {} more of WAL{} (max_slot_wal_keep_size): then all rows must be read \
                     anew{pace}. {mend}",
                    human_bytes(coarse(self.left.unwrap_or(0).max(0))),
                    of.replace(" of ", ", it keeps "),
                ),
            )),
        }
    }
}

/// `None`: not at all soon.
fn seconds(bytes: i64, growth: i64) -> Option<i64> {
    const MONTH: i64 = 30 * 86_400;
    (growth > 0).then(|| bytes / growth).filter(|seconds| *seconds < MONTH)
}
