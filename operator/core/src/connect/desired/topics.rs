//! The three topics in which Connect keeps its configurations, offsets and states: Topics like any other, so that somebody looks
//! after their replication and compaction.

use kube::ResourceExt;
use sluice_crds::common::{DeletionPolicy, LocalRef};
use sluice_crds::topic::{Adoption, CleanupPolicy};
use sluice_crds::{Topic, TopicSpec};

use crate::connect::names::{COMPONENT, Internal};
use crate::connect::wanted::Wanted;

/// Connect needs no more; more would only slow down a cluster of many brokers.
const REPLICATION_FACTOR: i32 = 3;

pub fn build(wanted: &Wanted, brokers: i32, existing: &[Topic]) -> Vec<Topic> {
    Internal::ALL.into_iter().map(|internal| topic(wanted, internal, brokers, existing)).collect()
}

fn topic(wanted: &Wanted, internal: Internal, brokers: i32, existing: &[Topic]) -> Topic {
    let name = internal.topic(&wanted.owner.name);
    let before = existing.iter().find(|topic| topic.name_any() == name);
    let as_made = before.and_then(|topic| topic.spec.replication_factor);
    let partitions = before.map_or(0, |topic| topic.spec.partitions).max(internal.partitions());
    Topic {
        metadata: wanted.owner.child(name, COMPONENT),
        spec: TopicSpec {
            cluster_ref: LocalRef { name: wanted.kafka.clone() },
            partitions,
            // a topic keeps the replication it was made with: Sluice does not change that yet
            replication_factor: Some(as_made.unwrap_or(brokers.clamp(1, REPLICATION_FACTOR))),
            cleanup_policy: Some(CleanupPolicy::Compact),
            // the topic outlives the Connect cluster, and one that comes back under this name must find it. The name is ours, and
            // a topic that is not compacted loses connectors and offsets: so it is taken over, and mended
            adoption: Adoption::Always,
            deletion_policy: DeletionPolicy::Retain,
            ..Default::default()
        },
        status: None,
    }
}
