//! Replicas that move: brokers come and leave, Topics get more replicas.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use kube::ResourceExt;
use serde_json::{Value, json};
use sluice_crds::rebalance::RebalanceStatus;
use sluice_crds::{KafkaCluster, Topic};

use crate::agent::kafka::TopicFacts;
use crate::kubernetes::conditions::ready;
use crate::kubernetes::operator::Operator;
use crate::scene::{Expect, Kafka, Scene, kafka, with};
use crate::wait::{chain, said, seconds};

/// Nodes whose topics have one replica, so that nothing but the case's own keeps a broker.
fn spec(nodes: i32, rebalance: &Value) -> Value {
    let mut spec = kafka::spec(nodes);
    for (key, value) in [
        ("default.replication.factor", 1),
        ("min.insync.replicas", 1),
        ("offsets.topic.replication.factor", 1),
        ("transaction.state.log.replication.factor", 1),
        ("transaction.state.log.min.isr", 1),
    ] {
        spec["config"][key] = value.into();
    }
    with(spec, json!({"rebalance": rebalance}))
}

fn nodes(count: i32) -> Value {
    let mut pools = kafka::spec(count)["pools"].clone();
    pools[0]["replicas"] = count.into();
    json!({"spec": {"pools": pools}})
}

async fn topic(s: &Scene<'_>, name: &str, partitions: i32, replicas: i32) -> Result<()> {
    let spec = json!({
        "clusterRef": {"name": "kafka"}, "partitions": partitions, "replicationFactor": replicas,
        "config": {"min.insync.replicas": (replicas - 1).max(1)},
    });
    s.apply::<Topic>(name, spec).await?;
    s.ready::<Topic>(name, seconds(20)).await.map(drop)
}

/// All topics, from a broker that has heard of this one: they hear of it one after the other.
async fn placed(s: &Scene<'_>, kafka: &Kafka, name: &str, partitions: usize) -> Result<Vec<TopicFacts>> {
    s.eventually(&format!("a broker to know {name}"), seconds(20), async || {
        let topics = s.agent().topics(&kafka.bootstrap).await.map_err(|e| chain(e.as_ref()))?;
        let known = topics.iter().any(|t| t.name == name && t.partitions.len() == partitions);
        if known { Ok(topics) } else { Err(format!("{topics:?}")) }
    })
    .await
}

async fn told(s: &Scene<'_>) -> Result<RebalanceStatus, String> {
    let cluster: KafkaCluster = s.space.get("kafka").await.map_err(said)?;
    cluster.status.and_then(|status| status.rebalance).ok_or_else(|| "nothing is said of it".into())
}

/// Until a plan for this many brokers has been carried out.
async fn balanced(s: &Scene<'_>, brokers: usize, within: u64) -> Result<RebalanceStatus> {
    s.eventually("the plan to be carried out", seconds(within), async || {
        let status = told(s).await?;
        let done = status.phase == "Balanced" && status.brokers.len() == brokers && status.left == Some(0);
        if done {
            Ok(status)
        } else {
            Err(format!("{} {:?} of {:?} {}", status.phase, status.done, status.moves, status.message))
        }
    })
    .await
}

fn held(topics: &[TopicFacts]) -> BTreeMap<i32, i32> {
    let mut held = BTreeMap::new();
    for id in topics.iter().flat_map(|t| &t.partitions).flat_map(|p| &p.replicas) {
        *held.entry(*id).or_default() += 1;
    }
    held
}

/// Replicas of `topics` that are on brokers where they were not before.
fn moved(before: &[TopicFacts], after: &[TopicFacts]) -> i64 {
    let mut count = 0;
    for topic in before {
        let Some(now) = after.iter().find(|t| t.name == topic.name) else { continue };
        for partition in &topic.partitions {
            let now = now.partitions.iter().filter(|p| p.id == partition.id).flat_map(|p| &p.replicas);
            count += now.map(|id| i64::from(!partition.replicas.contains(id))).sum::<i64>();
        }
    }
    count
}

