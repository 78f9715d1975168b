//! Passes over each `KafkaCluster`: `reconcile` is the table of contents, `look` gathers what core wants to know, `act`
//! applies objects and carries the one step out, `failures` keeps what failed from being repeated at once; `keep` is
//! what is left to do where the spec cannot be carried out; `unmade` asks why pods are missing; `moves` plans and
//! moves replicas.

mod act;
mod canary;
mod failures;
mod keep;
mod look;
mod moves;
mod reconcile;
mod unmade;

pub use failures::Failures;
pub use look::zone;
pub use reconcile::reconcile;
pub use unmade::Missing;
