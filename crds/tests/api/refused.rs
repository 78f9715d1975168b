//! What is refused when an object is created, and in which words.

use serde_json::{Value, json};

use crate::objects::{cluster, connect, connector, pipeline, pool, pools, sink, topic, user, with};
use crate::session::{Session, assert_refused};

/// Creates each and expects these words.
pub async fn refused(cases: Vec<(Value, &str)>) {
    let session = Session::start().await;
    for (object, words) in cases {
        assert_refused(session.create(&object).await, words);
    }
}

fn in_pool(pool: Value) -> Value {
    let mut object = cluster("shop");
    json_patch::merge(&mut object["spec"]["pools"][0], &pool);
    object
}

#[tokio::test]
async fn a_cluster_without_a_controller_or_a_broker() {
    refused(vec![
        (in_pool(json!({ "roles": ["broker"] })), "one pool needs the role controller"),
        (in_pool(json!({ "roles": ["controller"] })), "one pool needs the role broker"),
        (in_pool(json!({ "roles": [] })), "spec.pools[0].roles"),
        (in_pool(json!({ "roles": ["broker", "broker"] })), "Duplicate value"),
        (in_pool(json!({ "roles": ["worker"] })), "supported values: \"controller\", \"broker\""),
        (with(cluster("shop"), &json!({ "pools": [] })), "spec.pools"),
    ])
    .await;
}

#[tokio::test]
async fn pools_that_share_node_ids() {
    let both = ["controller", "broker"];
    let overlap = "the node ids of two pools overlap";
    refused(vec![
        (pools("shop", &[pool("a", 0, 3, &both), pool("b", 2, 3, &both)]), overlap),
        (pools("shop", &[pool("b", 10, 3, &both), pool("a", 9, 2, &both)]), overlap),
        (pools("shop", &[pool("a", 0, 9, &both), pool("b", 3, 1, &both)]), overlap),
        (pools("shop", &[pool("a", 0, 3, &both), pool("a", 3, 3, &both)]), "Duplicate value"),
        (
            pools("shop", &[pool("a", 0, 3, &both), json!({ "name": "b", "replicas": 1 })]),
            "with more than one pool each needs firstNodeId",
        ),
    ])
    .await;
}

#[tokio::test]
async fn listeners_that_share_a_port_or_a_name() {
    let listeners = |list: Value| with(cluster("shop"), &json!({ "listeners": list }));
    let plain = json!({ "name": "plain", "port": 9092 });
    refused(vec![
        (listeners(json!([plain, { "name": "other", "port": 9092 }])), "two listeners have the same port"),
        (listeners(json!([plain, { "name": "plain", "port": 9093 }])), "Duplicate value"),
        (listeners(json!([{ "name": "own", "port": 9091 }])), "greater than or equal to 9092"),
        (listeners(json!([{ "name": "high", "port": 65_536 }])), "less than or equal to 65535"),
        (listeners(json!([])), "spec.listeners"),
        (
            listeners(json!([{ "name": "internal", "port": 9092 }])),
            "controller and internal are listeners of Sluice's own",
        ),
        (
            listeners(json!([{ "name": "controller", "port": 9092 }])),
            "controller and internal are listeners of Sluice's own",
        ),
    ])
    .await;
}

#[tokio::test]
async fn certificates_without_encryption_or_with_a_password() {
    let listener = |more: Value| {
        let mut listener = json!({ "name": "certs", "port": 9092, "authentication": "tls" });
        json_patch::merge(&mut listener, &more);
        with(cluster("shop"), &json!({ "listeners": [listener] }))
    };
    let login = |login: Value| with(user("app"), &json!({ "authentication": login }));
    let password = json!({ "name": "ours", "key": "password" });
    refused(vec![
        (listener(json!({})), "authentication: tls needs tls: true"),
        (listener(json!({ "tls": false })), "authentication: tls needs tls: true"),
        (
            listener(json!({ "authentication": "oauth" })),
            "supported values: \"none\", \"scram-sha-512\", \"tls\"",
        ),
        (
            login(json!({ "type": "tls", "passwordFrom": password })),
            "a user with a certificate has no password: remove passwordFrom",
        ),
        (login(json!({ "type": "plain" })), "supported values: \"scram-sha-512\", \"tls\""),
    ])
    .await;
    let session = Session::start().await;
    session.created(&listener(json!({ "tls": true }))).await;
    session.created(&login(json!({ "type": "tls" }))).await;
    session.created(&with(user("other"), &json!({ "authentication": { "passwordFrom": password } }))).await;
}

