//! Stories about what Sluice sees, does not see, and leaves alone.

use super::scenarios::{reason, three};
use super::sim::{Sim, at};
use super::*;
use crate::condition::VerdictKind;
use crate::view::kafka::NodeId;

#[test]
fn paused_means_that_nothing_is_changed() {
    let mut sim = Sim::running(three());
    sim.edit("/paused", json!(true));
    sim.settle();
    sim.edit("/config", json!({ "num.partitions": 6, "log.retention.ms": 5 }));
    let plan = sim.run(20);
    assert_eq!((plan.verdict.kind, reason(&plan)), (VerdictKind::Stalled, "Paused"));
    assert_eq!((plan.objects.is_none(), plan.step, plan.alter.len()), (true, Step::None, 0));
    assert_eq!(sim.restarts, [] as [&str; 0]);
    sim.edit("/paused", json!(false));
    sim.settle();
    assert_eq!(sim.restarts.len(), 3);
}

#[test]
fn a_sluice_that_has_just_started_keeps_what_status_says_until_it_has_looked() {
    let mut sim = Sim::running(three());
    sim.pass();
    let before = sim.status.clone().unwrap();
    let mut seen = sim.seen();
    seen.kafka = crate::view::Sight::Never { since: at(sim.now), error: None };
    seen.dynamic = None;
    seen.looked_at = None;
    let plan = plan(&sim.wanted(), &seen, sim.status.as_ref(), at(sim.now));
    let after = status(&sim.wanted(), &seen, &plan, &Outcome::Done, sim.status.as_ref(), at(sim.now + 100));
    assert_eq!(after, before);
}

#[test]
fn when_kafka_does_not_answer_ready_is_unknown_and_says_since_when() {
    let mut sim = Sim::running(three());
    let mut seen = sim.seen();
    seen.kafka = seen.kafka.failed(at(sim.now), "connect to shop-kafka-0: timed out".into());
    let plan = plan(&sim.wanted(), &seen, sim.status.as_ref(), at(sim.now));
    assert_eq!((plan.verdict.kind, reason(&plan)), (VerdictKind::Unknown, "KafkaUnreachable"));
    assert!(
        plan.verdict.message.starts_with("Kafka has not answered since 2026-11-21T08:00:"),
        "{}",
        plan.verdict.message
    );
    sim.edit("/config", json!({ "num.partitions": 6 }));
    seen.stateful_sets = sim.seen().stateful_sets;
    let plan = super::plan(&sim.wanted(), &seen, sim.status.as_ref(), at(sim.now));
    assert!(!plan.step.is_disruptive(), "{:?}", plan.step);
}

#[test]
fn a_node_that_is_down_holds_a_roll_of_the_others() {
    let mut sim = Sim::running(three()).topic("orders", 1, &[&[1, 2]]);
    sim.run(3);
    sim.stop(vec!["shop-kafka-0".into()]);
    // its machine is gone: it stays in Terminating
    sim.pods.get_mut("shop-kafka-0").unwrap().since += 1_000;
    sim.edit("/config", json!({ "num.partitions": 6 }));
    let plan = sim.run(60);
    assert_eq!(sim.restarts, [] as [&str; 0]);
    assert!(
        plan.verdict.message.contains("nodes 0 to be ready first")
            || plan.verdict.message.contains("pod shop-kafka-0 to stop"),
        "{}",
        plan.verdict.message
    );
}

#[test]
fn objects_of_a_deleted_cluster_of_this_name_are_left_to_the_garbage_collector() {
    let mut sim = Sim::running(three());
    for set in sim.sets.values_mut() {
        set.metadata.owner_references.as_mut().unwrap()[0].uid = "an-earlier-one".into();
    }
    let plan = sim.plan();
    assert_eq!((plan.objects.is_none(), reason(&plan)), (true, "Starting"));
    for set in sim.sets.values_mut() {
        set.metadata.owner_references.as_mut().unwrap()[0].name = "another".into();
    }
    let plan = sim.plan();
    assert_eq!((plan.objects.is_none(), reason(&plan)), (true, "NameTaken"));
}

