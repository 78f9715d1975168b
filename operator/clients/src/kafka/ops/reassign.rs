//! Where replicas are to be (KIP-455): started, listed, and taken back.

use std::collections::BTreeMap;

use kafka_protocol::messages::alter_partition_reassignments_request::{
    ReassignablePartition, ReassignableTopic,
};
use kafka_protocol::messages::list_partition_reassignments_response::OngoingPartitionReassignment;
use kafka_protocol::messages::{
    AlterPartitionReassignmentsRequest, BrokerId, ListPartitionReassignmentsRequest,
};
use sluice_core::view::kafka::{NodeId, Reassignment, Reassignments};

use super::super::{Client, Error, ItemError};
use super::batch;
use super::create::RECORDS;
use super::offsets::TopicPartition;

/// What becomes of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reassign {
    pub partition: TopicPartition,
    /// The new list, the preferred leader first. `None`: what is under way is taken back.
    pub replicas: Option<Vec<NodeId>>,
}

impl Client {
    /// `AlterPartitionReassignments`. Ends when the controller has taken it in; `list_reassignments` tells when it is
    /// done. A partition that has its replicas already is done at once; one that is under way gets the new target.
    ///
    /// To take back what is not under way is `NO_REASSIGNMENT_IN_PROGRESS`.
    pub async fn reassign(
        &self,
        changes: &[Reassign],
    ) -> Result<Vec<(TopicPartition, Result<(), ItemError>)>, Error> {
        let until = self.until::<AlterPartitionReassignmentsRequest>();
        let mut items = Vec::with_capacity(changes.len());
        for changes in batch::by_weight(changes, RECORDS, |_| 1) {
            let request = request(changes, super::millis(until));
            let answer = self.any(&request, until).await?;
            ItemError::check(answer.body.error_code, answer.body.error_message.as_deref())
                .map_err(|e| answer.refused(e))?;
            for topic in &answer.body.responses {
                items.extend(topic.partitions.iter().map(|partition| {
                    let at = TopicPartition {
                        topic: topic.name.to_string(),
                        partition: partition.partition_index,
                    };
                    (at, ItemError::check(partition.error_code, partition.error_message.as_deref()))
                }));
            }
        }
        Ok(items)
    }

    /// `ListPartitionReassignments`: all that are under way, whoever has started them.
    pub async fn list_reassignments(&self) -> Result<Reassignments, Error> {
        let until = self.until::<ListPartitionReassignmentsRequest>();
        let request = ListPartitionReassignmentsRequest::default()
            .with_topics(None)
            .with_timeout_ms(super::millis(until));
        let answer = self.any(&request, until).await?;
        ItemError::check(answer.body.error_code, answer.body.error_message.as_deref())
            .map_err(|e| answer.refused(e))?;
        let mut all = Reassignments::new();
        for topic in &answer.body.topics {
            let partitions = topic.partitions.iter().map(|p| (p.partition_index, read(p)));
            all.entry(topic.name.to_string()).or_default().extend(partitions);
        }
        Ok(all)
    }
}

fn request(changes: &[Reassign], timeout: i32) -> AlterPartitionReassignmentsRequest {
    let mut topics: BTreeMap<&str, Vec<ReassignablePartition>> = BTreeMap::new();
    for change in changes {
        let ids = |replicas: &Vec<NodeId>| replicas.iter().map(|id| BrokerId(*id)).collect();
        let partition = ReassignablePartition::default()
            .with_partition_index(change.partition.partition)
            .with_replicas(change.replicas.as_ref().map(ids));
        topics.entry(&change.partition.topic).or_default().push(partition);
    }
    let topics = topics.into_iter().map(|(name, partitions)| {
        ReassignableTopic::default().with_name(super::topic_name(name)).with_partitions(partitions)
    });
    AlterPartitionReassignmentsRequest::default().with_topics(topics.collect()).with_timeout_ms(timeout)
}

fn read(partition: &OngoingPartitionReassignment) -> Reassignment {
    let ids = |ids: &[BrokerId]| ids.iter().map(|id| id.0).collect();
    Reassignment {
        replicas: ids(&partition.replicas),
        adding: ids(&partition.adding_replicas),
        removing: ids(&partition.removing_replicas),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_asked_for_by_topic_and_no_list_means_to_take_back() {
        let change = |topic: &str, partition, replicas: Option<&[NodeId]>| Reassign {
            partition: TopicPartition { topic: topic.into(), partition },
            replicas: replicas.map(<[_]>::to_vec),
        };
        let request =
            request(&[change("a", 0, Some(&[2, 1])), change("b", 3, None), change("a", 1, Some(&[1]))], 7);
        let asked: Vec<_> = request.topics.iter().map(|t| (t.name.to_string(), t.partitions.len())).collect();
        assert_eq!(asked, [("a".to_owned(), 2), ("b".to_owned(), 1)]);
        assert_eq!(request.topics[0].partitions[0].replicas, Some(vec![BrokerId(2), BrokerId(1)]));
        assert_eq!((request.topics[1].partitions[0].replicas.as_ref(), request.timeout_ms), (None, 7));
    }

    #[test]
    fn the_target_of_what_is_under_way_is_what_is_not_removed() {
        let seen = OngoingPartitionReassignment::default()
            .with_replicas([3, 1, 2].map(BrokerId).to_vec())
            .with_adding_replicas(vec![BrokerId(3)])
            .with_removing_replicas(vec![BrokerId(2)]);
        assert_eq!(read(&seen).target(), [3, 1]);
    }
}
