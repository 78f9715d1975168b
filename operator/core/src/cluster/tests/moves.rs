//! Replicas that move, from the first cause to the last trace of a throttle.

use std::collections::BTreeMap;

use super::sim::Sim;
use super::*;
use crate::cluster::rebalance::{Act, HoldReason};
use crate::reason::Reason as _;
use crate::view::kafka::NodeId;
use sluice_crds::rebalance::RebalanceStatus;

fn brokers(count: i32) -> Value {
    json!({ "pools": [
        { "name": "ctl", "replicas": 1, "roles": ["controller"], "firstNodeId": 100 },
        { "name": "kafka", "replicas": count, "roles": ["broker"], "firstNodeId": 0 },
    ] })
}

const REPLICAS: &str = "/pools/1/replicas";

fn with(mut spec: Value, rebalance: Value) -> Value {
    spec["rebalance"] = rebalance;
    spec
}

/// 12 partitions with three replicas each on the first three brokers.
fn loaded(spec: Value) -> Sim {
    const LISTS: [&[NodeId]; 3] = [&[0, 1, 2], &[1, 2, 0], &[2, 0, 1]];
    let lists: Vec<_> = (0..12).map(|at| LISTS[at % 3]).collect();
    let mut sim = Sim::running(spec).topic("orders", 2, &lists);
    sim.run(5);
    sim
}

fn told(sim: &Sim) -> RebalanceStatus {
    sim.status.clone().unwrap().rebalance.unwrap()
}

/// Until nothing is left to be done.
fn balance(sim: &mut Sim) {
    for _ in 0..300 {
        sim.pass();
        sim.tick();
        if told(sim).phase == "Balanced" && sim.moving.is_empty() && sim.plan().step == Step::None {
            return;
        }
    }
    panic!("not balanced: {:#?}", told(sim));
}

/// Until a partition moves to brokers such as these.
fn until_moving(sim: &mut Sim, to: impl Fn(&[NodeId]) -> bool) {
    for _ in 0..60 {
        sim.pass();
        if sim.moving.values().any(|moving| to(&moving.to)) {
            break;
        }
        sim.tick();
    }
}

#[test]
fn a_broker_that_comes_gets_its_share_with_the_fewest_moves_and_no_throttle_stays() {
    let mut sim = loaded(brokers(3));
    assert_eq!(told(&sim).phase, "Balanced");
    sim.edit(REPLICAS, 4.into());
    sim.settle();
    balance(&mut sim);
    let status = told(&sim);
    assert_eq!(
        (status.moves, status.lower_bound, status.done, status.left),
        (Some(6), Some(6), Some(6), Some(0))
    );
    assert_eq!(sim.copies, 6, "nothing was copied twice");
    assert_eq!(sim.held().into_values().collect::<Vec<_>>(), [6, 12, 12, 6], "two are in one zone");
    assert!(sim.is_free() && status.throttle.is_none());
    let led = |topic: &super::sim::SimTopic| topic.partitions.iter().all(|(r, isr)| r[0] == isr[0]);
    assert!(sim.topics.iter().all(led), "preferred leaders lead");
    assert_eq!(sim.restarts, [""; 0]);
}

#[test]
fn the_plan_stands_in_status_before_anything_moves() {
    let mut sim = loaded(brokers(3));
    sim.edit(REPLICAS, 4.into());
    sim.settle_nodes();
    let mut first = None;
    for _ in 0..50 {
        let plan = sim.plan();
        sim.tell(&plan);
        if let Step::Rebalance(act) = &plan.step {
            first.get_or_insert((act.clone(), told(&sim)));
        }
        sim.act(&plan);
        sim.tick();
    }
    let (act, status) = first.unwrap();
    assert!(matches!(act, Act::Throttle(_)), "{act:?}");
    let copies: i32 = status.moving.iter().map(|moving| moving.copies).sum();
    assert_eq!((status.phase.as_str(), status.moves, copies), ("Moving", Some(6), 6));
    assert_eq!(status.causes, ["BrokersCame", "Imbalance"]);
    assert_eq!(status.throttle.unwrap().bytes_per_second, 50 << 20);
    let after: Vec<_> = status.brokers.iter().map(|b| (b.id, b.before, b.after)).collect();
    assert_eq!(after, [(0, 12, 6), (1, 12, 12), (2, 12, 12), (3, 0, 6)]);
}

