//! Whole stories, second by second, on the small cluster of `sim`.

use super::sim::{Phase, Sim, at};
use super::*;
use crate::condition::VerdictKind;

pub(super) fn three() -> Value {
    json!({ "pools": [{ "name": "kafka", "replicas": 3 }] })
}

pub(super) fn reason(plan: &Plan) -> &'static str {
    plan.verdict.reason
}

#[test]
fn a_fresh_cluster_comes_up_with_one_quorum_of_three() {
    let mut sim = Sim::new(three());
    sim.settle();
    assert_eq!(sim.votes, ["+1", "+2"]);
    assert_eq!(sim.restarts, [] as [&str; 0]);
    assert!(sim.now - at(1_795_248_000).as_second() <= 15, "{} s", sim.now - 1_795_248_000);
    let status = sim.status.clone().unwrap();
    assert!(status.bootstrapped);
    assert_eq!(status.summary.unwrap().controllers, "3/3");
    let data = sim.maps["shop-kafka"].data.clone().unwrap();
    assert!(!data.contains_key(desired::STANDALONE_KEY), "nobody may found a quorum any more");
    assert!(data.contains_key(desired::BOOTSTRAPPED_KEY));
}

#[test]
fn when_nothing_changes_status_does_not_either() {
    let mut sim = Sim::running(three()).topic("orders", 2, &[&[0, 1, 2]]);
    sim.run(3);
    let before = sim.status.clone();
    let plan = sim.run(20);
    assert_eq!(sim.status, before);
    assert_eq!((plan.step, plan.requeue, plan.closely), (Step::None, None, false));
}

#[test]
fn a_dynamic_key_is_set_without_a_restart_and_taken_back() {
    let mut sim = Sim::running(three());
    sim.edit("/config", json!({ "log.retention.ms": 1000 }));
    sim.settle();
    assert_eq!(sim.dynamic.cluster["log.retention.ms"], "1000");
    sim.edit("/config", json!({}));
    sim.settle();
    assert!(!sim.dynamic.cluster.contains_key("log.retention.ms"));
    assert_eq!(sim.restarts, [] as [&str; 0]);
}

/// Kafka refuses to more than double a pool at once, and a broker that starts drops *every* dynamic default when one
/// of them is such a jump from its file.
#[test]
fn a_thread_pool_changes_by_a_roll_and_never_as_a_dynamic_default() {
    let mut sim = Sim::running(three());
    sim.edit("/config", json!({ "num.io.threads": 50 }));
    let plan = sim.pass();
    assert!(!sim.dynamic.cluster.contains_key("num.io.threads"));
    assert!(plan.told.roll.left.len() == 3, "{:?}", plan.told.roll);
}

#[test]
fn a_listener_rolls_every_node_once_and_the_active_controller_last() {
    let mut sim = Sim::running(three()).topic("orders", 2, &[&[0, 1, 2], &[1, 2, 0]]);
    let leader = sim.leader.unwrap();
    sim.edit("/listeners", json!([{ "name": "plain", "port": 9092 }, { "name": "more", "port": 9093 }]));
    sim.settle();
    assert_eq!(sim.restarts.len(), 3);
    assert_eq!(sim.restarts[2], format!("shop-kafka-{leader}"));
}

#[test]
fn status_names_the_reason_of_a_roll_while_it_lasts() {
    let mut sim = Sim::running(three()).topic("orders", 2, &[&[0, 1, 2]]);
    sim.edit("/config", json!({ "num.partitions": 6 }));
    sim.pass();
    sim.tick();
    sim.pass();
    let rollout = sim.status.clone().unwrap().rollout.unwrap();
    assert_eq!(rollout.reasons, ["Config(num.partitions)"]);
    assert_eq!((rollout.left.len(), rollout.restarting.len()), (3, 1));
    sim.settle();
    assert_eq!(sim.status.unwrap().rollout, None);
}

#[test]
fn k4_no_broker_of_a_minimal_isr_restarts_until_it_has_recovered() {
    let mut sim = Sim::running(three()).topic("orders", 2, &[&[0, 1, 2]]);
    sim.run(3);
    sim.topics[0].partitions[0] = (vec![0, 1, 2], vec![0, 1]);
    sim.edit("/config", json!({ "num.partitions": 6 }));
    sim.laggards.insert(2);
    let plan = sim.run(60);
    assert_eq!(reason(&plan), "RollWaiting");
    assert!(plan.verdict.message.contains("partition orders-0"), "{}", plan.verdict.message);
    // the one that is out already may go, and nobody else
    assert_eq!(sim.restarts, ["shop-kafka-2"]);
    sim.laggards.clear();
    sim.settle();
    assert_eq!(sim.restarts.len(), 3);
}