#[tokio::test]
async fn names_that_no_child_could_carry() {
    let session = Session::start().await;
    let kinds = [
        (
            cluster as fn(&str) -> Value,
            "the name of a KafkaCluster may have 40 characters, starts with a letter and has no dots",
        ),
        (
            connect,
            "the name of a ConnectCluster may have 40 characters, starts with a letter and has no dots",
        ),
        (pipeline, "the name of a CdcPipeline may have 40 characters, starts with a letter and has no dots"),
    ];
    for (kind, words) in kinds {
        session.created(&kind(&"a".repeat(40))).await;
        for name in [&"a".repeat(41), "shop.v2", "2shop"] {
            assert_refused(session.create(&kind(name)).await, words);
        }
    }
    let mut shop = cluster(&"a".repeat(40));
    shop["spec"]["pools"][0]["name"] = json!("b".repeat(12));
    assert_refused(
        session.create(&shop).await,
        "the names of cluster and pool may have 51 characters together",
    );
    // a Topic's name is that of the topic, unless it says another
    let long = "t".repeat(250);
    assert_refused(session.create(&topic(&long)).await, "Kafka's topic names have at most 249 characters");
    session.created(&with(topic(&long), &json!({ "topicName": "short" }))).await;
}

#[tokio::test]
async fn names_within_an_object() {
    let tables = |name: &str| with(pipeline("shop"), &json!({ "tables": [name] }));
    let source = |source: Value| with(pipeline("shop"), &json!({ "source": { "postgres": source } }));
    refused(vec![
        (in_pool(json!({ "name": "Main" })), "spec.pools[0].name"),
        (in_pool(json!({ "name": "a-pool-with-a-long-name" })), "Too long"),
        (with(topic("t"), &json!({ "topicName": "a b" })), "spec.topicName"),
        (with(topic("t"), &json!({ "topicName": "a".repeat(250) })), "Too long"),
        (with(topic("t"), &json!({ "topicName": ".." })), "topicName is reserved by Kafka"),
        (with(topic("t"), &json!({ "topicName": "__cluster_metadata" })), "topicName is reserved by Kafka"),
        (with(topic("t"), &json!({ "clusterRef": { "name": "" } })), "spec.clusterRef.name"),
        (with(connector("c"), &json!({ "class": "" })), "spec.class"),
        (tables("orders"), "spec.tables[0]"),
        (tables("public.orders;drop"), "spec.tables[0]"),
        (with(pipeline("p"), &json!({ "tables": [] })), "spec.tables"),
        (with(pipeline("p"), &json!({ "tables": ["a.b", "a.b"] })), "Duplicate value"),
        (source(json!({ "slotName": "Slot" })), "slotName"),
        (source(json!({ "slotName": "s".repeat(64) })), "Too long"),
        (with(pipeline("p"), &json!({ "topics": { "prefix": "a.b" } })), "spec.topics.prefix"),
        (with(pipeline("p"), &json!({ "sinks": [sink("one"), sink("one")] })), "Duplicate value"),
        (with(pipeline("p"), &json!({ "snapshots": [{ "id": "a" }, { "id": "a" }] })), "Duplicate value"),
        (with(pipeline("p"), &json!({ "snapshots": [{ "id": "a b" }] })), "spec.snapshots[0].id"),
        (
            with(pipeline("p"), &json!({ "snapshots": [{ "id": "a", "tables": ["public.orders"] }] })),
            "tables and where belong to type: Incremental or Blocking: Initial reads all rows of all tables",
        ),
        (
            with(
                pipeline("p"),
                &json!({ "snapshots": [{ "id": "a", "type": "Blocking", "where": "id = 1" }] }),
            ),
            "where needs exactly one table in tables",
        ),
        (
            with(
                pipeline("p"),
                &json!({ "snapshots": [{ "id": "a", "type": "Incremental", "where": "id = 1" }] }),
            ),
            "where needs exactly one table in tables",
        ),
        (with(pipeline("p"), &json!({ "snapshots": [{ "id": "i".repeat(64) }] })), "Too long"),
    ])
    .await;
}

#[tokio::test]
async fn sizes_and_durations_of_no_known_form() {
    let retention = |retention: Value| with(topic("t"), &json!({ "retention": retention }));
    let storage = |size: &str| in_pool(json!({ "storage": { "size": size } }));
    let heap = |heap: &str| in_pool(json!({ "jvm": { "heap": heap } }));
    let budget = |size: &str| with(pipeline("p"), &json!({ "objectives": { "maxRetainedWal": size } }));
    refused(vec![
        (retention(json!({ "time": "7 days" })), "spec.retention.time"),
        (retention(json!({ "time": "1.5h" })), "spec.retention.time"),
        (retention(json!({ "time": "-1" })), "spec.retention.time"),
        (retention(json!({ "time": 604_800_000 })), "must be of type string"),
        (retention(json!({ "size": "10GB" })), "spec.retention.size"),
        (retention(json!({ "size": "unlimited" })), "spec.retention.size"),
        (storage("10G"), "spec.pools[0].storage.size"),
        (storage("10 Gi"), "spec.pools[0].storage.size"),
        (storage("0Gi"), "spec.pools[0].storage.size"),
        (storage(""), "spec.pools[0].storage.size"),
        (heap("512M"), "spec.pools[0].jvm.heap"),
        (heap("0Mi"), "spec.pools[0].jvm.heap"),
        (budget("10 Gi"), "spec.objectives.maxRetainedWal"),
        (budget("0Gi"), "spec.objectives.maxRetainedWal"),
        (budget("1.5Gi"), "spec.objectives.maxRetainedWal"),
        (with(connect("c"), &json!({ "restartedAt": "yesterday" })), "spec.restartedAt"),
        (with(cluster("c"), &json!({ "clusterId": "short" })), "spec.clusterId"),
    ])
    .await;
}

