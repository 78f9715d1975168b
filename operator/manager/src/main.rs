//! The `sluice` binary: watches Kubernetes, Kafka, Connect and databases; reconciles; acts; reports.
//!
//! `cli` (what can be asked of the binary) → `run` (one process: lease, probes, scopes) → `scope` (watches, queues) →
//! `cluster`, `topic`, … (one pass each: look, decide in core, act, tell). `observe` looks at the worlds outside
//! Kubernetes, `act` changes things, `report` tells; `context` is what a pass can reach.

mod act;
mod cli;

mod context;
mod error;
mod metrics;
mod observe;
mod report;
mod run;
mod scope;
mod topic;
mod yaml;

use clap::Parser;

fn main() -> anyhow::Result<()> {
    cli::Cli::parse().run()
}
