//! Sentences about Connect clusters.

mod rest;

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::json;
use sluice_crds::{ConnectCluster, Topic};

use super::names::Internal;
use super::{Plan, Seen, Step, Wanted, desired, owner, plan, validate};
use crate::condition::VerdictKind;
use crate::referent::Referent;
use crate::view::Sight;
use crate::view::connect::{ConnectView, ConnectorView};

fn spec(extra: &serde_json::Value) -> ConnectCluster {
    let mut spec = json!({ "clusterRef": { "name": "kafka" }, "replicas": 2 });
    for (key, value) in extra.as_object().unwrap() {
        spec[key] = value.clone();
    }
    serde_json::from_value(json!({
        "apiVersion": "sluice.dev/v1alpha1", "kind": "ConnectCluster",
        "metadata": { "name": "cdc", "namespace": "shop", "uid": "u-1", "generation": 1 },
        "spec": spec,
    }))
    .unwrap()
}

fn wanted(extra: &serde_json::Value) -> Wanted {
    validate(&spec(extra), "kafka-bootstrap.shop.svc:9091").unwrap().certified(Some(1))
}

fn refused(extra: &serde_json::Value) -> String {
    crate::finding::join(&validate(&spec(extra), "kafka-bootstrap.shop.svc:9091").unwrap_err())
}

/// The world as it is after `wanted` has been applied and everything is up. Tests break it.
struct World {
    kafka: Referent,
    topics: Vec<Topic>,
    stateful_set: Option<StatefulSet>,
    children: Vec<ObjectMeta>,
    pods: Vec<Pod>,
    rest: Option<Sight<ConnectView>>,
    connectors: BTreeSet<String>,
    now: Timestamp,
}

impl World {
    fn of(wanted: &Wanted) -> Self {
        let mut set = desired::build(wanted, 3, &[]).stateful_set;
        set.metadata.generation = Some(1);
        set.status =
            serde_json::from_value(json!({ "observedGeneration": 1, "replicas": wanted.replicas })).unwrap();
        let mut topics = desired::build(wanted, 3, &[]).topics;
        for topic in &mut topics {
            topic.status = serde_json::from_value(json!({ "conditions": [condition("True")] })).unwrap();
        }
        let pods = (0..wanted.replicas).map(|ordinal| pod(wanted, &set, ordinal)).collect();
        let rest = Some(Sight::Clear(Arc::new(ConnectView::default())));
        Self {
            kafka: Referent::There,
            topics,
            stateful_set: Some(set),
            children: Vec::new(),
            pods,
            rest,
            connectors: BTreeSet::new(),
            now: at(1_700_000_100),
        }
    }

    fn unready(mut self, ordinal: usize) -> Self {
        let status = self.pods[ordinal].status.as_mut().unwrap();
        status.conditions.as_mut().unwrap()[0].status = "False".into();
        self
    }

    fn connector(mut self, name: &str, owner: Option<&str>) -> Self {
        let mut view = ConnectView::clone(self.rest.as_ref().and_then(Sight::current).unwrap());
        let config = owner.map(|owner| (owner::KEY.to_owned(), owner.to_owned())).into_iter().collect();
        view.connectors.insert(name.into(), Arc::new(ConnectorView { config, ..Default::default() }));
        self.rest = Some(Sight::Clear(Arc::new(view)));
        self
    }

