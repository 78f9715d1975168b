//! The `sluice` operator: watches Kubernetes, Kafka, Connect and databases; reconciles; acts; reports.
//!
//! `cli` (what can be asked of the binary) → `run` (one process: lease, probes, scopes) → `scope` (watches, queues) →
//! `cluster`, `topic`, … (one pass each: look, decide in core, act, tell). `observe` looks at the worlds outside
//! Kubernetes, `act` changes things, `pki` issues certificates, `report` tells; `context` is what a pass can reach. `fault`
//! is for tests.

// a library only so that `tests/` reaches what talks to the API server; all callers are in this folder
#![allow(clippy::missing_panics_doc)]

mod act;
mod cdc;
mod cli;
mod cluster;
mod connect;
mod connector;
mod context;
mod error;
mod fault;
mod metrics;
mod observe;
mod pki;
mod report;
mod run;
mod scope;
mod topic;
mod user;
mod yaml;

pub use act::{Applied, Applier};
pub use cdc::namespace_is_going;
pub use cli::Cli;
pub use context::Shared;
pub use error::Error;
pub use metrics::Metrics;
pub use report::{Farewell, let_go, status, tell_unparsable};
pub use run::lease;
pub use scope::{Key, start};
