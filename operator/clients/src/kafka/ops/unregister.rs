//! Brokers that are gone for good (KIP-631): until then Kafka keeps listing them.

use kafka_protocol::messages::{BrokerId, UnregisterBrokerRequest};
use sluice_core::view::kafka::NodeId;

use super::super::{Client, Error, ItemError};

impl Client {
    /// `UnregisterBroker`. A broker that runs registers itself again.
    pub async fn unregister_broker(&self, id: NodeId) -> Result<(), Error> {
        let request = UnregisterBrokerRequest::default().with_broker_id(BrokerId(id));
        let answer = self.any(&request, self.until::<UnregisterBrokerRequest>()).await?;
        let (code, message) = (answer.body.error_code, answer.body.error_message.as_deref());
        ItemError::check(code, message).map_err(|e| answer.refused(e))
    }
}
