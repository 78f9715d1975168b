//! Topics as `Metadata` shows them.

use std::collections::BTreeMap;

use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::{MetadataResponsePartition, MetadataResponseTopic};
use kafka_protocol::messages::{BrokerId, MetadataRequest};
use sluice_core::view::kafka::{BrokerView, NodeId, PartitionView, TopicView};
use tokio::time::Instant;

use super::super::{Client, Error, ItemError, Items};

/// Which topics are asked for.
#[derive(Clone, Copy, Debug)]
pub enum Topics<'a> {
    All,
    Named(&'a [&'a str]),
}

/// All of an answer.
pub(super) struct Metadata {
    pub cluster_id: String,
    /// Those that serve: fenced ones are not listed.
    pub brokers: BTreeMap<NodeId, BrokerView>,
    pub topics: Items<TopicView>,
}

impl Client {
    /// `Metadata`: partitions, leaders, replicas, ISR. The topics' configs are not part of it and stay
    /// `None`.
    ///
    /// Comes from the broker's copy of the cluster's metadata, which follows the controller within
    /// milliseconds.
    pub async fn metadata(&self, topics: Topics<'_>) -> Result<Items<TopicView>, Error> {
        self.metadata_until(topics, self.until::<MetadataRequest>()).await
    }

    pub(super) async fn metadata_until(
        &self,
        topics: Topics<'_>,
        until: Instant,
    ) -> Result<Items<TopicView>, Error> {
        Ok(self.whole_metadata(topics, until).await?.topics)
    }

    pub(super) async fn whole_metadata(&self, topics: Topics<'_>, until: Instant) -> Result<Metadata, Error> {
        let answer = self.any(&request(topics), until).await?;
        ItemError::check(answer.body.error_code, None).map_err(|e| answer.refused(e))?;
        let mut items = Vec::with_capacity(answer.body.topics.len());
        for topic in &answer.body.topics {
            let name = topic.name.as_ref().ok_or_else(|| answer.nonsense("a topic has no name"))?.to_string();
            let item = match ItemError::check(topic.error_code, None) {
                Ok(()) => Ok(read(topic).map_err(|what| answer.nonsense(format!("topic {name}: {what}")))?),
                Err(error) => Err(error),
            };
            items.push((name, item));
        }
        let brokers = answer.body.brokers.iter().filter_map(|broker| {
            let view = BrokerView {
                host: broker.host.as_str().to_owned(),
                port: u16::try_from(broker.port).ok()?,
                rack: super::owned(broker.rack.as_ref()),
                fenced: false,
            };
            Some((*broker.node_id, view))
        });
        Ok(Metadata {
            cluster_id: super::owned(answer.body.cluster_id.as_ref()).unwrap_or_default(),
            brokers: brokers.collect(),
            topics: items,
        })
    }
}

fn request(topics: Topics<'_>) -> MetadataRequest {
    let ask = |name: &&str| MetadataRequestTopic::default().with_name(Some(super::topic_name(name)));
    let topics = match topics {
        Topics::All => None,
        Topics::Named(names) => Some(names.iter().map(ask).collect()),
    };
    MetadataRequest::default().with_topics(topics).with_allow_auto_topic_creation(false)
}

fn read(topic: &MetadataResponseTopic) -> Result<TopicView, String> {
    let mut partitions: Vec<_> = topic.partitions.iter().collect();
    partitions.sort_unstable_by_key(|partition| partition.partition_index);
    for (expected, partition) in (0..).zip(&partitions) {
        if partition.partition_index != expected {
            return Err(format!("partition {expected} is missing or listed twice"));
        }
    }
    Ok(TopicView {
        id: super::from_wire(topic.topic_id),
        internal: topic.is_internal,
        partitions: partitions.into_iter().map(partition_view).collect(),
        configs: None,
        min_isr: None,
    })
}

fn partition_view(partition: &MetadataResponsePartition) -> PartitionView {
    PartitionView {
        // a partition without leader carries LEADER_NOT_AVAILABLE as well; the leader says it all
        leader: Some(*partition.leader_id).filter(|leader| *leader >= 0),
        replicas: ids(&partition.replica_nodes),
        isr: ids(&partition.isr_nodes),
    }
}

fn ids(brokers: &[BrokerId]) -> Vec<NodeId> {
    brokers.iter().map(|id| **id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(index: i32, leader: i32, isr: &[i32]) -> MetadataResponsePartition {
        MetadataResponsePartition::default()
            .with_partition_index(index)
            .with_leader_id(BrokerId(leader))
            .with_replica_nodes(vec![BrokerId(1), BrokerId(2)])
            .with_isr_nodes(isr.iter().copied().map(BrokerId).collect())
    }

    #[test]
    fn partitions_stand_at_their_number_and_a_missing_leader_is_none() {
        let topic = MetadataResponseTopic::default()
            .with_partitions(vec![partition(1, -1, &[2]), partition(0, 1, &[2, 1])]);
        let view = read(&topic).unwrap();
        assert_eq!(
            view.partitions[0],
            PartitionView { leader: Some(1), replicas: vec![1, 2], isr: vec![2, 1] }
        );
        assert_eq!(view.partitions[1].leader, None);
        assert_eq!(view.configs, None);
    }

    #[test]
    fn a_gap_in_the_partitions_is_refused_and_takes_no_memory() {
        for indexes in [&[0, 2][..], &[1], &[0, 0], &[i32::MAX]] {
            let partitions = indexes.iter().map(|index| partition(*index, 1, &[1])).collect();
            assert!(
                read(&MetadataResponseTopic::default().with_partitions(partitions)).is_err(),
                "{indexes:?}"
            );
        }
    }
}
