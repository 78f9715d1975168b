//! Who owns what: server-side apply by several managers.

use serde_json::{Value, json};

use crate::objects::{cluster, pipeline, pool, postgres, sink, topic, with};
use crate::session::{Session, assert_refused};

/// An object that says only this.
fn only(like: &Value, spec: Value) -> Value {
    let mut object = like.clone();
    object["spec"] = spec;
    object
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().expect("a list").iter().map(|one| one["name"].as_str().expect("a name")).collect()
}

#[tokio::test]
async fn two_managers_own_different_fields() {
    let session = Session::start().await;
    let orders = topic("orders");
    session.apply("app", &orders).await.unwrap();
    let retention = only(&orders, json!({ "retention": { "time": "7d" } }));
    session.apply("platform", &retention).await.unwrap();
    let size = only(&orders, json!({ "clusterRef": { "name": "main" }, "retention": { "size": "1Gi" } }));
    let both = session.apply("app", &size).await.unwrap();
    assert_eq!(both["spec"]["retention"], json!({ "time": "7d", "size": "1Gi" }));
    // the first takes its part away, the other's stays
    let left = session.apply("app", &orders).await.unwrap();
    assert_eq!(left["spec"]["retention"], json!({ "time": "7d" }));
}

#[tokio::test]
async fn two_managers_of_one_field_are_told() {
    let session = Session::start().await;
    session.apply("app", &with(topic("orders"), &json!({ "partitions": 3 }))).await.unwrap();
    let other = session.apply("platform", &with(topic("orders"), &json!({ "partitions": 6 }))).await;
    assert_refused(other, "conflict with \"app\": .spec.partitions");
    // who says the same shares the field
    session.apply("platform", &with(topic("orders"), &json!({ "partitions": 3 }))).await.unwrap();
}

#[tokio::test]
async fn pools_and_listeners_merge_by_name() {
    let session = Session::start().await;
    let both = ["controller", "broker"];
    let shop = with(cluster("shop"), &json!({ "pools": [pool("main", 0, 3, &both)] }));
    session.apply("app", &shop).await.unwrap();
    let more = json!({
        "pools": [pool("more", 10, 2, &["broker"])], "listeners": [{ "name": "batch", "port": 9094 }],
    });
    session.apply("platform", &only(&shop, more)).await.unwrap();
    // one pool's storage by somebody who owns nothing else of it
    let storage = json!({ "pools": [{ "name": "main", "storage": { "size": "20Gi" } }] });
    session.apply("storage", &only(&shop, storage)).await.unwrap();

    let seen = session.get(&shop).await;
    assert_eq!(names(&seen["spec"]["pools"]), ["main", "more"]);
    assert_eq!(seen["spec"]["pools"][0]["storage"]["size"], "20Gi");
    assert_eq!(seen["spec"]["pools"][0]["replicas"], 3);
    assert!(names(&seen["spec"]["listeners"]).contains(&"batch"));

    // who applied a pool takes it away again; nobody else's goes
    session
        .apply("platform", &only(&shop, json!({ "listeners": [{ "name": "batch", "port": 9094 }] })))
        .await
        .unwrap();
    assert_eq!(names(&session.get(&shop).await["spec"]["pools"]), ["main"]);
}

#[tokio::test]
async fn sinks_merge_by_name_and_tables_as_a_set() {
    let session = Session::start().await;
    let shop = with(pipeline("shop"), &json!({ "sinks": [sink("one")] }));
    session.apply("app", &shop).await.unwrap();
    let more =
        json!({ "tables": ["public.customers"], "sinks": [{ "name": "two", "postgres": postgres() }] });
    let seen = session.apply("analytics", &only(&shop, more)).await.unwrap();
    assert_eq!(names(&seen["spec"]["sinks"]), ["one", "two"]);
    assert_eq!(seen["spec"]["tables"], json!(["public.orders", "public.customers"]));
}

#[tokio::test]
async fn conditions_merge_by_type() {
    let session = Session::start().await;
    let orders = session.created(&topic("orders")).await;
    let condition = |kind: &str| {
        json!({
            "type": kind, "status": "True", "reason": "R", "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        })
    };
    let twice = json!({ "conditions": [condition("Ready"), condition("Ready")] });
    assert_refused(session.write_status(&orders, twice).await, "Duplicate value");
    let both = json!({ "conditions": [condition("Ready"), condition("Reconciling")] });
    session.write_status(&orders, both).await.unwrap();
}