/// No throttle on any broker or topic, in status or in Kafka.
async fn is_free(s: &Scene<'_>, kafka: &Kafka, topics: &[&str]) -> Result<()> {
    let status = told(s).await.map_err(anyhow::Error::msg)?;
    ensure!(status.throttle.is_none(), "status still has {:?}", status.throttle);
    ensure!(status.lowered.is_empty(), "status still has {:?}", status.lowered);
    let rate = |configs: &BTreeMap<String, String>| {
        configs.iter().find(|(key, _)| key.contains("replication.throttled")).map(|(k, v)| format!("{k}={v}"))
    };
    for topic in topics {
        let left = rate(&s.agent().topic_configs(&kafka.bootstrap, topic).await?);
        ensure!(left.is_none_or(|left| left.ends_with('=')), "{topic} is still throttled");
    }
    for broker in 0..2 {
        let configs = s.agent().broker_configs(&kafka.bootstrap, broker).await?;
        let left = rate(&configs);
        ensure!(left.is_none(), "broker {broker} still has {left:?}");
    }
    Ok(())
}

pub async fn k07_a_broker_that_holds_replicas_is_not_scaled_in(s: &Scene<'_>) -> Result<()> {
    kafka::bring_up(s, "kafka", spec(3, &json!({"mode": "Off"}))).await?;
    topic(s, "kept", 3, 1).await?;
    let before = kafka::uids(s, "kafka").await?;
    s.merge::<KafkaCluster>("kafka", nodes(2)).await?;
    let refused = Expect::refused(&["ScaleInBlocked"], &["kept", "spec.rebalance.mode"]);
    s.says::<KafkaCluster>("kafka", &refused, seconds(30)).await?;
    s.stays("nothing is stopped", seconds(8), async || {
        let now = kafka::uids(s, "kafka").await.map_err(|e| chain(e.as_ref()))?;
        if now == before { Ok(()) } else { Err(format!("{now:?}")) }
    })
    .await?;
    s.merge::<KafkaCluster>("kafka", nodes(3)).await?;
    s.ready::<KafkaCluster>("kafka", seconds(30)).await.map(drop)
}

pub async fn k08_a_new_broker_gets_its_share(s: &Scene<'_>) -> Result<()> {
    let kafka = kafka::bring_up(s, "kafka", kafka::spec(3)).await?;
    topic(s, "orders", 60, 3).await?;
    let before = placed(s, &kafka, "orders", 60).await?;
    let producing = s.agent().start_producing(&kafka.bootstrap, "orders", "grow").await?;
    s.merge::<KafkaCluster>("kafka", nodes(4)).await?;
    let status = balanced(s, 4, 240).await?;
    let produced = producing.finish().await?;
    ensure!(produced.failed == 0 && produced.acked > 0, "acks=all failed meanwhile: {produced:?}");
    ensure!(status.moves == status.lower_bound && status.moves > Some(0), "{status:?}");
    let after = s.agent().topics(&kafka.bootstrap).await?;
    ensure!(
        Some(moved(&before, &after)) == status.moves,
        "{} replicas moved, {status:?}",
        moved(&before, &after)
    );
    let held = held(&after);
    let wrong = status.brokers.iter().find(|broker| held.get(&broker.id) != Some(&broker.after));
    ensure!(wrong.is_none(), "{wrong:?} in {held:?}");
    spread_evenly(s, &held).await?;
    let led = |topic: &TopicFacts| topic.partitions.iter().all(|p| p.replicas.first() == Some(&p.leader));
    ensure!(after.iter().filter(|t| t.name == "orders").all(led), "preferred leaders do not lead");
    is_free(s, &kafka, &["orders"]).await
}

