//! Topics, and Kafka's opinion of them.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};
use sluice_crds::{KafkaCluster, Topic};

use crate::agent::kafka::TopicFacts;
use crate::cases::unparsable::warned;
use crate::scene::{Expect, Kafka, Scene, kafka, with};
use crate::wait::{chain, seconds};

/// A topic on `kafka` that goes when its object goes.
fn topic(kafka: &Kafka, more: Value) -> Value {
    with(json!({"clusterRef": {"name": kafka.name}, "deletionPolicy": "Delete"}), more)
}

async fn in_kafka(s: &Scene<'_>, kafka: &Kafka, name: &str) -> Result<Option<TopicFacts>> {
    s.agent().topic(&kafka.bootstrap, name).await
}

pub async fn t01_ten_lives(s: &Scene<'_>) -> Result<()> {
    let kafka = s.shared_kafka().await?;
    let mut ids = std::collections::BTreeSet::new();
    for life in 1..=10_usize {
        let retention = json!({"time": format!("{life}h")});
        s.apply::<Topic>("t1-lives", topic(kafka, json!({"partitions": life, "retention": retention})))
            .await?;
        let ready = s.ready::<Topic>("t1-lives", seconds(10)).await?;
        ids.extend(ready.status.and_then(|status| status.topic_id));
        let found =
            in_kafka(s, kafka, "t1-lives").await?.with_context(|| format!("life {life}: not in Kafka"))?;
        ensure!(found.partitions.len() == life, "life {life} has {} partitions", found.partitions.len());
        let configs = s.agent().topic_configs(&kafka.bootstrap, "t1-lives").await?;
        let kept = configs.get("retention.ms").cloned().unwrap_or_default();
        ensure!(kept == (life * 3_600_000).to_string(), "life {life} has retention.ms={kept}");
        s.remove::<Topic>("t1-lives", seconds(10)).await?;
        ensure!(in_kafka(s, kafka, "t1-lives").await?.is_none(), "life {life}: still in Kafka");
    }
    ensure!(ids.len() == 10, "ten topics should have ten ids: {ids:?}");
    Ok(())
}

pub async fn t02_impossible_changes_are_refused(s: &Scene<'_>) -> Result<()> {
    let kafka = s.shared_kafka().await?;
    s.apply::<Topic>("t2-fixed", topic(kafka, json!({"partitions": 3}))).await?;
    s.ready::<Topic>("t2-fixed", seconds(10)).await?;
    let said = s.refused::<Topic>("t2-fixed", topic(kafka, json!({"partitions": 2}))).await?;
    ensure!(said.contains("partitions cannot decrease"), "{said}");
    let said =
        s.refused::<Topic>("t2-fixed", topic(kafka, json!({"partitions": 3, "topicName": "other"}))).await?;
    ensure!(said.contains("topicName cannot change"), "{said}");

    s.apply::<Topic>("t2-wide", topic(kafka, json!({"partitions": 1, "replicationFactor": 5}))).await?;
    let refused = Expect::refused(&["NotEnoughBrokers"], &["replicationFactor", "5", "3"]);
    s.says::<Topic>("t2-wide", &refused, seconds(10)).await?;
    let found = s.agent().topics(&kafka.bootstrap).await?;
    ensure!(
        !found.iter().any(|t| t.name == "t2-wide"),
        "a topic was created for a replication factor that is refused"
    );
    let fixed = found.iter().find(|t| t.name == "t2-fixed").context("t2-fixed is gone")?;
    ensure!(fixed.partitions.len() == 3, "t2-fixed has {} partitions", fixed.partitions.len());
    Ok(())
}

