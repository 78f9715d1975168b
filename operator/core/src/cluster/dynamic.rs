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

/// Thread pools: Kafka refuses to more than double them, or to more than halve them, in one go
/// (`DynamicThreadPool.validateReconfiguration`).
const THREADS: &[&str] = &[
    "background.threads",
    "log.cleaner.threads",
    "num.io.threads",
    "num.network.threads",
    "num.recovery.threads.per.data.dir",
    "num.replica.fetchers",
];

/// What must be altered so that the brokers run what is declared. What others set by hand goes: the spec is the
/// declaration, and brokers are alike. Keys that are not in Kafka's table of broker keys (throttles) are left alone.
pub fn changes(wanted: &Wanted, described: &DynamicConfigs) -> Vec<ConfigChange> {
    let mut cluster = ConfigChange {
        broker: None,
        set: wanted
            .config
            .dynamic
            .iter()
            .filter(|(key, value)| described.cluster.get(*key) != Some(value))
            .map(|(key, value)| (key.clone(), next_value(key, value, described)))
            .collect(),
        reset: undeclared(&described.cluster, &wanted.config.dynamic),
    };
    // the way back to the default can be too far for one go as well
    for (key, default) in THREADS.iter().filter_map(|key| Some((*key, config::find(key)?.default?))) {
        let next = next_value(key, default, described);
        if cluster.reset.contains(key) && next != default {
            cluster.reset.remove(key);
            cluster.set.insert(key.into(), next);
        }
    }
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

/// The value to set now: on the way to a much larger or smaller thread pool, a step that Kafka takes.
fn next_value(key: &str, value: &str, described: &DynamicConfigs) -> String {
    let now = described.cluster.get(key).map(String::as_str).or_else(|| config::find(key)?.default);
    match (THREADS.contains(&key), now.and_then(|now| now.parse::<i64>().ok()), value.parse::<i64>()) {
        (true, Some(now), Ok(target)) if now > 0 => target.clamp((now + 1) / 2, now * 2).to_string(),
        _ => value.into(),
    }
}
