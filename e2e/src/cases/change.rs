//! Kafka clusters that are changed while somebody writes.

use anyhow::{Result, ensure};
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::ResourceExt;
use serde_json::json;
use sluice_crds::kafka_cluster::Rollout;
use sluice_crds::{KafkaCluster, Topic};

use super::roll::one_down_at_most;
use crate::kubernetes::conditions::ready;
use crate::scene::{Scene, kafka};
use crate::wait::{said, seconds};

/// A topic that a broker may be missing from, and somebody who writes to it until told to end.
pub(super) async fn safe_topic(s: &Scene<'_>, name: &str) -> Result<()> {
    s.apply::<Topic>(name, json!({
        "clusterRef": {"name": "kafka"}, "partitions": 6, "replicationFactor": 3, "config": {"min.insync.replicas": 2},
    }))
    .await?;
    s.ready::<Topic>(name, seconds(15)).await.map(drop)
}

pub async fn k03_a_listener_is_added_one_by_one(s: &Scene<'_>) -> Result<()> {
    let kafka = kafka::bring_up(s, "kafka", kafka::spec(3)).await?;
    safe_topic(s, "safe").await?;
    let before = kafka::uids(s, "kafka").await?;
    let producing = s.agent().start_producing(&kafka.bootstrap, "safe", "listener").await?;

    let listeners = json!([{"name": "plain", "port": 9092}, {"name": "more", "port": 9094}]);
    s.merge::<KafkaCluster>("kafka", json!({"spec": {"listeners": listeners}})).await?;
    let mut told: Vec<Rollout> = Vec::new();
    let cluster =
        one_down_at_most(s, "the cluster to be Ready with the listener", seconds(180), async || {
            let cluster: KafkaCluster = s.space.get("kafka").await.map_err(said)?;
            told.extend(cluster.status.clone().and_then(|status| status.rollout));
            ready(&cluster).map(|_| cluster)
        })
        .await?;
    ensure!(!told.is_empty(), "status never told of a roll");
    ensure!(told.iter().all(|rollout| rollout.reasons == ["Listeners"]), "{told:?}");
    ensure!(told.iter().any(|rollout| rollout.done.len() == 2), "status never told what is done: {told:?}");
    let after = kafka::uids(s, "kafka").await?;
    ensure!(after.iter().all(|pod| !before.contains(pod)), "not every pod was restarted: {after:?}");

    let produced = producing.finish().await?;
    ensure!(produced.failed == 0 && produced.acked > 0, "acks=all failed during the roll: {produced:?}");
    let listeners = cluster.status.unwrap_or_default().listeners;
    let more = listeners.iter().find(|listener| listener.name == "more").map(|l| l.bootstrap_servers.clone());
    let consumed = s.agent().consume(&more.unwrap_or_default(), "safe", "listener").await?;
    ensure!(consumed.distinct == produced.acked, "{} records acknowledged, {consumed:?}", produced.acked);
    Ok(())
}

pub async fn k15_volumes_grow_and_do_not_shrink(s: &Scene<'_>) -> Result<()> {
    kafka::bring_up(s, "kafka", kafka::spec(1)).await?;
    let before = kafka::uids(s, "kafka").await?;
    let sized = |size: &str| {
        let mut spec = kafka::spec(1);
        spec["pools"][0]["storage"]["size"] = size.into();
        spec
    };
    s.apply::<KafkaCluster>("kafka", sized("1536Mi")).await?;
    s.eventually("the volume to have grown", seconds(60), async || {
        let claims =
            s.space.list::<PersistentVolumeClaim>("app.kubernetes.io/instance=kafka").await.map_err(said)?;
        let there: Vec<_> = claims.iter().map(capacity).collect();
        if there == ["1536Mi"] { Ok(()) } else { Err(format!("{there:?}")) }
    })
    .await?;
    s.ready::<KafkaCluster>("kafka", seconds(20)).await?;
    ensure!(kafka::uids(s, "kafka").await? == before, "pods were restarted for a larger volume");
    let words = s.refused::<KafkaCluster>("kafka", sized("1Gi")).await?;
    ensure!(
        words.contains("spec.pools[0].storage.size") && words.contains("cannot shrink"),
        "it should name the field: {words}"
    );
    Ok(())
}

/// As the volume has it, not as the claim asks for it.
fn capacity(claim: &PersistentVolumeClaim) -> String {
    let status = claim.status.as_ref().and_then(|status| status.capacity.as_ref());
    let size = status.and_then(|capacity| capacity.get("storage")).map(|quantity| quantity.0.clone());
    size.unwrap_or_else(|| format!("none of {}", claim.name_any()))
}
