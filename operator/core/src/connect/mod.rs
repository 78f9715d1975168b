//! A Connect cluster: spec → [`Wanted`] (`validate`, `worker`) → Kubernetes objects (`desired`) → what happens next to the workers and
//! what we say about them (`plan`) → `status`.
//!
//! `credentials` gathers the Secrets that connectors name into the one that the workers mount. `inputs` is what a worker must be
//! restarted for, `names` what things are called, `owner` whose a connector is, `pods` what
//! the workers' pods say about themselves.

pub mod credentials;
pub mod desired;
mod inputs;
mod keys;
pub mod names;
pub mod owner;
mod plan;
pub mod pods;
mod reason;
mod status;
#[cfg(test)]
mod tests;
mod validate;
mod wanted;
mod worker;

pub use plan::{Plan, Seen, Step, change_failed, name_taken, plan};
pub use reason::ConnectReason;
pub use status::status;
pub use validate::validate;
pub use wanted::Wanted;