/// Each broker has {floor, ceil} of its share. Where there are as many zones as replicas, each zone has one replica of
/// every partition, and its brokers share those.
async fn spread_evenly(s: &Scene<'_>, held: &BTreeMap<i32, i32>) -> Result<()> {
    let zones = s.zones().await?;
    let mut of_zone: BTreeMap<String, Vec<i32>> = BTreeMap::new();
    for pod in kafka::pods(s, "kafka").await? {
        let id = pod.name_any().rsplit('-').next().and_then(|id| id.parse::<i32>().ok()).context("an id")?;
        let node = pod.spec.and_then(|spec| spec.node_name).unwrap_or_default();
        let count = held.get(&id).copied().unwrap_or(0);
        of_zone.entry(zones.get(&node).cloned().unwrap_or_default()).or_default().push(count);
    }
    let even = |counts: &[i32]| {
        let (least, most) = (counts.iter().min(), counts.iter().max());
        least.zip(most).is_some_and(|(least, most)| most - least <= 1)
    };
    let fair = match of_zone.len() {
        3 => of_zone.values().all(|counts| even(counts) && counts.iter().sum::<i32>() == 60),
        _ => even(&held.values().copied().collect::<Vec<_>>()),
    };
    ensure!(fair, "not even: {of_zone:?}");
    Ok(())
}

pub async fn k09_the_plan_survives_the_operator(s: &Scene<'_>) -> Result<()> {
    let kafka = kafka::bring_up(s, "kafka", spec(2, &json!({"throttle": "256Ki"}))).await?;
    topic(s, "heavy", 6, 1).await?;
    s.agent().fill(&kafka.bootstrap, "heavy", 12_000, 2_000).await?;
    let before = placed(s, &kafka, "heavy", 6).await?;
    s.merge::<KafkaCluster>("kafka", nodes(3)).await?;
    let first = moving(s).await?;
    let operator = s.operator().await?;
    operator.kill().await?;
    let again = moving(s).await?;
    ensure!((&again.hash, again.moves) == (&first.hash, first.moves), "{first:?} became {again:?}");
    let status = balanced(s, 3, 240).await?;
    ensure!(
        (&status.hash, status.moves) == (&first.hash, first.lower_bound),
        "{first:?} ended as {status:?}"
    );
    let after = s.agent().topics(&kafka.bootstrap).await?;
    ensure!(
        Some(moved(&before, &after)) == status.moves,
        "{} replicas moved, {status:?}",
        moved(&before, &after)
    );
    let all = s.agent().consume(&kafka.bootstrap, "heavy", "").await?;
    ensure!(all.records == 12_000, "{} of 12000 records are there", all.records);
    is_free(s, &kafka, &["heavy"]).await
}

/// A moment at which partitions move, and a throttle is in force.
async fn moving(s: &Scene<'_>) -> Result<RebalanceStatus> {
    s.eventually("partitions to move", seconds(90), async || {
        let status = told(s).await?;
        let moves = status.phase == "Moving" && !status.moving.is_empty() && status.throttle.is_some();
        if moves { Ok(status) } else { Err(format!("{} {}", status.phase, status.message)) }
    })
    .await
}

pub async fn k10_two_brokers_leave_in_one_edit(s: &Scene<'_>) -> Result<()> {
    let kafka = kafka::bring_up(s, "kafka", kafka::spec(5)).await?;
    topic(s, "orders", 10, 3).await?;
    let producing = s.agent().start_producing(&kafka.bootstrap, "orders", "shrink").await?;
    s.merge::<KafkaCluster>("kafka", nodes(3)).await?;
    nothing_new_lands_on_those_that_leave(s, &kafka).await?;
    let mut held_by_gone = None;
    s.eventually("two brokers to be gone", seconds(240), async || {
        let pods = kafka::pods(s, "kafka").await.map_err(|e| chain(e.as_ref()))?;
        let there = |id: i32| {
            let name = format!("kafka-nodes-{id}");
            pods.iter().any(|pod| pod.name_any() == name && pod.metadata.deletion_timestamp.is_none())
        };
        let gone: Vec<i32> = [3, 4].into_iter().filter(|id| !there(*id)).collect();
        if !gone.is_empty() {
            let topics = s.agent().topics(&kafka.bootstrap).await.map_err(|e| chain(e.as_ref()))?;
            if let Some(id) = gone.iter().find(|id| held(&topics).contains_key(*id)) {
                held_by_gone.get_or_insert(*id);
            }
        }
        let cluster: KafkaCluster = s.space.get("kafka").await.map_err(said)?;
        ready(&cluster)?;
        if pods.len() == 3 { Ok(()) } else { Err(format!("{} pods", pods.len())) }
    })
    .await?;
    ensure!(held_by_gone.is_none(), "broker {held_by_gone:?} left with replicas");
    let produced = producing.finish().await?;
    ensure!(produced.failed == 0 && produced.acked > 0, "acks=all failed meanwhile: {produced:?}");
    let consumed = s.agent().consume(&kafka.bootstrap, "orders", "shrink").await?;
    ensure!(consumed.distinct == produced.acked, "{} records acknowledged, {consumed:?}", produced.acked);
    is_free(s, &kafka, &["orders"]).await?;
    // three replicas on two brokers cannot be
    let fewer = json!({
        "default.replication.factor": 2, "offsets.topic.replication.factor": 2,
        "transaction.state.log.replication.factor": 2,
    });
    s.merge::<KafkaCluster>("kafka", json!({"spec": {"config": fewer}})).await?;
    s.ready::<KafkaCluster>("kafka", seconds(240)).await?;
    s.merge::<KafkaCluster>("kafka", nodes(2)).await?;
    let refused = Expect::refused(&["TooFewBrokers"], &["spec.pools", "orders"]);
    s.says::<KafkaCluster>("kafka", &refused, seconds(60)).await.map(drop)
}

