//! Configs as they are.

use std::collections::BTreeMap;

use kafka_protocol::messages::DescribeConfigsRequest;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult,
};
use sluice_core::view::kafka::{NodeId, TopicConfigs};

use super::super::client::Answer;
use super::super::{Client, Error, ItemError, Items};

/// Topics per request. Kafka sends all keys of each, about 2 KB; we keep a few bytes of it.
const BATCH: usize = 1000;

/// `ConfigResource.Type`.
pub(super) const TOPIC: i8 = 2;
pub(super) const BROKER: i8 = 4;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerConfig {
    /// In force. `None`: not set, or sensitive.
    pub value: Option<String>,
    pub source: ConfigSource,
    pub read_only: bool,
    pub sensitive: bool,
}

/// `ConfigEntry.ConfigSource`: where a value comes from, the strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigSource {
    Topic,
    Broker,
    ClusterDefault,
    /// `server.properties`
    File,
    Default,
    /// A level of a logger, a group's, a client's metrics: nothing Sluice sets.
    Other(i8),
}

impl Client {
    /// What is set on these topics themselves, and their `min.insync.replicas` in force.
    pub async fn describe_topic_configs(&self, names: &[&str]) -> Result<Items<TopicConfigs>, Error> {
        self.describe_topics(names, topic_configs).await
    }

    /// All configs in force on these topics, wherever they are set.
    pub async fn topic_configs_in_force(
        &self,
        names: &[&str],
    ) -> Result<Items<BTreeMap<String, String>>, Error> {
        self.describe_topics(names, in_force).await
    }

    async fn describe_topics<T>(
        &self,
        names: &[&str],
        read: fn(&DescribeConfigsResult) -> T,
    ) -> Result<Items<T>, Error> {
        let until = self.until::<DescribeConfigsRequest>();
        let mut items = Vec::with_capacity(names.len());
        for batch in names.chunks(BATCH) {
            let answer = self.any(&request(TOPIC, batch), until).await?;
            for result in &answer.body.results {
                items.push((result.resource_name.to_string(), check(result).map(|()| read(result))));
            }
        }
        Ok(items)
    }

    /// All configs in force on this broker, as it sees them itself.
    pub async fn describe_broker_configs(&self, id: NodeId) -> Result<BTreeMap<String, BrokerConfig>, Error> {
        let name = id.to_string();
        let answer =
            self.node(id, &request(BROKER, &[&name]), self.until::<DescribeConfigsRequest>()).await?;
        broker_configs(&answer)
    }

    /// The cluster's dynamic defaults for all brokers; only what is set.
    pub async fn describe_cluster_defaults(&self) -> Result<BTreeMap<String, BrokerConfig>, Error> {
        let answer = self.any(&request(BROKER, &[""]), self.until::<DescribeConfigsRequest>()).await?;
        broker_configs(&answer)
    }
}

fn request(kind: i8, names: &[&str]) -> DescribeConfigsRequest {
    let resource = |name: &&str| {
        // no keys: all of them
        DescribeConfigsResource::default()
            .with_resource_type(kind)
            .with_resource_name(super::text(name))
            .with_configuration_keys(None)
    };
    DescribeConfigsRequest::default().with_resources(names.iter().map(resource).collect())
}

fn check(result: &DescribeConfigsResult) -> Result<(), ItemError> {
    ItemError::check(result.error_code, result.error_message.as_deref())
}

fn topic_configs(result: &DescribeConfigsResult) -> TopicConfigs {
    let mut configs = TopicConfigs::default();
    for entry in &result.configs {
        if entry.name.as_str() == "min.insync.replicas" {
            configs.min_isr = entry.value.as_ref().and_then(|value| value.parse().ok());
        }
        if source(entry) == ConfigSource::Topic {
            configs
                .set
                .insert(entry.name.to_string(), super::owned(entry.value.as_ref()).unwrap_or_default());
        }
    }
    configs
}

fn in_force(result: &DescribeConfigsResult) -> BTreeMap<String, String> {
    let value = |entry: &DescribeConfigsResourceResult| {
        Some((entry.name.to_string(), super::owned(entry.value.as_ref())?))
    };
    result.configs.iter().filter_map(value).collect()
}

fn broker_configs(answer: &Answer<DescribeConfigsRequest>) -> Result<BTreeMap<String, BrokerConfig>, Error> {
    let result = answer.body.results.first().ok_or_else(|| answer.nonsense("the broker is not described"))?;
    check(result).map_err(|e| answer.refused(e))?;
    let config = |entry: &DescribeConfigsResourceResult| BrokerConfig {
        value: super::owned(entry.value.as_ref()),
        source: source(entry),
        read_only: entry.read_only,
        sensitive: entry.is_sensitive,
    };
    Ok(result.configs.iter().map(|entry| (entry.name.to_string(), config(entry))).collect())
}

fn source(entry: &DescribeConfigsResourceResult) -> ConfigSource {
    match entry.config_source {
        1 => ConfigSource::Topic,
        2 => ConfigSource::Broker,
        3 => ConfigSource::ClusterDefault,
        4 => ConfigSource::File,
        5 => ConfigSource::Default,
        other => ConfigSource::Other(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, value: &str, source: i8) -> DescribeConfigsResourceResult {
        let entry = DescribeConfigsResourceResult::default().with_name(super::super::text(name));
        entry.with_value(Some(super::super::text(value))).with_config_source(source)
    }

    #[test]
    fn only_what_is_set_on_the_topic_is_kept_and_min_isr_wherever_it_comes_from() {
        let result = DescribeConfigsResult::default().with_configs(vec![
            entry("retention.ms", "60000", 1),
            entry("cleanup.policy", "delete", 5),
            entry("compression.type", "zstd", 3),
            entry("min.insync.replicas", "2", 4),
        ]);
        let configs = topic_configs(&result);
        assert_eq!(configs.set, BTreeMap::from([("retention.ms".to_owned(), "60000".to_owned())]));
        assert_eq!(configs.min_isr, Some(2));
    }
}
