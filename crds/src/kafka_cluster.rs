//! `KafkaCluster`: brokers and controllers in pools, listeners, config, storage.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Scalar;
use crate::canary::Canary;
use crate::certificates::{CertificateStatus, Certificates};
use crate::common::{DeletionPolicy, Jvm, NetworkPolicy, PodTemplate, Resources};
pub use crate::health::{DiskStatus, Health, TopicSize};
pub use crate::listener::{Authentication, Listener, ListenerStatus};
use crate::rebalance::{Rebalance, RebalanceStatus};
pub use crate::rollout::{Rollout, RolloutPolicy};
use crate::schema;

/// In one pool.
pub const MOST_NODES: i32 = 200;
pub const HIGHEST_FIRST_NODE_ID: i32 = 1_000_000;

/// Brokers and controllers of one Kafka cluster.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "sluice.dev",
    version = "v1alpha1",
    kind = "KafkaCluster",
    namespaced,
    status = "KafkaClusterStatus",
    derive = "PartialEq",
    derive = "Default",
    shortname = "kc",
    category = "sluice",
    doc = "One Apache Kafka cluster (KRaft): brokers and controllers in pools, listeners, configuration and storage.",
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Brokers", type_ = "string", json_path = ".status.summary.brokers"),
    printcolumn(name = "Partitions", type_ = "integer", json_path = ".status.partitions.total"),
    printcolumn(name = "Under-replicated", type_ = "integer", json_path = ".status.partitions.underReplicated"),
    printcolumn(name = "Version", type_ = "string", json_path = ".status.version"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Message",
        type_ = "string",
        priority = 1,
        json_path = ".status.conditions[?(@.type==\"Ready\")].message"
    ),
    validation = Rule::new("self.metadata.name.size() <= 40 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')").message(
        "the name of a KafkaCluster may have 40 characters, starts with a letter and has no dots: its Services and pods are named after it"
    ),
    validation = Rule::new("self.spec.pools.all(p, self.metadata.name.size() + p.name.size() <= 51)").message(
        "the names of cluster and pool may have 51 characters together: its pods carry both in a label"
    ),
    validation = Rule::new(
        "(has(self.spec.clusterId) ? self.spec.clusterId : '') == (has(oldSelf.spec.clusterId) ? oldSelf.spec.clusterId : '') || !has(oldSelf.status) || !has(oldSelf.status.clusterId) || !has(oldSelf.status.bootstrapped) || !oldSelf.status.bootstrapped || (has(self.spec.clusterId) ? self.spec.clusterId == oldSelf.status.clusterId : oldSelf.spec.clusterId != oldSelf.status.clusterId)"
    )
    .message("clusterId must stay what status.clusterId says: it is written on every volume")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.pools.exists(p, 'controller' in p.roles)").message("one pool needs the role controller"),
    validation = Rule::new("self.pools.exists(p, 'broker' in p.roles)").message("one pool needs the role broker"),
    validation = Rule::new("self.pools.size() == 1 || self.pools.all(p, has(p.firstNodeId))")
        .message("with more than one pool each needs firstNodeId: node ids come from spec"),
    validation = Rule::new(
        "self.pools.all(a, self.pools.all(b, a.name == b.name || !has(a.firstNodeId) || !has(b.firstNodeId) || a.firstNodeId + a.replicas <= b.firstNodeId || b.firstNodeId + b.replicas <= a.firstNodeId))"
    )
    .message("the node ids of two pools overlap: move firstNodeId of one of them"),
    validation = Rule::new("self.listeners.all(a, self.listeners.exists_one(b, a.port == b.port))")
        .message("two listeners have the same port"),
    validation = Rule::new("self.listeners.all(l, !(l.name in ['controller', 'internal']))")
        .message("controller and internal are listeners of Sluice's own"),
)]
pub struct KafkaClusterSpec {
    /// Kafka version. Default: the newest that Sluice supports. An upgrade of Sluice alone never changes the
    /// version of a running cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub version: Option<String>,
    /// Image that holds `/opt/kafka/libs` and `java`. Default: `apache/kafka:<version>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub image: Option<String>,
    /// Kafka's cluster id, when an existing cluster's volumes are taken over. Default: derived from namespace and
    /// name, so that a deleted and re-created cluster finds its volumes again. Immutable once Kafka was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(equal = 22), regex(pattern = r"^[A-Za-z0-9_-]{22}$"))]
    pub cluster_id: Option<String>,
    /// Groups of nodes that are alike.
    #[schemars(
        length(min = 1, max = 16),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"])
    )]
    pub pools: Vec<Pool>,
    /// Ports for clients. Default: one, `plain` on 9092.
    #[serde(default = "default_listeners")]
    #[schemars(
        length(min = 1, max = 16),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"])
    )]
    pub listeners: Vec<Listener>,
    /// Kafka configuration of all nodes. Dynamic keys apply without a restart; others roll the nodes; unknown keys
    /// and keys that Sluice sets itself are refused.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 256))]
    pub config: BTreeMap<String, Scalar>,
    /// The certificates with which nodes, Sluice and Connect know each other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificates: Option<Certificates>,
    /// Who reaches the nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_policy: Option<NetworkPolicy>,
    /// When and how fast replicas move between brokers. Default: by themselves, at 50 MiB a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rebalance: Option<Rebalance>,
    /// Has Sluice write and read records of its own, through each listener, and tell in `status.health.canary` how long that takes and where
    /// it fails. They are in the topic `sluice-canary`, which is Sluice's own. Default: none. `canary: {}` is one every ten seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<Canary>,
    /// How nodes are restarted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RolloutPolicy>,
    /// What happens to the volumes when this object is deleted: `Retain` (default) or `Delete`.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
    /// Sluice observes and reports, and changes nothing.
    #[serde(default)]
    pub paused: bool,
    /// Set to the current time to restart every node once, one after the other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restarted_at: Option<Time>,
}

