//! What an observer asks for at every interval.

use sluice_core::view::kafka::Look;

use super::super::{Client, Error, Topics};

impl Client {
    /// One `DescribeCluster` and one `Metadata`. Quorum and features change rarely and are left out; add them
    /// to the look where they are due.
    pub async fn look(&self) -> Result<Look, Error> {
        let cluster = self.describe_cluster().await?;
        let topics = self.metadata(Topics::All).await?;
        let topics = topics.into_iter().map(|(name, topic)| {
            let topic = topic
                .inspect_err(|error| tracing::warn!(topic = name, %error, "Kafka does not show this topic"));
            (name, topic.ok())
        });
        Ok(Look {
            cluster_id: cluster.cluster_id,
            topics: topics.collect(),
            brokers: cluster.brokers,
            quorum: None,
            features: None,
        })
    }
}
