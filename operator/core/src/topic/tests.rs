//! Sentences about topics. Fixtures go through `validate`, as specs do.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use proptest::prelude::*;
use serde_json::json;
use sluice_crds::common::DeletionPolicy;
use sluice_crds::{Topic, TopicStatus};

use super::*;
use crate::condition::VerdictKind;
use crate::referent::Referent;
use crate::view::Sight;
use crate::view::kafka::{BrokerView, ClusterView, KafkaUuid, PartitionView, TopicView};

fn topic(spec: serde_json::Value) -> Topic {
    let mut spec = spec;
    spec["clusterRef"] = json!({"name": "shop"});
    serde_json::from_value(json!({
        "apiVersion": "sluice.dev/v1alpha1", "kind": "Topic",
        "metadata": {"name": "orders", "namespace": "ns", "generation": 2}, "spec": spec,
    }))
    .unwrap()
}

fn wanted(spec: serde_json::Value) -> Wanted {
    validate(&topic(spec)).unwrap()
}

fn in_kafka(partitions: usize, factor: usize, configs: &[(&str, &str)]) -> TopicView {
    TopicView {
        id: KafkaUuid([7; 16]),
        partitions: vec![
            PartitionView {
                leader: Some(0),
                replicas: (0..3).take(factor).collect(),
                isr: vec![0]
            };
            partitions
        ],
        configs: Some(configs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()),
        ..Default::default()
    }
}

fn view(topics: Vec<TopicView>) -> Sight<ClusterView> {
    let brokers = (0..3).map(|id| (id, BrokerView::default())).collect();
    let topics = topics.into_iter().map(|topic| ("orders".to_owned(), Arc::new(topic))).collect();
    Sight::Clear(Arc::new(ClusterView { brokers, topics, ..Default::default() }))
}

fn look(sight: &Sight<ClusterView>) -> Seen<'_> {
    Seen {
        cluster: Referent::There,
        kafka: Some(sight),
        replicas: None,
        elder: None,
        created_by_us: false,
        has_finalizer: false,
    }
}

fn owned() -> TopicStatus {
    TopicStatus {
        topic_id: Some(KafkaUuid([7; 16]).to_string()),
        partitions: Some(1),
        replication_factor: Some(3),
        ..Default::default()
    }
}

#[test]
fn what_people_write_becomes_what_kafka_knows() {
    let wanted = wanted(json!({
        "partitions": 6, "replicationFactor": 3, "retention": {"time": "7d", "size": "Unlimited"},
        "cleanupPolicy": "CompactAndDelete", "config": {"min.insync.replicas": 2},
    }));
    let expected = [
        ("cleanup.policy", "compact,delete"),
        ("min.insync.replicas", "2"),
        ("retention.bytes", "-1"),
        ("retention.ms", "604800000"),
    ];
    assert_eq!(wanted.configs, expected.map(|(k, v)| (k.to_owned(), v.to_owned())).into());
}

#[test]
fn a_misspelt_key_is_refused_with_the_near_one_and_a_double_one_too() {
    let findings = validate(&topic(
        json!({"config": {"retention.mss": 1, "retention.bytes": 5}, "retention": {"size": "1Gi"}}),
    ))
    .unwrap_err();
    let text = crate::finding::join(&findings);
    assert!(text.contains("Did you mean retention.ms?"), "{text}");
    assert!(text.contains("declared by spec.retention.size too"), "{text}");
}

#[test]
fn a_topic_that_is_not_there_is_created_and_marked_first_where_it_will_be_deleted() {
    let sight = view(vec![]);
    let plan = plan(&wanted(json!({"deletionPolicy": "Delete"})), &TopicStatus::default(), &look(&sight));
    assert!(matches!(plan.step, Step::Create { partitions: 1, replication_factor: None, .. }));
    assert!(plan.finalizer && plan.mark_created);
}

#[test]
fn retained_topics_need_no_finalizer_and_no_mark() {
    let sight = view(vec![]);
    let plan = plan(&wanted(json!({})), &TopicStatus::default(), &look(&sight));
    assert!(!plan.finalizer && !plan.mark_created);
}

#[test]
fn more_replicas_than_brokers_leaves_kafka_alone() {
    let sight = view(vec![]);
    let plan = plan(&wanted(json!({"replicationFactor": 4})), &TopicStatus::default(), &look(&sight));
    assert_eq!((plan.step, plan.verdict.reason), (Step::None, "NotEnoughBrokers"));
}

