//! What users see: columns, field selectors, the scale subresource.

use http::Method;
use serde_json::{Value, json};

use crate::objects::{cluster, connect, connector, pipeline, topic, with};
use crate::session::{Session, assert_refused};

fn conditions(ready: &str, reason: &str, message: &str) -> Value {
    json!([{
        "type": "Ready", "status": ready, "reason": reason, "message": message,
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }])
}

/// Creates `object`, writes `status`, and expects these columns. (Names and ages are everywhere.)
async fn shows(object: Value, status: Value, expected: &[(&str, Value)]) {
    let session = Session::start().await;
    session.created(&object).await;
    session.write_status(&object, status).await.unwrap();
    let table = session.table(object["kind"].as_str().unwrap()).await;
    let seen: Vec<_> = table.into_iter().filter(|(name, _)| name != "Name" && name != "Age").collect();
    let expected: Vec<_> = expected.iter().map(|(name, cell)| ((*name).to_owned(), cell.clone())).collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_cluster_that_is_fine() {
    let status = json!({
        "conditions": conditions("True", "Ready", "3 of 3 brokers serve"),
        "version": "4.3.1",
        "summary": { "brokers": "3/3", "controllers": "3/3" },
        "partitions": { "total": 120, "offline": 0, "underReplicated": 0, "underMinIsr": 0 },
    });
    let expected = [
        ("Ready", json!("True")),
        ("Reason", json!("Ready")),
        ("Brokers", json!("3/3")),
        ("Partitions", json!(120)),
        ("Under-replicated", json!(0)),
        ("Version", json!("4.3.1")),
        ("Message", json!("3 of 3 brokers serve")),
    ];
    shows(cluster("shop"), status, &expected).await;
}

#[tokio::test]
async fn a_topic_that_is_not_fine() {
    let status = json!({
        "conditions": conditions("False", "ClusterNotFound", "no such cluster"), "partitions": 6, "replicationFactor": 3,
    });
    let expected = [
        ("Cluster", json!("main")),
        ("Partitions", json!(6)),
        ("Replication", json!(3)),
        ("Ready", json!("False")),
        ("Reason", json!("ClusterNotFound")),
        ("Message", json!("no such cluster")),
    ];
    shows(topic("orders"), status, &expected).await;
}

#[tokio::test]
async fn connect_and_its_connectors() {
    let status = json!({
        "conditions": conditions("True", "Ready", ""), "summary": { "workers": "2/2" }, "connectors": 4,
    });
    let expected = [
        ("Cluster", json!("main")),
        ("Workers", json!("2/2")),
        ("Connectors", json!(4)),
        ("Ready", json!("True")),
        ("Reason", json!("Ready")),
        ("Message", json!("")),
    ];
    shows(connect("shop"), status, &expected).await;

    let status = json!({
        "conditions": conditions("False", "TaskFailed", "boom"), "state": "Failed", "summary": { "tasks": "1/2" },
    });
    let expected = [
        ("Connect", json!("main")),
        ("State", json!("Failed")),
        ("Tasks", json!("1/2")),
        ("Ready", json!("False")),
        ("Reason", json!("TaskFailed")),
        ("Message", json!("boom")),
    ];
    shows(connector("orders"), status, &expected).await;
}

#[tokio::test]
async fn a_pipeline_that_streams() {
    let status = json!({
        "conditions": conditions("True", "Streaming", "fine"), "phase": "Streaming", "summary": { "lag": "12 KiB, 1 s" },
        "source": { "connector": "c", "slot": "s", "publication": "p", "tables": 3, "snapshotCompleted": true },
    });
    let expected = [
        ("Phase", json!("Streaming")),
        ("Tables", json!(3)),
        ("Lag", json!("12 KiB, 1 s")),
        ("Ready", json!("True")),
        ("Reason", json!("Streaming")),
        ("Message", json!("fine")),
    ];
    shows(pipeline("shop"), status, &expected).await;
}

#[tokio::test]
async fn an_object_that_nobody_has_looked_at() {
    let session = Session::start().await;
    session.created(&topic("orders")).await;
    let table = session.table("Topic").await;
    let cell = |name: &str| table.iter().find(|(column, _)| column == name).unwrap().1.clone();
    assert_eq!(cell("Ready"), "Unknown");
    assert_eq!(cell("Reason"), "Pending");
    assert!(cell("Message").as_str().unwrap().contains("check that the operator runs"));
}

#[tokio::test]
async fn objects_are_found_by_what_they_refer_to() {
    let session = Session::start().await;
    for (field, kind) in [
        ("clusterRef", topic as fn(&str) -> Value),
        ("clusterRef", connect),
        ("connectRef", connector),
        ("connectRef", pipeline),
    ] {
        session.created(&kind("here")).await;
        let there = with(kind("there"), &json!({ field: { "name": "other" } }));
        session.created(&there).await;
        let kind = there["kind"].as_str().unwrap();
        assert_eq!(session.select(kind, &format!("spec.{field}.name=other")).await, ["there"], "{kind}");
        assert_eq!(session.select(kind, &format!("spec.{field}.name!=other")).await, ["here"], "{kind}");
    }
}

#[tokio::test]
async fn connect_scales_by_its_subresource() {
    let session = Session::start().await;
    let shop = connect("shop");
    session.created(&shop).await;
    let status = json!({ "conditions": [], "replicas": 1, "selector": "app.kubernetes.io/instance=shop" });
    session.write_status(&shop, status).await.unwrap();
    let place = format!("{}/scale", session.path(&shop));

    let mut scale = session.read(&place).await;
    assert_eq!(scale["kind"], "Scale");
    assert_eq!(scale["spec"]["replicas"], 1);
    assert_eq!(scale["status"], json!({ "replicas": 1, "selector": "app.kubernetes.io/instance=shop" }));

    scale["spec"]["replicas"] = json!(4);
    let answer = session.send(Method::PUT, &place, "application/json", &scale).await.unwrap();
    assert_eq!(answer["spec"]["replicas"], 4);
    let seen = session.get(&shop).await;
    assert_eq!((&seen["spec"]["replicas"], &seen["metadata"]["generation"]), (&json!(4), &json!(2)));

    let mut scale = answer;
    scale["spec"]["replicas"] = json!(101);
    let answer = session.send(Method::PUT, &place, "application/json", &scale).await;
    assert_refused(answer, "less than or equal to 100");
    session.server.kubectl(&["-n", &session.namespace, "scale", "connectcluster/shop", "--replicas=0"]).await;
    assert_eq!(session.get(&shop).await["spec"]["replicas"], 0);
}
