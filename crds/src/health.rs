//! How a Kafka cluster is, beyond whether it is ready. Figures that move all the time are rounded: metrics have them exactly.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::canary::CanaryStatus;

/// How the cluster is, beyond whether it is ready.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Health {
    /// The disks of the brokers; of a large cluster the fullest.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["broker"]))]
    pub disks: Vec<DiskStatus>,
    /// What became of Sluice's own records, by listener; where `spec.canary` asks for them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["listener"]))]
    pub canary: Vec<CanaryStatus>,
}

/// A broker's disk, as the broker tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct DiskStatus {
    /// Kafka's `node.id`.
    pub broker: i32,
    /// How much of it is used, in steps of 5 percent.
    pub used_percent: i32,
    /// Size of the disk: `10.0 GiB`.
    pub size: String,
    /// Topics that take most of it, the largest first, as they were when `usedPercent` last changed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fullest: Vec<TopicSize>,
}

/// How much of a disk a topic takes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TopicSize {
    /// Name in Kafka.
    pub topic: String,
    /// What its replicas take on this disk: `1.2 GiB`.
    pub size: String,
}