#[test]
fn k5_a_bad_image_takes_one_broker_down_and_taking_it_back_heals() {
    let mut sim = Sim::running(three()).topic("orders", 2, &[&[0, 1, 2]]);
    sim.edit("/image", json!("bad:1"));
    let plan = sim.run(120);
    assert_eq!(sim.restarts.len(), 1);
    assert_eq!((plan.verdict.kind, reason(&plan)), (VerdictKind::Stalled, "NodeFailing"));
    assert!(plan.verdict.message.contains(&sim.restarts[0]), "{}", plan.verdict.message);
    assert!(plan.verdict.message.contains("image bad:1"), "{}", plan.verdict.message);
    let node = sim.status.clone().unwrap().nodes.into_iter().find(|n| n.state == "ImageError");
    assert_eq!(node.map(|n| n.pod), Some(sim.restarts[0].clone()));
    sim.spec.as_object_mut().unwrap().remove("image");
    sim.generation += 1;
    sim.settle();
    assert_eq!(sim.restarts.len(), 2, "only the broken one was replaced again: {:?}", sim.restarts);
    assert_eq!(sim.restarts[0], sim.restarts[1]);
}

#[test]
fn a_cluster_that_never_came_up_is_healed_by_a_better_spec() {
    let mut spec = three();
    spec["image"] = json!("bad:1");
    let mut sim = Sim::new(spec);
    let plan = sim.run(30);
    assert_eq!(reason(&plan), "NodeFailing");
    sim.edit("/image", json!("good:1"));
    sim.settle();
}

#[test]
fn k6_a_sluice_that_is_killed_anywhere_restarts_each_pod_once() {
    for kill_at in (0..60).step_by(4) {
        let mut sim = Sim::running(three()).topic("orders", 2, &[&[0, 1, 2]]);
        sim.edit("/config", json!({ "num.partitions": 6 }));
        for second in 0..400 {
            let plan = sim.plan();
            if second != kill_at {
                sim.tell(&plan);
            }
            // killed between status and step, or before both, and again two seconds later
            if second != kill_at + 2 && second != kill_at {
                sim.act(&plan);
            }
            sim.tick();
            if plan.verdict.is_ready() {
                break;
            }
        }
        let mut pods = sim.restarts.clone();
        pods.sort();
        assert_eq!(pods, ["shop-kafka-0", "shop-kafka-1", "shop-kafka-2"], "killed at {kill_at}");
    }
}

#[test]
fn k7_a_broker_that_holds_replicas_does_not_leave() {
    let off = json!({ "pools": [{ "name": "kafka", "replicas": 4 }], "rebalance": { "mode": "Off" } });
    let mut sim =
        Sim::running(off).topic("orders", 2, &[&[0, 1, 3]]).topic("carts", 2, &[&[1, 2, 3], &[0, 1, 2]]);
    sim.edit("/pools/0/replicas", json!(3));
    let plan = sim.run(60);
    assert_eq!((plan.verdict.kind, reason(&plan)), (VerdictKind::Stalled, "ScaleInBlocked"));
    assert!(
        plan.verdict.message.contains("broker 3 holds 2 replicas of carts, orders"),
        "{}",
        plan.verdict.message
    );
    assert!(sim.is_up(3));
    assert_eq!(sim.sets["shop-kafka"].spec.as_ref().unwrap().replicas, Some(4));
    assert_eq!((sim.restarts.len(), sim.votes.len()), (0, 0), "nothing is touched");
    // moved away by hand
    sim.topics[0].partitions[0] = (vec![0, 1, 2], vec![0, 1, 2]);
    sim.topics[1].partitions[0] = (vec![0, 1, 2], vec![0, 1, 2]);
    sim.settle();
    assert!(!sim.pods.contains_key("shop-kafka-3"));
    assert!(!sim.registered.contains(&3), "its registration is gone too");
    assert_eq!(sim.voters.len(), 3);
}

