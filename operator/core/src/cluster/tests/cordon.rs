//! Brokers that leave get no new partitions.

use std::collections::BTreeMap;

use super::sim::Sim;
use super::*;
use crate::view::Sight;
use crate::view::kafka::{ClusterView, NodeId};

fn brokers(count: i32, mode: &str) -> Value {
    json!({
        "pools": [
            { "name": "ctl", "replicas": 1, "roles": ["controller"], "firstNodeId": 100 },
            { "name": "kafka", "replicas": count, "roles": ["broker"], "firstNodeId": 0 },
        ],
        "rebalance": { "mode": mode },
    })
}

const REPLICAS: &str = "/pools/1/replicas";
const LISTS: [&[NodeId]; 4] = [&[0, 1], &[1, 2], &[2, 3], &[3, 0]];

fn cordoned(sim: &Sim) -> Vec<NodeId> {
    let own = sim.dynamic.brokers.iter();
    own.filter(|(_, set)| set.contains_key("cordoned.log.dirs")).map(|(id, _)| *id).collect()
}

fn until(sim: &mut Sim, holds: impl Fn(&Sim) -> bool) {
    for _ in 0..120 {
        if holds(sim) {
            return;
        }
        sim.pass();
        sim.tick();
    }
    panic!("not within 120 s");
}

/// Four brokers, described once, and two replicas of each partition.
fn four(mode: &str) -> Sim {
    let mut sim = Sim::running(brokers(4, mode)).topic("orders", 1, &LISTS);
    sim.dynamic.brokers = (0..4).map(|id| (id, BTreeMap::new())).collect();
    sim.run(5);
    sim
}

#[test]
fn a_broker_that_is_drained_is_cordoned_first_and_status_says_so() {
    let mut sim = four("Auto");
    sim.edit(REPLICAS, 3.into());
    until(&mut sim, |sim| !sim.moving.is_empty());
    assert_eq!(cordoned(&sim), [3]);
    sim.pass();
    let leaving = sim.status.clone().unwrap().leaving;
    assert_eq!(leaving.iter().map(|node| (node.id, node.cordoned)).collect::<Vec<_>>(), [(3, Some(true))]);
    until(&mut sim, |sim| !sim.registered.contains(&3));
}

#[test]
fn one_that_stays_after_all_is_opened() {
    let mut sim = four("Auto");
    sim.edit(REPLICAS, 3.into());
    until(&mut sim, |sim| cordoned(sim) == [3] && !sim.held().contains_key(&3));
    sim.edit(REPLICAS, 4.into());
    sim.pass();
    assert_eq!(cordoned(&sim), [0; 0]);
}

#[test]
fn none_is_cordoned_while_those_that_stay_do_not_serve() {
    let mut sim = Sim::running(brokers(3, "Off")).topic("orders", 1, &[&[0, 1], &[1, 0]]);
    sim.dynamic.brokers = (0..3).map(|id| (id, BTreeMap::new())).collect();
    sim.edit(REPLICAS, 2.into());
    let mut seen = sim.seen();
    let mut view = seen.kafka.current().unwrap().as_ref().clone();
    view.brokers.get_mut(&1).unwrap().fenced = true;
    seen.kafka = Sight::Clear(view.into());
    assert_eq!(plan(&sim.wanted(), &seen, sim.status.as_ref(), sim.now()).cordon, []);
}

#[test]
fn one_that_comes_back_under_its_old_id_is_opened() {
    let mut sim = four("Auto");
    sim.edit(REPLICAS, 3.into());
    until(&mut sim, |sim| !sim.registered.contains(&3));
    assert_eq!(cordoned(&sim), [3], "Kafka keeps what a broker had set");
    sim.edit(REPLICAS, 4.into());
    until(&mut sim, |sim| sim.held().contains_key(&3));
    assert_eq!(cordoned(&sim), [0; 0]);
}

#[test]
fn where_it_is_refused_to_let_it_go_or_not_approved_nothing_is_touched() {
    for (mode, reason) in [("Off", "ScaleInBlocked"), ("Manual", "ScaleInBlocked")] {
        let mut sim = four(mode);
        sim.edit(REPLICAS, 3.into());
        let plan = sim.run(30);
        assert_eq!((plan.verdict.reason, cordoned(&sim)), (reason, vec![]), "{mode}");
    }
    let mut sim = four("Auto");
    sim.edit(REPLICAS, 1.into());
    let plan = sim.run(30);
    assert_eq!((plan.verdict.reason, cordoned(&sim)), ("TooFewBrokers", vec![]));
}

#[test]
fn an_empty_one_is_cordoned_whatever_the_mode() {
    let mut sim = Sim::running(brokers(3, "Off")).topic("orders", 1, &[&[0, 1], &[1, 0]]);
    sim.dynamic.brokers = (0..3).map(|id| (id, BTreeMap::new())).collect();
    sim.edit(REPLICAS, 2.into());
    sim.pass();
    assert_eq!(cordoned(&sim), [2]);
}

#[test]
fn where_kafka_does_not_have_it_or_the_broker_was_not_described_nothing_is_asked() {
    let mut sim = four("Auto");
    sim.edit(REPLICAS, 3.into());
    let mut seen = sim.seen();
    let view = seen.kafka.current().unwrap();
    let old = ClusterView { features: [("metadata.version".to_owned(), 29)].into(), ..view.as_ref().clone() };
    seen.kafka = Sight::Clear(old.into());
    let plan = |seen: &Seen| plan(&sim.wanted(), seen, sim.status.as_ref(), sim.now());
    assert_eq!(plan(&seen).cordon, []);
    let mut seen = sim.seen();
    seen.dynamic = Some(DynamicConfigs::default());
    assert_eq!(plan(&seen).cordon, []);
}
