//! Compares source and sink by primary key: what is missing, extra or different in the sink.
//!
//! spec.verify → what is due (`turn`, by `schedule`) → how two tables are compared (`pair`) → statements (`sql`) whose answers are
//! set against each other (`compare`) → what was found (`outcome`) → status and the condition `Verified` (`told`).
//!
//! Checksums are computed in the databases, over the text of all columns. Rows on their way are no differences: a key that differs is
//! looked at again once the sink has applied all that the source had then, and only what stays different while the source's row
//! rests counts (`compare::Suspects`).

pub mod compare;
mod outcome;
pub mod pair;
mod schedule;
pub mod sql;
#[cfg(test)]
mod tests;
mod told;
mod turn;

pub use outcome::{Outcome, TableOutcome};
pub use schedule::{BadSchedule, Schedule};
pub use told::{VERIFIED, tell, turned};
pub use turn::{Request, began, due, finished, kept, progress, repair, resnapshot, waits};
