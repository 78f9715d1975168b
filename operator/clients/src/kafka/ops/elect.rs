//! Who leads: the first in the list of replicas, where it can.

use std::collections::BTreeMap;

use kafka_protocol::messages::ElectLeadersRequest;
use kafka_protocol::messages::elect_leaders_request::TopicPartitions;

use super::super::{Client, Error, ItemError};
use super::batch;
use super::create::RECORDS;
use super::offsets::TopicPartition;

/// `ElectionType.PREFERRED`; an unclean one loses records, and Sluice never asks for it.
const PREFERRED: i8 = 0;

impl Client {
    /// `ElectLeaders`, the preferred ones. `ELECTION_NOT_NEEDED` is for who leads already,
    /// `PREFERRED_LEADER_NOT_AVAILABLE` for who is not in sync.
    pub async fn elect_preferred_leaders(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<Vec<(TopicPartition, Result<(), ItemError>)>, Error> {
        let until = self.until::<ElectLeadersRequest>();
        let mut items = Vec::with_capacity(partitions.len());
        for partitions in batch::by_weight(partitions, RECORDS, |_| 1) {
            let answer = self.any(&request(partitions, super::millis(until)), until).await?;
            ItemError::check(answer.body.error_code, None).map_err(|e| answer.refused(e))?;
            for topic in &answer.body.replica_election_results {
                items.extend(topic.partition_result.iter().map(|result| {
                    let at =
                        TopicPartition { topic: topic.topic.to_string(), partition: result.partition_id };
                    (at, ItemError::check(result.error_code, result.error_message.as_deref()))
                }));
            }
        }
        Ok(items)
    }
}

fn request(partitions: &[TopicPartition], timeout: i32) -> ElectLeadersRequest {
    let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for at in partitions {
        topics.entry(&at.topic).or_default().push(at.partition);
    }
    let topics = topics.into_iter().map(|(name, partitions)| {
        TopicPartitions::default().with_topic(super::topic_name(name)).with_partitions(partitions)
    });
    ElectLeadersRequest::default()
        .with_election_type(PREFERRED)
        .with_topic_partitions(Some(topics.collect()))
        .with_timeout_ms(timeout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_named_partitions_are_elected_and_only_preferred_leaders() {
        let at = |topic: &str, partition| TopicPartition { topic: topic.into(), partition };
        let request = request(&[at("b", 1), at("a", 0), at("b", 2)], 1);
        let asked = request.topic_partitions.unwrap();
        let asked: Vec<_> = asked.iter().map(|t| (t.topic.to_string(), t.partitions.clone())).collect();
        assert_eq!(asked, [("a".to_owned(), vec![0]), ("b".to_owned(), vec![1, 2])]);
        assert_eq!(request.election_type, 0);
    }
}