#[test]
fn an_empty_broker_leaves_only_after_a_second_look() {
    let mut sim = Sim::running(json!({ "pools": [{ "name": "kafka", "replicas": 4 }] }));
    sim.edit("/pools/0/replicas", json!(3));
    // its vote goes first
    while sim.voters.len() > 3 {
        sim.pass();
        sim.tick();
    }
    let kept = |sim: &Sim| sim.plan().told.scale.kept["kafka"];
    sim.status.as_mut().unwrap().leaving.clear();
    let plan = sim.plan();
    assert!(plan.told.scale.leaving[0].empty_since.is_some());
    sim.tell(&plan);
    assert_eq!(kept(&sim), 4, "the same look does not count twice");
    // replicas arrive between the two looks
    sim.topics = Sim::new(three()).topic("new", 1, &[&[3]]).topics;
    sim.tick();
    let plan = sim.pass();
    assert_eq!(plan.told.scale.leaving[0].empty_since, None);
    assert_eq!(kept(&sim), 4);
    sim.topics.clear();
    sim.settle();
    assert!(!sim.pods.contains_key("shop-kafka-3"));
}

#[test]
fn k11_controllers_go_from_one_to_three_and_back() {
    let spec = |controllers: i32| {
        json!({ "pools": [
            { "name": "c", "replicas": controllers, "firstNodeId": 100, "roles": ["controller"] },
            { "name": "b", "replicas": 3, "firstNodeId": 0, "roles": ["broker"] },
        ] })
    };
    let mut sim = Sim::running(spec(1)).topic("orders", 2, &[&[0, 1, 2]]);
    sim.spec = spec(3);
    sim.generation += 1;
    sim.settle();
    assert_eq!(sim.votes, ["+101", "+102"]);
    sim.spec = spec(1);
    sim.generation += 1;
    sim.settle();
    assert_eq!(sim.votes, ["+101", "+102", "-102", "-101"]);
    assert_eq!((sim.restarts.len(), sim.pods.len()), (0, 4));
}

#[test]
fn k13_all_pods_go_while_sluice_is_away_and_kafka_returns() {
    let mut sim = Sim::running(three()).topic("orders", 2, &[&[0, 1, 2]]);
    let names: Vec<_> = sim.pods.keys().cloned().collect();
    sim.stop(names);
    for _ in 0..20 {
        sim.tick();
    }
    assert!(sim.pods.values().all(|pod| pod.phase == Phase::Ready));
    sim.settle();
    assert_eq!(sim.restarts, [] as [&str; 0]);
}

#[test]
fn a_controller_that_lost_its_disk_loses_its_old_vote_and_gets_a_new_one() {
    let mut sim = Sim::running(three()).topic("orders", 2, &[&[0, 1, 2]]);
    sim.disks.remove("shop-kafka-0");
    sim.stop(vec!["shop-kafka-0".into()]);
    sim.tick();
    sim.settle();
    assert_eq!(sim.votes, ["-0", "+0"], "and it never founds a quorum of its own");
}

#[test]
fn the_only_controller_founds_its_quorum_again_on_an_ephemeral_volume() {
    let mut sim = Sim::running(
        json!({ "pools": [{ "name": "kafka", "replicas": 1, "storage": { "type": "Ephemeral", "size": "1Gi" } }] }),
    );
    sim.stop(vec!["shop-kafka-0".into()]);
    sim.tick();
    sim.settle();
    assert_eq!(sim.voters.len(), 1);
}

#[test]
fn a_pool_that_is_taken_out_goes_when_it_is_empty() {
    let pool = |name: &str, first: i32| json!({ "name": name, "replicas": 3, "firstNodeId": first });
    let mut sim = Sim::running(json!({ "pools": [pool("old", 0), pool("new", 10)] }));
    sim = sim.topic("orders", 2, &[&[0, 1, 2]]);
    sim.spec = json!({ "pools": [pool("new", 10)] });
    sim.generation += 1;
    let plan = sim.run(3);
    assert_eq!(reason(&plan), "ScalingIn");
    assert_eq!(sim.pods.len(), 6);
    sim.settle();
    assert_eq!(sim.held().into_keys().collect::<Vec<_>>(), [10, 11, 12], "its replicas were moved first");
    assert_eq!(
        sim.pods.keys().map(String::as_str).collect::<Vec<_>>(),
        ["shop-new-10", "shop-new-11", "shop-new-12"]
    );
    sim.run(2);
    assert_eq!(sim.sets.keys().collect::<Vec<_>>(), ["shop-new"]);
    assert_eq!(sim.maps.keys().collect::<Vec<_>>(), ["shop-new"]);
}