pub async fn t03_drift_is_seen(s: &Scene<'_>) -> Result<()> {
    let kafka = s.shared_kafka().await?;
    let spec = topic(
        kafka,
        json!({"partitions": 3, "retention": {"time": "1h"}, "config": {"max.message.bytes": 500_000}}),
    );
    s.apply::<Topic>("t3-drift", spec).await?;
    s.ready::<Topic>("t3-drift", seconds(10)).await?;

    let meddled = ["config", "retention.ms=5000", "cleanup.policy=compact"];
    s.agent().meddle(&kafka.bootstrap, "t3-drift", &meddled).await?;
    s.eventually("the declared configuration to be back", seconds(10), async || {
        let configs =
            s.agent().topic_configs(&kafka.bootstrap, "t3-drift").await.map_err(|e| chain(e.as_ref()))?;
        let is = |key: &str, value: &str| configs.get(key).is_some_and(|now| now == value);
        let back = is("retention.ms", "3600000")
            && is("max.message.bytes", "500000")
            && is("cleanup.policy", "delete");
        let shown =
            ["retention.ms", "max.message.bytes", "cleanup.policy"].map(|key| (key, configs.get(key)));
        back.then_some(()).ok_or_else(|| format!("{shown:?}"))
    })
    .await?;
    s.ready::<Topic>("t3-drift", seconds(10)).await?;

    s.agent().meddle(&kafka.bootstrap, "t3-drift", &["grow", "5"]).await?;
    let seen = Expect::refused(&["PartitionsDiffer"], &["5", "3"]);
    let told = s.says::<Topic>("t3-drift", &seen, seconds(10)).await?;
    ensure!(told.status.unwrap_or_default().partitions == Some(5), "status should show what Kafka has");
    s.merge::<Topic>("t3-drift", json!({"spec": {"partitions": 5}})).await?;
    let ready = s.ready::<Topic>("t3-drift", seconds(10)).await?;

    // deleted behind our back: it is there again, empty, and that is told
    let before = ready.status.and_then(|status| status.topic_id);
    s.agent().meddle(&kafka.bootstrap, "t3-drift", &["delete"]).await?;
    warned(s, "TopicLost", "t3-drift").await?;
    s.eventually("the topic to be there again", seconds(10), async || {
        let topic = s.get::<Topic>("t3-drift").await.map_err(|e| chain(e.as_ref()))?;
        let now = topic.status.and_then(|status| status.topic_id);
        if now.is_some() && now != before { Ok(()) } else { Err(format!("{before:?} → {now:?}")) }
    })
    .await?;
    s.ready::<Topic>("t3-drift", seconds(10)).await.map(drop)
}

pub async fn t05_the_older_claim_wins(s: &Scene<'_>) -> Result<()> {
    let kafka = s.shared_kafka().await?;
    s.apply::<Topic>("t5-first", topic(kafka, json!({"partitions": 2, "topicName": "t5-wanted"}))).await?;
    s.ready::<Topic>("t5-first", seconds(10)).await?;
    s.apply::<Topic>("t5-second", topic(kafka, json!({"partitions": 4, "topicName": "t5-wanted"}))).await?;
    s.says::<Topic>("t5-second", &Expect::refused(&["NameClaimed"], &["t5-wanted", "t5-first"]), seconds(10))
        .await?;
    s.ready::<Topic>("t5-first", seconds(1)).await?;
    let found = in_kafka(s, kafka, "t5-wanted").await?.context("t5-wanted is gone")?;
    ensure!(
        found.partitions.len() == 2,
        "the second claim was carried out: {} partitions",
        found.partitions.len()
    );

    // the loser's end does not touch the winner's topic
    s.remove::<Topic>("t5-second", seconds(10)).await?;
    ensure!(in_kafka(s, kafka, "t5-wanted").await?.is_some(), "the loser's deletion took the winner's topic");
    Ok(())
}

