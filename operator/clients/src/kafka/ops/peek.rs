//! Single records: what stands at an offset.

use std::collections::{BTreeMap, BTreeSet};

use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::{FetchRequest, FetchResponse};

use super::super::records::{Cut, Peeked, first};
use super::super::{Client, Error, ItemError};
use super::offsets::TopicPartition;

/// Bytes of each partition that are asked for: a few batches of a producer with the usual `batch.size`.
const SOME: i32 = 64 << 10;
/// Bytes of an answer.
const ALL: i32 = 16 << 20;

pub type Peeks = BTreeMap<TopicPartition, Result<Peeked, ItemError>>;

impl Client {
    /// `Fetch`: the first record at each of these offsets, or behind it. What has not been asked for in the log yet, or not any more,
    /// is an error of the item; a partition that is not there, or has no leader, has no item.
    ///
    /// If a leader does not answer the whole call fails.
    pub async fn peek(&self, offsets: &BTreeMap<TopicPartition, i64>) -> Result<Peeks, Error> {
        let until = self.until::<FetchRequest>();
        let topics: BTreeSet<&str> = offsets.keys().map(|at| at.topic.as_str()).collect();
        let (by_leader, _) = self.leaders(&topics.into_iter().collect::<Vec<_>>(), until).await?;
        let mut peeks = Peeks::new();
        for (leader, partitions) in by_leader {
            let asked: Vec<(TopicPartition, i64)> = partitions
                .into_iter()
                .filter_map(|at| offsets.get(&at).map(|&offset| (at, offset)))
                .collect();
            if asked.is_empty() {
                continue;
            }
            let answer = self.node(leader, &request(&asked), until).await?;
            ItemError::check(answer.body.error_code, None).map_err(|error| answer.refused(error))?;
            let mut cut = Vec::new();
            read(&answer.body, &asked, &mut peeks, &mut cut);
            // only of the first partition of a request comes a whole batch, however large
            for one in cut {
                let answer = self.node(leader, &request(std::slice::from_ref(&one)), until).await?;
                let mut again = Vec::new();
                read(&answer.body, &[one], &mut peeks, &mut again);
                if let Some((at, _)) = again.first() {
                    let what = format!("no whole batch of {}-{}", at.topic, at.partition);
                    return Err(answer.nonsense(what));
                }
            }
        }
        Ok(peeks)
    }
}

/// Outside of any session (KIP-227), waiting for nothing.
pub(super) fn request(asked: &[(TopicPartition, i64)]) -> FetchRequest {
    let topics = asked.chunk_by(|a, b| a.0.topic == b.0.topic).map(|of_topic| {
        let partition = |(at, offset): &(TopicPartition, i64)| {
            let partition = FetchPartition::default().with_partition(at.partition).with_fetch_offset(*offset);
            partition.with_partition_max_bytes(SOME).with_current_leader_epoch(-1).with_log_start_offset(-1)
        };
        FetchTopic::default()
            .with_topic(super::topic_name(&of_topic[0].0.topic))
            .with_partitions(of_topic.iter().map(partition).collect())
    });
    FetchRequest::default().with_max_bytes(ALL).with_session_epoch(-1).with_topics(topics.collect())
}

fn read(
    body: &FetchResponse,
    asked: &[(TopicPartition, i64)],
    peeks: &mut Peeks,
    cut: &mut Vec<(TopicPartition, i64)>,
) {
    for topic in &body.responses {
        for partition in &topic.partitions {
            let at = TopicPartition { topic: topic.topic.to_string(), partition: partition.partition_index };
            let Some((_, offset)) = asked.iter().find(|(asked, _)| *asked == at) else { continue };
            let records = partition.records.as_deref().unwrap_or_default();
            if let Err(error) = ItemError::check(partition.error_code, None) {
                peeks.insert(at, Err(error));
                continue;
            }
            // there is something, and not even room for it was left in the answer
            let crowded = records.is_empty() && *offset < partition.high_watermark;
            match first(records, *offset) {
                Ok(peeked) if !crowded => drop(peeks.insert(at, Ok(peeked))),
                Ok(_) | Err(Cut) => cut.push((at, *offset)),
            }
        }
    }
}
