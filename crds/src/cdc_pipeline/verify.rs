use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A comparison of source and sinks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Verify {
    /// Names the comparison. Without a schedule it runs once, however often it is applied.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-zA-Z0-9]([-._a-zA-Z0-9]*[a-zA-Z0-9])?$"))]
    pub id: String,
    /// When it runs, again and again: minute, hour, day of the month, month and day of the week, as cron has them, in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 9, max = 100))]
    pub schedule: Option<String>,
    /// Tables to compare, of `spec.tables`. Default: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 500),
        inner(length(min = 3, max = 129)),
        extend("x-kubernetes-list-type" = "set")
    )]
    pub tables: Vec<String>,
    /// `Checksum` (default) compares all columns; `Count` only which keys there are, which costs the databases less.
    #[serde(default)]
    pub mode: VerifyMode,
}

/// `Checksum` or `Count`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum VerifyMode {
    #[default]
    Checksum,
    Count,
}

/// `None` or `Resnapshot`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Repair {
    #[default]
    None,
    Resnapshot,
}

/// A comparison as it is: what runs, or is waited for, and what the last one that came to its end found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Verification {
    /// The id in `spec.verify`.
    pub id: String,
    /// `Waiting`, `Running` or `Done`.
    pub state: String,
    /// What is waited for.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// When it began. Written before it does: it runs once for each such time, from its beginning again if Sluice is restarted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// When it runs next, where it has a schedule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_at: Option<Time>,
    /// Rows compared since it began; while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress_rows: Option<i64>,
    /// `Same`, `Different`, or `Unknown` where something could not be compared and nothing that could differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// When that was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
    /// Tables that were compared, in all sinks together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tables: Option<i32>,
    /// Rows of the source that were compared, in all sinks together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<i64>,
    /// Rows that are missing in a sink.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<i64>,
    /// Rows that only a sink has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extra: Option<i64>,
    /// Rows whose values differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub different: Option<i64>,
    /// Tables with differences, or that could not be compared: the first twenty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<TableDifferences>,
    /// When it had all rows read anew (`spec.repair`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repaired_at: Option<Time>,
}

/// A table whose copy is not the same, or may not be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TableDifferences {
    /// Table of the source.
    pub table: String,
    /// Name of the sink.
    pub sink: String,
    /// Rows that are missing in the sink.
    pub missing: i64,
    /// Rows that only the sink has.
    pub extra: i64,
    /// Rows whose values differ.
    pub different: i64,
    /// Comparing stopped there: there may be more.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub at_least: bool,
    /// The first few, by their keys.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// What could not be compared, and why.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
}
