//! Kafka clusters whose nodes restart, or fail to.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Result, ensure};
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::ResourceExt;
use serde_json::{Value, json};
use sluice_crds::{KafkaCluster, Topic};

use crate::kubernetes::conditions::{current, ready, verdict};
use crate::kubernetes::operator::{Operator, is_ready};
use crate::scene::{Expect, Scene, kafka};
use crate::wait::{chain, said, seconds};

pub async fn k05_a_bad_option_takes_one_broker_at_most(s: &Scene<'_>) -> Result<()> {
    kafka::bring_up(s, "kafka", kafka::spec(3)).await?;
    let good = json!(kafka::FLAGS);
    let bad_option = json!({"options": [kafka::FLAGS[0], kafka::FLAGS[1], "-XX:+NoSuchOption"]});
    let pool = |jvm: &Value| {
        let mut pools = kafka::spec(3)["pools"].clone();
        pools[0]["jvm"] = jvm.clone();
        pools[0]["jvm"]["heap"] = "256Mi".into();
        json!({"spec": {"pools": pools}})
    };
    one_falls_and_is_healed(s, pool(&bad_option), pool(&json!({"options": good})), "CrashLoop").await?;
    let image = |image: Value| json!({"spec": {"image": image}});
    one_falls_and_is_healed(
        s,
        image("docker.io/apache/kafka:no-such".into()),
        image(Value::Null),
        "ImageError",
    )
    .await
}

/// After `harm` exactly one node is down, and named with `state`; after `heal` all serve, the others untouched.
async fn one_falls_and_is_healed(s: &Scene<'_>, harm: Value, heal: Value, state: &str) -> Result<()> {
    let before = kafka::uids(s, "kafka").await?;
    s.merge::<KafkaCluster>("kafka", harm).await?;
    let said_so = Expect::refused(&["NodeFailing"], &["kafka-nodes-"]);
    let cluster = one_down_at_most(s, "the harmed cluster to say NodeFailing", seconds(60), async || {
        let cluster: KafkaCluster = s.space.get("kafka").await.map_err(said)?;
        if said_so.met(&current(&cluster)?) { Ok(cluster) } else { Err(verdict(&cluster)) }
    })
    .await?;
    let nodes = cluster.status.unwrap_or_default().nodes;
    let failing: Vec<_> = nodes.iter().filter(|node| node.state == state).collect();
    ensure!(failing.len() == 1, "one node should be in {state}: {nodes:?}");
    let fallen = failing[0].pod.clone();
    s.stays("the two others serve", seconds(10), async || {
        let down = down(s).await?;
        if down.iter().all(|name| *name == fallen) { Ok(()) } else { Err(down.join(" ")) }
    })
    .await?;
    s.merge::<KafkaCluster>("kafka", heal).await?;
    one_down_at_most(s, "the healed cluster to be Ready", seconds(180), async || {
        let cluster: KafkaCluster = s.space.get("kafka").await.map_err(said)?;
        ready(&cluster)
    })
    .await?;
    let after = kafka::uids(s, "kafka").await?;
    for (pod, uid) in before {
        let kept = after.iter().any(|(name, now)| *name == pod && *now == uid);
        ensure!(kept || pod == fallen, "{pod} was restarted, although it had nothing to do with it");
    }
    Ok(())
}

/// Waits for `look`, and at every sample until then looks who is down: that must never be two.
pub async fn one_down_at_most<T>(
    s: &Scene<'_>,
    what: &str,
    within: Duration,
    mut look: impl AsyncFnMut() -> Result<T, String>,
) -> Result<T> {
    let mut too_many = None;
    let found = s.eventually(what, within, async || {
        let down = down(s).await?;
        if down.len() > 1 {
            too_many.get_or_insert(down);
        }
        look().await
    });
    let found = found.await?;
    ensure!(too_many.is_none(), "{too_many:?} were down together before {what}");
    Ok(found)
}

/// Which of the three nodes do not serve; a pod that is not there does not either.
pub async fn down(s: &Scene<'_>) -> Result<Vec<String>, String> {
    let pods = kafka::pods(s, "kafka").await.map_err(|e| chain(e.as_ref()))?;
    let serves = |name: &String| pods.iter().any(|pod| pod.name_any() == *name && is_ready(pod));
    Ok((0..3).map(|id| format!("kafka-nodes-{id}")).filter(|name| !serves(name)).collect())
}

