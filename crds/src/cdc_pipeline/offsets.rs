use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A request to set where a sink, or the source, goes on.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.sink) != has(self.lsn)")
        .message("an entry of offsets is for a sink (sink, with to or time) or for the source (lsn), and for one of them only"),
    validation = Rule::new("has(self.sink) ? has(self.to) != has(self.time) : !has(self.to) && !has(self.time)")
        .message("to and time say where a sink goes on: a sink needs exactly one of them, and lsn has neither"),
)]
pub struct OffsetRequest {
    /// Names the request. One that was carried out, or refused, is not tried again, and one that a pipeline has when it is started for the
    /// first time is not carried out (`BeforeStart`).
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-zA-Z0-9]([-._a-zA-Z0-9]*[a-zA-Z0-9])?$"))]
    pub id: String,
    /// Name of the sink.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 20), regex(pattern = r"^[a-z]([-a-z0-9]*[a-z0-9])?$"))]
    pub sink: Option<String>,
    /// Of a sink: `Earliest` delivers again all that is in the topics, `Latest` skips what had come to them when the request was begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<OffsetTo>,
    /// Of a sink: goes on with the first record that came to its topic at this time or later. Not in the future.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,
    /// Of the source: goes on behind this position of its log, for example `0/16B3748`, and skips the changes before it that were not read yet.
    /// Only forward: to read rows again there is `spec.snapshots`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 17), regex(pattern = r"^[0-9A-Fa-f]{1,8}/[0-9A-Fa-f]{1,8}$"))]
    pub lsn: Option<String>,
}

/// `Earliest` or `Latest`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OffsetTo {
    #[default]
    Earliest,
    Latest,
}

/// A request of `spec.offsets` that was begun: as it was then.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct OffsetRun {
    /// The request's id.
    pub id: String,
    /// Name of the sink; absent for the source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sink: Option<String>,
    /// Where to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<OffsetTo>,
    /// From when on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,
    /// Position of the source to go on behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lsn: Option<String>,
    /// `Stopping` (the connector), `Setting`, `Resuming` (the connector is let go on, whatever came of the request), `Done` or `Failed`.
    pub state: String,
    /// Why it was not carried out. `LsnBehind`, `LsnAhead`, `TimeAhead`: it is for a place that cannot be gone to. `NothingStored`,
    /// `OffsetUnreadable`, `SlotMissing`, `SlotLost`, `OtherServer`, `ServerWentBack`: nobody can tell what would be skipped. `ManyPartitions`:
    /// the topics have more than can be written down here. `SinkGone`, `TakenOut`: it left the spec. `BeforeStart`: the pipeline was started
    /// for the first time with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<OffsetReason>,
    /// What is wrong, and what one can do.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// When it was begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
    /// Where the source connector was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_lsn: Option<String>,
    /// Bytes of the source's log that are skipped: changes in them do not come to the topics.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped_bytes: Option<i64>,
    /// Records that the sink had not read, and does not get.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped_records: Option<i64>,
    /// Records that the sink had read, and gets again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeated_records: Option<i64>,
    /// Of a sink: where it is to go on, as it was when the request was begun; until that is done.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<OffsetTarget>,
    /// When it was seen to be carried out, or refused, and its connector to be let go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Time>,
}

/// Where a sink is to go on in one topic.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct OffsetTarget {
    /// Name of the topic.
    pub topic: String,
    /// By partition.
    pub offsets: Vec<i64>,
}

/// Why an offset was not set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OffsetReason {
    #[default]
    TakenOut,
    LsnBehind,
    LsnAhead,
    TimeAhead,
    NothingStored,
    OffsetUnreadable,
    SinkGone,
    SlotMissing,
    SlotLost,
    OtherServer,
    ServerWentBack,
    ManyPartitions,
    BeforeStart,
}