#[tokio::test]
async fn numbers_out_of_range() {
    refused(vec![
        (with(topic("t"), &json!({ "partitions": 0 })), "greater than or equal to 1"),
        (with(topic("t"), &json!({ "partitions": 100_001 })), "less than or equal to 100000"),
        (with(topic("t"), &json!({ "partitions": 1.5 })), "must be of type integer"),
        (with(topic("t"), &json!({ "partitions": "three" })), "must be of type integer"),
        (with(topic("t"), &json!({ "replicationFactor": 33 })), "less than or equal to 32"),
        (in_pool(json!({ "replicas": 0 })), "greater than or equal to 1"),
        (in_pool(json!({ "replicas": 201 })), "less than or equal to 200"),
        (in_pool(json!({ "firstNodeId": -1 })), "greater than or equal to 0"),
        (with(connect("c"), &json!({ "replicas": -1 })), "greater than or equal to 0"),
        (with(connector("c"), &json!({ "tasksMax": 0 })), "greater than or equal to 1"),
        (with(connector("c"), &json!({ "autoRestart": { "maxAttempts": 0 } })), "greater than or equal to 1"),
        (
            with(pipeline("p"), &json!({ "source": { "postgres": { "port": 70_000 } } })),
            "less than or equal to 65535",
        ),
    ])
    .await;
}

#[tokio::test]
async fn values_of_no_known_name() {
    refused(vec![
        (with(topic("t"), &json!({ "deletionPolicy": "Keep" })), "supported values: \"Retain\", \"Delete\""),
        (
            with(topic("t"), &json!({ "cleanupPolicy": "compact" })),
            "supported values: \"Delete\", \"Compact\"",
        ),
        (with(topic("t"), &json!({ "adoption": "Yes" })), "supported values: \"IfIdentical\""),
        (with(connector("c"), &json!({ "state": "running" })), "supported values: \"Running\""),
        (in_pool(json!({ "storage": { "type": "Jbod" } })), "supported values: \"Persistent\""),
        (
            with(pipeline("p"), &json!({ "snapshot": { "mode": "Always" } })),
            "supported values: \"Initial\", \"Never\"",
        ),
        (
            with(pipeline("p"), &json!({ "source": { "onGap": "Ignore" } })),
            "supported values: \"Halt\", \"Resnapshot\", \"Continue\"",
        ),
        (
            with(pipeline("p"), &json!({ "source": { "onBudgetExceeded": "Drop" } })),
            "supported values: \"Warn\", \"DropSlot\"",
        ),
        (
            with(pipeline("p"), &json!({ "sinks": [sink("s")], "verify": [{ "id": "a", "mode": "Sum" }] })),
            "supported values: \"Checksum\", \"Count\"",
        ),
        (with(pipeline("p"), &json!({ "repair": "Delete" })), "supported values: \"None\", \"Resnapshot\""),
    ])
    .await;
}

#[tokio::test]
async fn fields_that_do_not_exist() {
    refused(vec![
        (with(topic("t"), &json!({ "partition": 3 })), "unknown field \"spec.partition\""),
        (with(topic("t"), &json!({ "retention": { "ms": 1 } })), "unknown field \"spec.retention.ms\""),
        (
            in_pool(json!({ "storage": { "deleteClaim": true } })),
            "unknown field \"spec.pools[0].storage.deleteClaim\"",
        ),
        (
            in_pool(json!({ "template": { "volumes": [{ "name": "v", "hostPath": { "path": "/" } }] } })),
            "unknown field \"spec.pools[0].template.volumes[0].hostPath\"",
        ),
    ])
    .await;
}

