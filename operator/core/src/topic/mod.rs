//! One topic: spec → [`Wanted`] (`validate`) → what differs in Kafka (`diff`) → what happens next (`plan`) or, once
//! the object is deleted, what is left to do (`teardown`) → `status`.
//!
//! `claim` says whose a name is when several objects want it; `keys` are Kafka's topic-level configs.

mod claim;
mod diff;
mod keys;
mod plan;
mod reason;
mod replicas;
mod status;
mod teardown;
#[cfg(test)]
mod tests;
mod validate;

pub use claim::{Claimant, elder};
pub use diff::Difference;
pub use keys::TOPIC_KEYS;
pub use plan::{Facts, Plan, Seen, Step, plan};
pub use reason::TopicReason;
pub use replicas::Replicas;
pub use status::{rejected, status};
pub use teardown::{Teardown, TeardownSeen, left_behind, teardown};
pub use validate::{Wanted, name_of, validate};

/// Finalizer of Topics whose `deletionPolicy` is `Delete`.
pub const FINALIZER: &str = "sluice.dev/topic";
/// Annotation: there was no topic of this name when Sluice set out to create it, so the topic is ours. It is set
/// together with the finalizer, before the topic is created, and survives where status does not (a restore).
pub const CREATED: &str = "sluice.dev/created-topic";
