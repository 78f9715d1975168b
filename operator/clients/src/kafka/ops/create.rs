//! New topics.

use std::collections::BTreeMap;

use kafka_protocol::messages::CreateTopicsRequest;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::create_topics_response::CreatableTopicResult;
use sluice_core::view::kafka::KafkaUuid;

use super::super::{Client, Error, ItemError, Items};
use super::batch;

/// The controller refuses a request as a whole that would write more than 10,000 records
/// (`MAX_RECORDS_PER_USER_OP`): one per topic, partition and config. As many as that allows go together: a
/// broker first shows the topics of one request and then creates their logs, and only after that looks at the
/// next request.
pub(super) const RECORDS: usize = 9_000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTopic {
    pub name: String,
    /// `None`: the cluster's `num.partitions`.
    pub partitions: Option<i32>,
    /// `None`: the cluster's `default.replication.factor`.
    pub replication_factor: Option<i16>,
    pub configs: BTreeMap<String, String>,
}

impl Client {
    /// `CreateTopics`, each item with the new topic's id. With `validate_only` nothing is created and the ids
    /// are zero.
    ///
    /// Many topics go in several requests. If one of those fails the whole call fails, with earlier ones
    /// carried out.
    pub async fn create_topics(
        &self,
        topics: &[NewTopic],
        validate_only: bool,
    ) -> Result<Items<KafkaUuid>, Error> {
        let until = self.until::<CreateTopicsRequest>();
        let mut items = Vec::with_capacity(topics.len());
        for batch in batch::by_weight(topics, RECORDS, records_of) {
            let request = CreateTopicsRequest::default()
                .with_topics(batch.iter().map(creatable).collect())
                .with_timeout_ms(super::millis(until))
                .with_validate_only(validate_only);
            items.extend(self.any(&request, until).await?.body.topics.iter().map(read));
        }
        Ok(items)
    }
}

fn creatable(topic: &NewTopic) -> CreatableTopic {
    let config = |(name, value): (&String, &String)| {
        CreatableTopicConfig::default().with_name(super::text(name)).with_value(Some(super::text(value)))
    };
    CreatableTopic::default()
        .with_name(super::topic_name(&topic.name))
        .with_num_partitions(topic.partitions.unwrap_or(-1))
        .with_replication_factor(topic.replication_factor.unwrap_or(-1))
        .with_configs(topic.configs.iter().map(config).collect())
}

fn read(result: &CreatableTopicResult) -> (String, Result<KafkaUuid, ItemError>) {
    let outcome = ItemError::check(result.error_code, result.error_message.as_deref());
    (result.name.to_string(), outcome.map(|()| super::from_wire(result.topic_id)))
}

fn records_of(topic: &NewTopic) -> usize {
    // an unknown default is taken for a generous one
    let partitions = topic.partitions.map_or(12, |count| usize::try_from(count).unwrap_or(0));
    1 + partitions + topic.configs.len()
}
