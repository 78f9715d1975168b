//! Passes over each `KafkaCluster`: `reconcile` is the table of contents, `look` gathers what core wants to know, `act`
//! applies objects and carries the one step out, `failures` keeps what failed from being repeated at once.

mod act;
mod failures;
mod look;
mod reconcile;

pub use failures::Failures;
pub use reconcile::reconcile;
