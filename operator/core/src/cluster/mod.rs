//! A Kafka cluster: spec → [`Wanted`] (`validate`) → Kubernetes objects (`desired`) and what happens next (`plan`)
//! → `status`. All pure; the manager observes a [`Seen`], carries a [`Plan`] out and reports.
//!
//! Model: `wanted`, `config` (Kafka's keys), `version`, `jvm`, `inputs` (what a pod must be restarted for), `names`.
//! Decisions: `node` (what each pod shows) → `gate` (may a node be stopped?) → `roll` (restarts), `quorum` (votes),
//! `rebalance` (replicas that move), `scale` (nodes that leave), `cordon` (and get nothing new), `certificates` (who shows which), `access` (who may what), `dynamic` (configuration while brokers run), `claims` (volumes) → `plan` → `verdict`;
//! `health`, `disks`, `canary` (Sluice's own records) and `degraded` are what status says beside it.

mod access;
pub mod canary;
pub mod certificates;
mod claims;
pub mod config;
mod cordon;
mod degraded;
pub mod desired;
mod disks;
mod dynamic;
mod foreign;
pub mod gate;
mod hash;
mod health;
pub mod inputs;
mod jvm;
pub mod names;
pub mod node;
mod plan;
mod quorum;
mod reason;
pub mod rebalance;
mod roll;
mod scale;
mod seen;
mod status;
#[cfg(test)]
mod tests;
mod validate;
mod verdict;
pub mod version;
mod wanted;

pub use access::{AccessChange, changes as access_changes};
pub use claims::GrowClaim;
pub use dynamic::ConfigChange;
pub use foreign::of_an_earlier_life;
pub use gate::lags;
pub use node::without_pod;
pub use plan::{Plan, Step, Told, plan};
pub use quorum::is_same as same_quorum;
pub use reason::ClusterReason;
pub use scale::Obsolete;
pub use seen::{Certificates, DynamicConfigs, Seen, Unmade};
pub use status::{Doing, Outcome, rejected, status};
pub use validate::validate;
pub use wanted::{AuthorityWish, Listener, Pool, Storage, Wanted};
