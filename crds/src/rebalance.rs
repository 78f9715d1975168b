//! How replicas are kept evenly on the brokers of a `KafkaCluster`.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// When and how fast replicas move between brokers.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rebalance {
    /// `Auto` (default): replicas move when brokers come or leave, when racks or a Topic's replication factor change, and
    /// when the load is uneven. `Manual`: the plan stands in `status.rebalance` and runs once `approvedPlan` has its hash.
    /// `Off`: nothing moves; what moves is taken back.
    #[serde(default)]
    pub mode: RebalanceMode,
    /// How far a broker may be from its share of replicas, in percent of it, before that alone is a reason to move some.
    #[serde(default = "ten")]
    #[schemars(range(min = 1, max = 100))]
    pub threshold: i32,
    /// Most bytes that each broker may take in and give out in a second while replicas move, for example `50Mi`
    /// (default). Zero is refused: nothing would ever arrive.
    #[serde(default = "fifty_mebibytes")]
    #[schemars(length(max = 32), regex(pattern = r"^[1-9][0-9]{0,8}(Ki|Mi|Gi)?$"))]
    pub throttle: String,
    /// `Manual`: the hash in `status.rebalance` of the plan that may run. One of an earlier plan starts nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16), regex(pattern = r"^[0-9a-f]{16}$"))]
    pub approved_plan: Option<String>,
}

fn ten() -> i32 {
    10
}

fn fifty_mebibytes() -> String {
    "50Mi".into()
}

impl Default for Rebalance {
    fn default() -> Self {
        Self { mode: RebalanceMode::Auto, threshold: ten(), throttle: fifty_mebibytes(), approved_plan: None }
    }
}

/// `Auto`, `Manual` or `Off`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RebalanceMode {
    #[default]
    Auto,
    Manual,
    Off,
}

/// The plan before it runs, then its progress.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RebalanceStatus {
    /// `Balanced`: nothing is to be moved. `Planned`: the plan waits. `Moving`: it runs. `Finishing`: leaders are elected
    /// and the throttle is removed. `Cancelling`: what moves is taken back. `Refused`: there can be no plan.
    pub phase: String,
    /// Why nothing moves, if something should; see the reference.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// What it waits for, and what can be done.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// What the plan is for: `BrokersLeave`, `BrokersCame`, `ReplicationFactor`, `Racks`, `Imbalance`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
    /// Since when there has been a cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// Of the plan: what `approvedPlan` names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    /// Of what the plan was made for: brokers, racks, topics and how many replicas each is to have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basis: Option<String>,
    /// Replicas that are copied to a broker that has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moves: Option<i64>,
    /// No plan with the same result has fewer moves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lower_bound: Option<i64>,
    /// Moves that are done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub done: Option<i64>,
    /// Moves that are left, those under way included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left: Option<i64>,
    /// What is left to be copied, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<i64>,
    /// How long that takes at the throttle, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eta_seconds: Option<i64>,
    /// The throttle in force. It stands here before it is set, and until it is removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throttle: Option<Throttle>,
    /// Topics that ask for fewer replicas in sync while some are copied: Kafka counts those that are on their way too, and
    /// would refuse writes until they have arrived. It stands here before it is set, and until it is set back.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["topic"]))]
    pub lowered: Vec<LoweredMinIsr>,
    /// What moves at the moment. It stands here before it is begun.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub moving: Vec<Moving>,
    /// Each broker before and after the plan.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["id"]))]
    pub brokers: Vec<BrokerLoad>,
    /// Partitions that somebody else moves: the first few. They are left alone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub foreign: Vec<String>,
}

/// A throttle that Sluice has set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Throttle {
    /// Bytes that each broker may take in, and give out, in a second. Less than `spec.rebalance.throttle` while replicas
    /// fall out of sync.
    pub bytes_per_second: i64,
    /// When it was last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// Topics whose replicas are slowed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub topics: Vec<String>,
}

/// A topic whose `min.insync.replicas` Sluice has lowered for a while.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct LoweredMinIsr {
    /// Name of the topic.
    pub topic: String,
    /// What it asks for meanwhile: as many as its partitions had.
    pub to: i32,
    /// What was set on the topic itself before; nothing where the brokers' default held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
}

/// A partition that gets other replicas.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Moving {
    /// Name of the topic.
    pub topic: String,
    /// Kafka's id of it: one that was made anew under the same name is another topic.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub topic_id: String,
    /// Number of the partition.
    pub partition: i32,
    /// Brokers that are to have it, the preferred leader first.
    pub to: Vec<i32>,
    /// How many of them get a copy.
    pub copies: i32,
}

/// A broker before and after the plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct BrokerLoad {
    /// Kafka's `node.id`.
    pub id: i32,
    /// Replicas that it has.
    pub before: i32,
    /// Replicas that it is to have.
    pub after: i32,
    /// Partitions that prefer it as their leader.
    pub leaders_before: i32,
    /// Partitions that are to prefer it.
    pub leaders_after: i32,
}
