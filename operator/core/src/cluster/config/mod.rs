//! Kafka's configuration: `spec.config` → what stands in the nodes' file and what is set while they run.
//!
//! `table` is what Kafka knows (generated), `keys` reads it, `reserved` is what the spec may not set.

mod keys;
mod reserved;
mod table;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use sluice_crds::Scalar;

use super::ClusterReason;
use crate::finding::Finding;
pub use keys::{Key, Kind, Mode, Valid, find};

/// The configuration of a cluster, split by how a change takes effect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// What the user declares and only a restart applies.
    pub declared: BTreeMap<String, String>,
    /// What Sluice derives from the number of brokers where the user says nothing. It stands in the file, but a
    /// change of it restarts nothing: it matters when internal topics are created, and on the next restart.
    pub derived: BTreeMap<String, String>,
    /// What is set while the brokers run, as the cluster-wide default (KIP-226). It never stands in the file:
    /// otherwise a key that is taken out of the spec would keep its old value until the next restart.
    pub dynamic: BTreeMap<String, String>,
}

/// Cluster-wide keys that are treated as read-only. What the first two name is configured by further keys of the file.
/// The others size thread pools: Kafka refuses to more than double one at once, and a broker that starts with such a
/// jump between its file and the dynamic default drops every dynamic default, `min.insync.replicas` among them.
const WITH_THE_FILE: &[&str] = &[
    "config.providers",
    "metric.reporters",
    "background.threads",
    "log.cleaner.threads",
    "num.io.threads",
    "num.network.threads",
    "num.recovery.threads.per.data.dir",
    "num.replica.fetchers",
];
/// Keys of plug-ins, which only the plug-in knows.
const PLUGINS: &[&str] = &["config.providers.", "rlmm.config.", "rsm.config."];

/// Checks `spec.config` and adds the defaults that depend on the number of brokers.
pub fn resolve(
    spec: &BTreeMap<String, Scalar>,
    brokers: i32,
    findings: &mut Vec<Finding<ClusterReason>>,
) -> Config {
    let mut config = Config::default();
    for (name, value) in spec {
        match place(name, value.as_str(), brokers) {
            Ok(true) => config.dynamic.insert(name.clone(), value.as_str().trim().into()),
            Ok(false) => config.declared.insert(name.clone(), value.as_str().trim().into()),
            Err(finding) => {
                findings.push(finding.at(format!("spec.config[{name}]")));
                None
            }
        };
    }
    for (name, value) in defaults(brokers) {
        if !spec.contains_key(name) {
            let part = if is_dynamic(name) { &mut config.dynamic } else { &mut config.derived };
            part.insert(name.into(), value);
        }
    }
    config
}

/// Whether a key of this name can be set while the brokers run, and what a reader may compare.
pub fn is_dynamic(name: &str) -> bool {
    find(name).is_some_and(|key| key.mode == Mode::ClusterWide) && !WITH_THE_FILE.contains(&name)
}

/// Whether the key is dynamic; or why it is refused.
fn place(name: &str, value: &str, brokers: i32) -> Result<bool, Finding<ClusterReason>> {
    if let Some(why) = reserved::why(name) {
        return Err(Finding::new(ClusterReason::ReservedConfig, why).mend("Remove the key"));
    }
    let Some(key) = find(name) else {
        return if PLUGINS.iter().any(|p| name.starts_with(p)) { Ok(false) } else { Err(unknown(name)) };
    };
    if key.kind == Kind::Password {
        return Err(Finding::new(
            ClusterReason::ReservedConfig,
            "a secret would stand readable in a ConfigMap",
        )
        .mend("Remove the key"));
    }
    if let Some(complaint) = key.complaint(value) {
        return Err(Finding::new(ClusterReason::InvalidConfig, format!("{value:?} {complaint}")));
    }
    if needs_brokers(name) && value.trim().parse::<i32>().is_ok_and(|n| n > brokers) {
        return Err(Finding::new(
            ClusterReason::InvalidConfig,
            format!("{value} replicas need as many brokers, and spec.pools has {brokers}"),
        ));
    }
    Ok(is_dynamic(name))
}

fn unknown(name: &str) -> Finding<ClusterReason> {
    let version = super::version::NEWEST.kafka;
    let finding =
        Finding::new(ClusterReason::UnknownConfig, format!("Kafka {version} has no broker key of this name"));
    match (keys::of_topic(name), keys::nearest(name)) {
        (Some(broker), _) => {
            finding.mend(format!("It is the name that topics use; the brokers' default is {broker}"))
        }
        (None, Some(near)) => finding.mend(format!("Did you mean {near}?")),
        (None, None) => finding,
    }
}

fn needs_brokers(name: &str) -> bool {
    name == "min.insync.replicas" || name.ends_with("replication.factor") || name.ends_with(".min.isr")
}

/// Replication as safe as the number of brokers allows: three copies, two of them in sync for `acks=all`.
fn defaults(brokers: i32) -> impl Iterator<Item = (&'static str, String)> {
    let copies = brokers.clamp(1, 3);
    let in_sync = if brokers >= 3 { 2 } else { 1 };
    let numbers = [
        ("default.replication.factor", copies),
        ("offsets.topic.replication.factor", copies),
        ("transaction.state.log.replication.factor", copies),
        ("share.coordinator.state.topic.replication.factor", copies),
        ("min.insync.replicas", in_sync),
        ("transaction.state.log.min.isr", in_sync),
        ("share.coordinator.state.topic.min.isr", in_sync),
    ];
    numbers
        .into_iter()
        .map(|(name, n)| (name, n.to_string()))
        // a typo in a client must not make a topic: topics are declared
        .chain([("auto.create.topics.enable", "false".to_owned())])
}
