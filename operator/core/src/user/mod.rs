//! Somebody who may use a Kafka cluster: spec → [`Wanted`] (`validate`) → what is to be changed in Kafka, and the Secret that clients
//! mount (`plan`, `secret`) → `status`; `teardown` when it goes. `door`: the listeners by which a user comes. All pure; passwords and certificates come in as
//! parameters.

mod door;
mod plan;
mod reason;
pub mod secret;
mod status;
mod teardown;
#[cfg(test)]
mod tests;
mod validate;

pub use door::{Door, Entrance, door};
pub use plan::{Changes, Given, Plan, Seen, is_for_now, plan};
pub use reason::UserReason;
pub use status::{change_failed, name_taken, rejected, status};
pub use teardown::{Teardown, left_behind, teardown};
pub use validate::{Login, Wanted, principal, validate};

/// `app.kubernetes.io/name` of what belongs to a User.
pub const APP: &str = "kafka-user";
/// `app.kubernetes.io/component` of the Secret that clients mount.
pub const COMPONENT: &str = "client";
/// A User is in Kafka's metadata, which no owner reference cleans up.
pub const FINALIZER: &str = "sluice.dev/user";

/// The Secret that clients mount.
pub fn secret_name(user: &str) -> String {
    format!("{user}-kafka")
}
