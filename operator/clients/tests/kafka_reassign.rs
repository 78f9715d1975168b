//! The wire client and three brokers: replicas that move, slowly where that is asked for, and leaders.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use sluice_clients::kafka::{
    Client, Code, ConfigChange, ConfigTarget, NewTopic, Reassign, TopicPartition, Topics,
};
use sluice_core::view::kafka::{NodeId, TopicView};
use support::kafka::Kafka;
use support::wait::until;

fn at(topic: &str, partition: i32) -> TopicPartition {
    TopicPartition { topic: topic.to_owned(), partition }
}

fn to(topic: &str, partition: i32, replicas: &[NodeId]) -> Reassign {
    Reassign { partition: at(topic, partition), replicas: Some(replicas.to_vec()) }
}

async fn seen(client: &Client, topic: &str, wanted: impl Fn(&TopicView) -> bool) -> TopicView {
    let look = async || client.metadata(Topics::Named(&[topic])).await.unwrap().remove(0).1;
    until(topic, look, |seen| seen.as_ref().is_ok_and(&wanted)).await.unwrap()
}

/// One replica of each partition, all on broker 1.
async fn create(kafka: &Kafka, client: &Client, name: &str, partitions: i32) {
    let topic = NewTopic {
        name: name.to_owned(),
        partitions: Some(partitions),
        replication_factor: Some(1),
        configs: BTreeMap::new(),
    };
    client.create_topics(&[topic], false).await.unwrap().remove(0).1.unwrap();
    let all = usize::try_from(partitions).unwrap();
    seen(client, name, |view| view.partitions.len() == all).await;
    let home: Vec<_> = (0..partitions).map(|partition| to(name, partition, &[1])).collect();
    assert!(client.reassign(&home).await.unwrap().iter().all(|(_, item)| item.is_ok()));
    seen(client, name, |view| view.partitions.iter().all(|p| p.replicas == [1] && p.isr == [1])).await;
    assert_eq!(kafka.nodes.len(), 3);
}

async fn settled(client: &Client) {
    let look = async || client.list_reassignments().await;
    until("nothing moves", look, |seen| seen.as_ref().is_ok_and(BTreeMap::is_empty)).await.unwrap();
}

/// One after the other on one cluster: each has topics of its own.
#[tokio::test]
async fn replicas_move_and_leaders_are_elected() {
    let kafka = tokio::task::spawn_blocking(|| Kafka::start(3, "auto.leader.rebalance.enable=false\n"));
    let kafka = kafka.await.unwrap();
    kafka.ready().await;
    let client = kafka.client();
    each_partition_has_its_own_result(&kafka, &client).await;
    preferred_leaders_are_elected(&kafka, &client).await;
    a_throttle_for_all_brokers_slows_a_move_that_can_be_taken_back(&kafka, &client).await;
}

