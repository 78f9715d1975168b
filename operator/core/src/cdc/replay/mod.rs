//! Dead letters that are sent again: `spec.sinks[].replay`.
//!
//! A letter is written once more to the end of the partition that the sink read it from, unless the partition has a newer change of the
//! same row: `batch` decides that, by what it is shown of the partitions (`log`), and mends what was overtaken. `letter` is what a
//! record says of itself. `ground`: what a topic's configs mean to them. `missed`: which are older than what
//! never came to Kafka. `refusal`: what it means that Kafka did not take one. `copies`: whether the sink has read what was sent.
//! `turn` says which request runs when, and what status tells of it.
//!
//! A copy carries in a header where the record stood that it is a copy of (its rank) and for which run it was made. So the topic itself
//! says what was sent: a run that was interrupted begins again and sends nothing twice.

mod batch;
mod copies;
mod ground;
mod letter;
mod log;
mod missed;
mod refusal;
mod sums;
#[cfg(test)]
mod tests;
mod turn;

pub use batch::{Batch, Ground, Seen, Sending, What};
pub use copies::Copies;
pub use ground::Keeps;
pub use letter::{Copied, HEADER, Key, Letter, Place, Print};
pub use missed::Missed;
pub use refusal::Refusal;
pub use sums::Sums;
pub use turn::{Bound, anew, began, bounded, choose, finished, goes_on, holds, kept, run, turned};
