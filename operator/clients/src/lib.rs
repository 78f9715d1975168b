//! How to talk to the worlds outside Kubernetes. Knows no Kubernetes; returns core's observation types.
//!
//! - [`connect`] asks and changes a Connect cluster: what the Connect observer and `act` use.
//! - [`kafka`] asks and changes a Kafka cluster (control plane): what the Kafka observer and `act` use.
//! - [`postgres`] asks a source or sink database for facts and prepares it: what the database observers and `act` use.

pub mod connect;
pub mod kafka;
pub mod postgres;