#[test]
fn sluice_killed_between_any_two_words_ends_in_the_same_state() {
    for killed in 0..40 {
        let mut sim = loaded(brokers(3));
        sim.edit(REPLICAS, 4.into());
        for pass in 0..60 {
            let plan = sim.plan();
            if pass != killed {
                sim.tell(&plan);
                sim.act(&plan);
            } else if killed % 2 == 0 {
                sim.tell(&plan); // status was written, and then nothing was done
            }
            sim.tick();
        }
        balance(&mut sim);
        let status = told(&sim);
        assert_eq!((sim.copies, status.moves, status.done), (6, Some(6), Some(6)), "killed in pass {killed}");
        assert!(sim.is_free(), "killed in pass {killed}");
    }
}

#[test]
fn brokers_that_leave_are_emptied_first_two_at_once() {
    const LISTS: [&[NodeId]; 5] = [&[0, 1, 2], &[1, 2, 3], &[2, 3, 4], &[3, 4, 0], &[4, 0, 1]];
    let mut sim = Sim::running(brokers(5)).topic("orders", 2, &LISTS);
    sim.run(5);
    sim.edit(REPLICAS, 3.into());
    for _ in 0..120 {
        sim.pass(); // the world panics when a broker leaves with replicas
        sim.tick();
    }
    assert_eq!(sim.pods.len(), 4, "three brokers and the controller");
    assert_eq!(sim.held().into_keys().collect::<Vec<_>>(), [0, 1, 2]);
    assert!(sim.is_free() && sim.plan().verdict.is_ready(), "{:?}", sim.plan().verdict);
    assert_eq!(sim.registered.len(), 3, "those that are gone are not listed any more");
}

#[test]
fn with_mode_off_a_broker_that_holds_replicas_stays_and_the_topics_are_named() {
    let mut sim = loaded(with(brokers(3), json!({ "mode": "Off" })));
    sim.edit(REPLICAS, 2.into());
    let plan = sim.run(30);
    // three replicas cannot be on two brokers, which is said first
    assert_eq!(plan.verdict.reason, "TooFewBrokers");
    let mut sim =
        Sim::running(with(brokers(3), json!({ "mode": "Off" }))).topic("two", 1, &[&[1, 2], &[0, 2]]);
    sim.edit(REPLICAS, 2.into());
    let plan = sim.run(30);
    assert_eq!((plan.verdict.reason, sim.pods.len()), ("ScaleInBlocked", 4));
    assert!(plan.verdict.message.contains("two") && plan.verdict.message.contains("spec.rebalance.mode"));
    assert_eq!((told(&sim).reason.as_str(), sim.copies), (HoldReason::ModeOff.as_str(), 0));
}

#[test]
fn a_shrink_below_a_replication_factor_is_refused_at_its_field_and_touches_nothing() {
    let mut sim = loaded(brokers(3));
    sim.edit(REPLICAS, 2.into());
    let plan = sim.run(30);
    assert_eq!((plan.verdict.reason, told(&sim).phase.as_str()), ("TooFewBrokers", "Refused"));
    assert!(plan.verdict.message.starts_with("spec.pools") && plan.verdict.message.contains("orders (3)"));
    assert_eq!((sim.copies, sim.pods.len(), sim.is_free()), (0, 4, true));
    sim.edit(REPLICAS, 3.into());
    sim.settle();
}

