use std::collections::BTreeMap;

use sluice_crds::Topic;
use sluice_crds::common::DeletionPolicy;
use sluice_crds::topic::{Adoption, CleanupPolicy};

use super::TopicReason;
use super::keys::{THROTTLE_KEYS, TOPIC_KEYS, nearest};
use crate::finding::Finding;
use crate::units;

/// What a Topic means: defaults filled, units in bytes and milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub cluster: String,
    /// In Kafka.
    pub name: String,
    pub partitions: i32,
    /// `None`: the brokers' default.
    pub replication_factor: Option<i32>,
    /// Every topic-level config that should be set; no other should be.
    pub configs: BTreeMap<String, String>,
    pub adoption: Adoption,
    pub deletion: DeletionPolicy,
    pub paused: bool,
}

/// Reads a spec. What the schema refuses already is not checked again.
pub fn validate(topic: &Topic) -> Result<Wanted, Vec<Finding<TopicReason>>> {
    let mut findings = Vec::new();
    let configs = configs(topic, &mut findings);
    let name = name_of(topic).to_owned();
    if name.is_empty() || name.len() > 249 || name == "." || name == ".." {
        findings.push(
            Finding::new(TopicReason::InvalidSpec, format!("{name:?} is no topic name")).at("spec.topicName"),
        );
    }
    if !findings.is_empty() {
        return Err(findings);
    }
    let spec = &topic.spec;
    Ok(Wanted {
        cluster: spec.cluster_ref.name.clone(),
        name,
        partitions: spec.partitions,
        replication_factor: spec.replication_factor,
        configs,
        adoption: spec.adoption,
        deletion: spec.deletion_policy,
        paused: spec.paused,
    })
}

/// The topic's name in Kafka.
pub fn name_of(topic: &Topic) -> &str {
    topic.spec.topic_name.as_deref().or(topic.metadata.name.as_deref()).unwrap_or_default()
}

fn configs(topic: &Topic, findings: &mut Vec<Finding<TopicReason>>) -> BTreeMap<String, String> {
    let mut configs = BTreeMap::new();
    for (key, value) in &topic.spec.config {
        let field = format!("spec.config[{key}]");
        if THROTTLE_KEYS.contains(&key.as_str()) {
            findings.push(
                Finding::new(
                    TopicReason::InvalidConfig,
                    "a throttle belongs to a reassignment while it runs",
                )
                .at(field)
                .mend("Remove it"),
            );
        } else if TOPIC_KEYS.contains(&key.as_str()) {
            configs.insert(key.clone(), value.to_string());
        } else {
            let mut finding =
                Finding::new(TopicReason::InvalidConfig, "Kafka has no topic configuration of this name")
                    .at(field);
            if let Some(near) = nearest(key) {
                finding = finding.mend(format!("Did you mean {near}?"));
            }
            findings.push(finding);
        }
    }
    let retention = topic.spec.retention.as_ref();
    let time = retention.and_then(|r| r.time.as_deref()).map(|text| limit(text, units::millis));
    let size = retention.and_then(|r| r.size.as_deref()).map(|text| limit(text, units::bytes));
    let cleanup = topic.spec.cleanup_policy.map(|policy| {
        Ok(match policy {
            CleanupPolicy::Delete => "delete",
            CleanupPolicy::Compact => "compact",
            CleanupPolicy::CompactAndDelete => "compact,delete",
        }
        .to_owned())
    });
    for (key, field, value) in [
        ("retention.ms", "spec.retention.time", time),
        ("retention.bytes", "spec.retention.size", size),
        ("cleanup.policy", "spec.cleanupPolicy", cleanup),
    ] {
        match value {
            None => {}
            Some(Err(error)) => findings
                .push(Finding::new(TopicReason::InvalidSpec, units::UnitError::to_string(&error)).at(field)),
            Some(Ok(_)) if configs.contains_key(key) => findings.push(
                Finding::new(TopicReason::InvalidConfig, format!("{key} is declared by {field} too"))
                    .at(format!("spec.config[{key}]"))
                    .mend("Remove one of the two"),
            ),
            Some(Ok(value)) => {
                configs.insert(key.to_owned(), value);
            }
        }
    }
    configs
}

/// Kafka writes "no limit" as -1.
fn limit(text: &str, read: fn(&str) -> Result<i64, units::UnitError>) -> Result<String, units::UnitError> {
    if text == "Unlimited" { Ok("-1".into()) } else { read(text).map(|number| number.to_string()) }
}
