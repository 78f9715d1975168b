//! Kafka clusters whose nodes restart, or fail to.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use serde_json::{Value, json};
use sluice_crds::{KafkaCluster, Topic};

use crate::kubernetes::operator::is_ready;
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
    let cluster = s.says::<KafkaCluster>("kafka", &said_so, seconds(60)).await?;
    let nodes = cluster.status.unwrap_or_default().nodes;
    let failing: Vec<_> = nodes.iter().filter(|node| node.state == state).collect();
    ensure!(failing.len() == 1, "one node should be in {state}: {nodes:?}");
    let fallen = failing[0].pod.clone();
    s.stays("the two others serve", seconds(10), async || {
        let pods = kafka::pods(s, "kafka").await.map_err(|e| chain(e.as_ref()))?;
        let down: Vec<_> = pods.iter().filter(|pod| !is_ready(pod)).map(ResourceExt::name_any).collect();
        if down.iter().all(|name| *name == fallen) && pods.len() == 3 { Ok(()) } else { Err(down.join(" ")) }
    })
    .await?;
    s.merge::<KafkaCluster>("kafka", heal).await?;
    s.ready::<KafkaCluster>("kafka", seconds(90)).await?;
    let after = kafka::uids(s, "kafka").await?;
    for (pod, uid) in before {
        let kept = after.iter().any(|(name, now)| *name == pod && *now == uid);
        ensure!(kept || pod == fallen, "{pod} was restarted, although it had nothing to do with it");
    }
    Ok(())
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
    for killed_at in [1, 2] {
        s.eventually(&format!("{killed_at} of 3 nodes restarted"), seconds(120), async || {
            let done = renewed(s, &before, &mut lives).await?;
            if done >= killed_at { Ok(()) } else { Err(format!("{done}")) }
        })
        .await?;
        operator.kill().await?;
    }
    s.eventually("all nodes restarted and the cluster Ready", seconds(180), async || {
        let done = renewed(s, &before, &mut lives).await?;
        let cluster: KafkaCluster = s.space.get("kafka").await.map_err(said)?;
        crate::kubernetes::conditions::ready(&cluster)?;
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
    s.ready::<Topic>("kept", seconds(30)).await.map(drop)
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
