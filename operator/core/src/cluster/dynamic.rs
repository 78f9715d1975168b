//! Configuration that is set while the brokers run, against what is wanted.

use std::collections::{BTreeMap, BTreeSet};

use super::config;
use super::seen::DynamicConfigs;
use super::wanted::Wanted;
use crate::view::kafka::NodeId;

/// One `IncrementalAlterConfigs` of one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigChange {
    /// `None`: the default of all brokers.
    pub broker: Option<NodeId>,
    pub set: BTreeMap<String, String>,
    /// Back to what files and Kafka's defaults say.
    pub reset: BTreeSet<String>,
}

/// What must be altered so that the brokers run what is declared. What others set by hand goes: the spec is the
/// declaration, and brokers are alike. Keys that are not in Kafka's table of broker keys (throttles) are left alone.
pub fn changes(wanted: &Wanted, described: &DynamicConfigs) -> Vec<ConfigChange> {
    let cluster = ConfigChange {
        broker: None,
        set: wanted
            .config
            .dynamic
            .iter()
            .filter(|(key, value)| described.cluster.get(*key) != Some(value))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
        reset: undeclared(&described.cluster, &wanted.config.dynamic),
    };
    let brokers = described.brokers.iter().map(|(id, set)| ConfigChange {
        broker: Some(*id),
        set: BTreeMap::new(),
        reset: undeclared(set, &BTreeMap::new()),
    });
    std::iter::once(cluster)
        .chain(brokers)
        .filter(|change| !change.set.is_empty() || !change.reset.is_empty())
        .collect()
}

fn undeclared(described: &BTreeMap<String, String>, wanted: &BTreeMap<String, String>) -> BTreeSet<String> {
    described.keys().filter(|key| !wanted.contains_key(*key) && config::is_dynamic(key)).cloned().collect()
}
