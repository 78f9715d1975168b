//! Rolling restarts: how they are made, and how one stands.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How nodes are restarted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RolloutPolicy {
    /// How many brokers of one zone may be down together while nodes are restarted. Default: 1. More only where every
    /// partition keeps `min.insync.replicas` without all of them, after the first one has come back, and never nodes
    /// that are controllers.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 100))]
    pub max_unavailable: i32,
}

fn one() -> i32 {
    1
}

/// A rolling restart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Rollout {
    /// Why nodes are restarted, all reasons together.
    pub reasons: Vec<String>,
    /// Nodes that were restarted and are back.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub done: Vec<i32>,
    /// Nodes still to be restarted, in order.
    pub left: Vec<i32>,
    /// Nodes that are being restarted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub restarting: Vec<i32>,
    /// What the rollout waits for, if it does.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub waiting_for: String,
}
