//! `Connector`: one connector on a ConnectCluster.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Scalar;
use crate::common::{LocalRef, RunState};

/// One connector.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "sluice.dev",
    version = "v1alpha1",
    kind = "Connector",
    namespaced,
    status = "ConnectorStatus",
    derive = "PartialEq",
    derive = "Default",
    shortname = "kcn",
    category = "sluice",
    doc = "One connector on a ConnectCluster.",
    selectable = ".spec.connectRef.name",
    printcolumn(name = "Connect", type_ = "string", json_path = ".spec.connectRef.name"),
    printcolumn(name = "State", type_ = "string", json_path = ".status.state"),
    printcolumn(name = "Tasks", type_ = "string", json_path = ".status.summary.tasks"),
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
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.connectRef.name == oldSelf.connectRef.name")
        .message("connectRef cannot change: offsets do not move between Connect clusters"),
    validation = Rule::new("self.class == oldSelf.class")
        .message("class cannot change: delete this Connector and create another"),
)]
pub struct ConnectorSpec {
    /// The ConnectCluster, in the same namespace. Immutable.
    pub connect_ref: LocalRef,
    /// Class of the connector plugin; sets `connector.class`. Immutable.
    #[schemars(length(min = 1, max = 512))]
    pub class: String,
    /// Most tasks it may run; sets `tasks.max`.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1000))]
    pub tasks_max: i32,
    /// Connector configuration. `${secrets:NAME:KEY}` stands for the value of a key of a Secret in the same
    /// namespace: Connect reads it from a mounted file, it is never part of the configuration. `${secretFile:NAME:KEY}` stands for
    /// the path of that file, for plugins that read certificates themselves.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 512))]
    pub config: BTreeMap<String, Scalar>,
    /// `Running` (default), `Paused` (tasks idle, resources kept) or `Stopped` (tasks gone, offsets kept).
    #[serde(default)]
    pub state: RunState,
    /// Restarts of failed tasks.
    #[serde(default)]
    pub auto_restart: AutoRestart,
    /// Sluice observes and reports, and changes nothing.
    #[serde(default)]
    pub paused: bool,
    /// Set to the current time to restart the connector and its tasks once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restarted_at: Option<Time>,
}

fn one() -> i32 {
    1
}

/// Restarts of failed tasks, with a backoff that doubles from 10 s to 5 min.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct AutoRestart {
    /// Whether failed tasks are restarted.
    pub enabled: bool,
    /// Restarts in a row, without ten healthy minutes between them, after which Sluice gives up. What passes by itself (`status.failure`
    /// is `Transient` or `Credentials`) is tried on, every five minutes.
    #[schemars(range(min = 1, max = 1000))]
    pub max_attempts: i32,
}

impl Default for AutoRestart {
    fn default() -> Self {
        Self { enabled: true, max_attempts: 10 }
    }
}

/// What Sluice sees and does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ConnectorStatus {
    /// Generation of the spec that this status speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready`, and where they apply `Reconciling` and `Stalled`.
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// State of the connector as Connect reports it, `Failed` also when only a task failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// One-line sums for `kubectl get`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<Summary>,
    /// Tasks, as Connect reports them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<TaskStatus>,
    /// What kind of failure it is, where something has failed: `Transient`, `Credentials`, `SlotLost`, `SchemaHistory`,
    /// `PoisonRecord`, `Configuration` or `Unknown`. Only what a restart can mend is restarted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// Automatic restarts so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restarts: Option<Restarts>,
    /// `spec.restartedAt` that has been carried out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restarted_at: Option<Time>,
    /// Revision of the connectors' Secret from which the running connector got its values; 0 where it names none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secrets_revision: Option<i64>,
    /// Whether Sluice created this connector in Connect. A connector that was there before is left alone.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub owned: bool,
}

/// One-line sums for `kubectl get`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Summary {
    /// Running tasks / tasks.
    pub tasks: String,
}

/// A task.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TaskStatus {
    /// Number of the task.
    pub id: i32,
    /// State as Connect reports it.
    pub state: String,
    /// Worker that runs it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub worker: String,
    /// First line of the trace and of its root cause, of a failed task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Automatic restarts so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Restarts {
    /// Restarts in a row.
    pub attempts: i32,
    /// When the last one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<Time>,
    /// When the next one is due, while something has failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Time>,
}
