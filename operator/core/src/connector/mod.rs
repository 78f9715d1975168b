//! One connector: spec → [`Wanted`] (`validate`) → what happens next (`plan`, with `health` for one that is as declared, `failure` and `restart` for what has failed) or, once the object
//! is deleted, what is left to do (`teardown`) → `status`.

pub mod failure;
mod health;
mod plan;
mod reason;
mod restart;
mod status;
mod teardown;
#[cfg(test)]
mod tests;
mod validate;

pub use plan::{Plan, Seen, Step, plan};
pub use reason::ConnectorReason;
pub use restart::Progress;
pub use status::{FieldErrors, invalid, not_yet, refused, status};
pub use teardown::{Teardown, TeardownSeen, left_behind, teardown};
pub use validate::{Wanted, validate};

/// Finalizer of every Connector: the connector in Connect goes with its object.
pub const FINALIZER: &str = "sluice.dev/connector";
