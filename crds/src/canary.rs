//! Records that Sluice itself writes and reads, to see what clients see.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A record goes through each listener now and then, as a client's would.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Canary {
    /// Time between two records on each listener: `1s` to `59s`, or `1m` to `10m`. Default: `10s`.
    #[serde(default = "ten_seconds")]
    #[schemars(length(max = 32), regex(pattern = r"^([1-9]|[1-5][0-9])s$|^([1-9]|10)m$"))]
    pub interval: String,
}

fn ten_seconds() -> String {
    "10s".into()
}

impl Default for Canary {
    fn default() -> Self {
        Self { interval: ten_seconds() }
    }
}

/// What became of the records on one listener.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CanaryStatus {
    /// Name of the listener.
    pub listener: String,
    /// Milliseconds in which half of the last records were written to all replicas in sync and read again, rounded up to 1, 2, 5, 10 and
    /// so on; metrics have them exactly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<i32>,
    /// Where records do not get through, and why. A partition's leader is the broker that is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failing: Option<String>,
}