fn default_listeners() -> Vec<Listener> {
    vec![Listener { name: "plain".into(), port: 9092, ..Listener::default() }]
}

/// Nodes that are alike. A pool is one StatefulSet; pod ordinal = `node.id`.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("(has(self.firstNodeId) ? self.firstNodeId : 0) == (has(oldSelf.firstNodeId) ? oldSelf.firstNodeId : 0)")
        .message("firstNodeId of an existing pool cannot change: add a pool instead"),
    validation = Rule::new("self.roles == oldSelf.roles")
        .message("roles of an existing pool cannot change: add a pool instead"),
)]
pub struct Pool {
    /// Name of the pool; part of its pods' names.
    #[schemars(length(min = 1, max = 20), regex(pattern = r"^[a-z]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// Number of nodes.
    #[schemars(range(min = 1, max = MOST_NODES))]
    pub replicas: i32,
    /// What the nodes do: `controller`, `broker` or both (default).
    #[serde(default = "default_roles")]
    #[schemars(length(min = 1, max = 2), extend("x-kubernetes-list-type" = "set"))]
    pub roles: Vec<Role>,
    /// `node.id` of the first node; the others follow. Needed when there is more than one pool. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = HIGHEST_FIRST_NODE_ID))]
    pub first_node_id: Option<i32>,
    /// How much of the replicas each of its brokers is to carry, relative to brokers of other pools. Default: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub weight: Option<i32>,
    /// Where the nodes keep their data. Default: a persistent volume of 10Gi of the default class.
    #[serde(default)]
    pub storage: Storage,
    /// CPU and memory of each node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::terse::<Option<Resources>>")]
    pub resources: Option<Resources>,
    /// Java virtual machine.
    #[serde(default)]
    pub jvm: Jvm,
    /// Labels, scheduling, and extra environment and volumes of the pods.
    #[serde(default)]
    pub template: PodTemplate,
}

fn default_roles() -> Vec<Role> {
    vec![Role::Controller, Role::Broker]
}

/// `controller` keeps the cluster's metadata, `broker` keeps records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    Controller,
    Broker,
}

/// Where a node keeps its data.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.type == oldSelf.type").message("storage.type cannot change: add a pool with the new storage"),
    validation = Rule::new("(has(self.class) ? self.class : '') == (has(oldSelf.class) ? oldSelf.class : '')")
        .message("storage.class cannot change: add a pool with the new storage"),
    validation = Rule::new("quantity(self.size).compareTo(quantity(oldSelf.size)) >= 0")
        .message("storage.size cannot shrink: a volume only grows")
        .field_path(".size"),
)]
pub struct Storage {
    /// `Persistent` (default): a volume that outlives the pod. `Ephemeral`: gone with the pod, for tests.
    #[serde(default, rename = "type")]
    pub kind: StorageType,
    /// Size of the volume. May grow where the storage class allows it.
    #[serde(default = "ten_gibibytes")]
    #[schemars(length(max = 32), regex(pattern = r"^[1-9]([0-9]{0,6}(Mi|Gi)|[0-9]{0,4}Ti)$"))]
    pub size: String,
    /// Storage class. Default: the cluster's default class.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub class: Option<String>,
}

