//! What should exist, what happens next, and what to tell the user.
//!
//! No async, no I/O, no clock (`now` is a parameter), no randomness. One folder per kind, and in each:
//! `validate` (spec + references → wanted model, or findings) → `desired` (Kubernetes objects) and
//! `plan` (what happens next) → `status` (what we tell the user). `view` holds what the observers saw.
//!
//! Shared: `condition` (verdict → kstatus conditions), `finding` (what is wrong with an input), `reason` (closed
//! sets of reasons), `referent` (what a reference leads to), `units` (`7d`, `10Gi`), `meta` (labels, owner references), `pki` (certificates), `properties` and `java`
//! (Java's files and options).

pub mod cdc;
pub mod cluster;
pub mod condition;
pub mod connect;
pub mod connector;
pub mod finding;
#[cfg(test)]
mod fuzz;
pub mod java;
pub mod meta;
pub mod pki;
pub mod properties;
pub mod reason;
pub mod rebalance;
pub mod referent;
pub mod topic;
pub mod units;
pub mod user;
pub mod view;
