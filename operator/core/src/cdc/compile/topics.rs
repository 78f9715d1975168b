use sluice_crds::Topic;
use sluice_crds::common::LocalRef;
use sluice_crds::topic::{CleanupPolicy, Retention, TopicSpec};

use crate::cdc::Wanted;
use crate::cdc::names;

/// Dead letters wait for a person.
const DEAD_LETTER_RETENTION: &str = "30d";
/// How long what was ordered, and what became of it, can be read there.
const SIGNAL_RETENTION: &str = "7d";
/// Only the newest heartbeat means anything.
const HEARTBEAT_RETENTION: &str = "1h";

pub(super) fn build(wanted: &Wanted, cluster: &str) -> Vec<Topic> {
    let mut topics: Vec<Topic> = wanted
        .tables
        .iter()
        .map(|table| {
            let spec = TopicSpec {
                partitions: wanted.topics.partitions,
                retention: Some(wanted.topics.retention.clone()),
                cleanup_policy: wanted.topics.cleanup,
                config: wanted.topics.config.clone(),
                ..common(wanted, cluster, wanted.topic(table))
            };
            let object = names::topic_object(&wanted.owner.name, table);
            Topic { metadata: wanted.owner.child(object, "topic"), spec, status: None }
        })
        .collect();
    if wanted.source.heartbeat.is_some() {
        let name = names::heartbeat_topic(&wanted.topics.prefix);
        let spec = kept(common(wanted, cluster, name), HEARTBEAT_RETENTION);
        let object = names::heartbeat_object(&wanted.owner.name);
        topics.push(Topic { metadata: wanted.owner.child(object, "heartbeat"), spec, status: None });
    }
    if let Some(table) = &wanted.signals {
        let spec = kept(common(wanted, cluster, wanted.topic(table)), SIGNAL_RETENTION);
        let object = names::signal_object(&wanted.owner.name);
        topics.push(Topic { metadata: wanted.owner.child(object, "signals"), spec, status: None });
    }
    for sink in &wanted.sinks {
        if let Some(name) = &sink.dead_letter {
            let spec = kept(common(wanted, cluster, name.clone()), DEAD_LETTER_RETENTION);
            let object = names::dead_letter_object(&wanted.owner.name, &sink.name);
            topics.push(Topic { metadata: wanted.owner.child(object, "dead-letter"), spec, status: None });
        }
    }
    topics
}

fn common(wanted: &Wanted, cluster: &str, name: String) -> TopicSpec {
    TopicSpec {
        cluster_ref: LocalRef { name: cluster.to_owned() },
        topic_name: Some(name),
        partitions: 1,
        replication_factor: wanted.topics.replication_factor,
        adoption: wanted.topics.adoption,
        deletion_policy: wanted.deletion,
        ..Default::default()
    }
}

fn kept(spec: TopicSpec, time: &str) -> TopicSpec {
    TopicSpec {
        retention: Some(Retention { time: Some(time.into()), size: None }),
        cleanup_policy: Some(CleanupPolicy::Delete),
        ..spec
    }
}
