//! What a pipeline compiles to, on real Debezium: does it do in truth what its settings say?
//!
//! `flow` makes of a spec what the operator would make, without Kubernetes: publication, tables, topics, connectors.

mod failures;
mod faults;
mod flow;
mod guard;
mod rows;
mod snapshot;
#[path = "../support/mod.rs"]
mod support;
mod tls;
