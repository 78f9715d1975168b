//! Connectors that need no database: the heartbeat source of `MirrorMaker`, which comes with Connect.

use anyhow::{Result, ensure};
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::ResourceExt;
use kube::api::LogParams;
use serde_json::{Value, json};
use sluice_crds::{ConnectCluster, Connector};

use crate::scene::{Connect, Expect, Kafka, Scene};
use crate::wait::{chain, seconds};

const CLASS: &str = "org.apache.kafka.connect.mirror.MirrorHeartbeatConnector";

/// A source that writes a record per second to a topic of its own.
fn heartbeat(kafka: &Kafka, topic: &str) -> Value {
    json!({
        "source.cluster.alias": "here", "target.cluster.alias": "here",
        "source.cluster.bootstrap.servers": kafka.bootstrap, "target.cluster.bootstrap.servers": kafka.bootstrap,
        "heartbeats.topic": topic, "heartbeats.topic.replication.factor": "1",
        "emit.heartbeats.interval.seconds": "1",
        "key.converter": "org.apache.kafka.connect.converters.ByteArrayConverter",
        "value.converter": "org.apache.kafka.connect.converters.ByteArrayConverter",
    })
}

fn connector(connect: &Connect, class: &str, config: Value) -> Value {
    let mut spec = json!({"connectRef": {"name": connect.name}, "class": class});
    spec["config"] = config;
    spec
}

pub async fn c01_a_bad_transform_is_said_and_mended(s: &Scene<'_>) -> Result<()> {
    let (kafka, connect) = (s.shared_kafka().await?, s.shared_connect().await?);
    let config = heartbeat(kafka, "c1-heartbeats");

    // one that Connect cannot even load: said before anything is created
    let mut unknown = config.clone();
    unknown["transforms"] = "add".into();
    unknown["transforms.add.type"] = "com.example.NoSuchTransform".into();
    s.apply::<Connector>("c1-unknown", connector(connect, CLASS, unknown)).await?;
    let said = Expect::refused(&["InvalidConfig"], &["transforms.add.type", "com.example.NoSuchTransform"]);
    s.says::<Connector>("c1-unknown", &said, seconds(10)).await?;
    let found = s.agent().rest("GET", &format!("{}/connectors/c1-unknown", connect.url), None).await?;
    ensure!(
        found.status == 404,
        "a connector was created with a configuration that does not validate: {found:?}"
    );

    // one that loads, and fails at the first record
    let mut failing = config.clone();
    failing["transforms"] = "add".into();
    failing["transforms.add.type"] = "org.apache.kafka.connect.transforms.InsertField$Value".into();
    failing["transforms.add.static.field"] = "a".into();
    failing["transforms.add.static.value"] = "b".into();
    s.apply::<Connector>("c1-failing", connector(connect, CLASS, failing)).await?;
    let status = format!("{}/connectors/c1-failing/status", connect.url);
    s.eventually("Connect to say that the task failed", seconds(30), async || {
        let answer = s.agent().rest("GET", &status, None).await.map_err(|e| chain(e.as_ref()))?;
        let failed = answer.body["tasks"][0]["state"] == "FAILED";
        failed.then_some(()).ok_or_else(|| answer.body.to_string())
    })
    .await?;
    // the trace's first line, and the root cause below it
    let first = "org.apache.kafka.connect.errors.ConnectException: Tolerance exceeded in error handler";
    let words = [first, "Only Struct objects supported"];
    let said = Expect::refused(&["TaskFailed"], &words);
    let told = s.says::<Connector>("c1-failing", &said, seconds(10)).await?;
    let tasks = told.status.unwrap_or_default().tasks;
    ensure!(tasks.iter().any(|task| task.error.is_some()), "status.tasks has no error: {tasks:?}");

    for name in ["c1-unknown", "c1-failing"] {
        let gone: Value = ["", ".add.type", ".add.static.field", ".add.static.value"]
            .map(|key| (format!("transforms{key}"), Value::Null))
            .into_iter()
            .collect::<serde_json::Map<_, _>>()
            .into();
        s.merge::<Connector>(name, json!({"spec": {"config": gone}})).await?;
        s.ready::<Connector>(name, seconds(30)).await?;
    }
    Ok(())
}

