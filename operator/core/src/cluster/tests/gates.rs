//! The gate against an oracle that only counts, over clusters in any state.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use crate::cluster::gate::{Refusal, evictions, may_restart};
use crate::cluster::node::{Node, NodeState};
use crate::view::kafka::{
    BrokerView, ClusterView, KafkaUuid, NodeId, PartitionView, QuorumReplica, QuorumView, TopicView,
};

#[derive(Clone, Debug)]
struct World {
    nodes: BTreeMap<NodeId, Node>,
    view: ClusterView,
}

fn node(id: NodeId, controller: bool, broker: bool, state: NodeState) -> Node {
    Node {
        id,
        pool: "kafka".into(),
        pod: format!("shop-kafka-{id}"),
        uid: Some(id.to_string()),
        controller,
        broker,
        leaving: false,
        state,
        message: String::new(),
        zone: Some(format!("zone-{}", id % 2)),
        runs: matches!(state, NodeState::Ready | NodeState::Starting | NodeState::Terminating),
        ready_since: None,
        restart: vec![],
    }
}

/// Nodes 0 to 5: roles, state, whether Kafka has it fenced, whether it has caught up with the metadata.
fn worlds() -> impl Strategy<Value = World> {
    let state = prop_oneof![
        8 => Just(NodeState::Ready),
        1 => Just(NodeState::Starting),
        1 => Just(NodeState::CrashLoop),
        1 => Just(NodeState::Terminating),
        1 => Just(NodeState::Missing),
    ];
    let one = (1..4_u8, state, prop::bool::weighted(0.1), prop::bool::weighted(0.9));
    let partition = (0..6_i32, 1..4_usize, prop::collection::vec(prop::bool::weighted(0.8), 3));
    let topic = (0..4_i32, prop::collection::vec(partition, 1..3));
    (prop::collection::vec(one, 1..6), prop::collection::vec(topic, 0..4)).prop_map(|(all, topics)| {
        let mut world = World { nodes: BTreeMap::new(), view: ClusterView::default() };
        let mut voters = Vec::new();
        for (id, (roles, state, fenced, caught_up)) in (0..).zip(all) {
            let (controller, broker) = (roles & 1 != 0, roles & 2 != 0);
            world.nodes.insert(id, node(id, controller, broker, state));
            if broker {
                world.view.brokers.insert(id, BrokerView { fenced, ..BrokerView::default() });
            }
            if controller {
                voters.push(QuorumReplica {
                    id,
                    directory: KafkaUuid([1; 16]),
                    log_end_offset: 10,
                    last_caught_up_ms: Some(if caught_up { 100_000 } else { 1 }),
                });
            }
        }
        let leader = voters.iter().find(|v| v.last_caught_up_ms == Some(100_000)).map(|v| v.id);
        world.view.quorum = Some(QuorumView { leader, voters, ..QuorumView::default() });
        let brokers: Vec<_> = world.view.brokers.keys().copied().collect();
        for (i, (min_isr, partitions)) in topics.into_iter().enumerate().filter(|_| !brokers.is_empty()) {
            let partitions = partitions.into_iter().map(|(first, factor, in_sync)| {
                let at = |n: usize| brokers[(usize::try_from(first).unwrap() + n) % brokers.len()];
                let replicas: Vec<_> = (0..factor.min(brokers.len())).map(at).collect();
                let isr: Vec<_> =
                    replicas.iter().zip(&in_sync).filter(|(_, yes)| **yes).map(|(id, _)| *id).collect();
                PartitionView { leader: isr.first().copied(), replicas, isr }
            });
            let topic = TopicView {
                partitions: partitions.collect(),
                min_isr: (min_isr > 0).then_some(min_isr),
                ..TopicView::default()
            };
            world.view.topics.insert(format!("topic-{i}"), Arc::new(topic));
        }
        world
    })
}

