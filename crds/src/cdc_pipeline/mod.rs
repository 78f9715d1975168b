//! `CdcPipeline`: source database → topics → sinks, as one object.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

mod delivery;
mod offsets;
mod replay;
mod sink;
mod snapshot;
mod status;
mod verify;

use crate::Scalar;
use crate::common::{DeletionPolicy, LocalRef, RunState, SecretKeyRef};
use crate::topic::{Adoption, CleanupPolicy, Retention};

pub use delivery::{Delivery, DeliveryStatus, SinkDelivery};
pub use offsets::{OffsetReason, OffsetRequest, OffsetRun, OffsetTarget, OffsetTo};
pub use replay::{Replay, ReplayRequest};
pub use sink::{DeadLetter, PostgresSink, SchemaEvolution, Sink};
pub use snapshot::{
    Snapshot, SnapshotMode, SnapshotRequest, SnapshotRun, SnapshotStatus, SnapshotType, TableSnapshot,
};
pub use status::{
    Accepted, CdcPipelineStatus, GuardStatus, LastDeadLetter, MissedRecords, PreflightFinding, Remembered,
    Resnapshot, SinkStatus, SourceStatus, Summary, WalStatus,
};
pub use verify::{Repair, TableDifferences, Verification, Verify, VerifyMode};

/// A change-data-capture pipeline.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "sluice.dev",
    version = "v1alpha1",
    kind = "CdcPipeline",
    namespaced,
    status = "CdcPipelineStatus",
    derive = "PartialEq",
    derive = "Default",
    shortname = "cdc",
    category = "sluice",
    doc = "A change-data-capture pipeline: tables of a source database → topics → sinks.",
    selectable = ".spec.connectRef.name",
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Tables", type_ = "integer", json_path = ".status.source.tables"),
    printcolumn(name = "Lag", type_ = "string", json_path = ".status.summary.lag"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Message",
        type_ = "string",
        priority = 1,
        json_path = ".status.conditions[?(@.type==\"Ready\")].message"
    ),
    validation = Rule::new("self.metadata.name.size() <= 40 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')").message(
        "the name of a CdcPipeline may have 40 characters, starts with a letter and has no dots: the replication slot is named after it"
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.connectRef.name == oldSelf.connectRef.name")
        .message("connectRef cannot change: offsets do not move between Connect clusters"),
    validation = Rule::new("!has(self.source.onBudgetExceeded) || self.source.onBudgetExceeded != 'DropSlot' || (has(self.objectives) && has(self.objectives.maxRetainedWal))")
        .message("onBudgetExceeded: DropSlot needs objectives.maxRetainedWal: without a budget nothing can exceed it"),
    validation = Rule::new("!has(self.snapshot) || !has(self.snapshot.mode) || self.snapshot.mode != 'Never' || ((!has(self.snapshots) || self.snapshots.all(s, has(s.type) && s.type != 'Initial')) && (!has(self.source.onGap) || self.source.onGap != 'Resnapshot') && (!has(self.source.onBudgetExceeded) || self.source.onBudgetExceeded != 'DropSlot'))")
        .message("snapshot.mode: Never reads no rows: with it there can be no snapshots of type Initial, no onGap: Resnapshot and no onBudgetExceeded: DropSlot"),
    validation = Rule::new("!has(self.snapshot) || !has(self.snapshot.mode) || self.snapshot.mode != 'Never' || !has(self.objectives) || !has(self.objectives.maxSnapshotDuration)")
        .message("snapshot.mode: Never reads no rows: with it there can be no objectives.maxSnapshotDuration"),
    validation = Rule::new("!has(self.objectives) || !has(self.objectives.maxLag) || !has(self.source.postgres.heartbeat) || !has(self.source.postgres.heartbeat.enabled) || self.source.postgres.heartbeat.enabled")
        .message("objectives.maxLag needs the heartbeat: without it a source at rest cannot be told from a connector that is stuck"),
    validation = Rule::new("!has(self.objectives) || !has(self.objectives.maxLag) || duration(self.objectives.maxLag).getSeconds() >= 30 + (has(self.source.postgres.heartbeat) && has(self.source.postgres.heartbeat.intervalSeconds) ? self.source.postgres.heartbeat.intervalSeconds : 10)")
        .message("objectives.maxLag must be the heartbeat's interval and 30s more at least: a pipeline at rest is that far behind"),
    validation = Rule::new("!has(self.verify) || self.verify.size() == 0 || (has(self.sinks) && self.sinks.size() > 0)")
        .message("verify compares the source with the sinks: without sinks there is nothing to compare"),
    validation = Rule::new("!has(self.repair) || self.repair != 'Resnapshot' || !has(self.snapshot) || !has(self.snapshot.mode) || self.snapshot.mode != 'Never'")
        .message("snapshot.mode: Never reads no rows: with it there can be no repair: Resnapshot"),
)]
pub struct CdcPipelineSpec {
    /// The ConnectCluster that runs the connectors, in the same namespace. Immutable.
    pub connect_ref: LocalRef,
    /// Where changes come from.
    pub source: Source,
    /// Tables to capture, as `schema.table`.
    #[schemars(
        length(min = 1, max = 500),
        inner(length(min = 3, max = 129), regex(pattern = r"^[A-Za-z_][A-Za-z0-9_$]*\.[A-Za-z_][A-Za-z0-9_$]*$")),
        extend("x-kubernetes-list-type" = "set")
    )]
    pub tables: Vec<String>,
    /// How existing rows are read when the pipeline starts for the first time.
    #[serde(default)]
    pub snapshot: Snapshot,
    /// Requests to read rows anew, all or some. Each id runs once, however often it is applied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 32),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["id"])
    )]
    pub snapshots: Vec<SnapshotRequest>,
    /// Requests to set where a sink, or the source, goes on. Each id runs once, however often it is applied, and one after the other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 32),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["id"])
    )]
    pub offsets: Vec<OffsetRequest>,
    /// The topics that the changes go to, one per table. Sluice creates them; Kafka never does on its own.
    #[serde(default)]
    pub topics: Topics,
    /// Where the changes go. May be empty: then consumers read the topics.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 16),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"])
    )]
    pub sinks: Vec<Sink>,
    /// What the pipeline should keep to. Each becomes a condition.
    #[serde(default, skip_serializing_if = "Objectives::is_empty")]
    pub objectives: Objectives,
    /// Comparisons of the source with all sinks, row by row. Each says in `status.verification` what it found, and the condition
    /// `Verified` sums them up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 16),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["id"])
    )]
    pub verify: Vec<Verify>,
    /// What to do when a comparison finds rows that are missing or differ in a sink: `None` (default), or `Resnapshot`, which reads
    /// all rows anew, once for each comparison. Rows that only the sink has stay: nothing tells it to delete them.
    #[serde(default)]
    pub repair: Repair,
    /// `Running` (default), `Paused` (tasks idle; the database keeps its WAL meanwhile) or `Stopped`.
    #[serde(default)]
    pub state: RunState,
    /// Set to the current time to restart all connectors of the pipeline and their tasks once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restarted_at: Option<Time>,
    /// What happens to replication slot, publication, topics and offsets when this object is deleted:
    /// `Retain` (default) or `Delete`. The connectors always go.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
    /// Sluice observes and reports, and changes nothing.
    #[serde(default)]
    pub paused: bool,
}

