//! Configs as they should be.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use kafka_protocol::messages::IncrementalAlterConfigsRequest;
use kafka_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::incremental_alter_configs_response::AlterConfigsResourceResponse;
use sluice_core::view::kafka::NodeId;

use super::super::{Client, Error, ItemError};
use super::configs::{BROKER, TOPIC};

/// Keys per request; each is one record, and the controller refuses more than 10,000 as a whole.
const KEYS: usize = 9_000;

/// `AlterConfigOp.OpType` (KIP-339).
const SET: i8 = 0;
const DELETE: i8 = 1;

/// Whose configs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConfigTarget {
    Topic(String),
    Broker(NodeId),
    /// Dynamic defaults of all brokers.
    ClusterDefault,
}

/// Keys that are not named stay as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigChange {
    pub target: ConfigTarget,
    pub set: BTreeMap<String, String>,
    /// Back to what applies without them. Deleting a key that is not set does no harm.
    pub delete: BTreeSet<String>,
}

impl Client {
    /// `IncrementalAlterConfigs`. All keys of one target change together or not at all.
    ///
    /// A broker validates its own configs, so changes to brokers go to each of them; if one does not answer
    /// the whole call fails.
    pub async fn alter_configs(
        &self,
        changes: &[ConfigChange],
        validate_only: bool,
    ) -> Result<Vec<(ConfigTarget, Result<(), ItemError>)>, Error> {
        let until = self.until::<IncrementalAlterConfigsRequest>();
        let (brokers, others): (Vec<_>, Vec<_>) =
            changes.iter().partition(|change| matches!(change.target, ConfigTarget::Broker(_)));
        let mut items = Vec::with_capacity(changes.len());
        for batch in batches(&others) {
            let answer = self.any(&request(batch, validate_only), until).await?;
            for response in &answer.body.responses {
                items.push(read(response).ok_or_else(|| answer.nonsense("an unknown kind of config"))?);
            }
        }
        for change in brokers {
            let ConfigTarget::Broker(id) = change.target else { continue };
            let answer = self.node(id, &request(&[change], validate_only), until).await?;
            for response in &answer.body.responses {
                items.push(read(response).ok_or_else(|| answer.nonsense("an unknown kind of config"))?);
            }
        }
        Ok(items)
    }
}

fn request(changes: &[&ConfigChange], validate_only: bool) -> IncrementalAlterConfigsRequest {
    let resources = changes.iter().map(|change| {
        let (kind, name) = match &change.target {
            ConfigTarget::Topic(name) => (TOPIC, name.clone()),
            ConfigTarget::Broker(id) => (BROKER, id.to_string()),
            ConfigTarget::ClusterDefault => (BROKER, String::new()),
        };
        let set =
            change.set.iter().map(|(key, value)| alterable(key, SET).with_value(Some(super::text(value))));
        let delete = change.delete.iter().map(|key| alterable(key, DELETE));
        AlterConfigsResource::default()
            .with_resource_type(kind)
            .with_resource_name(super::text(&name))
            .with_configs(set.chain(delete).collect())
    });
    IncrementalAlterConfigsRequest::default()
        .with_resources(resources.collect())
        .with_validate_only(validate_only)
}

fn alterable(key: &str, operation: i8) -> AlterableConfig {
    AlterableConfig::default().with_name(super::text(key)).with_config_operation(operation).with_value(None)
}

fn read(response: &AlterConfigsResourceResponse) -> Option<(ConfigTarget, Result<(), ItemError>)> {
    let name = response.resource_name.as_str();
    let target = match response.resource_type {
        TOPIC => ConfigTarget::Topic(name.to_owned()),
        BROKER if name.is_empty() => ConfigTarget::ClusterDefault,
        BROKER => ConfigTarget::Broker(name.parse().ok()?),
        _ => return None,
    };
    Some((target, ItemError::check(response.error_code, response.error_message.as_deref())))
}

fn batches<'a, 'b>(changes: &'a [&'b ConfigChange]) -> Vec<&'a [&'b ConfigChange]> {
    super::batch::by_weight(changes, KEYS, |change| change.set.len() + change.delete.len())
}

impl fmt::Display for ConfigTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Topic(name) => write!(f, "topic {name}"),
            Self::Broker(id) => write!(f, "broker {id}"),
            Self::ClusterDefault => f.write_str("all brokers"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_names_its_target_and_what_is_set_and_deleted() {
        let change = |target| ConfigChange {
            target,
            set: BTreeMap::from([("a".to_owned(), "1".to_owned())]),
            delete: BTreeSet::from(["b".to_owned()]),
        };
        let cases = [
            (ConfigTarget::Topic("t".to_owned()), 2, "t"),
            (ConfigTarget::Broker(7), 4, "7"),
            (ConfigTarget::ClusterDefault, 4, ""),
        ];
        for (target, kind, name) in cases {
            let request = request(&[&change(target.clone())], true);
            let resource = &request.resources[0];
            assert_eq!((resource.resource_type, resource.resource_name.as_str()), (kind, name));
            let ops: Vec<_> =
                resource.configs.iter().map(|c| (c.name.as_str(), c.config_operation)).collect();
            assert_eq!(ops, [("a", 0), ("b", 1)]);
            assert!(request.validate_only && resource.configs[1].value.is_none());
            let response = AlterConfigsResourceResponse::default().with_resource_type(kind);
            assert_eq!(read(&response.with_resource_name(super::super::text(name))), Some((target, Ok(()))));
        }
    }
}
