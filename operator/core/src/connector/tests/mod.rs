//! Sentences about connectors: `declared` (what should be), `failures` (what fails and is restarted).

mod declared;
mod failures;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{OwnerReference, Time};
use serde_json::{Value, json};
use sluice_crds::common::RunState as Declared;
use sluice_crds::connector::Restarts;
use sluice_crds::{Connector, ConnectorStatus};

use super::{
    FieldErrors, Plan, Progress, Seen, Step, Teardown, TeardownSeen, Wanted, invalid, plan, refused, status,
    teardown, validate,
};
use crate::condition::VerdictKind;
use crate::connect::credentials::{self, Credentials, Found, SecretKey};
use crate::connect::owner;
use crate::finding;
use crate::meta::Owner;
use crate::referent::Referent;
use crate::view::Sight;
use crate::view::connect::{ConnectView, ConnectorView, Plugin, RunState, TaskView};

const CLASS: &str = "io.debezium.connector.postgresql.PostgresConnector";
const TRACE: &str = "org.ConnectException: Tolerance exceeded\nCaused by: org.DataException: Only Struct";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn object(extra: &Value) -> Connector {
    let mut spec =
        json!({ "connectRef": { "name": "cdc" }, "class": CLASS, "config": { "topic.prefix": "shop" } });
    for (key, value) in extra.as_object().unwrap() {
        spec[key] = value.clone();
    }
    serde_json::from_value(json!({
        "apiVersion": "sluice.dev/v1alpha1", "kind": "Connector",
        "metadata": { "name": "orders", "namespace": "shop", "uid": "u", "generation": 1 }, "spec": spec,
    }))
    .unwrap()
}

fn wanted(extra: &Value) -> Wanted {
    validate(&object(extra)).unwrap()
}

fn with_secret() -> Value {
    json!({ "config": { "database.password": "${secrets:db:password}" } })
}

fn credentials(found: Found, second: i64) -> Credentials {
    let owner = Owner {
        namespace: "shop".into(),
        name: "cdc".into(),
        app: "kafka-connect",
        reference: OwnerReference::default(),
    };
    let found = BTreeMap::from([(SecretKey { secret: "db".into(), key: "password".into() }, found)]);
    Credentials::of(&credentials::build(&owner, &found, None, second).metadata)
}

fn value() -> Found {
    Found::Value(ByteString(b"x".to_vec()))
}

/// A Connect cluster in which the connector is as `wanted` says and runs. Tests break it.
struct World {
    view: ConnectView,
    status: ConnectorStatus,
    credentials: Credentials,
    cluster: Referent,
    settling: bool,
    blind: bool,
    now: Timestamp,
}

impl World {
    fn empty() -> Self {
        let plugin =
            |class: &str, kind: &str| Plugin { class: class.into(), kind: kind.into(), version: "1".into() };
        let plugins = vec![
            plugin("io.debezium.connector.jdbc.JdbcSinkConnector", "sink"),
            plugin(CLASS, "source"),
            plugin("org.apache.kafka.connect.json.JsonConverter", "converter"),
        ];
        Self {
            view: ConnectView { plugins, ..Default::default() },
            status: ConnectorStatus::default(),
            credentials: Credentials::default(),
            cluster: Referent::There,
            settling: false,
            blind: false,
            now: at(1000),
        }
    }

    fn running(wanted: &Wanted) -> Self {
        let mut world = Self::empty();
        let task = TaskView { state: RunState::Running, worker: "w:8083".into(), ..Default::default() };
        world.put(ConnectorView {
            config: wanted.config.clone(),
            state: RunState::Running,
            tasks: vec![task],
            ..Default::default()
        });
        world.status.secrets_revision = Some(0);
        world
    }

    fn put(&mut self, connector: ConnectorView) {
        self.view.connectors.insert("orders".into(), Arc::new(connector));
    }

    fn change(mut self, change: impl FnOnce(&mut ConnectorView)) -> Self {
        let mut connector = ConnectorView::clone(&self.view.connectors["orders"]);
        change(&mut connector);
        self.put(connector);
        self
    }

    fn failed_task(self) -> Self {
        self.change(|c| {
            c.tasks[0].state = RunState::Failed;
            c.tasks[0].trace = Some(TRACE.into());
        })
    }

    fn plan(&self, wanted: &Wanted) -> Plan {
        let mut sight = Sight::Clear(Arc::new(self.view.clone()));
        if self.blind {
            sight = sight.failed(at(900), "list connectors: refused".into());
        }
        let seen = Seen {
            cluster: self.cluster,
            connect: Some(&sight),
            credentials: &self.credentials,
            settling: self.settling,
        };
        plan(wanted, &self.status, &seen, self.now)
    }

    /// Writes what the plan wants remembered, and goes on to `second`.
    fn remember(&mut self, progress: &Progress, second: i64) {
        self.status.restarts.clone_from(&progress.restarts);
        self.status.restarted_at = progress.restarted_at.map(Time);
        self.status.secrets_revision = progress.secrets_revision;
        self.now = at(second);
    }
}

fn said(plan: &Plan) -> (&Step, &str) {
    (&plan.step, plan.verdict.reason)
}
