//! What the condition `Degraded` says, and when it is not there.

use std::collections::BTreeSet;

use super::scenarios::three;
use super::sim::Sim;
use super::*;
use crate::view::kafka::{DiskView, NodeId};

/// Reason and message of the condition, as the status that was written last has it.
fn degraded(sim: &Sim) -> Option<(String, String)> {
    let conditions = sim.status.clone().unwrap().conditions;
    let found = conditions.into_iter().find(|condition| condition.type_ == "Degraded")?;
    assert_eq!(found.status, "True", "it is there only while it is true");
    Some((found.reason, found.message))
}

fn running() -> Sim {
    let mut sim = Sim::running(three()).topic("orders", 2, &[&[0, 1, 2], &[1, 2, 0]]);
    // long enough for nobody to catch up any more
    sim.run(60);
    sim
}

#[test]
fn a_cluster_that_comes_up_or_rolls_is_not_degraded() {
    let mut sim = Sim::new(three());
    for _ in 0..30 {
        sim.pass();
        sim.tick();
        assert_eq!(degraded(&sim), None);
    }
    let mut sim = running();
    sim.edit("/config", json!({ "num.partitions": 6 }));
    let mut down = BTreeSet::new();
    for _ in 0..120 {
        sim.pass();
        assert_eq!(degraded(&sim), None, "what a roll does on purpose");
        sim.tick();
        down.extend((0..3).filter(|id| !sim.is_up(*id)));
    }
    assert_eq!(down.len(), 3, "it did roll");
}

#[test]
fn a_node_that_crashed_is_named_until_it_is_back() {
    let mut sim = running();
    sim.stop(vec!["shop-kafka-1".into()]);
    sim.pass();
    let (reason, message) = degraded(&sim).unwrap();
    assert_eq!(reason, "NodeDown");
    assert!(message.contains("broker 1 (shop-kafka-1) is down: the pod is shutting down"), "{message}");
    sim.run(30);
    assert_eq!(degraded(&sim), None);
}

#[test]
fn a_broker_that_does_not_keep_up_is_named_with_what_is_behind() {
    let mut sim = running();
    sim.laggards.insert(2);
    for (_, in_sync) in &mut sim.topics[0].partitions {
        in_sync.retain(|id| *id != 2);
    }
    sim.look();
    sim.pass();
    let (reason, message) = degraded(&sim).unwrap();
    assert_eq!(
        (reason.as_str(), message.as_str()),
        ("ReplicasBehind", "broker 2 is behind with 2 partitions, orders-0 first")
    );
    assert!(sim.plan().verdict.is_ready(), "everything can be read and written");
}

#[test]
fn disks_are_told_and_one_that_fills_is_named_with_who_takes_most() {
    let sim = running();
    let tell = |disks: &[(NodeId, DiskView)], status: Option<&KafkaClusterStatus>| {
        let seen = Seen { disks: disks.iter().cloned().collect(), ..sim.seen() };
        let plan = plan(&sim.wanted(), &seen, status, sim.now());
        super::super::status(&sim.wanted(), &seen, &plan, &Outcome::Done, status, sim.now())
    };
    let disk = |used: i64| DiskView {
        total_bytes: 10 << 30,
        usable_bytes: (10 << 30) / 100 * (100 - used),
        fullest: vec![("orders".into(), 6 << 30)],
        failed: vec![],
    };
    let status = tell(&[(0, disk(40)), (1, disk(91))], sim.status.as_ref());
    let disks = status.health.clone().unwrap().disks;
    assert_eq!(
        disks.iter().map(|disk| (disk.broker, disk.used_percent)).collect::<Vec<_>>(),
        [(0, 40), (1, 90)]
    );
    let told = status.conditions.iter().find(|condition| condition.type_ == "Degraded").unwrap();
    assert_eq!(told.reason, "DiskFilling");
    assert_eq!(told.message, "the disk of broker 1 is used to 90 % of 10.0 GiB, most by orders (6.0 GiB)");
    let broken = DiskView { failed: vec![("/data".into(), "KAFKA_STORAGE_ERROR".into())], ..disk(40) };
    let after = tell(&[(0, broken), (1, disk(91))], Some(&status));
    let told = after.conditions.iter().find(|condition| condition.type_ == "Degraded").unwrap();
    assert_eq!(told.reason, "DiskFailed", "what is worse comes first: {}", told.message);
    assert!(told.message.starts_with("broker 0 cannot use /data: KAFKA_STORAGE_ERROR; "), "{}", told.message);
}
