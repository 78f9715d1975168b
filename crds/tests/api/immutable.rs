//! What is refused as a change of an object that was fine.

use serde_json::{Value, json};

use crate::objects::{cluster, connect, connector, pipeline, pool, pools, topic, with};
use crate::session::{Session, assert_refused};

/// Creates `object` and expects each change of its spec to be refused with these words.
async fn refused(object: Value, changes: Vec<(Value, &str)>) {
    let session = Session::start().await;
    session.created(&object).await;
    for (spec, words) in changes {
        assert_refused(session.edit(&object, json!({ "spec": spec })).await, words);
    }
}

#[tokio::test]
async fn a_topic_keeps_its_partitions_name_and_cluster() {
    refused(
        with(topic("orders"), &json!({ "partitions": 6, "topicName": "shop.orders" })),
        vec![
            (json!({ "partitions": 5 }), "partitions cannot decrease: Kafka would have to drop records"),
            (json!({ "partitions": null }), "partitions cannot decrease"),
            (json!({ "topicName": "other" }), "topicName cannot change: Kafka cannot rename a topic"),
            (json!({ "topicName": null }), "topicName cannot change"),
            (json!({ "clusterRef": { "name": "other" } }), "a topic does not move between clusters"),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_topic_named_after_its_object_gets_no_other_name() {
    refused(topic("orders"), vec![(json!({ "topicName": "other" }), "topicName cannot change")]).await;
}

#[tokio::test]
async fn a_user_keeps_its_cluster() {
    refused(
        crate::objects::user("app"),
        vec![(json!({ "clusterRef": { "name": "other" } }), "create a User for the other cluster")],
    )
    .await;
}

#[tokio::test]
async fn connect_and_connectors_keep_their_place_and_class() {
    refused(
        connect("shop"),
        vec![(
            json!({ "clusterRef": { "name": "other" } }),
            "the connectors' offsets live in that Kafka cluster",
        )],
    )
    .await;
    refused(
        connector("orders"),
        vec![
            (json!({ "class": "org.example.Source" }), "class cannot change: delete this Connector"),
            (json!({ "connectRef": { "name": "other" } }), "offsets do not move between Connect clusters"),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_pipeline_keeps_its_position() {
    let source = |postgres: Value| json!({ "source": { "postgres": postgres } });
    refused(
        with(pipeline("shop"), &json!({ "topics": { "partitions": 3 } })),
        vec![
            (json!({ "topics": { "partitions": 2 } }), "topics.partitions cannot decrease"),
            (json!({ "connectRef": { "name": "other" } }), "offsets do not move between Connect clusters"),
            (
                source(json!({ "slotName": "other" })),
                "slotName cannot change: the slot holds the pipeline's position",
            ),
            (source(json!({ "database": "other" })), "database cannot change"),
            (json!({ "topics": { "prefix": "other" } }), "topics.prefix cannot change"),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_cluster_that_kafka_was_seen_of_keeps_its_id() {
    let (ours, other) = ("c2x1aWNlLXRlc3RzLTAwMQ", "c2x1aWNlLXRlc3RzLTAwMg");
    let words = "clusterId must stay what status.clusterId says: it is written on every volume";
    let session = Session::start().await;
    let known = json!({ "clusterId": ours, "bootstrapped": true, "conditions": [] });
    let edit =
        async |shop: &Value, id: Value| session.edit(shop, json!({ "spec": { "clusterId": id } })).await;

    let derived = cluster("derived");
    session.created(&derived).await;
    session.write_status(&derived, known.clone()).await.unwrap();
    assert_refused(edit(&derived, json!(other)).await, words);
    edit(&derived, json!(ours)).await.expect("what is so may be said");
    assert_refused(edit(&derived, json!(null)).await, words);
    assert_refused(edit(&derived, json!(other)).await, words);

    // said before Kafka was seen, and wrong: it can be taken back
    let wrong = with(cluster("wrong"), &json!({ "clusterId": other }));
    session.created(&wrong).await;
    session.write_status(&wrong, known.clone()).await.unwrap();
    session.edit(&wrong, json!({ "spec": { "paused": true } })).await.expect("other fields may change");
    edit(&wrong, json!(null)).await.expect("it was never the cluster's");
}

#[tokio::test]
async fn a_pool_keeps_its_ids_and_roles() {
    let both = ["controller", "broker"];
    let change = |pool: Value| json!({ "pools": [pool] });
    refused(
        pools("shop", &[pool("main", 10, 3, &both)]),
        vec![
            (
                change(pool("main", 11, 3, &both)),
                "firstNodeId of an existing pool cannot change: add a pool instead",
            ),
            (
                change(json!({ "name": "main", "replicas": 3 })),
                "firstNodeId of an existing pool cannot change",
            ),
            (
                json!({ "pools": [pool("main", 10, 3, &["broker"]), pool("more", 20, 3, &both)] }),
                "roles of an existing pool cannot change: add a pool instead",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn storage_keeps_its_type_and_class_and_never_shrinks() {
    let storage =
        |storage: Value| json!({ "pools": [{ "name": "main", "replicas": 3, "storage": storage }] });
    let before = json!({ "size": "10Gi", "class": "fast" });
    refused(
        with(cluster("shop"), &storage(before)),
        vec![
            (
                storage(json!({ "size": "9Gi", "class": "fast" })),
                "storage.size cannot shrink: a volume only grows",
            ),
            (storage(json!({ "size": "9999Mi", "class": "fast" })), "storage.size cannot shrink"),
            (storage(json!({ "size": "10Gi", "class": "slow" })), "storage.class cannot change"),
            (storage(json!({ "size": "10Gi" })), "storage.class cannot change"),
            (
                storage(json!({ "size": "10Gi", "class": "fast", "type": "Ephemeral" })),
                "storage.type cannot change",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_storage_that_shrinks_is_named_by_its_field() {
    let session = Session::start().await;
    session.created(&cluster("shop")).await;
    let small = json!({ "name": "main", "replicas": 3, "storage": { "size": "1Gi" } });
    let answer = session.edit(&cluster("shop"), json!({ "spec": { "pools": [small] } })).await;
    assert_refused(answer, "spec.pools[0].storage.size: Invalid value");
}

// Helm templates write `topicName:` where a value is empty
#[tokio::test]
async fn a_field_that_is_null_counts_as_absent() {
    let session = Session::start().await;
    let mut orders = topic("orders");
    orders["spec"]["topicName"] = Value::Null;
    session.created(&orders).await;
    assert_refused(
        session.edit(&orders, json!({ "spec": { "topicName": "other" } })).await,
        "topicName cannot change",
    );
    session.edit(&orders, json!({ "spec": { "topicName": null, "partitions": 2 } })).await.unwrap();
}