#[test]
fn a_plan_is_approved_by_its_hash_and_an_old_hash_starts_nothing() {
    let mut sim = loaded(with(brokers(3), json!({ "mode": "Manual" })));
    sim.edit(REPLICAS, 4.into());
    sim.settle();
    sim.run(10);
    let status = told(&sim);
    assert_eq!((status.phase.as_str(), status.reason.as_str()), ("Planned", "ApprovalNeeded"));
    let hash = status.hash.unwrap();
    sim.edit("/rebalance/approvedPlan", "0123456789abcdef".into());
    sim.run(10);
    assert_eq!((told(&sim).reason.as_str(), sim.copies), ("ApprovalOutdated", 0));
    sim.edit("/rebalance/approvedPlan", hash.clone().into());
    balance(&mut sim);
    assert_eq!((sim.copies, told(&sim).hash, sim.is_free()), (6, Some(hash), true));
}

#[test]
fn off_takes_back_what_moves_and_the_throttle_with_it() {
    let mut sim = loaded(with(brokers(3), json!({ "mode": "Auto" })));
    sim.edit(REPLICAS, 4.into());
    until_moving(&mut sim, |_| true);
    assert!(!sim.moving.is_empty() && !sim.is_free());
    sim.edit("/rebalance/mode", "Off".into());
    sim.run(6);
    assert!(sim.moving.is_empty() && sim.is_free(), "{:?}", told(&sim));
    assert_eq!(sim.held()[&0], 12, "as it was");
    assert_eq!((told(&sim).phase.as_str(), told(&sim).reason.as_str()), ("Planned", "ModeOff"));
}

#[test]
fn a_topics_replication_follows_its_declaration_both_ways() {
    let mut sim = Sim::running(brokers(3)).topic("t", 1, &[&[0], &[1], &[2]]);
    sim.run(3);
    sim.replication.insert("t".into(), 3);
    balance(&mut sim);
    assert_eq!((sim.held().into_values().collect::<Vec<_>>(), sim.copies), (vec![3, 3, 3], 6));
    sim.replication.insert("t".into(), 2);
    balance(&mut sim);
    assert_eq!((sim.held().into_values().collect::<Vec<_>>(), sim.copies), (vec![2, 2, 2], 6));
    assert_eq!(told(&sim).causes, ["ReplicationFactor"]);
    sim.replication.insert("t".into(), 9);
    sim.run(20);
    assert_eq!(
        (told(&sim).phase.as_str(), sim.copies),
        ("Balanced", 6),
        "its Topic says that there are too few"
    );
}

#[test]
fn another_factor_of_one_topic_moves_nothing_of_the_others() {
    // `other` is one replica from even, which is no reason to move it
    let mut sim =
        Sim::running(brokers(3)).topic("t", 1, &[&[0]]).topic("other", 1, &[&[0], &[0], &[1], &[2]]);
    sim.run(3);
    let others = |sim: &Sim| sim.topics.iter().find(|t| t.name == "other").unwrap().partitions.clone();
    let before = others(&sim);
    sim.replication.insert("t".into(), 2);
    balance(&mut sim);
    let status = told(&sim);
    assert_eq!((sim.copies, others(&sim)), (1, before));
    assert_eq!((status.moves, status.lower_bound, status.done), (Some(1), Some(1), Some(1)));
}

#[test]
fn what_somebody_else_moves_is_named_and_left_alone() {
    let mut sim = loaded(brokers(3));
    sim.edit(REPLICAS, 4.into());
    sim.settle_nodes();
    sim.start_moving("orders", 5, &[3, 1, 2]);
    let mut seen = false;
    for _ in 0..3 {
        sim.pass();
        seen |= told(&sim).foreign == ["orders-5"];
        assert!(told(&sim).moving.iter().all(|moving| moving.partition != 5));
        sim.tick();
    }
    assert!(seen, "{:?}", told(&sim));
    balance(&mut sim);
    assert_eq!(sim.held().into_values().collect::<Vec<_>>(), [6, 12, 12, 6]);
}

#[test]
fn nothing_begins_while_a_broker_is_away() {
    let mut sim = loaded(brokers(3));
    sim.edit(REPLICAS, 4.into());
    sim.settle_nodes();
    sim.stop(vec!["shop-kafka-0".into()]);
    sim.run(2);
    assert_eq!((told(&sim).reason.as_str(), sim.copies), (HoldReason::BrokersDown.as_str(), 0));
    balance(&mut sim);
    assert_eq!((sim.copies, sim.is_free()), (6, true));
}

