//! Observers: one per world outside Kubernetes. Each keeps a fresh view and wakes exactly the objects whose part
//! of it changed. `kafka` (one per KafkaCluster), `connect` (one per ConnectCluster), `database` (one per source and sink).
//! `survive`: none of them ends by a panic.

pub mod connect;
pub mod database;
pub mod kafka;
mod survive;

pub use survive::survived;
