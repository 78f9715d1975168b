//! What several kinds share: references, pod templates, policies.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Affinity, EnvVar, ResourceRequirements, Toleration, TopologySpreadConstraint, Volume, VolumeMount,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

/// Names an object of a known kind in the same namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LocalRef {
    /// Name of the object.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// Names one key of a Secret in the same namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeyRef {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Key within the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

/// What happens to user data when the object is deleted: `Retain` keeps it, `Delete` removes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    #[default]
    Retain,
    Delete,
}

/// Whether a connector or pipeline should be `Running`, `Paused` (tasks idle, resources kept) or `Stopped`
/// (tasks gone, offsets kept).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RunState {
    #[default]
    Running,
    Paused,
    Stopped,
}

/// The part of a pod that users may shape.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PodTemplate {
    /// Labels added to the pods.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub labels: BTreeMap<String, String>,
    /// Annotations added to the pods.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub annotations: BTreeMap<String, String>,
    /// Node labels that a node must have.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub node_selector: BTreeMap<String, String>,
    /// Affinity rules, as in a Pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::terse::<Affinity>")]
    pub affinity: Option<Affinity>,
    /// Tolerations, as in a Pod.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), schema_with = "schema::terse::<Vec<Toleration>>")]
    pub tolerations: Vec<Toleration>,
    /// Replaces the default spread (zones, then nodes).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), schema_with = "schema::terse::<Vec<TopologySpreadConstraint>>")]
    pub topology_spread_constraints: Vec<TopologySpreadConstraint>,
    /// Priority class of the pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub priority_class_name: Option<String>,
    /// Secrets with which images are pulled.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub image_pull_secrets: Vec<LocalRef>,
    /// Environment variables added to the main container.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), schema_with = "schema::terse::<Vec<EnvVar>>")]
    pub env: Vec<EnvVar>,
    /// Volumes added to the pods, as in a Pod.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), schema_with = "schema::volumes")]
    pub volumes: Vec<Volume>,
    /// Mounts added to the main container.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), schema_with = "schema::terse::<Vec<VolumeMount>>")]
    pub volume_mounts: Vec<VolumeMount>,
    /// How long a pod may take to stop, in seconds. Default 120 for brokers (a controlled shutdown moves every
    /// leader away first), 60 for Connect workers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 3600))]
    pub termination_grace_period_seconds: Option<i64>,
}

/// Options of the Java virtual machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Jvm {
    /// Heap size, for example `512Mi`; initial and maximum are the same. Default: half of the memory limit, at
    /// most 4Gi, and 512Mi where there is no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), regex(pattern = r"^[1-9][0-9]{0,9}(Ki|Mi|Gi)$"))]
    pub heap: Option<String>,
    /// Further options, for example `-XX:+UseZGC`, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 1024)))]
    pub options: Vec<String>,
}

/// Compute resources, as in a Pod's container.
pub type Resources = ResourceRequirements;

/// Who reaches pods.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NetworkPolicy {
    /// Whether only nodes, Sluice and Connect reach the ports that Sluice keeps for itself (9090, 9091). Default: yes. Other ports are left as they are. Without it a certificate is still needed there.
    #[serde(default = "yes")]
    pub enabled: bool,
}

fn yes() -> bool {
    true
}
