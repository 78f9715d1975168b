//! Several brokers of one zone at a time, and how many pods Kubernetes may evict.

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::sim::{Phase, Sim};
use super::*;
use crate::view::kafka::NodeId;

/// Nine brokers in three zones, and topics that are spread over the zones.
fn nine(together: i32) -> Sim {
    let spec = json!({
        "pools": [
            { "name": "b", "replicas": 9, "firstNodeId": 0, "roles": ["broker"] },
            { "name": "c", "replicas": 3, "firstNodeId": 100, "roles": ["controller"] },
        ],
        "rollout": { "maxUnavailable": together },
    });
    Sim::running(spec).topic("orders", 2, &[&[0, 1, 2], &[3, 4, 5], &[6, 7, 8], &[0, 4, 8]])
}

/// Rolls all nodes; how long it took, and every set of brokers that were down together.
fn rolled(sim: &mut Sim) -> (i64, Vec<BTreeSet<NodeId>>) {
    let began = sim.now;
    let mut sets = Vec::new();
    sim.edit("/config", json!({ "num.partitions": 6 }));
    for _ in 0..1000 {
        let plan = sim.pass();
        sim.tick();
        let down: BTreeSet<_> = (0..9).filter(|id| !sim.is_up(*id)).collect();
        if sets.last() != Some(&down) {
            sets.push(down);
        }
        if plan.verdict.is_ready() && sim.pods.values().all(|pod| pod.phase == Phase::Ready) {
            break;
        }
    }
    (sim.now - began, sets)
}

#[test]
fn brokers_of_one_zone_go_together_once_the_first_has_come_back() {
    let mut sim = nine(3);
    let (together, sets) = rolled(&mut sim);
    let pods: BTreeSet<_> = sim.restarts.iter().collect();
    assert_eq!((sim.restarts.len(), pods.len()), (12, 12), "each pod once: {:?}", sim.restarts);
    let brokers: Vec<_> = sets.iter().filter(|down| !down.is_empty()).collect();
    assert_eq!(*brokers[0], BTreeSet::from([0]), "the first goes alone: {sets:?}");
    let zones = |down: &BTreeSet<NodeId>| down.iter().map(|id| Sim::zone(*id)).collect::<BTreeSet<_>>().len();
    assert!(brokers.iter().all(|down| zones(down) == 1), "one zone at a time: {sets:?}");
    assert_eq!(brokers.iter().map(|down| down.len()).max(), Some(3), "{sets:?}");

    let (alone, sets) = rolled(&mut nine(1));
    assert!(sets.iter().all(|down| down.len() <= 1), "the default is one: {sets:?}");
    assert!(together * 3 < alone * 2, "{together} s together, {alone} s one by one");
}

#[test]
fn a_partition_with_two_replicas_in_one_zone_keeps_them_apart() {
    let mut sim = nine(3).topic("squeezed", 2, &[&[1, 4, 8]]);
    let (_, sets) = rolled(&mut sim);
    assert!(sets.iter().all(|down| !(down.contains(&1) && down.contains(&4))), "{sets:?}");
    assert!(sets.iter().any(|down| down.len() > 1), "others still go together: {sets:?}");
}

#[test]
fn status_says_what_is_done_and_what_is_left() {
    let mut sim = nine(1);
    sim.edit("/restartedAt", json!("2026-11-21T09:00:00Z"));
    let mut told = Vec::new();
    for _ in 0..1000 {
        let plan = sim.pass();
        sim.tick();
        let Some(rollout) = sim.status.clone().unwrap().rollout else {
            if plan.verdict.is_ready() {
                break;
            }
            continue;
        };
        let all = rollout.done.iter().chain(&rollout.restarting).chain(&rollout.left);
        let ids: BTreeSet<_> = all.copied().collect();
        assert_eq!(ids.len(), 12, "nobody is forgotten: {rollout:?}");
        assert_eq!(rollout.reasons, ["RestartRequested"]);
        told.push(rollout.done.len());
    }
    assert!(told.is_sorted() && told.first() == Some(&0) && told.last() == Some(&11), "{told:?}");
}

/// `maxUnavailable` of the budget as the next pass applies it.
fn evictions(sim: &Sim) -> i32 {
    let budget = sim.plan().objects.unwrap().pod_disruption_budget.spec.unwrap();
    let Some(IntOrString::Int(evictions)) = budget.max_unavailable else { panic!("{budget:?}") };
    evictions
}

#[test]
fn nothing_is_evicted_while_a_partition_has_none_to_spare() {
    let mut sim =
        Sim::running(scenarios::three()).topic("orders", 2, &[&[0, 1, 2]]).topic("single", 1, &[&[1]]);
    sim.run(3);
    assert_eq!(evictions(&sim), 1, "one replica is all that a topic of one has");
    sim.laggards.insert(2);
    sim.topics[0].partitions[0].1 = vec![0, 1];
    sim.look();
    assert_eq!(evictions(&sim), 0);
    sim.laggards.clear();
    sim.run(5);
    assert_eq!(evictions(&sim), 1);
}

#[test]
fn a_node_that_comes_back_opens_the_budget_only_when_its_replicas_have_caught_up() {
    let mut sim = Sim::running(scenarios::three()).topic("orders", 2, &[&[0, 1, 2]]);
    sim.run(3);
    sim.stop(vec!["shop-kafka-1".into()]);
    let mut seen = vec![];
    for _ in 0..30 {
        sim.pass();
        sim.tick();
        seen.push((sim.is_up(1), sim.topics[0].partitions[0].1.len(), evictions(&sim)));
    }
    assert!(seen.iter().all(|(_, in_sync, evictions)| *in_sync == 3 || *evictions == 0), "{seen:?}");
    assert!(
        seen.iter().any(|(up, in_sync, _)| *up && *in_sync < 3),
        "it was back before its replicas: {seen:?}"
    );
    assert_eq!(seen.last(), Some(&(true, 3, 1)));
}
