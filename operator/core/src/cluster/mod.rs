//! A Kafka cluster: spec → [`Wanted`] (`validate`, `config`, `version`, `jvm`) → Kubernetes objects (`desired`).
//!
//! `wanted` is the model, `inputs` what a pod must be restarted for, `names` what things are called, `seen` what was
//! observed.

pub mod config;
pub mod desired;
mod hash;
pub mod inputs;
mod jvm;
pub mod names;
mod reason;
mod seen;
#[cfg(test)]
mod tests;
mod validate;
pub mod version;
mod wanted;

pub use reason::ClusterReason;
pub use seen::{DynamicConfigs, Seen};
pub use validate::validate;
pub use wanted::{Listener, Pool, Storage, Wanted};