#[test]
fn an_existing_topic_is_taken_over_only_as_adoption_says() {
    let sight = view(vec![in_kafka(3, 3, &[("retention.ms", "1")])]);
    for (adoption, spec, step, reason) in [
        ("IfIdentical", json!({"partitions": 3, "config": {"retention.ms": 1}}), true, "AsDeclared"),
        ("IfIdentical", json!({"partitions": 3}), false, "AdoptionRefused"),
        ("Always", json!({"partitions": 3}), true, "Updating"),
        ("Never", json!({"partitions": 3, "config": {"retention.ms": 1}}), false, "AdoptionRefused"),
    ] {
        let mut spec = spec;
        spec["adoption"] = adoption.into();
        let plan = plan(&wanted(spec), &TopicStatus::default(), &look(&sight));
        assert_eq!((plan.owned.is_some(), plan.verdict.reason), (step, reason), "{adoption}");
    }
}

#[test]
fn a_refused_adoption_shows_what_would_change() {
    let sight = view(vec![in_kafka(3, 3, &[("retention.ms", "1")])]);
    let plan = plan(&wanted(json!({"partitions": 6})), &TopicStatus::default(), &look(&sight));
    let message = plan.verdict.message;
    assert!(message.contains("partitions 3 → 6, retention.ms 1 → (default)"), "{message}");
}

#[test]
fn an_interrupted_creation_is_not_somebody_elses_topic() {
    let sight = view(vec![in_kafka(1, 3, &[])]);
    let seen = Seen { created_by_us: true, ..look(&sight) };
    let plan = plan(&wanted(json!({"adoption": "Never"})), &TopicStatus::default(), &seen);
    assert_eq!(plan.verdict.reason, "AsDeclared");
}

#[test]
fn partitions_grow_before_configs_change() {
    let sight = view(vec![in_kafka(1, 3, &[])]);
    let plan =
        plan(&wanted(json!({"partitions": 3, "config": {"retention.ms": 1}})), &owned(), &look(&sight));
    assert_eq!(plan.step, Step::Grow { partitions: 3 });
}

#[test]
fn a_setting_that_nobody_declared_is_removed_but_a_throttle_stays() {
    let sight = view(vec![in_kafka(
        1,
        3,
        &[
            ("segment.ms", "9"),
            ("leader.replication.throttled.replicas", "0:0"),
            ("cleanup.policy", "delete,compact"),
        ],
    )]);
    let plan = plan(&wanted(json!({"cleanupPolicy": "CompactAndDelete"})), &owned(), &look(&sight));
    assert_eq!(plan.step, Step::Configure { set: BTreeMap::new(), remove: vec!["segment.ms".into()] });
}

#[test]
fn what_kafka_cannot_undo_is_said_and_not_tried() {
    let sight = view(vec![in_kafka(6, 3, &[])]);
    let plan = plan(&wanted(json!({"partitions": 3})), &owned(), &look(&sight));
    assert_eq!((plan.step, plan.verdict.reason), (Step::None, "PartitionsDiffer"));
    assert!(plan.verdict.message.contains("spec.partitions: 6"));
}

#[test]
fn without_a_view_nothing_is_done_and_the_verdict_is_unknown() {
    let lost = view(vec![]).failed(Timestamp::UNIX_EPOCH, "connection refused".into());
    let plan = plan(&wanted(json!({})), &owned(), &look(&lost));
    assert_eq!((plan.step, plan.verdict.kind), (Step::None, VerdictKind::Unknown));
    assert!(plan.verdict.message.contains("1970-01-01T00:00:00Z"), "{}", plan.verdict.message);
    assert!(plan.verdict.message.contains("connection refused"));
    assert_eq!(plan.owned.unwrap().id, KafkaUuid([7; 16]).to_string(), "what we knew stays in status");
}

#[test]
fn a_cluster_that_does_not_parse_is_not_missing() {
    let sight = view(vec![]);
    let seen = Seen { cluster: Referent::Unparsable, ..look(&sight) };
    let plan = plan(&wanted(json!({})), &owned(), &seen);
    assert_eq!((plan.step, plan.verdict.kind), (Step::None, VerdictKind::Unknown));
    assert_eq!(plan.verdict.reason, "ClusterUnparsable");
    assert!(plan.verdict.message.starts_with("KafkaCluster shop does not parse"), "{}", plan.verdict.message);
    assert!(plan.owned.is_some(), "what we knew stays in status");
    let leaving = TeardownSeen { cluster: Referent::Unparsable, ..leaving(&sight) };
    let Teardown::Wait(verdict) = teardown(&leaving) else { panic!("the topic would outlive its object") };
    assert!(verdict.message.contains("deletionPolicy: Retain"), "{}", verdict.message);
    let retain = TeardownSeen { deletion: DeletionPolicy::Retain, ..leaving };
    assert_eq!(teardown(&retain), Teardown::Release, "what stays anyway needs no cluster");
}

