//! Bad input: refused as early as it can be, with the field and the way out, and no harm to anything else.

use anyhow::{Result, ensure};
use k8s_openapi::api::core::v1::Secret;
use serde_json::{Value, json};
use sluice_crds::{CdcPipeline, ConnectCluster, Connector, KafkaCluster, Topic};

use super::pipeline::nothing_was_made;
use crate::kubernetes::objects::Object;
use crate::scene::pipeline::Shop;
use crate::scene::postgres::{self, PASSWORD};
use crate::scene::{Expect, Scene, kafka, with};
use crate::wait::seconds;

pub async fn b01_wrong_references_are_named(s: &Scene<'_>) -> Result<()> {
    let connection =
        json!({"host": "db", "database": "d", "user": "u", "password": {"name": "p", "key": "password"}});
    s.apply::<Topic>("topic", json!({"clusterRef": {"name": "nowhere"}})).await?;
    s.apply::<ConnectCluster>("connect", json!({"clusterRef": {"name": "nowhere"}})).await?;
    s.apply::<Connector>("connector", json!({"connectRef": {"name": "nobody"}, "class": "com.example.Any"}))
        .await?;
    let pipeline = json!({
        "connectRef": {"name": "nobody"}, "source": {"postgres": connection}, "tables": ["public.orders"],
    });
    s.apply::<CdcPipeline>("pipeline", pipeline).await?;
    let cluster = Expect::refused(&["ClusterMissing"], &["nowhere"]);
    let connect = Expect::refused(&["ConnectMissing"], &["nobody"]);
    s.says::<Topic>("topic", &cluster, seconds(10)).await?;
    s.says::<ConnectCluster>("connect", &cluster, seconds(10)).await?;
    s.says::<Connector>("connector", &connect, seconds(10)).await?;
    s.says::<CdcPipeline>("pipeline", &connect, seconds(10)).await?;
    kafka::bring_up(s, "nowhere", kafka::spec(1)).await?;
    s.ready::<Topic>("topic", seconds(10)).await.map(drop)
}

pub async fn b02_the_schema_refuses_what_cannot_be_meant(s: &Scene<'_>) -> Result<()> {
    let on = json!({"name": "kafka"});
    let topics = [
        (json!({"clusterRef": on, "retention": {"time": "7 days"}}), "spec.retention.time"),
        (json!({"clusterRef": on, "retention": {"size": "10G"}}), "spec.retention.size"),
        (json!({"clusterRef": on, "partitions": 0}), "spec.partitions"),
        (json!({"clusterRef": on, "partitions": "three"}), "spec.partitions"),
        (json!({"clusterRef": on, "replicationFactor": 0}), "spec.replicationFactor"),
        (json!({"clusterRef": on, "topicName": "no spaces"}), "spec.topicName"),
        (json!({"clusterRef": on, "topicName": "__cluster_metadata"}), "reserved by Kafka"),
        (json!({"clusterRef": on, "cleanupPolicy": "compact"}), "spec.cleanupPolicy"),
        (json!({"partitions": 1}), "spec.clusterRef"),
    ];
    for (spec, word) in topics {
        refused::<Topic>(s, spec, word).await?;
    }
    let pool = |more: Value| {
        let mut spec = kafka::spec(1);
        spec["pools"][0] = with(spec["pools"][0].take(), more);
        spec
    };
    let two = |second: i32| {
        let mut spec = pool(json!({"firstNodeId": 0, "replicas": 3}));
        let more = json!({"name": "more", "replicas": 3, "firstNodeId": second});
        spec["pools"] = json!([spec["pools"][0], more]);
        spec
    };
    let clusters = [
        (pool(json!({"storage": {"size": "10G"}})), "spec.pools[0].storage.size"),
        (pool(json!({"jvm": {"heap": "lots"}})), "spec.pools[0].jvm.heap"),
        (pool(json!({"replicas": 0})), "spec.pools[0].replicas"),
        (pool(json!({"name": "Nodes"})), "spec.pools[0].name"),
        (pool(json!({"roles": ["broker"]})), "one pool needs the role controller"),
        (two(2), "node ids of two pools overlap"),
    ];
    for (spec, word) in clusters {
        refused::<KafkaCluster>(s, spec, word).await?;
    }
    let database = json!({"host": "db", "database": "d", "user": "u", "password": {"name": "p", "key": "k"}});
    let pipeline = |tables: Value, port: i32| {
        let mut postgres = database.clone();
        postgres["port"] = port.into();
        json!({"connectRef": {"name": "connect"}, "source": {"postgres": postgres}, "tables": tables})
    };
    refused::<CdcPipeline>(s, pipeline(json!([]), 5432), "spec.tables").await?;
    refused::<CdcPipeline>(s, pipeline(json!(["orders"]), 5432), "spec.tables[0]").await?;
    refused::<CdcPipeline>(s, pipeline(json!(["public.orders"]), 70_000), "spec.source.postgres.port")
        .await?;
    refused::<ConnectCluster>(s, json!({"clusterRef": on, "replicas": -1}), "spec.replicas").await?;
    refused::<Connector>(s, json!({"connectRef": on, "class": ""}), "spec.class").await?;

    // what may be declared, but not changed afterwards
    s.apply::<Topic>("fixed", json!({"clusterRef": on, "partitions": 3})).await?;
    let moved =
        s.refused::<Topic>("fixed", json!({"clusterRef": {"name": "other"}, "partitions": 3})).await?;
    ensure!(moved.contains("clusterRef cannot change"), "{moved}");
    Ok(())
}

async fn refused<K: Object>(s: &Scene<'_>, spec: Value, word: &str) -> Result<()> {
    let said = s.refused::<K>("refused", spec).await?;
    ensure!(said.contains(word), "the refusal should name {word}: {said}");
    Ok(())
}

