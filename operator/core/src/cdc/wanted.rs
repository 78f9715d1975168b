use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use sluice_crds::cdc_pipeline::{
    OnBudgetExceeded, OnGap, PostgresConnection, Repair, SchemaEvolution, SnapshotMode, SnapshotType,
};
use sluice_crds::common::{DeletionPolicy, RunState};
use sluice_crds::topic::{Adoption, CleanupPolicy, Retention};

use super::names;
use super::sql;
use super::verify::Request;
use crate::meta::Owner;
use crate::view::source::{SourceView, TableName};

/// What a CdcPipeline means: defaults filled, names made, nothing left to look up in the spec.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    pub owner: Owner,
    /// The ConnectCluster.
    pub connect: String,
    pub source: Source,
    pub tables: BTreeSet<TableName>,
    pub snapshot: SnapshotMode,
    /// Ids of `spec.snapshots` that have all rows read anew.
    pub snapshots: Vec<String>,
    /// Those of `spec.snapshots` that are read while the pipeline runs.
    pub reads: Vec<Read>,
    /// `spec.offsets`
    pub offsets: Vec<super::offsets::Request>,
    /// See [`super::adhoc::channel`].
    pub signals: Option<TableName>,
    /// Bytes; `objectives.maxRetainedWal`.
    pub max_retained_wal: Option<i64>,
    /// Seconds; `objectives.maxLag`.
    pub max_lag: Option<i64>,
    /// Seconds; `objectives.maxSnapshotDuration`.
    pub max_snapshot: Option<i64>,
    pub topics: Topics,
    pub sinks: Vec<Sink>,
    /// `spec.verify`
    pub verify: Vec<Request>,
    pub repair: Repair,
    pub state: RunState,
    pub restarted_at: Option<Time>,
    pub deletion: DeletionPolicy,
    pub paused: bool,
}

/// A request to read rows of a pipeline that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    pub id: String,
    /// Not `Initial`.
    pub type_: SnapshotType,
    pub tables: BTreeSet<TableName>,
    /// What stands behind WHERE.
    pub filter: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub connection: PostgresConnection,
    pub slot: String,
    pub publication: String,
    /// Seconds between beats; `None`: no heartbeat.
    pub heartbeat: Option<i32>,
    pub on_gap: OnGap,
    pub on_budget_exceeded: OnBudgetExceeded,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Topics {
    pub prefix: String,
    pub partitions: i32,
    /// `None`: the brokers' default.
    pub replication_factor: Option<i32>,
    pub retention: Retention,
    pub cleanup: Option<CleanupPolicy>,
    pub config: BTreeMap<String, sluice_crds::Scalar>,
    pub adoption: Adoption,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sink {
    pub name: String,
    pub connection: PostgresConnection,
    pub schema: String,
    pub evolution: SchemaEvolution,
    pub tasks_max: i32,
    /// Name of the topic.
    pub dead_letter: Option<String>,
    /// Ids of requests to send dead letters again.
    pub replay: Vec<String>,
}

impl Wanted {
    /// What the publication holds: the tables, the heartbeat's, and the signals'.
    pub fn published(&self) -> BTreeSet<TableName> {
        let mut tables = self.tables.clone();
        if self.source.heartbeat.is_some() {
            tables.insert(sql::heartbeat_table());
        }
        tables.extend(self.signals.clone());
        tables
    }

    /// Whether it is one of the tables, as status writes it.
    pub fn has_table(&self, text: &str) -> bool {
        text.parse().is_ok_and(|table| self.tables.contains(&table))
    }

    /// All ids of `spec.snapshots`.
    pub fn requested(&self) -> Vec<String> {
        self.snapshots.iter().chain(self.reads.iter().map(|read| &read.id)).cloned().collect()
    }

    /// The comment by which the publication is known as this pipeline's.
    pub fn comment(&self) -> String {
        names::comment(&self.owner.namespace, &self.owner.name)
    }

    /// Whether the publication says that it is this pipeline's. It speaks for the slot too: a slot has no comment.
    pub fn is_marked_in(&self, view: &SourceView) -> bool {
        let publication = view.publications.get(&self.source.publication);
        publication.is_some_and(|publication| publication.comment.as_deref() == Some(&self.comment()))
    }

    pub fn topic(&self, table: &TableName) -> String {
        names::topic(&self.topics.prefix, table)
    }

    pub fn source_connector(&self) -> String {
        names::source_connector(&self.owner.name)
    }

    pub fn sink_connector(&self, sink: &Sink) -> String {
        names::sink_connector(&self.owner.name, &sink.name)
    }
}
