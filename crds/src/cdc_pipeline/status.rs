use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::delivery::DeliveryStatus;
use super::offsets::OffsetRun;
use super::replay::Replay;
use super::snapshot::{SnapshotRun, SnapshotStatus};
use super::verify::Verification;

/// What Sluice sees and does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CdcPipelineStatus {
    /// Generation of the spec that this status speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready`; where they apply `Reconciling` and `Stalled`; `WalBudget` where there is a budget or a limit of the server's;
    /// `SnapshotComplete` once rows are read; `LagBudget`
    /// and `SnapshotBudget` where `spec.objectives` has them; `Verified` where `spec.verify` asks for it.
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// `Preflight`, `Preparing`, `Snapshot`, `Streaming`, `Paused`, `Stopped`, `Halted`, `Failed`, `Unknown`,
    /// `Deleting`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// One-line sums for `kubectl get`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<Summary>,
    /// Checks of the databases that did not pass, each with what mends it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub preflight: Vec<PreflightFinding>,
    /// Since when no check of the databases keeps the pipeline from starting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preflight_passed_at: Option<Time>,
    /// The source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceStatus>,
    /// What was compared so that no change is lost silently.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guard: Option<GuardStatus>,
    /// WAL that the slot keeps, and how long that can go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wal: Option<WalStatus>,
    /// How many of the rows that the tables had have come to the topics.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<SnapshotStatus>,
    /// How often a change arrives: what is really in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery: Option<DeliveryStatus>,
    /// All rows are being read anew; absent once the source connector begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resnapshot: Option<Resnapshot>,
    /// Requests of `spec.snapshots`, and tables that were added to a pipeline that runs (`added/<table>`), whose rows were read, or are
    /// being read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["id"]))]
    pub snapshots: Vec<SnapshotRun>,
    /// Requests of `spec.offsets` that were begun.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["id"]))]
    pub offsets: Vec<OffsetRun>,
    /// Comparisons of source and sinks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["id"]))]
    pub verification: Vec<Verification>,
    /// Requests of `spec.sinks[].replay`, and of each sink the one that ran last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["sink", "id"]))]
    pub replays: Vec<Replay>,
    /// The sinks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub sinks: Vec<SinkStatus>,
}

/// One-line sums for `kubectl get`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Summary {
    /// How far the topics are behind the source in bytes, and the sink that is furthest behind in seconds.
    pub lag: String,
}

/// A check that did not pass.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PreflightFinding {
    /// Name of the check.
    pub check: String,
    /// `Block` keeps the pipeline from starting, `Warn` does not.
    pub severity: String,
    /// What is wrong.
    pub message: String,
    /// The statement or setting that mends it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mend: String,
}

/// The source as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SourceStatus {
    /// Name of the connector.
    pub connector: String,
    /// Replication slot.
    pub slot: String,
    /// Publication.
    pub publication: String,
    /// Tables captured.
    pub tables: i32,
    /// Bytes of WAL between the source's position and what the connector has confirmed; 0 below 1 MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lag_bytes: Option<i64>,
    /// Age of the oldest change that has not been confirmed, in seconds; 0 below the heartbeat's interval and 30 s more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lag_seconds: Option<i64>,
    /// Since when the connector is behind, where `lagSeconds` is not 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lag_since: Option<Time>,
    /// What it had confirmed then: while that stands still, `lagSince` does too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lag_from: Option<String>,
    /// Bytes of WAL that the slot keeps on the database's disk; 0 below 64 MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retained_wal_bytes: Option<i64>,
    /// Whether the first snapshot has been completed.
    pub snapshot_completed: bool,
    /// Tables whose rows the snapshot reads or has read: not those that were added later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot_tables: Option<Vec<String>>,
    /// Table of the source by whose rows Sluice orders rows to be read while changes flow; from when that was first wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal_table: Option<String>,
    /// Whether the source connector was ever started: from then on the slot is the pipeline's.
    pub started: bool,
}