async fn each_partition_has_its_own_result(kafka: &Kafka, client: &Client) {
    create(kafka, client, "moving", 2).await;
    let changes =
        [to("moving", 0, &[2, 3]), to("moving", 7, &[1]), to("moving", 1, &[9]), to("not-there", 0, &[1])];
    let items: BTreeMap<_, _> = client.reassign(&changes).await.unwrap().into_iter().collect();
    let code = |topic: &str, partition| items[&at(topic, partition)].as_ref().unwrap_err().code;
    assert_eq!(items[&at("moving", 0)], Ok(()));
    assert_eq!(code("moving", 7), Code::UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(code("moving", 1).to_string(), "INVALID_REPLICA_ASSIGNMENT");
    assert_eq!(code("not-there", 0), Code::UNKNOWN_TOPIC_OR_PARTITION);
    // on the way there are three
    let view = seen(client, "moving", |view| view.partitions[0].replicas == [2, 3]).await;
    assert_eq!(view.partitions[0].isr.len(), 2, "the factor has grown, and 1 is out");
    settled(client).await;

    let back = Reassign { partition: at("moving", 0), replicas: None };
    let items = client.reassign(&[back]).await.unwrap();
    assert_eq!(items[0].1.as_ref().unwrap_err().code, Code::NO_REASSIGNMENT_IN_PROGRESS);
}

async fn preferred_leaders_are_elected(kafka: &Kafka, client: &Client) {
    create(kafka, client, "led", 1).await;
    client.reassign(&[to("led", 0, &[2, 1])]).await.unwrap();
    let view = seen(client, "led", |view| view.partitions[0].replicas == [2, 1]);
    assert_eq!(view.await.partitions[0].leader, Some(1), "an order changes no leader by itself");
    settled(client).await;
    let wishes = [at("led", 0), at("led", 9)];
    let items: BTreeMap<_, _> = client.elect_preferred_leaders(&wishes).await.unwrap().into_iter().collect();
    assert_eq!(items[&at("led", 0)], Ok(()));
    assert_eq!(items[&at("led", 9)].as_ref().unwrap_err().code, Code::UNKNOWN_TOPIC_OR_PARTITION);
    seen(client, "led", |view| view.partitions[0].leader == Some(2)).await;
    let again = client.elect_preferred_leaders(&wishes[..1]).await.unwrap();
    assert_eq!(again[0].1.as_ref().unwrap_err().code, Code::ELECTION_NOT_NEEDED);
}

async fn a_throttle_for_all_brokers_slows_a_move_that_can_be_taken_back(kafka: &Kafka, client: &Client) {
    const RATES: [&str; 2] = ["leader.replication.throttled.rate", "follower.replication.throttled.rate"];
    const REPLICAS: [&str; 2] =
        ["leader.replication.throttled.replicas", "follower.replication.throttled.replicas"];
    create(kafka, client, "heavy", 1).await;
    let line = "x".repeat(1023) + "\n";
    kafka.tool("org.apache.kafka.tools.ConsoleProducer", &["--topic", "heavy"], &line.repeat(6 * 1024)).await;
    let stored = client.describe_log_dirs(1).await.unwrap();
    let heavy = stored[0].topics.iter().find(|(name, _)| name == "heavy").unwrap();
    let bytes = heavy.1[0].bytes;
    assert!((6 << 20..8 << 20).contains(&bytes), "{bytes}");

    let set = |target, keys: [&str; 2], value: &str| ConfigChange {
        target,
        set: keys.map(|key| (key.to_owned(), value.to_owned())).into(),
        delete: BTreeSet::new(),
    };
    let throttle = [
        set(ConfigTarget::ClusterDefault, RATES, "65536"),
        set(ConfigTarget::Topic("heavy".into()), REPLICAS, "*"),
    ];
    let items = client.alter_configs(&throttle, false).await.unwrap();
    assert!(items.iter().all(|(_, item)| item.is_ok()), "{items:?}");
    // brokers learn of it a moment after the controller has taken it
    let rate = async || client.describe_cluster_defaults().await.unwrap().remove(RATES[0]);
    until("the rate", rate, |rate| rate.as_ref().and_then(|r| r.value.as_deref()) == Some("65536")).await;

    client.reassign(&[to("heavy", 0, &[2])]).await.unwrap();
    let moving = client.list_reassignments().await.unwrap();
    let moving = &moving["heavy"][&0];
    assert_eq!((moving.target(), &moving.adding, &moving.removing), (vec![2], &vec![2], &vec![1]));
    // without a throttle this takes a moment: at this rate 6 MiB take 96 s, and a burst of ten seconds is Kafka's own
    tokio::time::sleep(Duration::from_secs(8)).await;
    assert!(client.list_reassignments().await.unwrap().contains_key("heavy"), "nothing slowed it");
    let back = Reassign { partition: at("heavy", 0), replicas: None };
    assert_eq!(client.reassign(&[back]).await.unwrap(), [(at("heavy", 0), Ok(()))]);
    settled(client).await;
    seen(client, "heavy", |view| view.partitions[0].replicas == [1]).await;

    let delete = |target, keys: [&str; 2]| ConfigChange {
        target,
        set: BTreeMap::new(),
        delete: keys.map(str::to_owned).into(),
    };
    let free =
        [delete(ConfigTarget::ClusterDefault, RATES), delete(ConfigTarget::Topic("heavy".into()), REPLICAS)];
    client.alter_configs(&free, false).await.unwrap();
    until("no rate", rate, Option::is_none).await;
    let began = Instant::now();
    client.reassign(&[to("heavy", 0, &[3])]).await.unwrap();
    seen(client, "heavy", |view| view.partitions[0].replicas == [3]).await;
    assert!(began.elapsed() < Duration::from_secs(30), "it was slow: {:?}", began.elapsed());
}