impl World {
    fn serves(&self, id: NodeId) -> bool {
        self.nodes[&id].state == NodeState::Ready
            && self.view.brokers.get(&id).is_none_or(|broker| !broker.fenced)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_the_gate_allows_costs_no_partition_and_no_majority(world in worlds(), together in 1..4_usize) {
        for (id, node) in &world.nodes {
            if node.is_dead() || may_restart(*id, &world.nodes, Ok(&world.view), together).is_err() {
                continue;
            }
            for (name, topic) in &world.view.topics {
                for partition in topic.partitions.iter().filter(|p| p.isr.contains(id)) {
                    let left = partition.isr.iter().filter(|o| *o != id && world.serves(**o)).count();
                    let min = usize::try_from(topic.min_isr.expect("unknown is never good enough")).unwrap();
                    let replicas = partition.replicas.len();
                    if replicas > min {
                        prop_assert!(left >= min, "{id} of {name}: {partition:?}");
                    } else {
                        prop_assert_eq!(left, replicas - 1, "{} of {}: {:?}", id, name, partition);
                    }
                }
            }
            let quorum = world.view.quorum.as_ref().unwrap();
            if quorum.voters.iter().any(|v| v.id == *id) {
                let left = quorum
                    .voters
                    .iter()
                    .filter(|v| v.id != *id && v.last_caught_up_ms == Some(100_000) && world.serves(v.id))
                    .count();
                let voters = quorum.voters.len();
                prop_assert!(left * 2 > voters || (voters <= 2 && left == voters - 1), "{id}: {quorum:?}");
            }
            if world.serves(*id) {
                let down: Vec<_> =
                    world.nodes.values().filter(|o| o.id != *id && !world.serves(o.id)).collect();
                prop_assert!(down.len() < together, "{id}: {down:?}");
                let alike = |other: &&Node| other.zone == node.zone && !other.controller && !node.controller;
                prop_assert!(down.iter().all(alike), "{id}: {down:?}");
            }
        }
    }

    /// Kubernetes picks whom it evicts: whoever it is, what the gate asks for must hold.
    #[test]
    fn while_a_pod_may_be_evicted_any_of_them_may_go(world in worlds()) {
        let serving = || world.nodes.values().filter(|node| node.serves());
        if evictions(&world.nodes, Ok(&world.view)) == 0 || serving().count() < world.nodes.len() {
            // with one down the budget is used up
            return Ok(());
        }
        for node in serving() {
            let answer = may_restart(node.id, &world.nodes, Ok(&world.view), 1);
            // a whole partition can be spared before it is known how many replicas it needs
            let unknown = matches!(answer, Err(Refusal::MinIsrUnknown(_) | Refusal::NotCaughtUp { .. }));
            prop_assert!(answer.is_ok() || unknown, "{}: {answer:?}", node.id);
        }
    }

    #[test]
    fn a_node_that_serves_never_goes_while_we_are_blind_and_a_broker_serves(world in worlds()) {
        let serves = world.nodes.values().any(|node| node.broker && node.serves());
        for node in world.nodes.values().filter(|node| serves && !node.is_dead()) {
            let answer = may_restart(node.id, &world.nodes, Err("Kafka to answer"), 1);
            prop_assert_eq!(answer, Err(Refusal::Blind("Kafka to answer".into())));
        }
    }
}

#[test]
fn in_a_cluster_that_is_whole_every_node_may_go() {
    let nodes: BTreeMap<_, _> = (0..3).map(|id| (id, node(id, true, true, NodeState::Ready))).collect();
    let voter = |id| QuorumReplica { id, last_caught_up_ms: Some(5), ..QuorumReplica::default() };
    let partition = PartitionView { leader: Some(0), replicas: vec![0, 1, 2], isr: vec![0, 1, 2] };
    let topic = TopicView { partitions: vec![partition], min_isr: Some(2), ..TopicView::default() };
    let view = ClusterView {
        brokers: (0..3).map(|id| (id, BrokerView::default())).collect(),
        topics: [("orders".to_owned(), Arc::new(topic))].into(),
        quorum: Some(QuorumView {
            leader: Some(0),
            voters: (0..3).map(voter).collect(),
            ..QuorumView::default()
        }),
        ..ClusterView::default()
    };
    for id in 0..3 {
        assert_eq!(may_restart(id, &nodes, Ok(&view), 1), Ok(()));
    }
}
