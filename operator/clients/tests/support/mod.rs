//! Real servers for tests, started from their jars without Kubernetes.
//!
//! - `jars` finds Kafka's libraries
//! - `process` runs a JVM that dies with the test
//! - `kafka` makes brokers of them, with a certificate of `tls`
//! - `secure` the same as Sluice configures them
//! - `connect` a Connect worker
//! - `postgres` a database
//! - `wait` looks until something has happened
//! - `fake` is no broker but talks like one

// each test binary uses its part
#![allow(dead_code)]

pub mod connect;
pub mod fake;
pub mod jars;
pub mod kafka;
pub mod postgres;
pub mod process;
pub mod secure;
pub mod tls;
pub mod wait;
