//! More partitions for topics that exist.

use kafka_protocol::messages::CreatePartitionsRequest;
use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;

use super::super::{Client, Error, ItemError, Items};
use super::batch;
use super::create::RECORDS;

impl Client {
    /// `CreatePartitions`: each topic's new total. Kafka cannot take partitions away, and answers
    /// `INVALID_PARTITIONS`.
    pub async fn create_partitions(&self, totals: &[(&str, i32)]) -> Result<Items<()>, Error> {
        let until = self.until::<CreatePartitionsRequest>();
        let mut items = Vec::with_capacity(totals.len());
        // the total bounds what is added
        for batch in batch::by_weight(totals, RECORDS, |(_, total)| usize::try_from(*total).unwrap_or(0)) {
            let topics = batch.iter().map(|(name, total)| {
                // no assignment: the controller places them
                let topic = CreatePartitionsTopic::default().with_name(super::topic_name(name));
                topic.with_count(*total).with_assignments(None)
            });
            let request = CreatePartitionsRequest::default()
                .with_topics(topics.collect())
                .with_timeout_ms(super::millis(until));
            let answer = self.any(&request, until).await?;
            items.extend(answer.body.results.iter().map(|result| {
                (
                    result.name.to_string(),
                    ItemError::check(result.error_code, result.error_message.as_deref()),
                )
            }));
        }
        Ok(items)
    }
}