/// Nodes 3 and 4 are cordoned, and a topic that is created meanwhile has no replica there.
async fn nothing_new_lands_on_those_that_leave(s: &Scene<'_>, kafka: &Kafka) -> Result<()> {
    s.eventually("both that leave to be cordoned", seconds(60), async || {
        let cluster: KafkaCluster = s.space.get("kafka").await.map_err(said)?;
        let leaving = cluster.status.map(|status| status.leaving).unwrap_or_default();
        let cordoned: Vec<_> = leaving.iter().filter(|n| n.cordoned == Some(true)).map(|n| n.id).collect();
        if cordoned == [3, 4] { Ok(()) } else { Err(format!("{leaving:?}")) }
    })
    .await?;
    // the brokers tell the controllers with their next heartbeat
    tokio::time::sleep(seconds(3)).await;
    topic(s, "later", 10, 3).await?;
    let known = placed(s, kafka, "later", 10).await?;
    let later = known.iter().find(|topic| topic.name == "later").context("later is gone")?;
    // else there would have been nowhere else to go
    let pods = kafka::pods(s, "kafka").await?;
    ensure!(pods.len() == 5, "they left before a topic was created: {} pods", pods.len());
    let on_leaving = later.partitions.iter().find(|p| p.replicas.iter().any(|id| *id > 2));
    ensure!(on_leaving.is_none(), "a new partition is on a broker that leaves: {on_leaving:?}");
    Ok(())
}

/// Steps of a broker that comes, and of one that leaves.
const COMES: &[&str] = &["AddVoter", "Throttle", "Move", "Unthrottle"];
const LEAVES: &[&str] = &["Throttle", "Move", "Unthrottle", "RemoveVoter", "UnregisterBroker"];

/// Where Sluice ends, each once: before and after each of these steps.
fn around(steps: &[&str]) -> Vec<String> {
    steps.iter().flat_map(|step| ["Told", "Done"].map(|moment| format!("{moment}:{step}"))).collect()
}

pub async fn k17_sluice_ends_at_every_fault_point(s: &Scene<'_>) -> Result<()> {
    let operator = s.operator().await?;
    let played = comes_and_leaves(s, &operator).await;
    operator.end_at(&s.task, &[]).await?;
    played
}