/// A source database.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Source {
    /// A PostgreSQL database, read by logical decoding (pgoutput).
    pub postgres: PostgresSource,
    /// What to do when changes between what was read and where the slot is cannot be read any more: `Halt` (default) stops the
    /// source connector and says how many bytes are missing; `Resnapshot` reads all rows anew, in a new slot; `Continue`
    /// notes the gap in status and goes on behind it.
    #[serde(default)]
    pub on_gap: OnGap,
    /// What to do when the slot keeps more WAL than `objectives.maxRetainedWal`: `Warn` (default), or `DropSlot`, which stops the
    /// source connector, drops the slot so that the database's disk survives, and reads all rows anew.
    #[serde(default)]
    pub on_budget_exceeded: OnBudgetExceeded,
}

/// `Halt`, `Resnapshot` or `Continue`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OnGap {
    #[default]
    Halt,
    Resnapshot,
    Continue,
}

/// `Warn` or `DropSlot`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OnBudgetExceeded {
    #[default]
    Warn,
    DropSlot,
}

/// What the pipeline should keep to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Objectives {
    /// The most WAL that the slot may keep on the database's disk, for example `10Gi`. The condition `WalBudget` says whether it
    /// holds, also while the pipeline is paused or stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), regex(pattern = r"^[1-9][0-9]{0,9}(Ki|Mi|Gi|Ti)$"))]
    pub max_retained_wal: Option<String>,
    /// How far the sinks (the topics, where there are none) may be behind the source, for example `2m`: the age of the oldest change that
    /// is not applied. At least the heartbeat's interval and 30 s more, which a pipeline at rest is behind. The condition `LagBudget` says
    /// whether it holds, also while the pipeline is paused or stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 8), regex(pattern = r"^[1-9][0-9]{0,5}(s|m|h)$"))]
    pub max_lag: Option<String>,
    /// How long a snapshot may take until all rows were read, for example `2h`, however often it is begun. The condition `SnapshotBudget`
    /// says whether it holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 8), regex(pattern = r"^[1-9][0-9]{0,5}(s|m|h|d)$"))]
    pub max_snapshot_duration: Option<String>,
}

