//! A small shop: its database → Kafka topics → a warehouse database.
//!
//! `postgres` (the two databases) and `pipeline` (KafkaCluster, ConnectCluster, CdcPipeline) → `files`.

mod pipeline;
mod postgres;

use k8s_openapi::api::core::v1::Namespace;
use kube::core::ObjectMeta;

use super::File;

const NAMESPACE: &str = "shop";
/// Service, StatefulSet and start of the Secrets' names of the source, and of the sink.
const SOURCE: &str = "shop-db";
const SINK: &str = "warehouse-db";
/// The role as which Sluice and its connectors enter both databases.
const ROLE: &str = "sluice";

pub fn files() -> anyhow::Result<Vec<(&'static str, String)>> {
    let namespace =
        File::about(&["The namespace of the example; the other files of this folder live in it."]);
    let databases = File::about(&[
        "Two PostgreSQL databases: `shop`, which the pipeline reads, and `warehouse`, which it writes.",
        "For a look around, not for production: one replica each, and passwords that everybody knows.",
    ]);
    let kafka = File::about(&["Three Kafka nodes, each controller and broker."]);
    let connect = File::about(&["Kafka Connect, with the Debezium plugins of its default image."]);
    let pipeline =
        File::about(&["Every change of three tables of the shop, in topics and in the warehouse."]);
    Ok(vec![
        ("shop/00-namespace.yaml", namespace.theirs(&self::namespace())?.text),
        ("shop/connect.yaml", connect.ours(&pipeline::connect())?.text),
        ("shop/kafka.yaml", kafka.ours(&pipeline::kafka())?.text),
        ("shop/pipeline.yaml", pipeline.ours(&pipeline::pipeline())?.text),
        ("shop/postgres.yaml", postgres::write(databases)?.text),
    ])
}

fn namespace() -> Namespace {
    Namespace {
        metadata: ObjectMeta { name: Some(NAMESPACE.into()), ..Default::default() },
        ..Default::default()
    }
}
