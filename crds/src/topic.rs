//! `Topic`: one Kafka topic.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Scalar;
use crate::common::{DeletionPolicy, LocalRef};

/// One Kafka topic.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "sluice.dev",
    version = "v1alpha1",
    kind = "Topic",
    namespaced,
    status = "TopicStatus",
    derive = "PartialEq",
    derive = "Default",
    shortname = "kt",
    category = "sluice",
    doc = "One Kafka topic: partitions, replication, retention, compaction and configuration.",
    selectable = ".spec.clusterRef.name",
    printcolumn(name = "Cluster", type_ = "string", json_path = ".spec.clusterRef.name"),
    printcolumn(name = "Partitions", type_ = "integer", json_path = ".status.partitions"),
    printcolumn(name = "Replication", type_ = "integer", json_path = ".status.replicationFactor"),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Message",
        type_ = "string",
        priority = 1,
        json_path = ".status.conditions[?(@.type==\"Ready\")].message"
    ),
    validation = Rule::new("has(self.spec.topicName) || self.metadata.name.size() <= 249")
        .message("Kafka's topic names have at most 249 characters: give a shorter one in spec.topicName")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.clusterRef.name == oldSelf.clusterRef.name")
        .message("clusterRef cannot change: a topic does not move between clusters"),
    validation = Rule::new("(has(self.topicName) ? self.topicName : '') == (has(oldSelf.topicName) ? oldSelf.topicName : '')")
        .message("topicName cannot change: Kafka cannot rename a topic"),
    validation = Rule::new("self.partitions >= oldSelf.partitions")
        .message("partitions cannot decrease: Kafka would have to drop records"),
    validation = Rule::new("!has(self.topicName) || !(self.topicName in ['.', '..', '__cluster_metadata'])")
        .message("topicName is reserved by Kafka"),
)]
pub struct TopicSpec {
    /// The KafkaCluster, in the same namespace. Immutable.
    pub cluster_ref: LocalRef,
    /// Name of the topic in Kafka. Default: the name of this object. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 249), regex(pattern = r"^[a-zA-Z0-9._-]+$"))]
    pub topic_name: Option<String>,
    /// Number of partitions. Can grow, never shrink.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 100_000))]
    pub partitions: i32,
    /// Replicas of each partition. Default: the brokers' `default.replication.factor`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 32))]
    pub replication_factor: Option<i32>,
    /// How long and how much is kept. Default: the brokers' settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<Retention>,
    /// What happens to old records: `Delete` (by retention), `Compact` (the last record of each key stays) or
    /// `CompactAndDelete`. Default: the brokers' `log.cleanup.policy`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cleanup_policy: Option<CleanupPolicy>,
    /// Further topic configuration, as in Kafka's documentation. A topic-level setting that is not declared here
    /// is removed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub config: BTreeMap<String, Scalar>,
    /// What to do when the topic exists already and Sluice did not create it: `IfIdentical` (default) takes it
    /// over when nothing would change, `Always` takes it over and changes it, `Never` refuses.
    #[serde(default)]
    pub adoption: Adoption,
    /// What happens to the topic when this object is deleted: `Retain` (default) or `Delete`.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
    /// Sluice observes and reports, and changes nothing.
    #[serde(default)]
    pub paused: bool,
}

fn one() -> i32 {
    1
}

/// How long and how much of each partition is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Retention {
    /// Age, for example `7d`, `12h`, `30m`, `45s`, `500ms`; `Unlimited` keeps records for ever. Sets `retention.ms`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), regex(pattern = r"^([0-9]{1,12}(ms|s|m|h|d|w)|Unlimited)$"))]
    pub time: Option<String>,
    /// Size of each partition, for example `10Gi`; `Unlimited` has no limit. Sets `retention.bytes`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), regex(pattern = r"^([0-9]{1,12}(Ki|Mi|Gi|Ti)?|Unlimited)$"))]
    pub size: Option<String>,
}

/// `Delete`, `Compact` or `CompactAndDelete`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CleanupPolicy {
    Delete,
    Compact,
    CompactAndDelete,
}

/// `IfIdentical`, `Always` or `Never`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Adoption {
    #[default]
    IfIdentical,
    Always,
    Never,
}

/// What Sluice sees and does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TopicStatus {
    /// Generation of the spec that this status speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready`, and where they apply `Reconciling` and `Stalled`.
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// Name of the topic in Kafka.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic_name: Option<String>,
    /// Kafka's id of the topic that this object owns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic_id: Option<String>,
    /// Partitions in Kafka.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partitions: Option<i32>,
    /// Replicas of each partition in Kafka.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replication_factor: Option<i32>,
}
