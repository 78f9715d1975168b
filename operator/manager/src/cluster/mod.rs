//! Passes over each `KafkaCluster`: `reconcile` is the table of contents, `look` gathers what core wants to know, `act`
//! applies objects and carries the one step out.

mod act;
mod look;
mod reconcile;

pub use reconcile::reconcile;