pub async fn b03_unknown_keys_are_refused_with_the_nearest(s: &Scene<'_>) -> Result<()> {
    let kafka = s.shared_kafka().await?;
    let topic = |config: Value| json!({"clusterRef": {"name": kafka.name}, "config": config, "deletionPolicy": "Delete"});
    s.apply::<Topic>("b3-typo", topic(json!({"retention.mss": 5}))).await?;
    s.says::<Topic>(
        "b3-typo",
        &Expect::refused(&["InvalidConfig"], &["retention.mss", "retention.ms"]),
        seconds(10),
    )
    .await?;
    let mut twice = topic(json!({"retention.ms": 5}));
    twice["retention"] = json!({"time": "1h"});
    s.apply::<Topic>("b3-twice", twice).await?;
    s.says::<Topic>("b3-twice", &Expect::refused(&["InvalidConfig"], &["retention.ms"]), seconds(10)).await?;
    let kafka_says_no = topic(json!({"min.insync.replicas": -7}));
    s.apply::<Topic>("b3-value", kafka_says_no).await?;
    s.says::<Topic>(
        "b3-value",
        &Expect::refused(&["InvalidConfig", "KafkaRefused"], &["min.insync.replicas"]),
        seconds(10),
    )
    .await?;
    let found = s.agent().topics(&kafka.bootstrap).await?;
    ensure!(
        !found.iter().any(|t| t.name.starts_with("b3-")),
        "a topic was created with a config that is refused"
    );

    let worker = |config: Value| json!({"clusterRef": {"name": kafka.name}, "config": config});
    s.apply::<ConnectCluster>("b3-worker", worker(json!({"group.id": "mine"}))).await?;
    s.says::<ConnectCluster>("b3-worker", &Expect::refused(&["ReservedConfig"], &["group.id"]), seconds(10))
        .await?;
    s.apply::<ConnectCluster>("b3-typo", worker(json!({"offset.flush.intervall.ms": 5000}))).await?;
    let nearest = Expect::refused(&["UnknownConfig"], &["offset.flush.interval.ms"]);
    s.says::<ConnectCluster>("b3-typo", &nearest, seconds(10)).await?;
    Ok(())
}

pub async fn b04_missing_secrets_are_named(s: &Scene<'_>) -> Result<()> {
    let (connect, database) = (s.shared_connect().await?, s.shared_postgres().await?);
    let shop = Shop::open(s, s.agent(), database, database, "b4").await?;
    let mut spec = shop.spec(connect, database, database);
    spec["source"]["postgres"]["password"] = json!({"name": "b4-later", "key": "password"});
    s.apply::<CdcPipeline>("b4", spec).await?;
    let missing = Expect { status: "False", reasons: &["SecretMissing"], words: &["b4-later"] };
    s.says::<CdcPipeline>("b4", &missing, seconds(10)).await?;
    nothing_was_made(s, "b4").await?;
    // a Secret without the key is no better
    s.apply_object::<Secret>("b4-later", json!({"stringData": {"other": "x"}})).await?;
    let no_key = Expect { status: "False", reasons: &["SecretMissing"], words: &["b4-later", "password"] };
    s.says::<CdcPipeline>("b4", &no_key, seconds(10)).await?;
    postgres::secret(s, "b4-later", PASSWORD).await?;
    s.ready::<CdcPipeline>("b4", seconds(60)).await?;
    shop.same(s, 30).await
}

pub async fn b05_an_unreachable_database_is_named(s: &Scene<'_>) -> Result<()> {
    let (connect, database) = (s.shared_connect().await?, s.shared_postgres().await?);
    let shop = Shop::open(s, s.agent(), database, database, "b5").await?;
    let spec = shop.spec(connect, database, database);
    let altered = |field: &str, value: Value| {
        let mut spec = spec.clone();
        spec["source"]["postgres"][field] = value;
        spec
    };
    postgres::secret(s, "b5-wrong", "not the password").await?;
    let mut table = spec.clone();
    table["tables"] = json!(["public.nothing"]);
    let password = json!({"name": "b5-wrong", "key": "password"});
    let unreachable = Expect::unknown(&["SourceUnreachable"], &["nowhere.invalid", "since"]);
    let denied = Expect::refused(&["SourceDenied"], &["password", "postgres"]);
    let no_database = Expect::refused(&["SourceDenied"], &["b5_nothing"]);
    let no_table = Expect::refused(&["PreflightFailed"], &["public.nothing", "no table"]);
    let wrong = [
        ("b5-host", altered("host", "nowhere.invalid".into()), unreachable),
        ("b5-password", altered("password", password), denied),
        ("b5-database", altered("database", "b5_nothing".into()), no_database),
        ("b5-table", table, no_table),
    ];
    for (name, spec, _) in &wrong {
        s.apply::<CdcPipeline>(name, spec.clone()).await?;
    }
    for (name, _, told) in &wrong {
        s.says::<CdcPipeline>(name, told, seconds(30)).await?;
        nothing_was_made(s, name).await?;
    }
    Ok(())
}

pub async fn b06_an_unknown_plugin_is_named(s: &Scene<'_>) -> Result<()> {
    let connect = s.shared_connect().await?;
    let spec =
        json!({"connectRef": {"name": connect.name}, "class": "io.debezium.connector.postgresql.Postgres"});
    s.apply::<Connector>("b6", spec).await?;
    let nearest = "io.debezium.connector.postgresql.PostgresConnector";
    s.says::<Connector>("b6", &Expect::refused(&["PluginMissing"], &[nearest]), seconds(10)).await.map(drop)
}
