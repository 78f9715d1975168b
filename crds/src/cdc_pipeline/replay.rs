use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A request to send a sink's dead letters again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplayRequest {
    /// Names the request. One that has run does not run again.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-zA-Z0-9]([-._a-zA-Z0-9]*[a-zA-Z0-9])?$"))]
    pub id: String,
}

/// Dead letters that were sent again, or are being sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Replay {
    /// Name of the sink.
    pub sink: String,
    /// The id in `spec.sinks[].replay`.
    pub id: String,
    /// `Waiting`, `Running`, `Done` or `Failed`.
    pub state: String,
    /// What is waited for, what was left out and why, or what failed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// When it began. Written before it does: a Sluice that is restarted goes on with it, and sends nothing twice that it finds sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// When it came to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
    /// The dead-letter topic.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub topic: String,
    /// Id of that topic. One that was made anew has another, and its letters are counted anew.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub topic_id: String,
    /// Offset in it of the first letter that is looked at: where the run before it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<i64>,
    /// Offset behind the last one. Written before the first letter is sent: what comes later is the next run's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<i64>,
    /// Letters that were sent again, each to the end of the partition that it came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replayed: Option<i64>,
    /// Letters that were not sent, because their topic has a newer change of the same row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub superseded: Option<i64>,
    /// Letters that could not be sent, or of which nobody can tell whether they may be; `message` says why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_out: Option<i64>,
    /// Letters that were sent, and that the sink has put aside again: the next replay takes them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_again: Option<i64>,
}