/// A sink as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SinkStatus {
    /// Name of the sink.
    pub name: String,
    /// Name of the connector.
    pub connector: String,
    /// Records in the topics that the sink has not committed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lag_records: Option<i64>,
    /// Age of the oldest change that the sink has not applied, in seconds since it was committed in the source, or, of a row of a snapshot, since
    /// it came to Kafka; 0 below the heartbeat's interval and 30 s more, absent while nobody can tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lag_seconds: Option<i64>,
    /// Tables of which records were removed from their topics before the sink had read them. A table leaves the list once its rows were
    /// read anew.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["table"]))]
    pub missed: Vec<MissedRecords>,
    /// Dead-letter topic, where one is configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead_letter_topic: Option<String>,
    /// Records in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead_letters: Option<i64>,
    /// The newest record in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_dead_letter: Option<LastDeadLetter>,
}

/// A record that a sink could not take.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct LastDeadLetter {
    /// Topic that the sink read it from.
    pub topic: String,
    /// Partition of the topic.
    pub partition: i32,
    /// Offset in the partition.
    pub offset: i64,
    /// Why: the beginning of the exception, and its root cause.
    pub error: String,
    /// When it was put aside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
}

/// Records that a sink will never read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct MissedRecords {
    /// `schema.table`
    pub table: String,
    /// How many there were at least; absent where the topic was made anew, and nobody can tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub records: Option<i64>,
    /// When Sluice saw it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
}

/// What the guard compared: the source connector's stored offset with the slot and the server. It looks before every start and all
/// the time; what it saw is written when the verdict changes, and every ten minutes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct GuardStatus {
    /// `Fine`, `Gap` (changes are missing, or may be) or `Unknown` (something could not be seen).
    pub verdict: String,
    /// Which kind of gap.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What is missing, or what could not be seen.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Bytes of WAL that were not read and cannot be any more, where that can be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gap_bytes: Option<i64>,
    /// Up to where the source connector has stored what it has read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored_lsn: Option<String>,
    /// `confirmed_flush_lsn` of the slot: it gives nothing from before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirmed_lsn: Option<String>,
    /// `restart_lsn` of the slot: the server keeps WAL from here on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart_lsn: Option<String>,
    /// Where the server was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_lsn: Option<String>,
    /// When all this was seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checked_at: Option<Time>,
    /// What was written down before the source connector was first started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remembered: Option<Remembered>,
    /// The last gap that `onGap: Continue` went over, or that `spec.offsets` has made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted: Option<Accepted>,
}

/// What tells this server and slot from others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Remembered {
    /// `system_identifier` of the server, where the role may ask for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system_identifier: Option<String>,
    /// `timeline_id` of the server: a failover or a restore to a point in time begins another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeline: Option<i64>,
    /// The slot was there, with a position.
    pub slot_seen: bool,
}

/// A gap that was gone over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Accepted {
    /// Which kind of gap; `OffsetSet`: `spec.offsets` asked for it.
    pub reason: String,
    /// From here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_lsn: Option<String>,
    /// To here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_lsn: Option<String>,
    /// Bytes of WAL between the two.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<i64>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
}

/// All rows are being read anew.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Resnapshot {
    /// Why: `Requested`, `BudgetExceeded`, or the kind of gap.
    pub reason: String,
    /// Ids of `spec.snapshots` that it answers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<String>,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
}

/// WAL that the slot keeps, and how long that can go on. Figures are rounded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct WalStatus {
    /// Bytes that the slot keeps on the database's disk.
    pub retained_bytes: i64,
    /// By how much that grows in a second.
    pub growth_bytes_per_second: i64,
    /// `objectives.maxRetainedWal`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget_bytes: Option<i64>,
    /// Seconds until the budget is used up, at this growth.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds_to_budget: Option<i64>,
    /// Bytes until the server invalidates the slot (`max_slot_wal_keep_size`), where it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_to_limit: Option<i64>,
    /// Seconds until then, at this growth.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds_to_limit: Option<i64>,
}
