//! How to talk to the worlds outside Kubernetes. Knows no Kubernetes; returns core's observation types.
//!
//! - [`kafka`] asks and changes a Kafka cluster (control plane): what the Kafka observer and `act` use.

pub mod kafka;