#[test]
fn an_upgrade_moves_nothing_by_itself_and_says_how_to() {
    const LISTS: [&[NodeId]; 4] = [&[0, 1]; 4];
    let mut sim = Sim::running(brokers(3)).topic("uneven", 1, &LISTS);
    sim.status.as_mut().unwrap().rebalance = None;
    sim.run(400);
    let status = told(&sim);
    assert_eq!((status.phase.as_str(), status.reason.as_str(), sim.copies), ("Planned", "FirstSeen", 0));
    sim.edit(REPLICAS, 4.into());
    sim.settle();
    balance(&mut sim);
    assert_eq!(sim.held().into_values().collect::<Vec<_>>(), [2, 2, 2, 2]);
}

#[test]
fn an_uneven_load_is_looked_at_for_five_minutes_first() {
    const LISTS: [&[NodeId]; 6] = [&[0], &[0], &[0], &[0], &[1], &[2]];
    let mut sim = Sim::running(brokers(3)).topic("uneven", 1, &LISTS);
    sim.run(200);
    assert_eq!((told(&sim).reason.as_str(), sim.copies), ("Settling", 0));
    sim.run(150);
    assert_eq!(sim.held().into_values().collect::<Vec<_>>(), [2, 2, 2]);
}

/// What was declared before the upgrade is no exception.
#[test]
fn an_upgrade_does_not_make_what_an_earlier_sluice_left_undone() {
    let mut sim = Sim::running(brokers(3)).topic("t", 1, &[&[0], &[1], &[2]]);
    sim.replication.insert("t".into(), 2);
    sim.status.as_mut().unwrap().rebalance = None;
    sim.run(400);
    let status = told(&sim);
    assert_eq!((status.reason.as_str(), sim.copies), ("FirstSeen", 0));
    sim.edit("/rebalance", json!({ "approvedPlan": status.hash.unwrap() }));
    balance(&mut sim);
    assert_eq!(sim.copies, 3);
}

/// The world panics where a topic takes no writes because a replica is on its way.
#[test]
fn a_topic_with_one_replica_takes_writes_while_it_gets_more() {
    for own in [None, Some("2")] {
        let mut sim = Sim::running(brokers(3)).topic("t", 2, &[&[0], &[1], &[2]]);
        let before: BTreeMap<_, _> =
            own.iter().map(|value| ("min.insync.replicas".to_owned(), (*value).to_owned())).collect();
        if own.is_some() {
            sim.topic_configs.insert("t".into(), before.clone());
        }
        sim.run(3);
        sim.replication.insert("t".into(), 3);
        balance(&mut sim);
        assert_eq!(sim.copies, 6);
        assert_eq!(sim.topic_configs.remove("t").unwrap_or_default(), before, "as it was");
        assert!(sim.is_free() && told(&sim).lowered.is_empty());
    }
}

#[test]
fn a_broker_that_dies_for_good_while_it_takes_replicas_is_planned_around() {
    let mut sim = loaded(brokers(4));
    sim.edit(REPLICAS, 5.into());
    until_moving(&mut sim, |to| to.contains(&4));
    assert!(!sim.moving.is_empty());
    sim.break_down("shop-kafka-4");
    sim.run(60);
    let status = told(&sim);
    assert_eq!(status.reason, HoldReason::BrokersDown.as_str());
    assert!(
        status.message.contains("brokers 4") && status.message.contains("spec.pools"),
        "{}",
        status.message
    );
    sim.edit(REPLICAS, 4.into());
    balance(&mut sim);
    assert!(!sim.held().contains_key(&4) && sim.is_free(), "{:?}", told(&sim));
}

#[test]
fn a_topic_that_was_made_anew_is_another_one() {
    let mut sim = loaded(brokers(3));
    sim.edit(REPLICAS, 4.into());
    until_moving(&mut sim, |_| true);
    sim.remake("orders", &[&[1]]);
    balance(&mut sim);
    assert_eq!((sim.held().into_values().sum::<usize>(), sim.is_free()), (1, true));
}