    fn plan(&self, wanted: &Wanted) -> Plan {
        plan(
            wanted,
            &Seen {
                kafka: self.kafka,
                topics: &self.topics,
                stateful_set: self.stateful_set.as_ref(),
                children: &self.children,
                pods: &self.pods,
                rest: self.rest.as_ref(),
                connectors: &self.connectors,
                now: self.now,
            },
        )
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn condition(status: &str) -> serde_json::Value {
    json!({ "type": "Ready", "status": status, "reason": "KafkaUnreachable", "message": "Kafka does not answer",
            "lastTransitionTime": "2026-11-21T08:00:00Z" })
}

fn pod(wanted: &Wanted, set: &StatefulSet, ordinal: i32) -> Pod {
    let template = set.spec.as_ref().unwrap().template.clone();
    let mut pod = Pod { metadata: template.metadata.unwrap(), ..Default::default() };
    pod.metadata.name = Some(wanted.pod(ordinal));
    pod.metadata.uid = Some(format!("pod-{ordinal}"));
    pod.status =
        serde_json::from_value(json!({ "conditions": [{ "type": "Ready", "status": "True", "lastTransitionTime": "2023-11-14T22:13:00Z" }] })).unwrap();
    pod
}

fn restarted(plan: &Plan) -> Option<&str> {
    match &plan.step {
        Step::Restart { pod, .. } => Some(pod),
        Step::None => None,
    }
}

#[test]
fn the_objects_of_a_connect_cluster() {
    let extra = json!({
        "config": { "offset.flush.interval.ms": 1000 },
        "resources": { "limits": { "memory": "1Gi" } },
        "jvm": { "options": ["-Dx=$(HOME)"] },
        "template": { "labels": { "team": "shop" }, "env": [{ "name": "TZ", "value": "UTC" }] },
    });
    let objects = desired::build(&wanted(&extra), 3, &[]);
    insta::assert_yaml_snapshot!("topics", objects.topics);
    insta::assert_yaml_snapshot!("services", objects.services);
    insta::assert_yaml_snapshot!("service_account", objects.service_account);
    insta::assert_yaml_snapshot!("pod_disruption_budget", objects.pod_disruption_budget);
    insta::assert_snapshot!(
        "worker.properties",
        objects.config_map.data.as_ref().unwrap()["worker.properties"]
    );
    insta::assert_yaml_snapshot!("stateful_set", objects.stateful_set);
}

#[test]
fn internal_topics_have_as_many_replicas_as_there_are_brokers_and_at_most_three() {
    let factors = |brokers, existing: &[Topic]| -> Vec<Option<i32>> {
        desired::build(&wanted(&json!({})), brokers, existing)
            .topics
            .iter()
            .map(|topic| topic.spec.replication_factor)
            .collect()
    };
    assert_eq!(factors(1, &[]), [Some(1); 3]);
    assert_eq!(factors(5, &[]), [Some(3); 3]);
    let existing = desired::build(&wanted(&json!({})), 1, &[]).topics;
    assert_eq!(factors(3, &existing), [Some(1); 3], "a topic keeps the replication that it was made with");
}

#[test]
fn keys_that_sluice_sets_are_refused_with_their_path() {
    let told = refused(&json!({ "config": { "group.id": "x", "plugin.path": "/y" } }));
    assert!(told.starts_with("spec.config[group.id]: "), "{told}");
    assert!(!told.contains("plugin.path"), "{told}");
    let told = refused(&json!({ "config": { "plugin.paths": "/y" } }));
    assert!(told.ends_with("Did you mean plugin.path?"), "{told}");
    let told = refused(&json!({ "template": { "env": [{ "name": "POD_NAME" }] } }));
    assert!(told.starts_with("spec.template.env: POD_NAME"), "{told}");
    let told = refused(&json!({ "jvm": { "heap": "2Gi" }, "resources": { "limits": { "memory": "1Gi" } } }));
    assert!(told.starts_with("spec.jvm.heap: "), "{told}");
}

#[test]
fn the_heap_is_half_of_the_limit() {
    let heap = |extra: serde_json::Value| wanted(&extra).jvm[1].clone();
    assert_eq!(heap(json!({})), "-Xmx524288k");
    assert_eq!(heap(json!({ "resources": { "limits": { "memory": "3Gi" } } })), "-Xmx1572864k");
    assert_eq!(heap(json!({ "resources": { "limits": { "memory": "64Gi" } } })), "-Xmx4194304k");
    assert_eq!(heap(json!({ "jvm": { "heap": "400Mi" } })), "-Xmx409600k");
}

#[test]
fn the_first_worker_waits_for_its_topics() {
    let wanted = wanted(&json!({}));
    let mut world = World::of(&wanted);
    world.stateful_set = None;
    world.pods.clear();
    assert!(world.plan(&wanted).start);
    let name = Internal::Offsets.topic("cdc");
    let offsets = world.topics.iter_mut().find(|t| t.metadata.name.as_deref() == Some(&name)).unwrap();
    offsets.status = serde_json::from_value(json!({ "conditions": [condition("Unknown")] })).unwrap();
    let plan = world.plan(&wanted);
    assert!(plan.apply && !plan.start, "the topics are made, the workers are not");
    assert_eq!(plan.verdict.reason, "PreparingTopics");
    assert!(plan.verdict.message.contains("connect-cdc-offsets is not ready (KafkaUnreachable)"), "{plan:?}");
    world.topics.clear();
    assert!(!world.plan(&wanted).start, "what we have not made yet is not ready");
}

#[test]
fn what_belongs_to_somebody_else_is_not_touched() {
    let wanted = wanted(&json!({}));
    let mut world = World::of(&wanted);
    let mut child = desired::build(&wanted, 3, &[]).config_map.metadata;
    world.children = vec![child.clone()];
    assert_eq!(world.plan(&wanted).verdict.reason, "WorkersReady", "it is ours");
    let owner = &mut child.owner_references.as_mut().unwrap()[0];
    owner.uid = "earlier".into();
    world.children = vec![child.clone()];
    let plan = world.plan(&wanted);
    assert_eq!(
        (plan.apply, plan.verdict.reason),
        (false, "Starting"),
        "an earlier life is still being removed"
    );
    child.owner_references.as_mut().unwrap()[0].kind = "KafkaCluster".into();
    world.children = vec![child];
    let plan = world.plan(&wanted);
    assert_eq!((plan.apply, plan.verdict.reason), (false, "NameTaken"));
    assert!(
        plan.verdict.message.starts_with("cdc-connect belongs to KafkaCluster cdc"),
        "{}",
        plan.verdict.message
    );
}

#[test]
fn workers_that_run_stay_when_kafka_or_its_topics_go() {
    let wanted = wanted(&json!({}));
    let mut world = World::of(&wanted);
    world.topics.clear();
    assert_eq!(world.plan(&wanted).verdict.reason, "WorkersReady");
    world.kafka = Referent::Missing;
    let plan = world.plan(&wanted);
    assert_eq!((plan.apply, plan.verdict.reason), (false, "ClusterMissing"));
    world.kafka = Referent::Unparsable;
    let plan = world.plan(&wanted);
    assert_eq!((plan.apply, plan.verdict.reason), (false, "ClusterUnparsable"));
}

#[test]
fn a_change_restarts_one_worker_at_a_time_and_each_once() {
    let old = wanted(&json!({}));
    let new = wanted(&json!({ "config": { "offset.flush.interval.ms": 1 } }));
    let mut world = World::of(&old);
    assert_eq!(restarted(&world.plan(&new)), None, "the StatefulSet has not taken in the change");
    let mut set = desired::build(&new, 3, &[]).stateful_set;
    set.metadata.generation = Some(2);
    set.status = serde_json::from_value(json!({ "observedGeneration": 1, "replicas": 2 })).unwrap();
    world.stateful_set = Some(set.clone());
    assert_eq!(restarted(&world.plan(&new)), None, "its controller has not either");
    world.stateful_set.as_mut().unwrap().status.as_mut().unwrap().observed_generation = Some(2);
    let plan = world.plan(&new);
    assert_eq!(restarted(&plan), Some("cdc-connect-1"));
    assert_eq!(plan.verdict.reason, "Rolling");
    assert!(plan.verdict.message.contains("config offset.flush.interval.ms"), "{}", plan.verdict.message);

    let gone = world.pods.pop().unwrap();
    assert_eq!(restarted(&world.plan(&new)), None, "it is not back");
    world.pods.push(pod(&new, &set, 1));
    let mut world = world.unready(1);
    assert_eq!(restarted(&world.plan(&new)), None, "it is not ready");
    world.pods[1] = pod(&new, &set, 1);
    assert_eq!(restarted(&world.plan(&new)), Some("cdc-connect-0"));
    world.pods[0] = pod(&new, &set, 0);
    let plan = world.plan(&new);
    assert_eq!((restarted(&plan), plan.verdict.reason), (None, "WorkersReady"));
    assert_ne!(gone.metadata.annotations, world.pods[1].metadata.annotations);
}

#[test]
fn an_outdated_worker_that_is_down_goes_first() {
    let old = wanted(&json!({ "image": "broken" }));
    let new = wanted(&json!({}));
    let mut world = World::of(&old).unready(0);
    world.stateful_set = World::of(&new).stateful_set;
    world.rest = None;
    assert_eq!(restarted(&world.plan(&new)), Some("cdc-connect-0"), "reverting a bad image heals");
}

#[test]
fn a_roll_stops_at_a_worker_that_does_not_come_back() {
    let old = wanted(&json!({}));
    let new = wanted(&json!({ "image": "broken" }));
    let mut world = World::of(&old);
    world.stateful_set = World::of(&new).stateful_set;
    world.pods[1] = pod(&new, world.stateful_set.as_ref().unwrap(), 1);
    let mut world = world.unready(1);
    world.pods[1].status.as_mut().unwrap().container_statuses = serde_json::from_value(json!([{
        "name": "connect", "image": "broken", "imageID": "", "ready": false, "restartCount": 0,
        "state": { "waiting": { "reason": "ImagePullBackOff", "message": "not found" } },
    }]))
    .unwrap();
    let plan = world.plan(&new);
    assert_eq!((restarted(&plan), plan.verdict.reason), (None, "WorkerFailing"));
    assert_eq!(plan.verdict.kind, VerdictKind::Stalled, "somebody has to act");
    assert!(
        plan.verdict.message.contains("cdc-connect-1: ImagePullBackOff: not found"),
        "{}",
        plan.verdict.message
    );
}

#[test]
fn the_number_of_workers_and_pausing_restart_nothing() {
    let old = wanted(&json!({}));
    let world = World::of(&old);
    let fewer = wanted(&json!({ "replicas": 1 }));
    let plan = world.plan(&fewer);
    assert_eq!((restarted(&plan), plan.verdict.reason), (None, "WorkersReady"));
    let paused = wanted(&json!({ "paused": true, "image": "other" }));
    let plan = world.plan(&paused);
    assert_eq!((plan.apply, restarted(&plan), plan.verdict.reason), (false, None, "Paused"));
    let lost =
        World { rest: world.rest.clone().map(|s| s.failed(at(1_700_000_000), "refused".into())), ..world };
    let plan = lost.plan(&paused);
    assert_eq!((plan.verdict.kind, plan.verdict.reason), (VerdictKind::Unknown, "ConnectUnreachable"));
    assert!(plan.verdict.message.contains("since 2023-11-14T22:13:20Z"), "{}", plan.verdict.message);
    let world = lost;
    let none = wanted(&json!({ "replicas": 0 }));
    assert_eq!(world.plan(&none).verdict.reason, "ScaledToZero");
}

#[test]
fn a_rest_api_that_fell_silent_is_unknown_since_then() {
    let wanted = wanted(&json!({}));
    let mut world = World::of(&wanted);
    let silent = at(1_700_000_000);
    world.rest = world.rest.map(|sight| sight.failed(silent, "list connectors: refused".into()));
    let verdict = world.plan(&wanted).verdict;
    assert_eq!((verdict.kind, verdict.reason), (VerdictKind::Unknown, "ConnectUnreachable"));
    assert!(
        verdict.message.contains("since 2023-11-14T22:13:20Z: list connectors: refused"),
        "{}",
        verdict.message
    );
    world.now = at(1_699_999_985);
    assert_eq!(world.plan(&wanted).verdict.reason, "Starting", "the Service does not lead to it yet");
    world.now = at(1_700_000_100);
    world.rest = Some(Sight::Never { since: silent, error: None });
    assert_eq!(world.plan(&wanted).verdict.reason, "Starting", "nobody has asked yet");
}

#[test]
fn no_worker_starts_without_a_certificate_and_a_renewed_one_restarts_each() {
    let uncertified = validate(&spec(&json!({})), "kafka-bootstrap.shop.svc:9091").unwrap();
    let world = World::of(&wanted(&json!({})));
    let plan = world.plan(&uncertified);
    assert_eq!((plan.apply, plan.start, plan.verdict.reason), (true, false, "Starting"));
    let renewed = uncertified.certified(Some(2));
    let plan = world.plan(&renewed);
    assert_eq!(plan.verdict.reason, "Rolling");
    assert!(plan.verdict.message.contains("(certificate)"), "{}", plan.verdict.message);
}

#[test]
fn connectors_own_clients_show_the_certificate_too() {
    let config = wanted(&json!({})).config;
    for prefix in ["", "producer.", "consumer.", "admin."] {
        assert_eq!(config[&format!("{prefix}security.protocol")], "SSL");
        assert_eq!(
            config[&format!("{prefix}ssl.keystore.location")],
            "/opt/sluice/certificates/keystore.pem"
        );
    }
    let told = refused(&json!({ "config": { "producer.security.protocol": "PLAINTEXT" } }));
    assert!(told.starts_with("spec.config[producer.security.protocol]: "), "{told}");
}
