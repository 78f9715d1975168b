//! What can be asked and changed, one file per subject: the request is built and the answer read by pure
//! functions, tested by tables; what Kafka makes of them is tested on real brokers.
//!
//! For the view of a cluster: `cluster`, `topics`, `quorum`, `configs`, `log_dirs`, and `look`, which puts the first two together.
//! Changes: `create`, `delete`, `partitions`, `alter` (configs), `acls`, `scram` (passwords), `quotas`, `voters`, `unregister`,
//! `reassign` (replicas), `elect` (leaders), `produce` (records). Progress of readers: `offsets`, `groups`, and `peek` for single records.
//! `batch` splits what is too much for one request.

pub mod acls;
pub mod alter;
mod batch;
pub mod cluster;
pub mod configs;
pub mod create;
pub mod delete;
pub mod elect;
pub mod groups;
pub mod log_dirs;
pub mod look;
pub mod offsets;
pub mod partitions;
pub mod peek;
pub mod produce;
pub mod quorum;
pub mod quotas;
pub mod reassign;
pub mod scram;
pub mod tail;
pub mod topics;
pub mod unregister;
pub mod voters;

use kafka_protocol::messages::TopicName;
use kafka_protocol::protocol::StrBytes;
use sluice_core::view::kafka::KafkaUuid;
use tokio::time::Instant;

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn topic_name(name: &str) -> TopicName {
    TopicName(text(name))
}

/// Copied: the codec's strings share the whole frame, which would stay in memory with the shortest of them.
fn owned(text: Option<&StrBytes>) -> Option<String> {
    text.map(|text| text.as_str().to_owned())
}

fn to_wire(id: KafkaUuid) -> uuid::Uuid {
    uuid::Uuid::from_bytes(id.0)
}

fn from_wire(id: uuid::Uuid) -> KafkaUuid {
    KafkaUuid(id.into_bytes())
}

/// The rest of the time, as Kafka's own `timeout.ms`: how long the controller may work on it.
fn millis(until: Instant) -> i32 {
    let left = until.saturating_duration_since(Instant::now());
    i32::try_from(left.as_millis()).unwrap_or(i32::MAX)
}
