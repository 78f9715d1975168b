//! Topics that go.

use kafka_protocol::messages::DeleteTopicsRequest;
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use sluice_core::view::kafka::KafkaUuid;

use super::super::{Client, Error, ItemError};

/// One record per topic, so far below the controller's 10,000; but each also takes the brokers some work.
const BATCH: usize = 1_000;

impl Client {
    /// `DeleteTopics` by id: a topic that was deleted and created anew behind our back has another id and stays.
    ///
    /// An id that is gone is answered with `UNKNOWN_TOPIC_ID`.
    pub async fn delete_topics(
        &self,
        ids: &[KafkaUuid],
    ) -> Result<Vec<(KafkaUuid, Result<(), ItemError>)>, Error> {
        let until = self.until::<DeleteTopicsRequest>();
        let mut items = Vec::with_capacity(ids.len());
        for batch in ids.chunks(BATCH) {
            let states = batch
                .iter()
                .map(|id| DeleteTopicState::default().with_topic_id(uuid::Uuid::from_bytes(id.0)));
            let request = DeleteTopicsRequest::default()
                .with_topics(states.collect())
                .with_timeout_ms(super::millis(until));
            let answer = self.any(&request, until).await?;
            items.extend(answer.body.responses.iter().map(|result| {
                let outcome = ItemError::check(result.error_code, result.error_message.as_deref());
                (KafkaUuid(result.topic_id.into_bytes()), outcome)
            }));
        }
        Ok(items)
    }

    /// `DeleteTopics` by name, whatever topic has it now. Prefer [`Client::delete_topics`].
    pub async fn delete_topics_by_name(&self, names: &[&str]) -> Result<super::super::Items<()>, Error> {
        let until = self.until::<DeleteTopicsRequest>();
        let mut items = Vec::with_capacity(names.len());
        for batch in names.chunks(BATCH) {
            let states =
                batch.iter().map(|name| DeleteTopicState::default().with_name(Some(super::topic_name(name))));
            let request = DeleteTopicsRequest::default()
                .with_topics(states.collect())
                .with_timeout_ms(super::millis(until));
            let answer = self.any(&request, until).await?;
            items.extend(answer.body.responses.iter().map(|result| {
                let outcome = ItemError::check(result.error_code, result.error_message.as_deref());
                (result.name.as_ref().map(|name| name.to_string()).unwrap_or_default(), outcome)
            }));
        }
        Ok(items)
    }
}
