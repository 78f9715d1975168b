//! Small Kafka clusters.

use std::time::Duration;

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use serde_json::{Value, json};
use sluice_crds::KafkaCluster;

use super::Place;
use crate::wait::seconds;

/// A broker's pods start in seconds; on a busy machine with two cores three JVMs take longer.
pub const UP: Duration = seconds(120);
pub const FLAGS: [&str; 2] = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];

pub struct Kafka {
    pub name: String,
    pub bootstrap: String,
}

/// Nodes with both roles, small heaps, and as many replicas as nodes allow.
pub fn spec(nodes: i32) -> Value {
    let replicas = nodes.min(3);
    let in_sync = (replicas - 1).max(1);
    json!({
        "pools": [{
            "name": "nodes", "replicas": nodes,
            "storage": {"type": "Persistent", "size": "1Gi"},
            "jvm": {"heap": "256Mi", "options": FLAGS},
        }],
        "deletionPolicy": "Delete",
        "config": {
            "default.replication.factor": replicas,
            "min.insync.replicas": in_sync,
            "offsets.topic.replication.factor": replicas,
            "offsets.topic.num.partitions": 5,
            "transaction.state.log.replication.factor": replicas,
            "transaction.state.log.min.isr": in_sync,
            "transaction.state.log.num.partitions": 5,
            "group.initial.rebalance.delay.ms": 0,
            // the default takes half of these heaps
            "log.cleaner.dedupe.buffer.size": 8 << 20,
        },
    })
}

/// One of each kind.
pub fn listeners() -> Value {
    json!([
        {"name": "plain", "port": 9092},
        {"name": "open", "port": 9093, "tls": true},
        {"name": "apps", "port": 9094, "tls": true, "authentication": "scram-sha-512"},
        {"name": "bare", "port": 9095, "authentication": "scram-sha-512"},
        {"name": "certs", "port": 9096, "tls": true, "authentication": "tls"},
    ])
}

pub async fn bring_up(place: &Place, name: &str, spec: Value) -> Result<Kafka> {
    place.apply::<KafkaCluster>(name, spec).await?;
    let cluster = place.ready::<KafkaCluster>(name, UP).await?;
    let listeners = cluster.status.unwrap_or_default().listeners;
    let plain =
        listeners.into_iter().find(|l| l.name == "plain").context("status has no listener `plain`")?;
    Ok(Kafka { name: name.into(), bootstrap: plain.bootstrap_servers })
}

/// Pods of a cluster with their uids, in order of their names.
pub async fn pods(place: &Place, cluster: &str) -> Result<Vec<Pod>> {
    let selector = format!("app.kubernetes.io/name=kafka,app.kubernetes.io/instance={cluster}");
    let mut pods = place.space.list::<Pod>(&selector).await?;
    pods.sort_by_key(ResourceExt::name_any);
    Ok(pods)
}

pub async fn uids(place: &Place, cluster: &str) -> Result<Vec<(String, String)>> {
    Ok(pods(place, cluster)
        .await?
        .iter()
        .map(|pod| (pod.name_any(), pod.uid().unwrap_or_default()))
        .collect())
}
