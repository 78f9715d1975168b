//! Kafka clusters that are changed while somebody writes.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use kube::ResourceExt;
use kube::api::Api;
use serde_json::json;
use sluice_crds::kafka_cluster::Rollout;
use sluice_crds::{KafkaCluster, Topic};

use super::roll::one_down_at_most;
use crate::kubernetes::conditions::ready;
use crate::kubernetes::{self, operator::is_ready};
use crate::scene::kafka::Kafka;
use crate::scene::{Expect, Scene, kafka};
use crate::wait::{chain, said, seconds};

/// A topic that a broker may be missing from, and somebody who writes to it until told to end.
pub async fn safe_topic(s: &Scene<'_>, name: &str) -> Result<()> {
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

pub async fn k04_nobody_leaves_an_isr_that_has_none_to_spare(s: &Scene<'_>) -> Result<()> {
    let kafka = kafka::bring_up(s, "kafka", kafka::spec(3)).await?;
    // broker 2 comes back, and may fetch next to nothing of this topic: whoever writes to it is always ahead
    let throttled =
        ["create", "1", "3", "min.insync.replicas=2", "follower.replication.throttled.replicas=*"];
    s.agent().meddle(&kafka.bootstrap, "held", &throttled).await?;
    s.agent()
        .meddle(&kafka.bootstrap, "-", &["broker", "2", "follower.replication.throttled.rate=1"])
        .await?;
    let producing = s.agent().start_producing(&kafka.bootstrap, "held", "held").await?;
    s.space.kill::<Pod>("kafka-nodes-2").await?;
    s.eventually("broker 2 to be back and out of the ISR", seconds(90), async || {
        let isr = isr(s, &kafka).await?;
        let pod: Pod = s.space.get("kafka-nodes-2").await.map_err(said)?;
        if is_ready(&pod) && isr == BTreeSet::from([0, 1]) { Ok(()) } else { Err(format!("ISR {isr:?}")) }
    })
    .await?;
    let before = kafka::uids(s, "kafka").await?;

    s.merge::<KafkaCluster>("kafka", json!({"spec": {"config": {"queued.max.requests": 600}}})).await?;
    let waits = Expect::refused(&["RollWaiting"], &["held-0", "Config(queued.max.requests)"]);
    s.says::<KafkaCluster>("kafka", &waits, seconds(60)).await?;
    let evictable: Api<Pod> = Api::namespaced(kubernetes::impatient().await?, &s.space.name);
    for pod in ["kafka-nodes-0", "kafka-nodes-1"] {
        let answer = evictable.evict(pod, &Default::default()).await;
        ensure!(
            matches!(&answer, Err(kube::Error::Api(status)) if status.code == 429),
            "the eviction of {pod} should have been refused: {answer:?}"
        );
    }
    s.stays("the brokers of the ISR stay", seconds(15), async || {
        let isr = isr(s, &kafka).await?;
        let now = kafka::uids(s, "kafka").await.map_err(|e| chain(e.as_ref()))?;
        let stayed = before.iter().filter(|(pod, _)| pod != "kafka-nodes-2").all(|pod| now.contains(pod));
        if stayed && isr == BTreeSet::from([0, 1]) { Ok(()) } else { Err(format!("ISR {isr:?}, {now:?}")) }
    })
    .await?;

    s.agent().meddle(&kafka.bootstrap, "-", &["broker", "2"]).await?;
    s.ready::<KafkaCluster>("kafka", seconds(180)).await?;
    let after = kafka::uids(s, "kafka").await?;
    ensure!(after.iter().all(|pod| !before.contains(pod)), "not every pod was restarted: {after:?}");
    let produced = producing.finish().await?;
    ensure!(produced.failed == 0 && produced.acked > 0, "acks=all failed: {produced:?}");
    let consumed = s.agent().consume(&kafka.bootstrap, "held", "held").await?;
    ensure!(consumed.distinct == produced.acked, "{} records acknowledged, {consumed:?}", produced.acked);
    Ok(())
}

async fn isr(s: &Scene<'_>, kafka: &Kafka) -> Result<BTreeSet<i32>, String> {
    let topic = s.agent().topic(&kafka.bootstrap, "held").await.map_err(|e| chain(e.as_ref()))?;
    let partitions = topic.into_iter().flat_map(|topic| topic.partitions);
    Ok(partitions.flat_map(|partition| partition.isr).collect())
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