#[tokio::test]
async fn fields_that_are_missing() {
    let without = |mut object: Value, field: &str| {
        object["spec"].as_object_mut().expect("a spec").remove(field);
        object
    };
    refused(vec![
        (without(cluster("c"), "pools"), "spec.pools: Required value"),
        (without(topic("t"), "clusterRef"), "spec.clusterRef: Required value"),
        (without(connect("c"), "clusterRef"), "spec.clusterRef: Required value"),
        (without(connector("c"), "class"), "spec.class: Required value"),
        (without(pipeline("p"), "tables"), "spec.tables: Required value"),
        (without(pipeline("p"), "source"), "spec.source: Required value"),
        (
            with(pipeline("p"), &json!({ "source": { "postgres": { "password": null } } })),
            "spec.source.postgres.password: Required value",
        ),
    ])
    .await;
}

#[tokio::test]
async fn more_than_fits() {
    let many =
        |count: usize| (0..count).map(|i| (format!("k{i}"), json!("v"))).collect::<serde_json::Map<_, _>>();
    let listeners: Vec<_> = (0..17).map(|i| json!({ "name": format!("l{i}"), "port": 9092 + i })).collect();
    let pools_17: Vec<_> =
        (0..17).map(|i| pool(&format!("p{i}"), i * 10, 1, &["controller", "broker"])).collect();
    let tables: Vec<_> = (0..501).map(|i| format!("public.t{i}")).collect();
    let snapshots: Vec<_> = (0..33).map(|i| json!({ "id": format!("s{i}") })).collect();
    let sinks: Vec<_> = (0..17).map(|i| sink(&format!("s{i}"))).collect();
    refused(vec![
        (pools("c", &pools_17), "spec.pools: Too many"),
        (with(cluster("c"), &json!({ "listeners": listeners })), "spec.listeners: Too many"),
        (with(cluster("c"), &json!({ "config": many(257) })), "spec.config: Too many"),
        (with(topic("t"), &json!({ "config": many(65) })), "spec.config: Too many"),
        (
            with(connect("c"), &json!({ "template": { "labels": many(65) } })),
            "spec.template.labels: Too many",
        ),
        (with(connector("c"), &json!({ "config": many(513) })), "spec.config: Too many"),
        (with(pipeline("p"), &json!({ "tables": tables })), "spec.tables: Too many"),
        (with(pipeline("p"), &json!({ "sinks": sinks })), "spec.sinks: Too many"),
        (with(pipeline("p"), &json!({ "snapshots": snapshots })), "spec.snapshots: Too many"),
    ])
    .await;
}

#[tokio::test]
async fn config_values_that_are_not_scalars() {
    let session = Session::start().await;
    let orders = |value: Value| {
        let mut object = topic("orders");
        object["spec"]["config"] = json!({ "key": value });
        object
    };
    for bad in [json!({ "a": 1 }), json!(["a"]), json!({}), json!([]), json!("x".repeat(65_537))] {
        assert_refused(session.create(&orders(bad)).await, "spec.config.key");
    }
    session.created(&orders(json!("compact"))).await;
    for good in [json!(7), json!(-1), json!(0.5), json!(true), json!("")] {
        let seen = session.edit(&orders(json!(0)), json!({ "spec": { "config": { "key": good } } })).await;
        assert_eq!(seen.expect("a scalar")["spec"]["config"]["key"], good);
    }
}

#[tokio::test]
async fn a_config_value_of_nothing_is_no_value() {
    let session = Session::start().await;
    let mut object = topic("orders");
    object["spec"]["config"] = json!({ "key": null });
    assert_eq!(session.created(&object).await["spec"]["config"], json!({}));
}

#[tokio::test]
async fn users_with_rules_and_quotas_that_cannot_be_meant() {
    let user = |spec: Value| with(crate::objects::user("app"), &spec);
    let acl = |resource: Value, operations: Value| {
        user(json!({ "acls": [{ "resource": resource, "operations": operations }] }))
    };
    refused(vec![
        (acl(json!({ "type": "tpic", "name": "a" }), json!(["Read"])), "spec.acls[0].resource.type"),
        (acl(json!({ "type": "topic", "name": "a" }), json!(["Reed"])), "spec.acls[0].operations"),
        (acl(json!({ "type": "topic", "name": "a" }), json!([])), "spec.acls[0].operations"),
        (acl(json!({ "type": "topic", "name": "a" }), json!(["Read", "Read"])), "Duplicate value"),
        (acl(json!({ "type": "topic", "name": "" }), json!(["Read"])), "spec.acls[0].resource.name"),
        (user(json!({ "authentication": { "type": "plain" } })), "spec.authentication.type"),
        (user(json!({ "quotas": { "producerByteRate": "0" } })), "spec.quotas.producerByteRate"),
        (user(json!({ "quotas": { "consumerByteRate": "fast" } })), "spec.quotas.consumerByteRate"),
        (user(json!({ "quotas": { "requestPercentage": 0 } })), "spec.quotas.requestPercentage"),
    ])
    .await;
}
