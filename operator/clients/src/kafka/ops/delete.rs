//! Topics that go.

use kafka_protocol::messages::DeleteTopicsRequest;
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use sluice_core::view::kafka::KafkaUuid;
use tokio::time::Instant;

use super::super::{Client, Error, ItemError, Items};

/// One record each, of 10,000 that the controller takes at once (`MAX_RECORDS_PER_USER_OP`).
const BATCH: usize = 9_000;

impl Client {
    /// `DeleteTopics` by id: a topic that was deleted and created anew behind our back has another id and
    /// stays.
    ///
    /// An id that is gone is answered with `UNKNOWN_TOPIC_ID`.
    pub async fn delete_topics(
        &self,
        ids: &[KafkaUuid],
    ) -> Result<Vec<(KafkaUuid, Result<(), ItemError>)>, Error> {
        let until = self.until::<DeleteTopicsRequest>();
        let mut items = Vec::with_capacity(ids.len());
        for batch in ids.chunks(BATCH) {
            let topic = |id: &KafkaUuid| {
                DeleteTopicState::default().with_name(None).with_topic_id(super::to_wire(*id))
            };
            let results = self.delete(batch.iter().map(topic).collect(), until).await?;
            items.extend(results.iter().map(|result| (super::from_wire(result.topic_id), outcome(result))));
        }
        Ok(items)
    }

    /// `DeleteTopics` by name, whatever topic has it now. Prefer [`Client::delete_topics`].
    pub async fn delete_topics_by_name(&self, names: &[&str]) -> Result<Items<()>, Error> {
        let until = self.until::<DeleteTopicsRequest>();
        let mut items = Vec::with_capacity(names.len());
        for batch in names.chunks(BATCH) {
            let topic = |name: &&str| DeleteTopicState::default().with_name(Some(super::topic_name(name)));
            let results = self.delete(batch.iter().map(topic).collect(), until).await?;
            let name = |result: &DeletableTopicResult| result.name.as_ref().map(|name| name.to_string());
            items.extend(results.iter().map(|result| (name(result).unwrap_or_default(), outcome(result))));
        }
        Ok(items)
    }

    async fn delete(
        &self,
        topics: Vec<DeleteTopicState>,
        until: Instant,
    ) -> Result<Vec<DeletableTopicResult>, Error> {
        let request =
            DeleteTopicsRequest::default().with_topics(topics).with_timeout_ms(super::millis(until));
        Ok(self.any(&request, until).await?.body.responses)
    }
}

fn outcome(result: &DeletableTopicResult) -> Result<(), ItemError> {
    ItemError::check(result.error_code, result.error_message.as_deref())
}