#[test]
fn nothing_of_a_deleted_cluster_counts_for_the_next_one_which_waits_until_it_is_gone() {
    let mut sim = Sim::running(three());
    let before = crate::cluster::tests::cluster(three()).metadata.creation_timestamp.unwrap().0;
    let before = before.checked_sub(std::time::Duration::from_mins(1)).unwrap();
    let mut seen = sim.seen();
    for map in &mut seen.config_maps {
        map.metadata.owner_references.as_mut().unwrap()[0].uid = "an-earlier-one".into();
    }
    seen.stateful_sets.clear();
    for pod in &mut seen.pods {
        pod.metadata.creation_timestamp = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(before));
        pod.metadata.deletion_timestamp.clone_from(&pod.metadata.creation_timestamp);
    }
    // as its StatefulSet marked it, which is gone
    let of = json!([{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "shop-kafka", "uid": "an-earlier-one"}]);
    let claim =
        json!({"name": "data-shop-kafka-0", "creationTimestamp": before.to_string(), "ownerReferences": of});
    seen.claims = vec![serde_json::from_value(json!({"metadata": claim})).unwrap()];
    // a node of a cluster that has its own StatefulSets may be older than the object: it was restored
    let restored = Seen { pods: seen.pods.clone(), claims: seen.claims.clone(), ..sim.seen() };
    assert_eq!(crate::cluster::of_an_earlier_life(&sim.wanted(), &restored), None);
    sim.status = None;
    let next = |seen: &Seen| plan(&sim.wanted(), seen, None, at(sim.now));
    // in whatever order they go
    let waits = |seen: &Seen, what: &str| {
        let plan = next(seen);
        assert_eq!((plan.objects.is_none(), reason(&plan), plan.told.founded), (true, "Starting", false));
        assert!(plan.verdict.message.starts_with(what), "{}", plan.verdict.message);
    };
    waits(&seen, "shop-kafka of the cluster of this name that was deleted");
    seen.config_maps.clear();
    waits(&seen, "shop-kafka-0 of the cluster");
    seen.pods.clear();
    waits(&seen, "data-shop-kafka-0 of the cluster");
    seen.claims.clear();
    seen.kafka = crate::view::Sight::Never { since: at(sim.now), error: None };
    let plan = next(&seen);
    let maps = &plan.objects.unwrap().config_maps;
    assert!(
        maps.iter().any(|map| map.data.as_ref().unwrap().contains_key("standalone")),
        "it founds its own quorum"
    );
}

#[test]
fn pods_keep_the_revision_of_the_configuration_they_were_made_for() {
    let mut sim = Sim::running(three());
    let revisions = |sim: &Sim| {
        sim.maps["shop-kafka"].data.as_ref().unwrap().keys().filter(|k| k.starts_with("server.")).count()
    };
    assert_eq!(revisions(&sim), 1);
    sim.edit("/config", json!({ "num.partitions": 6 }));
    sim.pass();
    assert_eq!(revisions(&sim), 2, "the old one is still run");
    sim.settle();
    sim.pass();
    assert_eq!(revisions(&sim), 1);
}

#[test]
fn brokers_out_of_sync_only_are_told_and_not_a_reason_to_be_unready() {
    let mut sim = Sim::running(three()).topic("orders", 2, &[&[0, 1, 2]]);
    sim.run(2);
    let mut seen = sim.seen();
    let mut view = sim.view();
    let mut topic = view.topics["orders"].as_ref().clone();
    topic.partitions[0].isr = vec![0, 1];
    view.topics.insert("orders".into(), std::sync::Arc::new(topic));
    seen.kafka = crate::view::Sight::Clear(std::sync::Arc::new(view));
    let plan = plan(&sim.wanted(), &seen, sim.status.as_ref(), at(sim.now));
    assert!(plan.verdict.is_ready());
    assert!(plan.verdict.message.ends_with("under-replicated: 1"), "{}", plan.verdict.message);
    let status = status(&sim.wanted(), &seen, &plan, &Outcome::Done, None, at(sim.now));
    assert_eq!(
        status.partitions.unwrap().examples,
        ["orders-0: under-replicated, in sync [0, 1] of [0, 1, 2]"]
    );
}

#[test]
fn the_lead_of_a_quorum_is_kept_where_it_can_be() {
    // dedicated controllers are all restarted before any broker, the active one last
    let mut sim = Sim::running(json!({ "pools": [
        { "name": "c", "replicas": 3, "firstNodeId": 100, "roles": ["controller"] },
        { "name": "b", "replicas": 3, "firstNodeId": 0, "roles": ["broker"] },
    ] }));
    let leader: NodeId = sim.leader.unwrap();
    sim.edit("/restartedAt", json!("2026-11-21T09:00:00Z"));
    sim.settle();
    assert_eq!(sim.restarts.len(), 6);
    assert!(sim.restarts[..3].iter().all(|pod| pod.starts_with("shop-c-")), "{:?}", sim.restarts);
    assert_eq!(sim.restarts[2], format!("shop-c-{leader}"));
}

/// `spec.clusterId` was set after the volumes had been formatted and before a quorum was seen; or DNS errs.
#[test]
fn where_another_kafka_cluster_answers_nothing_is_changed() {
    let mut sim = Sim::running(three());
    sim.edit("/config", json!({ "num.partitions": 6, "log.retention.ms": 5 }));
    sim.edit("/clusterId", json!("c2x1aWNlLXRlc3RzLTAwMQ"));
    let theirs = sim.view().cluster_id;
    // as if no quorum had been seen
    sim.status.as_mut().unwrap().bootstrapped = false;
    let plan = sim.plan();
    assert_eq!((plan.verdict.kind, reason(&plan)), (VerdictKind::Unknown, "KafkaUnreachable"));
    assert!(plan.verdict.message.contains(&format!("Another Kafka cluster, {theirs}, answers")));
    assert!(plan.objects.is_none(), "no pod is made that would not start");
    assert_eq!((plan.step, plan.alter.len(), plan.grow.len()), (Step::None, 0, 0));
    // what was seen is known from then on, and the spec is refused
    let plan = sim.plan();
    sim.tell(&plan);
    assert_eq!(sim.status.as_ref().unwrap().cluster_id.as_deref(), Some(theirs.as_str()));
    let mut cluster = cluster(sim.spec.clone());
    cluster.status.clone_from(&sim.status);
    assert_eq!(validate(&cluster).unwrap_err()[0].reason, ClusterReason::InvalidSpec);
}
