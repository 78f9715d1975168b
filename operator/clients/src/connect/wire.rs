//! Connect's JSON, as `ConnectorsResource` and `ConnectorPluginsResource` of Kafka 4.3 write it. Unknown fields are ignored.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use sluice_core::view::connect::{ConnectorView, Plugin, RunState, TaskView};

use super::trace;

#[derive(Deserialize)]
pub(super) struct Refusal {
    #[serde(rename = "error_code")]
    pub _code: i32,
    pub message: String,
}

#[derive(Deserialize)]
pub(super) struct Root {
    pub version: String,
    #[serde(default)]
    pub kafka_cluster_id: String,
}

#[derive(Deserialize)]
pub(super) struct PluginInfo {
    class: String,
    #[serde(rename = "type")]
    kind: String,
    version: Option<String>,
}

/// `POST /connectors`
#[derive(Serialize)]
pub(super) struct NewConnector<'a> {
    pub name: &'a str,
    pub config: &'a BTreeMap<String, String>,
    pub initial_state: &'static str,
}

/// `GET /connectors?expand=info&expand=status`. One that is being created or deleted can have one half without the other.
#[derive(Deserialize)]
pub(super) struct Expanded {
    info: Option<Info>,
    status: Option<Status>,
}

#[derive(Deserialize)]
struct Info {
    // a key whose value was written as null is there with null
    config: BTreeMap<String, Option<String>>,
}

#[derive(Deserialize)]
struct Status {
    connector: Part,
    tasks: Vec<Task>,
}

#[derive(Deserialize)]
struct Part {
    #[serde(deserialize_with = "state")]
    state: RunState,
    #[serde(default)]
    worker_id: String,
    #[serde(default, deserialize_with = "short_trace")]
    trace: Option<String>,
}

#[derive(Deserialize)]
struct Task {
    id: u32,
    #[serde(flatten)]
    part: Part,
}

/// `PUT /connector-plugins/{class}/config/validate`
#[derive(Deserialize)]
pub(super) struct Validated {
    pub configs: Vec<ValidatedConfig>,
}

#[derive(Deserialize)]
pub(super) struct ValidatedConfig {
    pub value: ValidatedValue,
}

#[derive(Deserialize)]
pub(super) struct ValidatedValue {
    pub name: String,
    pub value: Option<String>,
    #[serde(default)]
    pub errors: Vec<String>,
}

/// `GET` and `PATCH /connectors/{name}/offsets`
#[derive(Deserialize, Serialize)]
pub(super) struct Offsets {
    pub offsets: Vec<OffsetEntry>,
}

#[derive(Deserialize, Serialize)]
pub(super) struct OffsetEntry {
    pub partition: serde_json::Value,
    pub offset: serde_json::Value,
}

#[derive(Deserialize)]
pub(super) struct TopicsOf {
    pub topics: Vec<String>,
}

impl From<PluginInfo> for Plugin {
    fn from(info: PluginInfo) -> Self {
        Self { class: info.class, kind: info.kind, version: info.version.unwrap_or_default() }
    }
}

impl Expanded {
    /// `None` for half a connector: it tells nothing yet.
    pub(super) fn view(self) -> Option<ConnectorView> {
        let (info, Status { connector, tasks }) = (self.info?, self.status?);
        let mut tasks: Vec<_> = tasks
            .into_iter()
            .map(|Task { id, part }| TaskView {
                id,
                state: part.state,
                worker: part.worker_id,
                trace: part.trace,
            })
            .collect();
        tasks.sort_by_key(|task| task.id); // Connect's order is that of a hash map
        Some(ConnectorView {
            config: info.config.into_iter().filter_map(|(k, v)| Some((k, v?))).collect(),
            state: connector.state,
            worker: connector.worker_id,
            trace: connector.trace,
            tasks,
        })
    }
}

/// `AbstractStatus.State`. A state that we do not know is not one that we may call running.
fn state<'de, D: Deserializer<'de>>(deserializer: D) -> Result<RunState, D::Error> {
    let text = Cow::<str>::deserialize(deserializer)?;
    Ok(match &*text {
        "RUNNING" => RunState::Running,
        "PAUSED" => RunState::Paused,
        "STOPPED" => RunState::Stopped,
        "FAILED" => RunState::Failed,
        "RESTARTING" => RunState::Restarting,
        _ => RunState::Unassigned,
    })
}

fn short_trace<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.filter(|text| !text.trim().is_empty()).map(|text| trace::shorten(&text)))
}
