//! Small clusters whose answer a person can see.

use std::collections::BTreeMap;

use super::worlds::{apply, broker, counts, model, planned, topic};
use crate::rebalance::{Model, Options, RackRule, RebalanceReason, lower_bound, plan};

/// Case, cluster, moves, replicas per broker afterwards.
type Case = (&'static str, Model, usize, &'static [usize]);

#[test]
fn a_plan_has_as_few_moves_as_a_person_finds() {
    let even = || topic("a", [&[0, 1], &[1, 2], &[2, 0]]);
    let wanting = |wanted: usize| {
        let mut partitions = even();
        for p in &mut partitions {
            p.wanted = wanted;
        }
        partitions
    };
    let zones =
        |names: [&str; 4]| (0..).zip(names).map(|(id, zone)| broker(id).rack(zone)).collect::<Vec<_>>();
    let cases: [Case; 14] = [
        ("nothing", model([], vec![]), 0, &[]),
        ("no topics", model([broker(0), broker(1)], vec![]), 0, &[0, 0]),
        ("all is even", model((0..3).map(broker), even()), 0, &[2, 2, 2]),
        ("a broker comes", model((0..4).map(broker), even()), 1, &[2, 2, 1, 1]),
        ("a broker goes", model([broker(0), broker(1), broker(2).drains()], even()), 2, &[3, 3, 0]),
        ("one has all", model((0..3).map(broker), topic("a", [&[0], &[0], &[0]])), 2, &[1, 1, 1]),
        ("a replica more", model((0..3).map(broker), wanting(3)), 3, &[3, 3, 3]),
        ("a replica less", model((0..3).map(broker), wanting(1)), 0, &[1, 1, 1]),
        ("a larger broker", model([broker(0), broker(1), broker(2).weight(2)], even()), 1, &[2, 1, 3]),
        ("no weight", model([broker(0), broker(1), broker(2).weight(0)], even()), 2, &[3, 3, 0]),
        (
            "weights that cannot be",
            model([broker(0).weight(9), broker(1), broker(2)], topic("a", [&[0, 1, 2], &[0, 1, 2]])),
            0,
            &[2, 2, 2],
        ),
        (
            "racks cost moves",
            model(zones(["x", "x", "y", "y"]), topic("a", [&[0, 1], &[2, 3]])),
            2,
            &[1, 1, 1, 1],
        ),
        (
            "a rack of one broker",
            model(zones(["x", "y", "y", "y"]), topic("a", [&[1, 0], &[2, 0], &[3, 0]])),
            0,
            &[3, 1, 1, 1],
        ),
        (
            "four replicas on two racks lie two by two",
            model(
                (0..6).map(|id| broker(id).rack(if id < 4 { "x" } else { "y" })),
                topic("a", [&[0, 1, 2, 4]]),
            ),
            1,
            &[0, 1, 1, 0, 1, 1],
        ),
    ];
    for (case, model, moves, expected) in cases {
        let plan = planned(&model);
        assert_eq!((plan.moves, plan.lower_bound), (moves, moves), "{case}");
        let after: Vec<_> = counts(&apply(&model, &plan.changes)).into_values().collect();
        let mut sorted = [after.clone(), expected.to_vec()];
        for counts in &mut sorted {
            counts.sort_unstable();
        }
        assert_eq!(sorted[0], sorted[1], "{case}: {after:?}");
    }
}

#[test]
fn what_cannot_be_is_refused_with_its_reason() {
    let three = || topic("a", [&[0, 1, 2], &[1, 2, 0]]);
    let none = || {
        let mut partitions = topic("b", [&[0]]);
        partitions[0].wanted = 0;
        partitions
    };
    let cases = [
        (model([broker(0), broker(1), broker(2).drains()], three()), RebalanceReason::TooFewBrokers),
        (model([broker(0)], none()), RebalanceReason::NoReplicasWanted),
        (model([broker(0), broker(1)], topic("a", [&[0, 7]])), RebalanceReason::UnknownBroker),
        (model([broker(0), broker(1)], topic("a", [&[0, 0]])), RebalanceReason::ListedTwice),
        (model([broker(0), broker(0)], vec![]), RebalanceReason::ListedTwice),
        (model([broker(0)], [topic("a", [&[0]]), topic("a", [&[0]])].concat()), RebalanceReason::ListedTwice),
    ];
    for (model, reason) in cases {
        let findings = plan(&model, Options::default()).unwrap_err();
        assert_eq!(findings.iter().map(|f| f.reason).collect::<Vec<_>>(), [reason]);
        assert_eq!(lower_bound(&model, Options::default(), &BTreeMap::new()), 0);
    }
}

