//! Where partitions begin and end.

use std::collections::BTreeMap;

use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::{BrokerId, ListOffsetsRequest, ListOffsetsResponse};
use sluice_core::view::kafka::NodeId;
use tokio::time::Instant;

use super::super::{Client, Code, Error, ItemError, Topics};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TopicPartition {
    pub topic: String,
    pub partition: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// The first record that is still there.
    Earliest,
    /// One past the last record that all in-sync replicas have (the high watermark).
    Latest,
    /// The first record that is not older than this, in milliseconds since 1970; -1 where there is none.
    Time(i64),
}

pub(super) type Leaders = (BTreeMap<NodeId, Vec<TopicPartition>>, Vec<(TopicPartition, ItemError)>);

pub type Offsets = BTreeMap<TopicPartition, Result<i64, ItemError>>;

impl Client {
    /// `ListOffsets` for all partitions of these topics, asked of each partition's leader.
    ///
    /// A topic that is not there gives one error, at its partition 0. If a leader does not answer the whole
    /// call fails.
    pub async fn list_offsets(&self, topics: &[&str], at: At) -> Result<Offsets, Error> {
        let until = self.until::<ListOffsetsRequest>();
        let mut offsets = Offsets::new();
        let (by_leader, unled) = self.leaders(topics, until).await?;
        offsets.extend(unled.into_iter().map(|(at, error)| (at, Err(error))));
        for (leader, partitions) in by_leader {
            let answer = self.node(leader, &request(&partitions, at, super::millis(until)), until).await?;
            offsets.extend(read(&answer.body));
        }
        Ok(offsets)
    }

    /// All partitions of these topics by their leaders, and those that have none. A topic that is not there gives one error, at its
    /// partition 0.
    pub(super) async fn leaders(&self, topics: &[&str], until: Instant) -> Result<Leaders, Error> {
        let (mut by_leader, mut unled) = (BTreeMap::<NodeId, Vec<TopicPartition>>::new(), Vec::new());
        for (topic, seen) in self.metadata_until(Topics::Named(topics), until).await? {
            let partitions = match seen {
                Ok(view) => view.partitions,
                Err(error) => {
                    unled.push((TopicPartition { topic, partition: 0 }, error));
                    continue;
                }
            };
            for (partition, view) in (0..).zip(partitions) {
                let at = TopicPartition { topic: topic.clone(), partition };
                if let Some(leader) = view.leader {
                    by_leader.entry(leader).or_default().push(at);
                } else {
                    unled.push((at, ItemError { code: Code::LEADER_NOT_AVAILABLE, message: None }));
                }
            }
        }
        Ok((by_leader, unled))
    }
}

fn request(partitions: &[TopicPartition], at: At, timeout_ms: i32) -> ListOffsetsRequest {
    let timestamp = match at {
        At::Earliest => -2,
        At::Latest => -1,
        At::Time(millis) => millis,
    };
    // sorted by topic already: they come from Metadata topic by topic
    let topics = partitions.chunk_by(|a, b| a.topic == b.topic).map(|of_topic| {
        let partition = |p: &TopicPartition| {
            ListOffsetsPartition::default().with_partition_index(p.partition).with_timestamp(timestamp)
        };
        ListOffsetsTopic::default()
            .with_name(super::topic_name(&of_topic[0].topic))
            .with_partitions(of_topic.iter().map(partition).collect())
    });
    // -1: a consumer
    ListOffsetsRequest::default()
        .with_replica_id(BrokerId(-1))
        .with_topics(topics.collect())
        .with_timeout_ms(timeout_ms)
}

fn read(body: &ListOffsetsResponse) -> impl Iterator<Item = (TopicPartition, Result<i64, ItemError>)> {
    body.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|partition| {
            let at = TopicPartition { topic: topic.name.to_string(), partition: partition.partition_index };
            (at, ItemError::check(partition.error_code, None).map(|()| partition.offset))
        })
    })
}
