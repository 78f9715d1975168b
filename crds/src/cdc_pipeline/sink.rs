use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{PostgresConnection, ReplayRequest, one};

/// Where changes go.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(self.replay) || self.replay.size() == 0 || has(self.deadLetter)")
        .message("replay sends dead letters again: without deadLetter there are none"),
)]
pub struct Sink {
    /// Name of the sink, unique in the pipeline.
    #[schemars(length(min = 1, max = 20), regex(pattern = r"^[a-z]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// A PostgreSQL database, written by upsert on the primary key.
    pub postgres: PostgresSink,
    /// Most tasks it may run.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 100))]
    pub tasks_max: i32,
    /// What to do with a record that cannot be read (no converter or transform understands it): with a
    /// dead-letter topic it goes there and the flow continues; without one (default) the sink stops and says so.
    /// A row that the database refuses, by a constraint or a type, always stops the sink: Debezium's JDBC sink does
    /// not report such rows to Connect. Nothing is skipped; the pipeline says what the database said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letter: Option<DeadLetter>,
    /// Requests to send the dead letters again that have come since the last one, once their cause is mended. Each id runs once, however
    /// often it is applied. A letter whose row has changed since is left out, so no older row overwrites a newer one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 16),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["id"])
    )]
    pub replay: Vec<ReplayRequest>,
}

/// A PostgreSQL database to write to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PostgresSink {
    /// Where and as whom.
    #[serde(flatten)]
    pub connection: PostgresConnection,
    /// Schema that the tables are in. Default: `public`.
    #[serde(default = "public_schema")]
    #[schemars(length(min = 1, max = 63))]
    pub schema: String,
    /// Whether missing tables are created and missing columns added: `Basic` (default) or `None`.
    #[serde(default)]
    pub schema_evolution: SchemaEvolution,
}

fn public_schema() -> String {
    "public".into()
}

/// `Basic` creates missing tables and adds missing columns; `None` leaves the schema alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SchemaEvolution {
    #[default]
    Basic,
    None,
}

/// A topic for records that cannot be read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct DeadLetter {
    /// Name of the topic. Default: `<prefix>.<sink>.dead-letter`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 249), regex(pattern = r"^[a-zA-Z0-9._-]+$"))]
    pub topic: Option<String>,
}
