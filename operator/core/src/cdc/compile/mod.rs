//! The Topics and Connectors that a pipeline owns, as pure functions of what is wanted.
//!
//! `topics` (one for each table, the heartbeat's, the signals', one for each sink's dead letters), `source` (Debezium for PostgreSQL), `sink`
//! (Debezium's JDBC sink). The database's own objects, publication and heartbeat table, are `super::sql`'s.

mod sink;
mod source;
mod topics;

use std::collections::BTreeMap;

use sluice_crds::cdc_pipeline::{PostgresConnection, TlsMode};
use sluice_crds::common::{LocalRef, SecretKeyRef};
use sluice_crds::connector::{Connector, ConnectorSpec};
use sluice_crds::{Scalar, Topic};

use super::Wanted;

/// The plugin that reads a source.
pub const SOURCE_CLASS: &str = source::CLASS;

/// `app.kubernetes.io/name` of what a pipeline owns.
pub const APP: &str = "cdc";

/// What a pipeline owns in Kubernetes.
#[derive(Clone, Debug, PartialEq)]
pub struct Compiled {
    pub topics: Vec<Topic>,
    pub source: Connector,
    /// In the order of the spec.
    pub sinks: Vec<Connector>,
}

impl Compiled {
    pub fn connectors(&self) -> impl Iterator<Item = &Connector> {
        std::iter::once(&self.source).chain(&self.sinks)
    }
}

/// `cluster`: the KafkaCluster that the ConnectCluster uses.
pub fn compile(wanted: &Wanted, cluster: &str) -> Compiled {
    Compiled {
        topics: topics::build(wanted, cluster),
        source: source::build(wanted),
        sinks: wanted.sinks.iter().map(|one| sink::build(wanted, one)).collect(),
    }
}

fn connector(
    wanted: &Wanted,
    name: String,
    component: &str,
    class: &str,
    tasks_max: i32,
    config: BTreeMap<String, String>,
) -> Connector {
    Connector {
        metadata: wanted.owner.child(name, component),
        spec: ConnectorSpec {
            connect_ref: LocalRef { name: wanted.connect.clone() },
            class: class.into(),
            tasks_max,
            config: config.into_iter().map(|(key, value)| (key, Scalar(value))).collect(),
            state: wanted.state,
            restarted_at: wanted.restarted_at.clone(),
            ..Default::default()
        },
        status: None,
    }
}

/// What stands for a password in a connector's configuration.
fn secret(reference: &SecretKeyRef) -> String {
    format!("${{secrets:{}:{}}}", reference.name, reference.key)
}

/// `sslmode` and `sslrootcert` of the PostgreSQL driver.
fn tls(connection: &PostgresConnection) -> Vec<(&'static str, String)> {
    let Some(tls) = &connection.tls else { return Vec::new() };
    let mode = match tls.mode {
        TlsMode::Disable => "disable",
        TlsMode::Require => "require",
        TlsMode::VerifyCa => "verify-ca",
        TlsMode::VerifyFull => "verify-full",
    };
    let ca = tls.ca.as_ref().map(|ca| ("sslrootcert", format!("${{secretFile:{}:{}}}", ca.name, ca.key)));
    std::iter::once(("sslmode", mode.to_owned())).chain(ca).collect()
}

/// Both sides speak JSON with schemas: the JDBC sink needs them, and every consumer can read them without a registry.
fn converters(config: &mut BTreeMap<String, String>) {
    for side in ["key", "value"] {
        let converter = format!("{side}.converter");
        config.insert(format!("{converter}.schemas.enable"), "true".into());
        // else a NULL in a column that has a default would arrive as that default
        config.insert(format!("{converter}.replace.null.with.default"), "false".into());
        config.insert(converter, "org.apache.kafka.connect.json.JsonConverter".into());
    }
}

fn set<const N: usize>(config: &mut BTreeMap<String, String>, entries: [(&str, &str); N]) {
    config.extend(entries.map(|(key, value)| (key.to_owned(), value.to_owned())));
}
