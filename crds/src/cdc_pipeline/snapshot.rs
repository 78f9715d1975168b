use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How existing rows are read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Snapshot {
    /// `Initial` (default) reads every row once, then streams; `Never` streams from the slot's start.
    pub mode: SnapshotMode,
}

/// `Initial` or `Never`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SnapshotMode {
    #[default]
    Initial,
    Never,
}

/// A request to read rows anew.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("(has(self.type) && self.type != 'Initial') || (!has(self.where) && (!has(self.tables) || self.tables.size() == 0))")
        .message("tables and where belong to type: Incremental or Blocking: Initial reads all rows of all tables"),
    validation = Rule::new("!has(self.where) || (has(self.tables) && self.tables.size() == 1)")
        .message("where needs exactly one table in tables"),
)]
pub struct SnapshotRequest {
    /// Names the request. One that has run does not run again.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-zA-Z0-9]([-._a-zA-Z0-9]*[a-zA-Z0-9])?$"))]
    pub id: String,
    /// `Initial` (default) begins anew: the source connector stops, its offsets and its slot are given up, and it begins with a snapshot
    /// of all tables. Heals a pipeline that is halted. `Incremental` reads rows in chunks while changes go on flowing, and goes on where
    /// it was when it is interrupted. `Blocking` reads each table at once while changes wait: it is faster and takes tables without a primary
    /// key, and begins again when it is interrupted. Requests of the latter two run one after the other.
    #[serde(default, rename = "type")]
    pub type_: SnapshotType,
    /// Of an `Incremental` or `Blocking` one: the tables, of `spec.tables`. Default: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 500),
        inner(length(min = 3, max = 129)),
        extend("x-kubernetes-list-type" = "set")
    )]
    pub tables: Vec<String>,
    /// Of one with a single table: which rows, as in an SQL `WHERE`, for example `region = 'eu'`.
    #[serde(default, rename = "where", skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub where_: Option<String>,
}

/// `Initial`, `Incremental` or `Blocking`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SnapshotType {
    #[default]
    Initial,
    Incremental,
    Blocking,
}

/// The snapshot that runs, or ran last: what it has brought to the topics, as it was begun last. A snapshot that is cut short begins
/// again with all rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SnapshotStatus {
    /// `Reading`, `Counting` (all rows were read, and the source's are counted to be compared with those that came) or `Done`.
    pub state: String,
    /// Since when rows are to be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// Where the source was then: rows that were read further back are of an older snapshot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_lsn: Option<String>,
    /// Which moment of the source is read: rows as they were then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lsn: Option<String>,
    /// When the first row came to Kafka.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// How often it was begun, as far as Sluice saw rows of it.
    pub attempts: i32,
    /// When Sluice saw that all rows had been read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Time>,
    /// Rows that have come to the topics.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<i64>,
    /// How many there are by PostgreSQL's own estimate (`reltuples`); absent where a table has none because it was never analyzed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimated_rows: Option<i64>,
    /// How much of the estimate has come, at most 99; absent without an estimate and once all rows were read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percent: Option<i32>,
    /// Seconds until the estimate has come, at the pace since `startedAt`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds_left: Option<i64>,
    /// The 50 largest tables.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["table"]))]
    pub tables: Vec<TableSnapshot>,
}

/// What the snapshot has brought of one table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TableSnapshot {
    /// `schema.table`
    pub table: String,
    /// Rows that have come to its topic.
    pub rows: i64,
    /// How many there are by PostgreSQL's own estimate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimated_rows: Option<i64>,
}

/// Rows that were read anew, or are being read: a request of `spec.snapshots`, or a table that was added.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SnapshotRun {
    /// The request's id; `added/<table>` of a table that was added.
    pub id: String,
    /// `Initial`, `Incremental` or `Blocking`.
    #[serde(rename = "type")]
    pub type_: SnapshotType,
    /// When the source connector was let begin anew, or was asked to read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
    /// Of all but an `Initial` one: `Asked` (the connector has not answered yet), `Reading`, `Done` or `Failed`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub state: String,
    /// Of all but an `Initial` one: its tables.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<String>,
    /// Which rows, where only some were asked for.
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    pub where_: Option<String>,
    /// Of one that is under way: a place in the source's log behind the order. Once the connector has confirmed it without an answer, the order
    /// was read by one that did not know of it yet, and is given again. Of a `Blocking` one whose rows were read: a place behind them. Once the
    /// connector has confirmed it, they are in Kafka.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lsn: Option<String>,
    /// Of a `Blocking` one: how often it came to a bad end, other than by a restart of the connector. It is ordered three times.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failures: Option<i32>,
    /// Rows of its tables that were read, as the connector counts them since it was started last; when each table is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<i64>,
    /// When it was seen to be `Done`, or given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Time>,
    /// What could not be read, or what is waited for.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
}