impl Objectives {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A PostgreSQL database to read from.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("(has(self.slotName) ? self.slotName : '') == (has(oldSelf.slotName) ? oldSelf.slotName : '')")
        .message("slotName cannot change: the slot holds the pipeline's position"),
    validation = Rule::new("self.database == oldSelf.database")
        .message("database cannot change: create another pipeline"),
)]
pub struct PostgresSource {
    /// Where and as whom.
    #[serde(flatten)]
    pub connection: PostgresConnection,
    /// Replication slot. Default: `sluice_<namespace>_<name>` with underscores, and a hash where that is ambiguous. One that exists
    /// already is taken over only where the publication's comment says that it is this pipeline's. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9_]+$"))]
    pub slot_name: Option<String>,
    /// Publication, holding exactly the pipeline's tables. Default: the name of the slot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9_]+$"))]
    pub publication_name: Option<String>,
    /// A row that is written to `sluice.heartbeat` in the source so that an idle database's WAL can be released.
    #[serde(default)]
    pub heartbeat: Heartbeat,
}

/// Where a PostgreSQL database is, and as whom to enter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PostgresConnection {
    /// Host name or address.
    #[schemars(length(min = 1, max = 253))]
    pub host: String,
    /// Port.
    #[serde(default = "postgres_port")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: i32,
    /// Database.
    #[schemars(length(min = 1, max = 63))]
    pub database: String,
    /// Role.
    #[schemars(length(min = 1, max = 63))]
    pub user: String,
    /// The role's password, in a Secret of the same namespace.
    pub password: SecretKeyRef,
    /// How the connection is encrypted. Without it Sluice connects in plain, and the connectors with TLS where the server offers it, not
    /// asking whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<DatabaseTls>,
}

/// How the connection to a database is encrypted: Sluice's own, and the connectors'.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("(self.mode in ['VerifyCa', 'VerifyFull']) == has(self.ca)")
        .message("tls.ca is needed with mode VerifyCa and VerifyFull, and only there"),
)]
pub struct DatabaseTls {
    /// `Disable` (plain), `Require` (encrypted, whoever answers), `VerifyCa` (by somebody whose certificate `ca` has signed) or
    /// `VerifyFull` (and for this host name).
    pub mode: TlsMode,
    /// The certificates to trust (PEM), in a Secret of the same namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<SecretKeyRef>,
}

/// `Disable`, `Require`, `VerifyCa` or `VerifyFull`: PostgreSQL's `sslmode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum TlsMode {
    #[default]
    Disable,
    Require,
    VerifyCa,
    VerifyFull,
}

fn postgres_port() -> i32 {
    5432
}

/// Heartbeat in the source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Heartbeat {
    /// Whether there is one.
    pub enabled: bool,
    /// How often, in seconds.
    #[schemars(range(min = 1, max = 3600))]
    pub interval_seconds: i32,
}

impl Default for Heartbeat {
    fn default() -> Self {
        Self { enabled: true, interval_seconds: 10 }
    }
}

/// The pipeline's topics.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("(has(self.prefix) ? self.prefix : '') == (has(oldSelf.prefix) ? oldSelf.prefix : '')")
        .message("topics.prefix cannot change: create another pipeline"),
    validation = Rule::new("self.partitions >= oldSelf.partitions")
        .message("topics.partitions cannot decrease: Kafka would have to drop records"),
)]
pub struct Topics {
    /// Topics are named `<prefix>.<schema>.<table>`. Default: the name of the pipeline. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100), regex(pattern = r"^[a-zA-Z0-9_-]+$"))]
    pub prefix: Option<String>,
    /// Partitions of each topic. Order is kept per key.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1000))]
    pub partitions: i32,
    /// Replicas of each partition. Default: the brokers' `default.replication.factor`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 32))]
    pub replication_factor: Option<i32>,
    /// How long and how much is kept. Default: 7 days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<Retention>,
    /// `Delete`, `Compact` or `CompactAndDelete`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cleanup_policy: Option<CleanupPolicy>,
    /// Further topic configuration.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub config: BTreeMap<String, Scalar>,
    /// What to do with topics of these names that exist already, for example of a pipeline that was deleted with
    /// `Retain`: `IfIdentical` (default) takes them over when nothing would change, `Always` takes them over and changes
    /// them, `Never` refuses.
    #[serde(default)]
    pub adoption: Adoption,
}

impl Default for Topics {
    fn default() -> Self {
        Self {
            prefix: None,
            partitions: 1,
            replication_factor: None,
            retention: None,
            cleanup_policy: None,
            config: BTreeMap::new(),
            adoption: Adoption::default(),
        }
    }
}

fn one() -> i32 {
    1
}