#[test]
fn a_topic_that_vanished_is_told_before_it_is_created_again() {
    let sight = view(vec![]);
    let plan_of = |spec, status: &TopicStatus| plan(&wanted(spec), status, &look(&sight));
    let lost = plan_of(json!({}), &owned());
    assert!(matches!(lost.step, Step::Create { .. }));
    assert!(lost.lost.unwrap().contains("has gone from Kafka, with its records"));
    assert_eq!(lost.owned, None, "status forgets the id, so that it is told once");
    assert_eq!(plan_of(json!({}), &TopicStatus::default()).lost, None, "the first creation is no loss");
    let paused = plan_of(json!({"paused": true}), &owned());
    assert!(paused.verdict.message.contains("has gone from Kafka"), "{}", paused.verdict.message);
    assert!(paused.lost.is_none() && paused.owned.is_some(), "it is still to be told");
}

#[test]
fn a_topic_that_somebody_else_made_again_is_taken_over_only_as_adoption_says() {
    let sight = view(vec![in_kafka(1, 3, &[])]);
    let other = TopicStatus { topic_id: Some("another".into()), ..owned() };
    for (adoption, spec, taken) in [
        ("IfIdentical", json!({}), true),
        ("IfIdentical", json!({"partitions": 3}), false),
        ("Always", json!({"partitions": 3}), true),
        ("Never", json!({}), false),
    ] {
        let mut spec = spec;
        spec["adoption"] = adoption.into();
        // our mark says that the first topic was ours, not this one
        let seen = Seen { created_by_us: true, ..look(&sight) };
        let plan = plan(&wanted(spec), &other, &seen);
        let owned = plan.owned.map(|facts| facts.id);
        if taken {
            assert_eq!(owned, Some(KafkaUuid([7; 16]).to_string()), "{adoption}");
            assert!(plan.lost.unwrap().contains("somebody made another one"), "{adoption}");
        } else {
            assert_eq!((plan.step, plan.verdict.reason), (Step::None, "AdoptionRefused"), "{adoption}");
            assert!(plan.verdict.message.contains("somebody made another one"), "{}", plan.verdict.message);
            assert_eq!(owned, Some("another".into()), "{adoption}: it is not ours");
        }
    }
}

#[test]
fn while_paused_another_topic_of_the_name_is_not_taken_over() {
    let sight = view(vec![in_kafka(1, 3, &[])]);
    let other = TopicStatus { topic_id: Some("another".into()), ..owned() };
    let plan = plan(&wanted(json!({"paused": true, "adoption": "Always"})), &other, &look(&sight));
    assert_eq!((plan.step, plan.verdict.reason, plan.lost), (Step::None, "Paused", None));
    assert_eq!(plan.owned.unwrap().id, "another");
    assert!(plan.verdict.message.contains("would be taken over"), "{}", plan.verdict.message);
}

#[test]
fn a_topic_that_somebody_else_made_again_outlives_our_object() {
    let sight = view(vec![in_kafka(1, 3, &[])]);
    let seen = TeardownSeen { topic_id: Some("another"), ..leaving(&sight) };
    assert!(matches!(teardown(&seen), Teardown::LeaveAlone(_)));
}

#[test]
fn paused_shows_what_would_change() {
    let sight = view(vec![in_kafka(1, 3, &[])]);
    let plan = plan(&wanted(json!({"paused": true, "partitions": 2})), &owned(), &look(&sight));
    assert_eq!((plan.step, plan.verdict.reason), (Step::None, "Paused"));
    assert!(plan.verdict.message.contains("partitions 1 → 2"));
}

fn claims_orders(name: &str, second: i64) -> Topic {
    let mut topic = topic(json!({"topicName": "orders"}));
    topic.metadata.name = Some(name.into());
    topic.metadata.uid = Some(name.into());
    topic.metadata.creation_timestamp = Some(Time(Timestamp::from_second(second).unwrap()));
    topic
}

