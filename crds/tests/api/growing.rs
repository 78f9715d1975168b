//! What may change.

use serde_json::{Value, json};

use crate::objects::{cluster, connect, connector, pipeline, pool, pools, sink, topic};
use crate::session::Session;

/// Creates `object` and makes each change after the other.
async fn accepted(object: Value, changes: Vec<Value>) -> Value {
    let session = Session::start().await;
    session.created(&object).await;
    for spec in changes {
        let answer = session.edit(&object, json!({ "spec": spec })).await;
        answer.unwrap_or_else(|refusal| panic!("{spec}: {}", refusal.message));
    }
    session.get(&object).await
}

#[tokio::test]
async fn a_topic_grows_and_changes_its_config() {
    accepted(
        topic("orders"),
        vec![
            json!({ "partitions": 12 }),
            json!({ "retention": { "time": "7d", "size": "10Gi" }, "cleanupPolicy": "CompactAndDelete" }),
            json!({ "retention": { "time": "Unlimited", "size": "Unlimited" } }),
            json!({ "replicationFactor": 3, "config": { "min.insync.replicas": 2 } }),
            json!({ "config": null, "retention": null, "cleanupPolicy": null, "replicationFactor": null }),
            json!({ "adoption": "Always", "deletionPolicy": "Delete", "paused": true }),
        ],
    )
    .await;
}

#[tokio::test]
async fn storage_grows_also_in_another_unit() {
    let size =
        |size: &str| json!({ "pools": [{ "name": "main", "replicas": 3, "storage": { "size": size } }] });
    accepted(
        cluster("shop"),
        vec![size("20Gi"), size("20480Mi"), size("1Ti"), size("1024Gi"), size("9999999Gi")],
    )
    .await;
}

#[tokio::test]
async fn pools_come_grow_go_and_change_places() {
    let (both, broker) = (["controller", "broker"], ["broker"]);
    let main = |replicas| pool("main", 0, replicas, &both);
    let more = |replicas| pool("more", 10, replicas, &broker);
    let end = accepted(
        cluster("shop"),
        vec![
            // what was only implied until now must be said beside a second pool
            json!({ "pools": [main(3), more(1)] }),
            json!({ "pools": [main(3), more(3)] }),
            json!({ "pools": [more(3), main(3)] }),
            json!({ "pools": [more(2), main(5)] }),
            json!({ "pools": [main(5)] }),
        ],
    )
    .await;
    assert_eq!(end["spec"]["pools"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn pools_may_lie_side_by_side() {
    let both = ["controller", "broker"];
    accepted(pools("shop", &[pool("b", 3, 3, &both), pool("a", 0, 3, &both)]), vec![]).await;
}

#[tokio::test]
async fn roles_may_be_told_in_another_order() {
    accepted(
        pools("shop", &[pool("main", 0, 3, &["controller", "broker"])]),
        vec![json!({ "pools": [pool("main", 0, 3, &["broker", "controller"])] })],
    )
    .await;
}

#[tokio::test]
async fn a_default_may_be_written_down() {
    let storage = json!({ "type": "Persistent", "size": "10Gi" });
    let pool = json!({ "name": "main", "replicas": 3, "firstNodeId": 0, "storage": storage });
    accepted(cluster("shop"), vec![json!({ "pools": [pool] })]).await;
}

#[tokio::test]
async fn listeners_come_go_and_swap_ports() {
    let listener = |name: &str, port: i32| json!({ "name": name, "port": port });
    accepted(
        cluster("shop"),
        vec![
            json!({ "listeners": [listener("plain", 9092), listener("batch", 9094)] }),
            json!({ "listeners": [listener("plain", 9094), listener("batch", 9092)] }),
            json!({ "listeners": [listener("batch", 9092)] }),
        ],
    )
    .await;
}

#[tokio::test]
async fn before_kafka_was_seen_a_cluster_may_be_told_another_id() {
    let id = |id: &str| json!({ "clusterId": id });
    let changes =
        vec![id("c2x1aWNlLXRlc3RzLTAwMQ"), id("c2x1aWNlLXRlc3RzLTAwMg"), json!({ "clusterId": null })];
    accepted(cluster("shop"), changes).await;
}

#[tokio::test]
async fn a_connector_changes_config_state_and_tasks() {
    let config = json!({ "tasksMax": 4, "state": "Stopped", "config": { "topics": "a", "batch.size": 500 } });
    accepted(connector("orders"), vec![config, json!({ "restartedAt": "2026-01-01T00:00:00Z" })]).await;
}

#[tokio::test]
async fn a_pipeline_changes_tables_password_host_and_sinks() {
    let password = json!({ "name": "db-2", "key": "password" });
    accepted(
        pipeline("shop"),
        vec![
            json!({ "tables": ["public.orders", "public.customers"] }),
            json!({ "source": { "postgres": { "host": "db-2", "password": password } } }),
            json!({ "source": { "onGap": "Continue", "onBudgetExceeded": "DropSlot" }, "objectives": { "maxRetainedWal": "10Gi" } }),
            json!({ "snapshots": [{ "id": "2026-01-01" }] }),
            json!({ "sinks": [sink("one"), sink("two")] }),
            json!({ "sinks": [sink("two")] }),
            json!({ "verify": [{ "id": "now" }, { "id": "nightly", "schedule": "30 3 * * *", "mode": "Count" }] }),
            json!({ "verify": [{ "id": "nightly", "tables": ["public.orders"] }], "repair": "Resnapshot" }),
            json!({ "topics": { "partitions": 3, "retention": { "time": "1d" } } }),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_template_takes_what_a_pod_takes() {
    let template = json!({
        "labels": { "team": "shop" },
        "tolerations": [{ "key": "kafka", "operator": "Exists" }],
        "topologySpreadConstraints": [{
            "maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": { "matchLabels": { "a": "b" } },
        }],
        "affinity": { "podAntiAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": [
            { "topologyKey": "kubernetes.io/hostname", "labelSelector": { "matchLabels": { "a": "b" } } },
        ] } },
        "env": [{ "name": "A", "value": "b" }, { "name": "C", "valueFrom": { "secretKeyRef": { "name": "s", "key": "k" } } }],
        "volumes": [{ "name": "v", "secret": { "secretName": "s" } }],
        "volumeMounts": [{ "name": "v", "mountPath": "/v" }],
        "imagePullSecrets": [{ "name": "registry" }],
    });
    let resources = json!({ "requests": { "cpu": 1, "memory": "1Gi" }, "limits": { "memory": "2Gi" } });
    accepted(connect("shop"), vec![json!({ "template": template, "resources": resources })]).await;
}