pub async fn t06_deletion_follows_its_policy(s: &Scene<'_>) -> Result<()> {
    let kafka = kafka::bring_up(s, "kafka", kafka::spec(1)).await?;
    for (name, policy) in [("kept", "Retain"), ("deleted", "Delete"), ("orphan", "Delete")] {
        s.apply::<Topic>(name, topic(&kafka, json!({"partitions": 1, "deletionPolicy": policy}))).await?;
    }
    for name in ["kept", "deleted", "orphan"] {
        s.ready::<Topic>(name, seconds(15)).await?;
    }
    s.remove::<Topic>("kept", seconds(10)).await?;
    s.remove::<Topic>("deleted", seconds(10)).await?;
    ensure!(in_kafka(s, &kafka, "kept").await?.is_some(), "a topic with Retain went with its object");
    ensure!(in_kafka(s, &kafka, "deleted").await?.is_none(), "a topic with Delete outlived its object");

    s.remove::<KafkaCluster>("kafka", seconds(60)).await?;
    s.gone::<Pod>("kafka-nodes-0", seconds(90)).await?;
    s.says::<Topic>("orphan", &Expect::refused(&["ClusterMissing"], &["kafka"]), seconds(15)).await?;
    s.remove::<Topic>("orphan", seconds(20)).await
}

pub async fn t07_an_existing_topic_is_adopted_as_declared(s: &Scene<'_>) -> Result<()> {
    let kafka = s.shared_kafka().await?;
    let made = ["create", "3", "1", "retention.ms=1000000"];
    s.agent().meddle(&kafka.bootstrap, "t7-there", &made).await?;
    let there = in_kafka(s, kafka, "t7-there").await?.context("t7-there was not made")?;
    let declared =
        |more: Value| with(topic(kafka, json!({"partitions": 4, "deletionPolicy": "Retain"})), more);
    let untouched = async |what: &str| -> Result<()> {
        let now = in_kafka(s, kafka, "t7-there").await?;
        ensure!(now.as_ref() == Some(&there), "{what}: {now:?}");
        let configs = s.agent().topic_configs(&kafka.bootstrap, "t7-there").await?;
        ensure!(configs["retention.ms"] == "1000000", "{what}: retention.ms={}", configs["retention.ms"]);
        Ok(())
    };

    // by default: only where nothing would change, and it says what would
    s.apply::<Topic>("t7-there", declared(json!({}))).await?;
    let changes = ["partitions 3 → 4", "retention.ms 1000000 → (default)", "spec.adoption"];
    s.says::<Topic>("t7-there", &Expect::refused(&["AdoptionRefused"], &changes), seconds(10)).await?;
    untouched("refused").await?;
    s.apply::<Topic>("t7-there", declared(json!({"adoption": "Never"}))).await?;
    s.says::<Topic>("t7-there", &Expect::refused(&["AdoptionRefused"], &["Never"]), seconds(10)).await?;
    untouched("with Never").await?;
    s.apply::<Topic>("t7-there", declared(json!({"adoption": "Always", "paused": true}))).await?;
    s.says::<Topic>("t7-there", &Expect::refused(&["Paused"], &changes[..2]), seconds(10)).await?;
    untouched("paused").await?;

    s.apply::<Topic>("t7-there", declared(json!({"adoption": "Always", "paused": false}))).await?;
    let ready = s.ready::<Topic>("t7-there", seconds(10)).await?;
    let now = in_kafka(s, kafka, "t7-there").await?.context("t7-there is gone")?;
    ensure!(now.partitions.len() == 4, "{now:?}");
    let configs = s.agent().topic_configs(&kafka.bootstrap, "t7-there").await?;
    ensure!(configs["retention.ms"] != "1000000", "retention.ms is as it was");

    // let go of and declared as it is: taken over as it stands
    s.remove::<Topic>("t7-there", seconds(15)).await?;
    s.apply::<Topic>("t7-there", topic(kafka, json!({"partitions": 4}))).await?;
    let again = s.ready::<Topic>("t7-there", seconds(10)).await?;
    let id = |topic: &Topic| topic.status.as_ref().and_then(|status| status.topic_id.clone());
    ensure!(id(&ready).is_some() && id(&again) == id(&ready), "it is another topic");
    ensure!(in_kafka(s, kafka, "t7-there").await? == Some(now), "it was changed");
    Ok(())
}
