//! A real etcd and kube-apiserver for tests: loopback, a temporary directory, no nodes and no controllers.
//!
//! `binary` (the test bed's Kubernetes) → `process` (dies with the test run) + `pki` (keys and certificates) →
//! `server` (both processes, clients, CRDs) → `link` (a way to it that a test can cut). `until` waits for what follows
//! within moments. Nothing collects garbage here and no namespace is ever finished: those are controllers.

// a failed start is a failed test: it panics with what is wrong
#![allow(clippy::missing_panics_doc)]

mod binary;
mod link;
mod pki;
mod process;
mod server;
mod until;

pub use binary::repository;
pub use link::Link;
pub use server::{ApiServer, shared};
pub use until::until;
