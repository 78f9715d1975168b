use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sluice_clients::connect::{Client, Error as ConnectError, Initial};
use sluice_clients::kafka::{At, NewTopic};
use sluice_clients::postgres::SourceQuestion;
use sluice_core::cdc::preflight::{self, Change, Severity};
use sluice_core::cdc::snapshot::{Snapshot, of_offset};
use sluice_core::cdc::{self, Compiled, Wanted, sql};
use sluice_core::topic;
use sluice_core::view::connect::RunState;
use sluice_crds::{CdcPipeline, Connector, Scalar};

use crate::support::connect::Connect;
use crate::support::jars::plugins;
use crate::support::kafka;
use crate::support::postgres::{ADMIN, Postgres, SECRET};

/// How long a step may take on a machine that builds meanwhile: a worker that has just started loads its classes for a minute then.
const PATIENCE: Duration = Duration::from_mins(4);

/// One worker with Debezium, for all tests of this binary.
pub async fn connect() -> &'static Connect {
    static SHARED: OnceLock<Connect> = OnceLock::new();
    let kafka = kafka::shared().await;
    let start = || {
        let connect = Connect::start(kafka, &format!("plugin.path={}", plugins().display()));
        connect.write_secret("password", SECRET);
        connect
    };
    let connect =
        tokio::task::spawn_blocking(move || SHARED.get_or_init(start)).await.expect("start Connect");
    connect.ready().await;
    connect
}

/// A pipeline from the database `source` to the database `sink` of one server.
pub struct Flow {
    pub server: Postgres,
    pub wanted: Wanted,
    pub compiled: Compiled,
    pub client: Client,
}

impl Flow {
    /// Everything but the connectors. `name` is unique in the run; `change` may alter the spec.
    pub async fn prepare(
        name: &str,
        tables: &[&str],
        schema: &[&str],
        change: impl FnOnce(&mut Value),
    ) -> Self {
        let connect = connect().await;
        let server = Postgres::start(&["wal_level=logical", "wal_sender_timeout=5s"]).await;
        server.sql("postgres", &["CREATE DATABASE source", "CREATE DATABASE sink"]).await;
        server.sql("source", schema).await;
        let mut spec = spec(server.port, tables);
        change(&mut spec);
        let wanted = cdc::validate(&pipeline(name, &spec)).expect("a spec that can be meant");
        let compiled = cdc::compile(&wanted, "kafka");
        let flow = Self { server, wanted, compiled, client: connect.client() };
        flow.databases().await;
        flow.topics().await;
        flow
    }

    /// The same, running.
    pub async fn start(
        name: &str,
        tables: &[&str],
        schema: &[&str],
        change: impl FnOnce(&mut Value),
    ) -> Self {
        let flow = Self::prepare(name, tables, schema, change).await;
        flow.connectors().await;
        flow
    }

    /// What `cdc::plan` would have done in both databases.
    async fn databases(&self) {
        let mut source = self.server.session("source", ADMIN).await;
        source.run("make the heartbeat table", &sql::create_heartbeat()).await.unwrap();
        let publications = BTreeSet::from([self.wanted.source.publication.clone()]);
        let question = SourceQuestion { tables: self.wanted.tables.clone(), publications };
        let view = source.source(&question).await.unwrap();
        let facts = preflight::Source {
            wanted: &self.wanted,
            view: &view,
            running: false,
            started: true,
            unloaded: &BTreeSet::new(),
            left: &BTreeSet::new(),
        };
        let mut blocking = preflight::source(&facts);
        blocking.retain(|failed| failed.severity == Severity::Block);
        assert_eq!(blocking, []);
        let Change::Run(statements) = preflight::publication_change(&facts) else { panic!("no publication") };
        source.run("publish", &statements).await.unwrap();

        let wanted = &self.wanted.sinks[0];
        let mut sink = self.server.session("sink", ADMIN).await;
        let names = self.wanted.tables.iter().map(|table| table.name.clone()).collect();
        let there = sink.sink(&wanted.schema, &names).await.unwrap();
        let facts = preflight::Target {
            wanted: &self.wanted,
            sink: wanted,
            view: &there,
            source: &view,
            started: false,
        };
        sink.run("create tables", &preflight::sink_creations(&facts)).await.unwrap();
    }