async fn comes_and_leaves(s: &Scene<'_>, operator: &Operator) -> Result<()> {
    let kafka = kafka::bring_up(s, "kafka", kafka::spec(3)).await?;
    topic(s, "orders", 12, 3).await?;
    let points = around(COMES);
    operator.end_at(&s.task, &points).await?;
    let before = placed(s, &kafka, "orders", 12).await?;
    let producing = s.agent().start_producing(&kafka.bootstrap, "orders", "ends").await?;
    s.merge::<KafkaCluster>("kafka", nodes(4)).await?;
    let status = balanced(s, 4, 240).await?;
    let copied = moved(&before, &s.agent().topics(&kafka.bootstrap).await?);
    ensure!(Some(copied) == status.moves && status.moves == status.lower_bound, "{copied} moved, {status:?}");
    s.ready::<KafkaCluster>("kafka", seconds(60)).await?;
    passed(s, operator, &points).await?;
    is_free(s, &kafka, &["orders"]).await?;

    let points = [around(LEAVES), vec!["Done:Cordon".into()]].concat();
    operator.end_at(&s.task, &points).await?;
    s.merge::<KafkaCluster>("kafka", nodes(3)).await?;
    s.eventually("the fourth to be gone", seconds(240), async || {
        let cluster: KafkaCluster = s.space.get("kafka").await.map_err(said)?;
        ready(&cluster)?;
        let pods = kafka::pods(s, "kafka").await.map_err(|e| chain(e.as_ref()))?;
        if pods.len() == 3 { Ok(()) } else { Err(format!("{} pods", pods.len())) }
    })
    .await?;
    passed(s, operator, &points).await?;
    is_free(s, &kafka, &["orders"]).await?;
    let produced = producing.finish().await?;
    ensure!(produced.failed == 0 && produced.acked > 0, "acks=all failed meanwhile: {produced:?}");
    let consumed = s.agent().consume(&kafka.bootstrap, "orders", "ends").await?;
    ensure!(consumed.distinct == produced.acked, "{} records acknowledged, {consumed:?}", produced.acked);
    Ok(())
}

/// Until Sluice has ended at all of them: the last comes after everything else.
async fn passed(s: &Scene<'_>, operator: &Operator, points: &[String]) -> Result<()> {
    s.eventually("Sluice to have ended at each point", seconds(60), async || {
        let log = operator.logs(seconds(600)).await;
        let at = |point: &&String| !log.contains(&format!("\"point\":\"{point}\""));
        let missing: Vec<_> = points.iter().filter(at).collect();
        if missing.is_empty() { Ok(()) } else { Err(format!("not at {missing:?}")) }
    })
    .await
}

pub async fn t04_replicas_follow_the_declaration(s: &Scene<'_>) -> Result<()> {
    let kafka = s.shared_kafka().await?;
    let spec = |replicas: i32| {
        json!({
            "clusterRef": {"name": kafka.name}, "deletionPolicy": "Delete", "partitions": 4,
            "replicationFactor": replicas,
        })
    };
    s.apply::<Topic>("t4-copies", spec(1)).await?;
    s.ready::<Topic>("t4-copies", seconds(20)).await?;
    let producing = s.agent().start_producing(&kafka.bootstrap, "t4-copies", "copies").await?;
    for replicas in [3, 2] {
        s.apply::<Topic>("t4-copies", spec(replicas)).await?;
        s.ready::<Topic>("t4-copies", seconds(90)).await?;
        let seen = s.agent().topic(&kafka.bootstrap, "t4-copies").await?.context("t4-copies is gone")?;
        let wanted = usize::try_from(replicas).unwrap_or_default();
        let whole = seen.partitions.iter().all(|p| p.replicas.len() == wanted && p.isr.len() == wanted);
        ensure!(whole, "Ready with {seen:?}");
    }
    let produced = producing.finish().await?;
    ensure!(produced.failed == 0 && produced.acked > 0, "acks=all failed meanwhile: {produced:?}");
    s.eventually("what was set for a while to be gone", seconds(30), async || {
        let configs = s.agent().topic_configs(&kafka.bootstrap, "t4-copies").await;
        let configs = configs.map_err(|e| chain(e.as_ref()))?;
        // the brokers' default is 2: with one replica nobody could write while others are on their way
        let of_ours = |(key, value): &(&String, &String)| {
            (key.contains("throttled") && !value.is_empty())
                || (*key == "min.insync.replicas" && *value == "1")
        };
        let left = configs.iter().find(of_ours);
        left.map_or(Ok(()), |left| Err(format!("{left:?}")))
    })
    .await
}