pub async fn c02_a_connector_made_by_rest_is_left_alone(s: &Scene<'_>) -> Result<()> {
    let (kafka, connect) = (s.shared_kafka().await?, s.shared_connect().await?);
    let url = format!("{}/connectors/c2-foreign", connect.url);
    let mut config = heartbeat(kafka, "c2-heartbeats");
    config["connector.class"] = CLASS.into();
    config["tasks.max"] = "1".into();
    let made = s.agent().rest("PUT", &format!("{url}/config"), Some(&config)).await?;
    ensure!(made.status == 201, "{made:?}");
    let played = left_alone(s, connect, &url, &heartbeat(kafka, "other")).await;
    s.agent().rest("DELETE", &url, None).await?;
    played
}

async fn left_alone(s: &Scene<'_>, connect: &Connect, url: &str, other: &Value) -> Result<()> {
    s.eventually("the ConnectCluster to list it", seconds(10), async || {
        let cluster: ConnectCluster = s.get(&connect.name).await.map_err(|e| chain(e.as_ref()))?;
        let foreign = cluster.status.unwrap_or_default().foreign_connectors;
        if foreign.iter().any(|name| name == "c2-foreign") { Ok(()) } else { Err(format!("{foreign:?}")) }
    })
    .await?;
    // somebody declares a connector of the same name: that does not make it ours
    s.apply::<Connector>("c2-foreign", connector(connect, CLASS, other.clone())).await?;
    s.says::<Connector>("c2-foreign", &Expect::refused(&["NameTaken"], &["c2-foreign"]), seconds(10)).await?;
    s.remove::<Connector>("c2-foreign", seconds(15)).await?;
    s.stays("it runs with its own configuration", seconds(5), async || {
        let answer = s.agent().rest("GET", url, None).await.map_err(|e| chain(e.as_ref()))?;
        let same = answer.status == 200 && answer.body["config"]["heartbeats.topic"] == "c2-heartbeats";
        same.then_some(()).ok_or_else(|| format!("{answer:?}"))
    })
    .await
}

pub async fn c03_a_rotated_password_restarts_who_uses_it(s: &Scene<'_>) -> Result<()> {
    let (kafka, connect) = (s.shared_kafka().await?, s.shared_connect().await?);
    let worker = format!("{}-connect-0", connect.name);
    let users = ["c3-uses", "c3-other"];
    for name in users {
        s.apply_object::<Secret>(name, json!({"stringData": {"password": "first"}})).await?;
        let mut config = heartbeat(kafka, name);
        config["source.cluster.client.id"] = format!("${{secrets:{name}:password}}").into();
        s.apply::<Connector>(name, connector(connect, CLASS, config)).await?;
    }
    for name in users {
        s.ready::<Connector>(name, seconds(60)).await?;
    }
    let before = (starts(s, &worker, users).await?, s.get::<Pod>(&worker).await?.uid());
    ensure!(before.0 == [1, 1], "tasks that just began were made more than once: {before:?}");
    s.merge::<Secret>("c3-uses", json!({"stringData": {"password": "second"}})).await?;
    s.eventually("the connector that uses it to be restarted", seconds(30), async || {
        let starts = starts(s, &worker, users).await.map_err(|e| chain(e.as_ref()))?;
        if starts[0] == 2 { Ok(()) } else { Err(format!("{starts:?}")) }
    })
    .await?;
    s.ready::<Connector>("c3-uses", seconds(20)).await?;
    s.stays("the other one, and the worker, go on", seconds(8), async || {
        let now = starts(s, &worker, users).await.map_err(|e| chain(e.as_ref()))?;
        let uid = s.get::<Pod>(&worker).await.map_err(|e| chain(e.as_ref()))?.uid();
        if now == [2, 1] && uid == before.1 { Ok(()) } else { Err(format!("{now:?} {uid:?}")) }
    })
    .await
}

/// How often the worker has made the task of each of these connectors.
async fn starts(s: &Scene<'_>, worker: &str, connectors: [&str; 2]) -> Result<[usize; 2]> {
    let log = s.space.api::<Pod>().logs(worker, &LogParams::default()).await?;
    let made = |name: &str| format!("Creating task {name}-0");
    Ok(connectors.map(|name| log.lines().filter(|line| line.contains(&made(name))).count()))
}