    async fn topics(&self) {
        let wanted: Vec<_> = self
            .compiled
            .topics
            .iter()
            .map(|topic| topic::validate(topic).expect("a topic that can be meant"))
            .map(|topic| NewTopic {
                name: topic.name,
                partitions: Some(topic.partitions),
                replication_factor: None,
                configs: topic.configs,
            })
            .collect();
        for (name, made) in kafka::shared().await.client().create_topics(&wanted, false).await.unwrap() {
            made.unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }

    /// Puts both connectors, or what has changed of them.
    pub async fn connectors(&self) {
        let secrets = connect().await.secrets.display().to_string();
        for connector in self.compiled.connectors() {
            let (name, config) = (connector.metadata.name.clone().unwrap(), translated(connector, &secrets));
            let errors = calm(async || self.client.validate(&connector.spec.class, &config).await).await;
            assert_eq!(errors, [], "{name}");
            calm(async || self.client.put_config(&name, &config).await.map(drop)).await;
        }
    }

    /// Makes the source connector anew, stopped, as Sluice does where a slot is there already.
    pub async fn made_stopped(&self) {
        let secrets = connect().await.secrets.display().to_string();
        let config = translated(&self.compiled.source, &secrets);
        let name = self.source_name();
        calm(async || self.client.create(&name, &config, Initial::Stopped).await.map(drop)).await;
        self.until(&name, RunState::Stopped).await;
    }

    pub async fn source(&self, statements: &[&str]) {
        self.server.sql("source", statements).await;
    }

    pub async fn sink(&self, statements: &[&str]) {
        self.server.sql("sink", statements).await;
    }

    /// Waits until the query gives the same on both sides, and says how long that took.
    pub async fn same(&self, query: &str) -> Duration {
        let start = Instant::now();
        loop {
            let there = self.server.rows("source", query).await;
            // a table that the sink has not is not the same either
            let here = self.server.try_rows("sink", query).await;
            if here.as_ref() == Some(&there) {
                return start.elapsed();
            }
            assert!(
                start.elapsed() < PATIENCE,
                "{query}\n{}\n{}",
                difference(&there, here.as_deref()),
                self.trouble().await
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What of it has failed, and what the worker's log says first of that.
    async fn trouble(&self) -> String {
        let all = self.client.connectors(None).await.unwrap_or_default();
        let ours =
            [self.source_name(), self.sink_name()].map(|name| all.get(&name).map(|one| one.tasks.clone()));
        let log = connect().await.log();
        let told = log.lines().filter(|line| {
            line.contains(&self.sink_name()) || line.contains("ERROR:") || line.contains("Caused by")
        });
        format!("{ours:#?}\n{}", told.take(40).collect::<Vec<_>>().join("\n"))
    }

    /// Removes the connectors: they would look for their databases as long as the worker lives.
    pub async fn end(self) {
        for name in [self.source_name(), self.sink_name()] {
            calm(async || self.client.delete(&name).await).await;
        }
    }

    pub fn source_name(&self) -> String {
        self.wanted.source_connector()
    }

    pub fn sink_name(&self) -> String {
        self.wanted.sink_connector(&self.wanted.sinks[0])
    }

    /// Waits until the connector and all of its tasks are in the state; the first task's trace.
    pub async fn until(&self, name: &str, state: RunState) -> String {
        let start = Instant::now();
        loop {
            let seen = calm(async || self.client.connectors(None).await).await.remove(name);
            if let Some(view) = &seen {
                let task = view.tasks.first();
                let there = match state {
                    RunState::Failed => task.is_some_and(|task| task.state == state),
                    _ => view.state == state && view.tasks.iter().all(|task| task.state == state),
                };
                if there {
                    return task.and_then(|task| task.trace.clone()).unwrap_or_default();
                }
            }
            assert!(start.elapsed() < PATIENCE, "{name} is not {state:?}: {seen:#?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub async fn stop(&self, name: &str) {
        calm(async || self.client.stop(name).await).await;
        let start = Instant::now();
        while !calm(async || self.client.connectors(None).await)
            .await
            .get(name)
            .is_some_and(|c| c.state == RunState::Stopped && c.tasks.is_empty())
        {
            assert!(start.elapsed() < PATIENCE, "{name} does not stop");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub async fn resume(&self, name: &str) {
        calm(async || self.client.resume(name).await).await;
    }

    /// The replication slots of the source's server.
    pub async fn slots(&self) -> Vec<String> {
        let rows = self.server.rows("source", "SELECT slot_name FROM pg_replication_slots").await;
        rows.into_iter().flatten().flatten().collect()
    }

    /// Drops the slot once it is free.
    pub async fn drop_slot(&self) {
        let drop_slot = sluice_core::cdc::sql::drop_slot(&self.wanted.source.slot);
        for _ in 0..600 {
            self.source(&[&drop_slot]).await;
            if self.slots().await.is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the slot stays in use");
    }

    /// What the source connector has stored.
    pub async fn offset(&self) -> Option<Value> {
        let offsets = calm(async || self.client.offsets(&self.source_name()).await).await;
        offsets.into_iter().next().map(|entry| entry.offset)
    }

    pub async fn snapshot(&self) -> Snapshot {
        of_offset(self.offset().await.as_ref())
    }

    /// Records in a topic.
    pub async fn records(&self, topic: &str) -> i64 {
        let ends = kafka::shared().await.client().list_offsets(&[topic], At::Latest).await.unwrap();
        ends.values().map(|end| end.as_ref().copied().unwrap()).sum()
    }
}

fn spec(port: u16, tables: &[&str]) -> Value {
    let database = |name: &str| {
        let password = json!({"name": "secret", "key": "password"});
        json!({"host": "127.0.0.1", "port": port, "database": name, "user": ADMIN, "password": password})
    };
    let mut source = database("source");
    source["heartbeat"] = json!({"enabled": true, "intervalSeconds": 1});
    json!({
        "connectRef": {"name": "connect"},
        "source": {"postgres": source},
        "tables": tables,
        "sinks": [{"name": "copy", "postgres": database("sink"), "deadLetter": {}}],
    })
}

fn pipeline(name: &str, spec: &Value) -> CdcPipeline {
    let metadata = json!({"name": name, "namespace": "test", "uid": "u"});
    let object = json!({
        "apiVersion": "sluice.dev/v1alpha1", "kind": "CdcPipeline", "metadata": metadata, "spec": spec,
    });
    serde_json::from_value(object).expect("a CdcPipeline")
}

/// The first rows that are not the same.
fn difference(there: &[Vec<Option<String>>], here: Option<&[Vec<Option<String>>]>) -> String {
    let Some(here) = here else { return "the sink has no such table".into() };
    let first = |rows: &[Vec<Option<String>>], others: &[Vec<Option<String>>]| {
        rows.iter().filter(|row| !others.contains(row)).take(3).cloned().collect::<Vec<_>>()
    };
    format!("only in the source: {:?}\nonly in the sink: {:?}", first(there, here), first(here, there))
}

/// The configuration as the Connector's own passes would put it; `secrets` is where the worker has them.
fn translated(connector: &Connector, secrets: &str) -> BTreeMap<String, String> {
    let place = format!("${{secrets:{secrets}:password}}");
    let file = format!("{secrets}/ca.crt");
    let value = |value: &Scalar| {
        let text = value.as_str().replace("${secrets:secret:password}", &place);
        text.replace("${secretFile:secret:ca.crt}", &file)
    };
    let mut config: BTreeMap<_, _> =
        connector.spec.config.iter().map(|(k, v)| (k.clone(), value(v))).collect();
    config.insert("name".into(), connector.metadata.name.clone().unwrap());
    config.insert("connector.class".into(), connector.spec.class.clone());
    config.insert("tasks.max".into(), connector.spec.tasks_max.to_string());
    config
}

/// The order, again while the worker says "not yet" or is too busy to answer: each may be given twice.
pub async fn calm<T>(mut order: impl AsyncFnMut() -> Result<T, ConnectError>) -> T {
    let start = Instant::now();
    loop {
        match order().await {
            Ok(done) => return done,
            Err(error) => {
                let passing = matches!(error, ConnectError::NotYet { .. } | ConnectError::TimedOut { .. });
                assert!(passing && start.elapsed() < PATIENCE, "{error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}
