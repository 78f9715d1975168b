//! `ConnectCluster`: Kafka Connect workers.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Scalar;
use crate::common::{Jvm, LocalRef, PodTemplate, Resources};
use crate::schema;

pub const MOST_WORKERS: i32 = 100;

/// Kafka Connect workers.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "sluice.dev",
    version = "v1alpha1",
    kind = "ConnectCluster",
    namespaced,
    status = "ConnectClusterStatus",
    derive = "PartialEq",
    derive = "Default",
    shortname = "kcc",
    category = "sluice",
    doc = "Kafka Connect workers: plugins come with the image, credentials from Secrets.",
    selectable = ".spec.clusterRef.name",
    scale(
        spec_replicas_path = ".spec.replicas",
        status_replicas_path = ".status.replicas",
        label_selector_path = ".status.selector"
    ),
    printcolumn(name = "Cluster", type_ = "string", json_path = ".spec.clusterRef.name"),
    printcolumn(name = "Workers", type_ = "string", json_path = ".status.summary.workers"),
    printcolumn(name = "Connectors", type_ = "integer", json_path = ".status.connectors"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Message",
        type_ = "string",
        priority = 1,
        json_path = ".status.conditions[?(@.type==\"Ready\")].message"
    ),
    validation = Rule::new("self.metadata.name.size() <= 40 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')").message(
        "the name of a ConnectCluster may have 40 characters, starts with a letter and has no dots: its Services and pods are named after it"
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.clusterRef.name == oldSelf.clusterRef.name")
        .message("clusterRef cannot change: the connectors' offsets live in that Kafka cluster"),
)]
pub struct ConnectClusterSpec {
    /// The KafkaCluster, in the same namespace. Immutable.
    pub cluster_ref: LocalRef,
    /// Number of workers.
    #[serde(default = "one")]
    #[schemars(range(min = 0, max = MOST_WORKERS))]
    pub replicas: i32,
    /// Image that holds Connect, `java` and the plugins. Default: the Debezium Connect image of this release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub image: Option<String>,
    /// Worker configuration. Keys that Sluice sets itself are refused.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 256))]
    pub config: BTreeMap<String, Scalar>,
    /// CPU and memory of each worker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::terse::<Option<Resources>>")]
    pub resources: Option<Resources>,
    /// Java virtual machine.
    #[serde(default)]
    pub jvm: Jvm,
    /// Labels, scheduling, and extra environment and volumes of the pods.
    #[serde(default)]
    pub template: PodTemplate,
    /// Sluice observes and reports, and changes nothing.
    #[serde(default)]
    pub paused: bool,
    /// Set to the current time to restart every worker once, one after the other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restarted_at: Option<Time>,
}

fn one() -> i32 {
    1
}

/// What Sluice sees and does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ConnectClusterStatus {
    /// Generation of the spec that this status speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready`, and where they apply `Reconciling` and `Stalled`.
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// Workers that exist.
    pub replicas: i32,
    /// Workers that are ready.
    pub ready_replicas: i32,
    /// Label selector of the workers, for the scale subresource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
    /// One-line sums for `kubectl get`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<Summary>,
    /// Version of Connect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Address of the REST API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Connectors that run here, of all owners.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connectors: Option<i32>,
    /// Connectors that somebody made by REST. Sluice leaves them alone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub foreign_connectors: Vec<String>,
    /// Connector plugins of the image.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub plugins: Vec<PluginStatus>,
}

/// One-line sums for `kubectl get`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Summary {
    /// Ready workers / workers wanted.
    pub workers: String,
}

/// A connector plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PluginStatus {
    /// Class name.
    pub class: String,
    /// `source` or `sink`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Version of the plugin.
    pub version: String,
}
