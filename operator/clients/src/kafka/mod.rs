//! The control-plane client of a Kafka cluster, on the `kafka-protocol` codec. Kafka 4.0 and later.
//!
//! A call goes down: `ops` (one file per subject: builds the request, reads the answer into core's types) →
//! `client` (which broker; another one when it does not answer) → `broker` (a few connections to one address)
//! → `connection` (version, correlation id, one request at a time) → `frame` and `guard` (bytes in bounded
//! memory) → `transport` (TCP or TLS). `sasl` is what a new connection begins with, where there is a password.
//!
//! `rows` is no call, but many: what a snapshot has brought.
//!
//! - Every call has a deadline: [`Options::read`], [`Options::write`], or [`Client::within`].
//! - A call takes its connection out of the pool and gives it back only when it has been answered in full. An
//!   error, a deadline or a caller that went away drops the connection: no answer reaches another question.
//! - A call that only reads goes on to another broker when one does not answer. A change does so only if it was
//!   surely not seen; otherwise see [`Error::outcome_unknown`], look again, and decide anew.
//! - The whole call fails with [`Error`]; one item of a batch fails with [`ItemError`].

mod address;
mod broker;
mod client;
mod connection;
mod error;
mod frame;
#[cfg(test)]
mod fuzz;
mod guard;
mod ops;
mod options;
mod records;
mod routes;
mod rows;
mod sasl;
pub mod tls;
mod transport;
mod versions;

pub use address::{Address, BadAddress};
pub use client::Client;
pub use error::{Code, Error, ItemError, Items, Stage};
pub use ops::alter::{ConfigChange, ConfigTarget};
pub use ops::cluster::Cluster;
pub use ops::configs::{BrokerConfig, ConfigSource};
pub use ops::create::NewTopic;
pub use ops::groups::Committed;
pub use ops::offsets::{At, Offsets, TopicPartition};
pub use ops::peek::Peeks;
pub use ops::produce::NewRecord;
pub use ops::reassign::Reassign;
pub use ops::tail::Tail;
pub use ops::topics::Topics;
pub use ops::voters::VoterListener;
pub use options::Options;
pub use records::{Peeked, Record, Sealed};
pub use rows::{KnownRows, SnapshotRows, snapshot_rows};
pub use sasl::Credentials;
