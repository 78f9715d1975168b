//! A Connect cluster as its REST API describes it.

use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectView {
    pub version: String,
    pub kafka_cluster_id: String,
    pub plugins: Vec<Plugin>,
    /// Shared, so that an unchanged connector costs nothing in the next view.
    pub connectors: BTreeMap<String, Arc<ConnectorView>>,
    /// The lowest revision of the connectors' Secret that a worker has before it; `None` until all have been asked.
    pub secrets_revision: Option<i64>,
    /// Whether every worker would run Debezium's PostgreSQL connector exactly once (KIP-618), by their own word; `None` until all have
    /// been asked, and where the plugin is missing.
    pub exactly_once: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Plugin {
    pub class: String,
    /// `source`, `sink`, `converter`, `transformation`, … as Connect says.
    pub kind: String,
    pub version: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectorView {
    /// The configuration that is in force.
    pub config: BTreeMap<String, String>,
    pub state: RunState,
    /// `host:port` of the worker that runs it.
    pub worker: String,
    /// Present where the connector itself (not a task) failed: first line, and `Caused by: …` of the root cause on the next.
    pub trace: Option<String>,
    pub tasks: Vec<TaskView>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskView {
    pub id: u32,
    pub state: RunState,
    pub worker: String,
    /// As [`ConnectorView::trace`].
    pub trace: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RunState {
    #[default]
    Unassigned,
    Running,
    Paused,
    Stopped,
    Restarting,
    Failed,
}