fn ten_gibibytes() -> String {
    "10Gi".into()
}

impl Default for Storage {
    fn default() -> Self {
        Self { kind: StorageType::Persistent, size: ten_gibibytes(), class: None }
    }
}

/// `Persistent` or `Ephemeral`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum StorageType {
    #[default]
    Persistent,
    Ephemeral,
}

/// What Sluice sees and does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct KafkaClusterStatus {
    /// Generation of the spec that this status speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready`, and where they apply `Reconciling`, `Stalled` and `Degraded`.
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// Kafka's cluster id: as it was first seen, and before that the one that is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_id: Option<String>,
    /// Version that the nodes run or roll to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Whether the controller quorum has been formed once. From then on no node ever starts a quorum of its own.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub bootstrapped: bool,
    /// One-line sums for `kubectl get`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<Summary>,
    /// Where clients connect.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub listeners: Vec<ListenerStatus>,
    /// Pools, as they are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub pools: Vec<PoolStatus>,
    /// The controller quorum, from Kafka.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quorum: Option<QuorumStatus>,
    /// Nodes that need attention: not ready, to be restarted, unknown to Kafka. Empty when all is well.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["id"]))]
    pub nodes: Vec<NodeStatus>,
    /// Health of the partitions, from Kafka.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partitions: Option<PartitionHealth>,
    /// How the cluster is, beyond whether it is ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
    /// The rolling restart that is under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollout: Option<Rollout>,
    /// How evenly replicas lie, the plan that mends it, and how far it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rebalance: Option<RebalanceStatus>,
    /// Nodes that were taken out of the spec and are not gone yet.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["id"]))]
    pub leaving: Vec<LeavingNode>,
    /// The cluster's certificates, and until when they are good.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["secretName"]))]
    pub certificates: Vec<CertificateStatus>,
}

/// A node that was taken out of the spec. It goes when Kafka has reported twice that it holds no replica.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LeavingNode {
    /// Kafka's `node.id`.
    pub id: i32,
    /// When Kafka first reported that it holds no replica.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub empty_since: Option<Time>,
    /// Whether Kafka gives it no new partitions any more (KIP-1066; from metadata version 4.3 on).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cordoned: Option<bool>,
}

/// One-line sums for `kubectl get`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Summary {
    /// Brokers that serve / brokers wanted.
    pub brokers: String,
    /// Voters / controllers wanted.
    pub controllers: String,
}

/// A pool as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PoolStatus {
    /// Name of the pool.
    pub name: String,
    /// Node ids, as ranges: `0-2`.
    pub node_ids: String,
    /// Nodes that exist.
    pub replicas: i32,
    /// Nodes whose pods are ready.
    pub ready_replicas: i32,
}

/// The controller quorum, as its leader describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct QuorumStatus {
    /// Node id of the active controller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leader: Option<i32>,
    /// Node ids that vote.
    pub voters: Vec<i32>,
    /// Voters that have not caught up with the leader's log for 5 seconds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub behind: Vec<i32>,
}

/// A node that needs attention.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeStatus {
    /// Kafka's `node.id`.
    pub id: i32,
    /// Name of the pod.
    pub pod: String,
    /// `Missing`, `Pending`, `Starting`, `CrashLoop`, `ImageError`, `ConfigError`, `Fenced`, `Outdated`, `Leaving`,
    /// `Terminating`, `RackDiffers`.
    pub state: String,
    /// What is known about it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Why it will be restarted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub restart_reasons: Vec<String>,
}

/// Health of the partitions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PartitionHealth {
    /// Partitions of all topics.
    pub total: i32,
    /// Partitions without a leader.
    pub offline: i32,
    /// Partitions with fewer in-sync replicas than replicas. Not a reason to be unready: all of them can be read and
    /// written.
    pub under_replicated: i32,
    /// Partitions with fewer in-sync replicas than `min.insync.replicas`: `acks=all` fails.
    pub under_min_isr: i32,
    /// The first few of them, worst first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<String>,
}
