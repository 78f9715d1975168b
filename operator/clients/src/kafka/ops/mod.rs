//! What can be asked and changed, one file per subject: `request` builds, `read` understands, both pure.

pub mod cluster;
pub mod create;
pub mod delete;
pub mod topics;

use kafka_protocol::messages::TopicName;
use kafka_protocol::protocol::StrBytes;

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

/// The rest of the time, as Kafka's own `timeout.ms`: how long the controller may work on it.
fn millis(until: tokio::time::Instant) -> i32 {
    let left = until.saturating_duration_since(tokio::time::Instant::now());
    i32::try_from(left.as_millis()).unwrap_or(i32::MAX)
}
