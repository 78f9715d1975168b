use jiff::Timestamp;
use sluice_crds::{Topic, TopicStatus};

use super::TopicReason;
use super::plan::Facts;
use super::validate::name_of;
use crate::condition::{self, Verdict};

/// The status that says `verdict` about a topic of which `owned` is known.
pub fn status(topic: &Topic, verdict: &Verdict, owned: Option<&Facts>, now: Timestamp) -> TopicStatus {
    let previous = topic.status.clone().unwrap_or_default();
    let generation = topic.metadata.generation;
    TopicStatus {
        observed_generation: generation,
        conditions: condition::build(verdict, generation, now, &previous.conditions),
        topic_name: Some(name_of(topic).to_owned()),
        topic_id: owned.map(|facts| facts.id.clone()),
        partitions: owned.map(|facts| facts.partitions),
        replication_factor: owned.map(|facts| facts.replication_factor),
    }
}

/// The verdict when Kafka refused a step for good: its own words, and who has to act.
pub fn rejected(words: &str) -> Verdict {
    Verdict::stalled(
        TopicReason::KafkaRefused,
        format!("Kafka refused the change: {words}. Change the spec accordingly"),
    )
}
