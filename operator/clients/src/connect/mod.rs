//! The REST client of a Connect cluster. Kafka Connect 3.9 and later (`/health`, KIP-1017).
//!
//! A call goes down: `read` (what is there, into core's [`ConnectView`](sluice_core::view::connect::ConnectView)) and `change` (one
//! request each) → `http` (deadline, bounded body, status → [`Error`]) → reqwest. `wire` is Connect's JSON, `trace` cuts Java stack
//! traces to what a person reads first, `changed` names the connectors that differ between two views. `letter` reads what a dead letter
//! says of its error, `replay` what it takes to send it again.
//!
//! - Every call has a deadline, see [`Deadlines`].
//! - "Not yet" has its own variant, [`Error::NotYet`]: the workers rebalance, or the leader is moving. The same call will do later.
//! - Configurations may hold passwords: they are in no error and no log.

mod change;
mod changed;
mod error;
mod http;
mod letter;
mod read;
pub mod replay;
mod trace;
mod wire;

pub use change::{Initial, Restart};
pub use changed::changed;
pub use error::Error;
pub use http::{Client, Deadlines};
pub use letter::letter;
pub use read::{Offset, Worker};