#[test]
fn a_finding_names_a_few_and_counts_the_rest() {
    let mut partitions = topic("a", [&[0, 1], &[1, 0], &[0, 1], &[1, 0], &[0, 1]]);
    partitions.extend((0..5).flat_map(|n| topic(&format!("t{n}"), [&[0, 1]])));
    let findings = plan(&model([broker(0), broker(1).drains()], partitions.clone()), Options::default());
    assert_eq!(
        findings.unwrap_err()[0].text(),
        "topics a (2), t0 (2), t1 (2), and 3 more want more replicas than the 1 brokers that may hold them. Keep as \
         many brokers as the largest replication factor, or lower the topics' replication first"
    );
    let findings = plan(&model([broker(0)], partitions), Options::default()).unwrap_err();
    assert_eq!(findings[0].message, "broker 1 is not known, but has replicas of a-0, a-1, a-2, and 7 more");
}

#[test]
fn preferred_leaders_stay_where_leadership_is_even_and_move_without_data_where_not() {
    let even = topic("a", [&[0, 1, 2], &[1, 2, 0], &[2, 0, 1]]);
    assert!(planned(&model((0..3).map(broker), even)).is_empty());
    let plan = planned(&model((0..3).map(broker), topic("a", [&[0, 1, 2], &[0, 1, 2], &[0, 1, 2]])));
    assert_eq!((plan.moves, plan.leaders, plan.changes.len()), (0, 2, 2));
    assert!(plan.brokers.values().all(|load| load.after.leaders == 1));
    assert_eq!(plan.brokers[&0].before.leaders, 3);
}

#[test]
fn a_leader_whose_broker_goes_is_followed_by_a_replica_that_stays() {
    let plan =
        planned(&model([broker(0).drains(), broker(1), broker(2), broker(3)], topic("a", [&[0, 1, 2]])));
    let to = &plan.changes[0].to;
    assert_eq!((plan.moves, to.len()), (1, 3));
    assert_eq!(to[0], 1, "{to:?}");
    assert_eq!(plan.brokers[&0].after, crate::rebalance::Held::default());
}

#[test]
fn of_plans_with_as_few_moves_the_one_with_even_bytes_is_taken() {
    let mut partitions = topic("a", [&[0], &[0], &[0], &[0], &[1], &[1]]);
    for (partition, bytes) in partitions.iter_mut().zip([10, 10, 500, 20, 300, 240]) {
        partition.bytes = bytes;
    }
    let plan = planned(&model((0..2).map(broker), partitions.clone()));
    assert_eq!(plan.moves, 1);
    // of four that may go the one that leaves 530 and 550
    assert_eq!((plan.bytes, plan.brokers[&0].after.bytes, plan.brokers[&1].after.bytes), (10, 530, 550));
    for (partition, bytes) in partitions.iter_mut().zip([100, 100, 300, 120, 10, 10]) {
        partition.bytes = bytes;
    }
    let plan = planned(&model((0..2).map(broker), partitions));
    assert_eq!((plan.moves, plan.bytes), (1, 300));
}

#[test]
fn a_new_broker_gets_a_sample_of_every_topic() {
    let all: [&[i32]; 8] = [&[0, 1], &[1, 2], &[2, 0], &[0, 1], &[1, 2], &[2, 0], &[0, 1], &[1, 2]];
    let partitions = (0..6).flat_map(|n| topic(&format!("t{n}"), all)).collect();
    let model = model((0..4).map(broker), partitions);
    let plan = planned(&model);
    assert_eq!(plan.moves, 24);
    for number in 0..6 {
        let of = plan.changes.iter().filter(|c| *c.topic == format!("t{number}") && c.to.contains(&3));
        assert_eq!(of.count(), 4, "t{number}");
    }
}

#[test]
fn racks_can_be_ignored() {
    let brokers = || ["x", "x", "y", "y"].into_iter().zip(0..).map(|(zone, id)| broker(id).rack(zone));
    let model = model(brokers(), topic("a", [&[0, 1], &[2, 3]]));
    assert_eq!(plan(&model, Options { racks: RackRule::Ignore }).unwrap().moves, 0);
    assert_eq!(planned(&model).moves, 2);
}

#[test]
fn the_hash_is_of_what_changes_and_the_basis_of_what_it_was_made_for() {
    let partitions = || topic("a", [&[0, 1], &[1, 2], &[2, 0]]);
    let first = planned(&model((0..4).map(broker), partitions()));
    let mut shuffled = model((0..4).rev().map(broker), partitions());
    shuffled.partitions.reverse();
    assert_eq!(planned(&shuffled), first);
    shuffled.partitions[0].bytes += 1;
    assert_eq!(planned(&shuffled).basis, first.basis);
    shuffled.brokers[0].weight += 1;
    let other = planned(&shuffled);
    assert_ne!(other.basis, first.basis);
    assert_ne!(other.hash, first.hash);
    assert_eq!(first.hash.len(), 16);
}