pub async fn k06_a_roll_survives_the_operator(s: &Scene<'_>) -> Result<()> {
    let kafka = kafka::bring_up(s, "kafka", kafka::spec(3)).await?;
    s.apply::<Topic>("safe", json!({
        "clusterRef": {"name": "kafka"}, "partitions": 6, "replicationFactor": 3, "config": {"min.insync.replicas": 2},
    }))
    .await?;
    s.ready::<Topic>("safe", seconds(15)).await?;
    let operator = s.operator().await?;
    let before: BTreeMap<String, String> = kafka::uids(s, "kafka").await?.into_iter().collect();
    let producing = s.agent().start_producing(&kafka.bootstrap, "safe", "roll").await?;

    s.merge::<KafkaCluster>("kafka", json!({"spec": {"config": {"queued.max.requests": 600}}})).await?;
    let mut lives: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    s.eventually("a moment between two nodes", seconds(120), async || {
        let (done, down) = (renewed(s, &before, &mut lives).await?, down(s).await?);
        if (1..3).contains(&done) && down.is_empty() {
            Ok(())
        } else {
            Err(format!("{done} done, down: {down:?}"))
        }
    })
    .await?;
    operator.kill().await?;
    s.eventually("the next node to be down", seconds(120), async || {
        let (done, down) = (renewed(s, &before, &mut lives).await?, down(s).await?);
        if down.is_empty() { Err(format!("{done} done, none is down")) } else { Ok(()) }
    })
    .await?;
    operator.kill().await?;
    s.eventually("all nodes restarted and the cluster Ready", seconds(180), async || {
        let done = renewed(s, &before, &mut lives).await?;
        let cluster: KafkaCluster = s.space.get("kafka").await.map_err(said)?;
        ready(&cluster)?;
        if done == 3 { Ok(()) } else { Err(format!("{done} nodes restarted")) }
    })
    .await?;
    s.stays("no pod is restarted again", seconds(5), async || {
        renewed(s, &before, &mut lives).await?;
        if lives.values().all(|uids| uids.len() == 2) { Ok(()) } else { Err(format!("{lives:?}")) }
    })
    .await?;
    let produced = producing.finish().await?;
    ensure!(produced.failed == 0 && produced.acked > 0, "acks=all failed during the roll: {produced:?}");
    let consumed = s.agent().consume(&kafka.bootstrap, "safe", "roll").await?;
    ensure!(consumed.distinct == produced.acked, "{} records acknowledged, {consumed:?}", produced.acked);
    Ok(())
}

/// How many pods are ready in another life than `before`; notes every life it sees.
async fn renewed(
    s: &Scene<'_>,
    before: &BTreeMap<String, String>,
    lives: &mut BTreeMap<String, BTreeSet<String>>,
) -> Result<usize, String> {
    let pods = kafka::pods(s, "kafka").await.map_err(|e| chain(e.as_ref()))?;
    for pod in &pods {
        let seen = lives.entry(pod.name_any()).or_default();
        seen.extend(before.get(&pod.name_any()).cloned());
        seen.extend(pod.uid());
    }
    Ok(pods.iter().filter(|pod| is_ready(pod) && before.get(&pod.name_any()) != pod.uid().as_ref()).count())
}

pub async fn k13_kafka_returns_without_the_operator(s: &Scene<'_>) -> Result<()> {
    let kafka = kafka::bring_up(s, "kafka", kafka::spec(3)).await?;
    s.apply::<Topic>("kept", json!({"clusterRef": {"name": "kafka"}, "partitions": 3})).await?;
    s.ready::<Topic>("kept", seconds(15)).await?;
    let first = s.agent().produce(&kafka.bootstrap, "kept", 100, "before").await?;
    ensure!(first.acked == 100, "{first:?}");

    let operator = s.operator().await?;
    operator.scale(&s.task, 0).await?;
    let returned = without_operator(s, &kafka).await;
    // also when that failed: the cases after this one need it
    operator.scale(&s.task, 1).await?;
    returned?;
    s.ready::<KafkaCluster>("kafka", seconds(60)).await?;
    s.ready::<Topic>("kept", seconds(30)).await?;
    a_refused_spec_takes_nobody_down(s, &operator).await
}

/// Also not when Sluice restarts meanwhile: topics are looked after, and what stands around the pods is repaired.
async fn a_refused_spec_takes_nobody_down(s: &Scene<'_>, operator: &Operator) -> Result<()> {
    let before = kafka::uids(s, "kafka").await?;
    let key = |value: Value| json!({"spec": {"config": {"log.retention.hour": value}}});
    s.merge::<KafkaCluster>("kafka", key(24.into())).await?;
    let refused = Expect::refused(&["UnknownConfig"], &["log.retention.hours"]);
    s.says::<KafkaCluster>("kafka", &refused, seconds(10)).await?;
    operator.kill().await?;
    s.merge::<Topic>("kept", json!({"spec": {"partitions": 4}})).await?;
    s.ready::<Topic>("kept", seconds(60)).await?;
    s.space.delete::<Service>("kafka-bootstrap").await?;
    s.eventually("the Service to be made again", seconds(5), async || {
        s.space.get::<Service>("kafka-bootstrap").await.map(drop).map_err(said)
    })
    .await?;
    s.merge::<KafkaCluster>("kafka", key(Value::Null)).await?;
    s.ready::<KafkaCluster>("kafka", seconds(30)).await?;
    ensure!(kafka::uids(s, "kafka").await? == before, "pods were restarted for a spec that was refused");
    Ok(())
}

async fn without_operator(s: &Scene<'_>, kafka: &kafka::Kafka) -> Result<()> {
    let before = kafka::uids(s, "kafka").await?;
    for (pod, _) in &before {
        s.space.kill::<Pod>(pod).await?;
    }
    s.eventually("three new pods to be ready", seconds(90), async || {
        let pods = kafka::pods(s, "kafka").await.map_err(|e| chain(e.as_ref()))?;
        let old = |pod: &Pod| before.iter().any(|(_, uid)| pod.uid().as_ref() == Some(uid));
        let ready = pods.iter().filter(|pod| is_ready(pod) && !old(pod)).count();
        if ready == 3 { Ok(()) } else { Err(format!("{ready} ready")) }
    })
    .await?;
    let second = s.agent().produce(&kafka.bootstrap, "kept", 100, "after").await?;
    ensure!(second.acked == 100, "{second:?}");
    let all = s.agent().consume(&kafka.bootstrap, "kept", "").await?;
    ensure!(all.distinct == 200, "200 records were acknowledged, {all:?}");
    Ok(())
}
