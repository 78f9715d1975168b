use std::collections::BTreeMap;
use std::fmt;

use super::Wanted;
use super::keys::THROTTLE_KEYS;
use crate::units::count;
use crate::view::kafka::{Reassignment, TopicView};

const MIN_ISR: &str = "min.insync.replicas";

/// One way in which Kafka's topic is not as declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    Partitions {
        kafka: i32,
        wanted: i32,
    },
    ReplicationFactor {
        kafka: i32,
        wanted: i32,
    },
    /// `None`: not set on the topic / should not be set.
    Config {
        key: String,
        kafka: Option<String>,
        wanted: Option<String>,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Partitions { kafka, wanted } => write!(f, "partitions {kafka} → {wanted}"),
            Self::ReplicationFactor { kafka, wanted } => write!(f, "replication factor {kafka} → {wanted}"),
            Self::Config { key, kafka, wanted } => {
                let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "(default)".into());
                write!(f, "{key} {} → {}", shown(kafka), shown(wanted))
            }
        }
    }
}

/// What the KafkaCluster is doing to a topic.
#[derive(Clone, Copy, Debug, Default)]
pub struct Meanwhile<'a> {
    /// Partitions whose replicas move, whoever moves them.
    pub moving: Option<&'a BTreeMap<i32, Reassignment>>,
    /// It asks for fewer replicas in sync, until those have arrived that are on their way.
    pub lowered: bool,
}

/// What differs; `None` while the topic's configuration has not been read.
pub fn diff(wanted: &Wanted, topic: &TopicView, meanwhile: Meanwhile<'_>) -> Option<Vec<Difference>> {
    let present = topic.configs.as_ref()?;
    let mut differences = Vec::new();
    let partitions = count(topic.partitions.len());
    if partitions != wanted.partitions {
        differences.push(Difference::Partitions { kafka: partitions, wanted: wanted.partitions });
    }
    // while it is changed some partitions have the new one and others do not; one that moves has the old and the new
    let factors = (0..).zip(&topic.partitions).map(|(index, partition)| {
        let moving = meanwhile.moving.and_then(|moving| moving.get(&index));
        count(moving.map_or(partition.replicas.len(), |moving| moving.target().len()))
    });
    if let Some(wanted) = wanted.replication_factor
        && let Some(factor) = { factors }.find(|factor| *factor != wanted)
    {
        differences.push(Difference::ReplicationFactor { kafka: factor, wanted });
    }
    let minded = |difference: &Difference| !matches!(difference, Difference::Config { key, .. } if meanwhile.lowered && key == MIN_ISR);
    differences.extend(configs(&wanted.configs, present).filter(minded));
    Some(differences)
}

fn configs<'a>(
    wanted: &'a BTreeMap<String, String>,
    present: &'a BTreeMap<String, String>,
) -> impl Iterator<Item = Difference> + 'a {
    let to_set = wanted
        .iter()
        .filter(|(key, value)| present.get(*key).is_none_or(|seen| !same(key, seen, value)))
        .map(|(key, value)| Difference::Config {
            key: key.clone(),
            kafka: present.get(key).cloned(),
            wanted: Some(value.clone()),
        });
    let to_remove = present
        .iter()
        .filter(|(key, _)| !wanted.contains_key(*key) && !THROTTLE_KEYS.contains(&key.as_str()))
        .map(|(key, value)| Difference::Config {
            key: key.clone(),
            kafka: Some(value.clone()),
            wanted: None,
        });
    to_set.chain(to_remove)
}

/// Kafka gives a list back as it was set; the order means nothing.
fn same(key: &str, seen: &str, wanted: &str) -> bool {
    if key == "cleanup.policy" {
        let sorted = |text: &str| {
            let mut parts: Vec<String> = text.split(',').map(|part| part.trim().to_owned()).collect();
            parts.sort();
            parts
        };
        return sorted(seen) == sorted(wanted);
    }
    seen == wanted
}
