//! The wire client and three nodes: the quorum's voters, and brokers that go.

mod support;

use std::collections::BTreeSet;

use sluice_clients::kafka::{Address, Client, Code, NewTopic, Topics, VoterListener};
use sluice_core::view::kafka::{KafkaUuid, NodeId, QuorumView};
use support::kafka::{CLUSTER_ID, Kafka, Node};
use support::wait::until;

fn ids(replicas: &[sluice_core::view::kafka::QuorumReplica]) -> BTreeSet<NodeId> {
    replicas.iter().map(|replica| replica.id).collect()
}

fn listener(node: &Node) -> VoterListener {
    VoterListener { name: "CONTROLLER".to_owned(), address: Address::new("127.0.0.1", node.controller_port) }
}

/// The quorum once these are its voters; a moment after a change there may be no leader to ask.
async fn voters(client: &Client, wanted: &[NodeId]) -> QuorumView {
    let wanted: BTreeSet<_> = wanted.iter().copied().collect();
    let is_so =
        |seen: &Result<QuorumView, _>| seen.as_ref().is_ok_and(|quorum| ids(&quorum.voters) == wanted);
    until("voters", async || client.describe_quorum().await, is_so).await.unwrap()
}

/// One after the other, for each step changes the cluster for the next.
#[tokio::test]
async fn voters_come_and_go_and_a_dead_broker_is_seen() {
    let mut kafka =
        tokio::task::spawn_blocking(|| Kafka::start(3, "broker.session.timeout.ms=4000\n")).await.unwrap();
    kafka.ready().await;
    let client = kafka.client();
    let directories = voters_from_one_to_three(&kafka, &client).await;
    the_leader_can_be_removed(&kafka, &client, directories[0]).await;
    a_dead_broker_is_fenced_and_the_others_answer(&mut kafka, &client).await;
}

async fn voters_from_one_to_three(kafka: &Kafka, client: &Client) -> Vec<KafkaUuid> {
    let first = voters(client, &[1]).await;
    assert_eq!(first.leader, Some(1));
    let is_complete = |seen: &Result<QuorumView, _>| {
        seen.as_ref().is_ok_and(|quorum| ids(&quorum.observers) == BTreeSet::from([2, 3]))
    };
    let seen = until("observers", async || client.describe_quorum().await, is_complete).await.unwrap();
    let directory =
        |id| seen.voters.iter().chain(&seen.observers).find(|replica| replica.id == id).unwrap().directory;
    let directories: Vec<_> = (1..=3).map(directory).collect();
    assert_eq!(directories.iter().collect::<BTreeSet<_>>().len(), 3);

    let add = async |cluster: &str, id: NodeId| {
        let node = &kafka.nodes[usize::try_from(id - 1).unwrap()];
        client
            .add_raft_voter(cluster, (id, directories[usize::try_from(id - 1).unwrap()]), &[listener(node)])
            .await
    };
    let elsewhere = add("AAAAAAAAAAAAAAAAAAAAAA", 2).await.unwrap_err();
    assert_eq!(elsewhere.code().unwrap().to_string(), "INCONSISTENT_CLUSTER_ID");
    add(CLUSTER_ID, 2).await.unwrap();
    voters(client, &[1, 2]).await;
    add(CLUSTER_ID, 3).await.unwrap();
    let three = voters(client, &[1, 2, 3]).await;
    assert_eq!(three.observers, []);
    let again = add(CLUSTER_ID, 3).await.unwrap_err();
    assert_eq!((again.reason(), again.code()), ("KafkaRefused", Some(Code::DUPLICATE_VOTER)), "{again}");

    let stranger = client.remove_raft_voter(CLUSTER_ID, (2, KafkaUuid([7; 16]))).await.unwrap_err();
    assert_eq!(stranger.code(), Some(Code::VOTER_NOT_FOUND), "the id alone is not enough: {stranger}");
    directories
}

async fn the_leader_can_be_removed(kafka: &Kafka, client: &Client, directory: KafkaUuid) {
    assert_eq!(voters(client, &[1, 2, 3]).await.leader, Some(1));
    client.remove_raft_voter(CLUSTER_ID, (1, directory)).await.unwrap();
    voters(client, &[2, 3]).await;
    let resigned =
        |seen: &Result<QuorumView, _>| seen.as_ref().is_ok_and(|q| [Some(2), Some(3)].contains(&q.leader));
    until("a leader among the voters", async || client.describe_quorum().await, resigned).await.unwrap();
    client.add_raft_voter(CLUSTER_ID, (1, directory), &[listener(&kafka.nodes[0])]).await.unwrap();
    voters(client, &[1, 2, 3]).await;
}

async fn a_dead_broker_is_fenced_and_the_others_answer(kafka: &mut Kafka, client: &Client) {
    let spread = NewTopic {
        name: "spread".to_owned(),
        partitions: Some(6),
        replication_factor: Some(3),
        configs: std::collections::BTreeMap::new(),
    };
    client.create_topics(&[spread], false).await.unwrap().remove(0).1.unwrap();
    let look = async || client.metadata(Topics::Named(&["spread"])).await.unwrap().remove(0).1;
    let full = |seen: &Result<_, _>| {
        seen.as_ref().is_ok_and(|view: &sluice_core::view::kafka::TopicView| {
            view.partitions.iter().all(|p| p.isr.len() == 3)
        })
    };
    let view = until("all in sync", look, full).await.unwrap();
    assert_eq!(view.replication_factor(), 3);

    // the bootstrap list begins with this one
    kafka.nodes[0].kill();
    let fenced = |seen: &Result<sluice_clients::kafka::Cluster, _>| {
        seen.as_ref().is_ok_and(|cluster| cluster.brokers.get(&1).is_some_and(|broker| broker.fenced))
    };
    let cluster = until("it is fenced", async || client.describe_cluster().await, fenced).await.unwrap();
    assert_eq!(
        cluster.brokers.iter().filter(|(_, broker)| broker.fenced).map(|(id, _)| *id).collect::<Vec<_>>(),
        [1]
    );
    let shrunk = |seen: &Result<sluice_core::view::kafka::TopicView, _>| {
        seen.as_ref()
            .is_ok_and(|view| view.partitions.iter().all(|p| !p.isr.contains(&1) && p.leader.is_some()))
    };
    let view = until("the others lead", look, shrunk).await.unwrap();
    assert!(view.partitions.iter().all(|p| p.replicas.contains(&1) && p.isr.len() == 2), "{view:?}");

    kafka.nodes[0].start();
    kafka.ready().await;
    until("it is in sync again", look, full).await.unwrap();
}
