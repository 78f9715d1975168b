//! What the server fills in.

use serde_json::{Value, json};

use crate::objects::{cluster, connect, connector, one_of_each, pipeline, sink, topic, with};
use crate::session::Session;

async fn spec(session: &Session, object: Value) -> Value {
    session.created(&object).await;
    session.get(&object).await["spec"].take()
}

#[tokio::test]
async fn a_cluster_needs_only_a_pool() {
    let session = Session::start().await;
    let expected = json!({
        "pools": [{
            "name": "main",
            "replicas": 3,
            "roles": ["controller", "broker"],
            "storage": { "type": "Persistent", "size": "10Gi" },
            "jvm": {},
            "template": {},
        }],
        "listeners": [{ "name": "plain", "port": 9092 }],
        "deletionPolicy": "Retain",
        "paused": false,
    });
    assert_eq!(spec(&session, cluster("shop")).await, expected);
}

#[tokio::test]
async fn storage_given_in_part_is_completed() {
    let session = Session::start().await;
    let pools = json!({ "pools": [{ "name": "main", "replicas": 1, "storage": { "class": "fast" } }] });
    let spec = spec(&session, with(cluster("shop"), &pools)).await;
    let expected = json!({ "type": "Persistent", "size": "10Gi", "class": "fast" });
    assert_eq!(spec["pools"][0]["storage"], expected);
}

#[tokio::test]
async fn a_topic_needs_only_a_cluster() {
    let session = Session::start().await;
    let expected = json!({
        "clusterRef": { "name": "main" },
        "partitions": 1,
        "adoption": "IfIdentical",
        "deletionPolicy": "Retain",
        "paused": false,
    });
    assert_eq!(spec(&session, topic("orders")).await, expected);
}

#[tokio::test]
async fn connect_needs_only_a_cluster() {
    let session = Session::start().await;
    let expected = json!({
        "clusterRef": { "name": "main" }, "replicas": 1, "jvm": {}, "template": {}, "paused": false,
    });
    assert_eq!(spec(&session, connect("shop")).await, expected);
}

#[tokio::test]
async fn a_connector_needs_connect_and_a_class() {
    let session = Session::start().await;
    let expected = json!({
        "connectRef": { "name": "main" },
        "class": "org.example.Sink",
        "tasksMax": 1,
        "state": "Running",
        "autoRestart": { "enabled": true, "maxAttempts": 10 },
        "paused": false,
    });
    assert_eq!(spec(&session, connector("orders")).await, expected);
}

#[tokio::test]
async fn a_pipeline_needs_a_source_and_tables() {
    let session = Session::start().await;
    let spec = spec(&session, with(pipeline("shop"), &json!({ "sinks": [sink("copy")] }))).await;
    let password = json!({ "name": "db", "key": "password" });
    let expected = json!({
        "connectRef": { "name": "main" },
        "source": { "postgres": {
            "host": "db", "port": 5432, "database": "shop", "user": "u", "password": password,
            "heartbeat": { "enabled": true, "intervalSeconds": 10 },
        }, "onGap": "Halt", "onBudgetExceeded": "Warn" },
        "tables": ["public.orders"],
        "snapshot": { "mode": "Initial" },
        "topics": { "partitions": 1, "adoption": "IfIdentical" },
        "sinks": [{
            "name": "copy", "tasksMax": 1,
            "postgres": {
                "host": "db", "port": 5432, "database": "shop", "user": "u", "password": password,
                "schema": "public", "schemaEvolution": "Basic",
            },
        }],
        "repair": "None",
        "state": "Running",
        "deletionPolicy": "Retain",
        "paused": false,
    });
    assert_eq!(spec, expected);
}

#[tokio::test]
async fn what_nobody_has_looked_at_is_unknown() {
    let session = Session::start().await;
    for object in one_of_each("fresh") {
        session.created(&object).await;
        let kind = &object["kind"];
        let read = session.get(&object).await;
        let ready = &read["status"]["conditions"][0];
        assert_eq!((&ready["type"], &ready["status"]), (&json!("Ready"), &json!("Unknown")), "{kind}");
        assert_eq!(ready["reason"], "Pending", "{kind}");
        assert_eq!(read["status"]["observedGeneration"], Value::Null, "{kind}");
        let list = session.read(&session.place(kind.as_str().unwrap())).await;
        assert_eq!(list["items"][0]["status"], read["status"], "{kind}: the list says the same");
    }
}

#[tokio::test]
async fn a_status_in_the_object_that_is_created_is_not_believed() {
    let session = Session::start().await;
    let mut liar = topic("liar");
    let ready = json!({
        "type": "Ready", "status": "True", "reason": "Ready", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z",
    });
    liar["status"] = json!({ "conditions": [ready] });
    session.created(&liar).await;
    assert_eq!(session.get(&liar).await["status"]["conditions"][0]["status"], "Unknown");
}

#[tokio::test]
async fn kubectl_waits_for_ready() {
    let session = Session::start().await;
    let orders = session.created(&topic("orders")).await;
    let wait = ["-n", &session.namespace, "wait", "topic/orders", "--timeout=20s"];
    session.server.kubectl(&[&wait[..], &["--for=condition=Ready=Unknown"]].concat()).await;
    let ready = json!({
        "type": "Ready", "status": "True", "reason": "Ready", "message": "", "observedGeneration": 1,
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    });
    session.write_status(&orders, json!({ "observedGeneration": 1, "conditions": [ready] })).await.unwrap();
    session.server.kubectl(&[&wait[..], &["--for=condition=Ready"]].concat()).await;
}

#[tokio::test]
async fn a_status_without_conditions_is_still_a_status() {
    let session = Session::start().await;
    for object in one_of_each("bare") {
        session.created(&object).await;
        session.write_status(&object, json!({ "observedGeneration": 1 })).await.unwrap();
        let read = session.get(&object).await;
        assert_eq!(read["status"]["observedGeneration"], 1, "{}", object["kind"]);
        // what it says now is up to the writer; the default speaks only where there is no status
        assert_eq!(read["status"]["conditions"], json!([]), "{}", object["kind"]);
    }
}

#[tokio::test]
async fn a_status_write_moves_no_generation() {
    let session = Session::start().await;
    for object in one_of_each("steady") {
        let created = session.created(&object).await;
        session.write_status(&object, json!({ "observedGeneration": 1, "conditions": [] })).await.unwrap();
        let read = session.get(&object).await;
        assert_eq!(read["metadata"]["generation"], created["metadata"]["generation"]);
        assert_ne!(read["metadata"]["resourceVersion"], created["metadata"]["resourceVersion"]);
    }
}