#[test]
fn of_two_objects_that_want_one_name_the_older_wins() {
    let (old, young) = (claims_orders("z-old", 1), claims_orders("a-young", 2));
    assert_eq!(elder(&young, [&old, &young]), Some("z-old".into()));
    assert_eq!(elder(&old, [&old, &young]), None);
}

#[test]
fn of_two_that_were_created_in_one_second_who_has_the_topic_keeps_it() {
    let (mut first, second) = (claims_orders("z-first", 1), claims_orders("a-second", 1));
    assert_eq!(elder(&first, [&second]), Some("a-second".into()), "neither has it: the uid decides");
    first.status = Some(owned());
    assert_eq!(elder(&second, [&first]), Some("z-first".into()));
    assert_eq!(elder(&first, [&second]), None);
}

fn leaving(sight: &Sight<ClusterView>) -> TeardownSeen<'_> {
    TeardownSeen {
        topic_name: "orders",
        deletion: DeletionPolicy::Delete,
        topic_id: Some("BwcHBwcHBwcHBwcHBwcHBw"),
        created_by_us: true,
        cluster_name: "shop",
        cluster: Referent::There,
        elder: false,
        kafka: Some(sight),
    }
}

#[test]
fn a_deleted_object_takes_its_topic_along_only_with_delete() {
    let sight = view(vec![in_kafka(1, 3, &[])]);
    assert_eq!(teardown(&leaving(&sight)), Teardown::DeleteTopic { id: KafkaUuid([7; 16]) });
    let retain = TeardownSeen { deletion: DeletionPolicy::Retain, ..leaving(&sight) };
    assert_eq!(teardown(&retain), Teardown::Release);
    let never_ours = TeardownSeen { topic_id: None, created_by_us: false, ..leaving(&sight) };
    assert_eq!(teardown(&never_ours), Teardown::Release);
}

#[test]
fn no_finalizer_hangs_when_the_cluster_is_gone_and_none_is_dropped_while_it_is_away() {
    let sight = view(vec![]).failed(Timestamp::UNIX_EPOCH, "away".into());
    assert!(matches!(teardown(&leaving(&sight)), Teardown::Wait(_)));
    let gone = TeardownSeen { cluster: Referent::Missing, ..leaving(&sight) };
    assert_eq!(teardown(&gone), Teardown::Release);
}

/// What Kafka does with a step.
fn carried_out(step: &Step, before: Option<TopicView>) -> TopicView {
    let mut topic = before.unwrap_or_else(|| in_kafka(0, 3, &[]));
    let one = in_kafka(1, 3, &[]).partitions.remove(0);
    match step {
        Step::None => {}
        Step::Create { partitions, configs, .. } => {
            topic.partitions = vec![one; usize::try_from(*partitions).unwrap()];
            topic.configs = Some(configs.clone());
        }
        Step::Grow { partitions } => topic.partitions.resize(usize::try_from(*partitions).unwrap(), one),
        Step::Configure { set, remove } => {
            let configs = topic.configs.as_mut().unwrap();
            configs.extend(set.clone());
            configs.retain(|key, _| !remove.contains(key));
        }
    }
    topic
}

proptest! {
    /// Carrying plans out ends at the declared state, in at most three steps, and stays there.
    #[test]
    fn a_plan_carried_out_is_a_fixpoint(
        existing in proptest::option::of((1usize..5, proptest::collection::btree_map("segment[.]ms|retention[.]ms|max[.]message[.]bytes", "[1-9]", 0..3))),
        partitions in 5i32..9,
        configs in proptest::collection::btree_map("segment[.]ms|retention[.]ms|retention[.]bytes", 1i64..9, 0..3),
    ) {
        let wanted = wanted(json!({"partitions": partitions, "config": configs, "adoption": "Always"}));
        let mut topic = existing.map(|(count, configs)| {
            let mut topic = in_kafka(count, 3, &[]);
            topic.configs = Some(configs);
            topic
        });
        for step in 0..4 {
            let sight = view(topic.clone().into_iter().collect());
            let plan = plan(&wanted, &owned(), &look(&sight));
            if plan.step == Step::None {
                prop_assert_eq!(plan.verdict.reason, "AsDeclared");
                prop_assert!(step < 4);
                return Ok(());
            }
            topic = Some(carried_out(&plan.step, topic));
        }
        prop_assert!(false, "no fixpoint after four steps");
    }
}
