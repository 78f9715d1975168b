//! The parts of a pass, each by tables of what it is shown.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};

use super::sim::{Sim, at};
use super::*;
use crate::cluster::desired::{MayFound, Standing};
use crate::cluster::node::{Node, NodeState};

const NOW: i64 = 1_795_250_000;

fn three() -> Value {
    json!({ "pools": [{ "name": "kafka", "replicas": 3 }] })
}

/// How node 0 looks with a pod of this status.
fn seen_as(status: Value) -> Node {
    let sim = Sim::running(three());
    let mut seen = sim.seen();
    let mut pod = serde_json::to_value(&seen.pods[0]).unwrap();
    pod["status"] = status;
    seen.pods[0] = serde_json::from_value::<Pod>(pod).unwrap();
    node::all(&sim.wanted(), &seen, at(NOW))[&0].clone()
}

#[allow(clippy::needless_pass_by_value)] // a fixture reads better without the references
fn container(restarts: i32, state: Value, last: Value) -> Value {
    json!({
        "conditions": [{ "type": "Ready", "status": "False" }],
        "containerStatuses": [{
            "name": "kafka", "image": "apache/kafka:4.3.1", "imageID": "", "ready": false, "restartCount": restarts,
            "state": state, "lastState": last,
        }],
    })
}

fn ended(after: i64) -> Value {
    json!({ "terminated": {
        "exitCode": 1, "reason": "Error", "message": "one\nUnrecognized VM option 'X'\n\nError: no VM\n",
        "startedAt": at(NOW - after - 5).to_string(), "finishedAt": at(NOW - 5).to_string(),
    } })
}

#[test]
fn what_the_kubelet_says_is_told_as_it_is_meant() {
    let waiting =
        |reason: &str, message: &str| json!({ "waiting": { "reason": reason, "message": message } });
    let running = || json!({ "running": {} });
    let unscheduled = |since: i64| {
        json!({ "conditions": [{
            "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes are available",
            "lastTransitionTime": at(since).to_string(),
        }] })
    };
    for (status, state, part) in [
        (container(0, running(), json!({})), NodeState::Starting, "not ready yet"),
        (container(0, waiting("ContainerCreating", ""), json!({})), NodeState::Pending, "being created"),
        (
            container(5, waiting("CrashLoopBackOff", "back-off 40s"), ended(2)),
            NodeState::CrashLoop,
            "exit code 1 (Error): one / Unrecognized VM option 'X' / Error: no VM",
        ),
        (container(5, running(), ended(2)), NodeState::CrashLoop, "exit code 1"),
        (container(5, running(), ended(86_400)), NodeState::Starting, "not ready yet"),
        (container(1, running(), ended(2)), NodeState::Starting, "not ready yet"),
        (
            container(0, waiting("ErrImagePull", "not found"), json!({})),
            NodeState::ImageError,
            "image apache/kafka:4.3.1 cannot be had: not found",
        ),
        (
            container(
                0,
                waiting("ImagePullBackOff", "Back-off pulling image \"x\": ErrImagePull: not found"),
                json!({}),
            ),
            NodeState::ImageError,
            "image apache/kafka:4.3.1 cannot be had: not found",
        ),
        (
            container(0, waiting("CreateContainerConfigError", "secret \"x\" not found"), json!({})),
            NodeState::ConfigError,
            "secret \"x\" not found",
        ),
        (unscheduled(NOW - 5), NodeState::Pending, "waits for a machine"),
        (unscheduled(NOW - 60), NodeState::Unschedulable, "0/3 nodes are available"),
        (json!({}), NodeState::Pending, "volumes"),
    ] {
        let node = seen_as(status.clone());
        assert_eq!(node.state, state, "{status}");
        assert!(node.message.contains(part), "{:?} of {status}", node.message);
    }
}

#[test]
fn of_an_exception_its_words_are_told_and_a_full_disk_has_its_own_mend() {
    let log = "ERROR Encountered fatal fault\njava.io.UncheckedIOException: Error while writing\n\tat org.apache.kafka.A.b(A.java:1)\n\
               Caused by: java.io.IOException: No space left on device\n\tat java.base/java.io.C.d(C.java:2)\n\t... 14 more\n";
    let ended = json!({ "terminated": {
        "exitCode": 1, "reason": "Error", "message": log,
        "startedAt": at(NOW - 7).to_string(), "finishedAt": at(NOW - 5).to_string(),
    } });
    let waiting = json!({ "waiting": { "reason": "CrashLoopBackOff" } });
    let node = seen_as(container(5, waiting, ended));
    assert!(
        node.message.ends_with("Caused by: java.io.IOException: No space left on device"),
        "{}",
        node.message
    );
    assert!(!node.message.contains("A.java") && node.mend().contains("spec.pools[].storage.size"));
    let frames = json!({ "terminated": {
        "exitCode": 1, "message": "\tat org.apache.kafka.A.b(A.java:1)\n",
        "startedAt": at(NOW - 7).to_string(), "finishedAt": at(NOW - 5).to_string(),
    } });
    let node = seen_as(container(5, json!({ "waiting": { "reason": "CrashLoopBackOff" } }), frames));
    assert!(node.message.contains("A.java"), "better than nothing: {}", node.message);
}

#[test]
fn a_node_is_dead_only_while_no_process_of_it_runs() {
    let backing_off = container(5, json!({ "waiting": { "reason": "CrashLoopBackOff" } }), ended(2));
    assert!(seen_as(backing_off).is_dead());
    let between = container(5, json!({ "running": {} }), ended(2));
    assert!(!seen_as(between).is_dead());
}

#[test]
fn a_pod_that_sluice_did_not_make_is_outdated() {
    let sim = Sim::running(three());
    let mut seen = sim.seen();
    seen.pods[0].metadata.annotations = None;
    let nodes = node::all(&sim.wanted(), &seen, at(NOW));
    assert_eq!(nodes[&0].restart, [inputs::RestartReason::Template]);
    assert_eq!(nodes[&1].restart, []);
}

fn claim(name: &str, asked: &str, has: &str, phase: &str, created: i64) -> PersistentVolumeClaim {
    serde_json::from_value(json!({
        "metadata": { "name": name, "uid": name, "creationTimestamp": at(created).to_string() },
        "spec": { "resources": { "requests": { "storage": asked } } },
        "status": { "phase": phase, "capacity": { "storage": has } },
    }))
    .unwrap()
}

#[test]
fn claims_grow_to_the_declared_size_and_never_shrink() {
    let wanted =
        wanted(json!({ "pools": [{ "name": "kafka", "replicas": 4, "storage": { "size": "20Gi" } }] }));
    let mut seen = Sim::new(three()).seen();
    let after = wanted.created.unwrap() + 1;
    seen.claims = vec![
        claim("data-shop-kafka-0", "10Gi", "10Gi", "Bound", after),
        claim("data-shop-kafka-1", "20Gi", "10Gi", "Bound", after),
        claim("data-shop-kafka-2", "30Gi", "30Gi", "Bound", after),
        claim("data-shop-kafka-3", "10Gi", "", "Pending", after),
        claim("data-shop-other-0", "1Gi", "1Gi", "Bound", after),
    ];
    let claims = claims::claims(&wanted, &seen);
    assert_eq!(
        claims.grow.iter().map(|c| (c.name.as_str(), c.size.as_str())).collect::<Vec<_>>(),
        [("data-shop-kafka-0", "20Gi")]
    );
    assert_eq!(claims.growing, ["data-shop-kafka-1"]);
}

#[test]
fn whoever_may_found_a_quorum_is_the_first_controller_of_a_cluster_without_a_past() {
    let wanted = wanted(json!({ "pools": [
        { "name": "b", "replicas": 2, "firstNodeId": 0, "roles": ["broker"] },
        { "name": "c", "replicas": 3, "firstNodeId": 5, "roles": ["controller"] },
    ] }));
    let seen = || Sim::new(three()).seen();
    let told = |seen: &Seen, previous: Value| {
        Standing::of(&wanted, seen, Some(&serde_json::from_value(previous).unwrap())).may_found
    };
    assert_eq!(told(&seen(), json!({})), MayFound::First(5));
    assert_eq!(told(&seen(), json!({ "bootstrapped": true })), MayFound::Nobody);

    let marker = |key: &str, value: &str| {
        let mut seen = seen();
        seen.config_maps = vec![serde_json::from_value(json!({ "data": { key: value } })).unwrap()];
        seen
    };
    assert_eq!(told(&marker(desired::BOOTSTRAPPED_KEY, "true"), json!({})), MayFound::Nobody);
    assert_eq!(
        told(&marker(desired::STANDALONE_KEY, "6"), json!({})),
        MayFound::First(6),
        "told once, told for good"
    );

    let born = wanted.created.unwrap();
    let with = |name: &str, created: i64| {
        let mut seen = seen();
        seen.claims = vec![claim(name, "10Gi", "10Gi", "Bound", created)];
        seen
    };
    assert_eq!(told(&with("data-shop-c-6", born - 60), json!({})), MayFound::Nobody, "it may hold a quorum");
    assert_eq!(
        told(&with("data-shop-c-6", born + 1), json!({})),
        MayFound::First(5),
        "our own StatefulSet made it"
    );
    assert_eq!(
        told(&with("data-shop-b-0", born - 60), json!({})),
        MayFound::First(5),
        "brokers hold no quorum"
    );
}

#[test]
fn dynamic_configuration_is_compared_as_declared() {
    let spec = |config: Value| json!({ "pools": [{ "name": "kafka", "replicas": 3 }], "config": config });
    let map = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    };
    let wanted = wanted(spec(json!({ "log.retention.ms": 1000 })));
    let described = DynamicConfigs {
        cluster: map(&[
            ("min.insync.replicas", "2"),
            ("log.retention.ms", "5"),
            ("log.retention.bytes", "7"),
            ("leader.replication.throttled.rate", "1000"),
        ]),
        brokers: [(2, map(&[("max.connections", "4"), ("follower.replication.throttled.rate", "1000")]))]
            .into(),
    };
    let changes = dynamic::changes(&wanted, &described);
    let [cluster, broker] = &changes[..] else { panic!("{changes:?}") };
    assert_eq!((cluster.broker, &cluster.set), (None, &map(&[("log.retention.ms", "1000")])));
    assert_eq!(
        cluster.reset.iter().collect::<Vec<_>>(),
        ["log.retention.bytes"],
        "throttles are somebody else's"
    );
    assert_eq!(broker.broker, Some(2));
    assert_eq!(broker.reset.iter().collect::<Vec<_>>(), ["max.connections"], "brokers are alike");
}

#[test]
fn a_failure_is_told_unless_something_graver_is() {
    let sim = Sim::running(three());
    let (wanted, seen, plan) = (sim.wanted(), sim.seen(), sim.plan());
    let ready = |doing: Doing, refused: bool| {
        let outcome = Outcome::Failed { doing, error: "no".into(), refused };
        let status = status(&wanted, &seen, &plan, &outcome, sim.status.as_ref(), at(NOW));
        let reason = status.conditions[0].reason.clone();
        (reason, status.conditions.get(1).map(|c| c.type_.clone()))
    };
    assert_eq!(ready(Doing::Alter, true), ("ConfigRefused".into(), Some("Stalled".into())));
    assert_eq!(ready(Doing::Apply, false), ("ChangeFailed".into(), Some("Reconciling".into())));
    assert_eq!(ready(Doing::Grow, true), ("ChangeFailed".into(), Some("Stalled".into())));
    let taken = |earlier: bool| {
        let outcome =
            Outcome::Taken { what: "Service web/shop-nodes was not made by Sluice".into(), earlier };
        let status = status(&wanted, &seen, &plan, &outcome, sim.status.as_ref(), at(NOW));
        status.conditions[0].reason.clone()
    };
    assert_eq!((taken(false), taken(true)), ("NameTaken".into(), "Starting".into()));
}

#[test]
fn a_refused_spec_leaves_what_runs_as_it_is_and_says_so() {
    let sim = Sim::running(three());
    let mut cluster = cluster(json!({ "version": "3.0.0", "pools": [{ "name": "kafka", "replicas": 3 }] }));
    cluster.status.clone_from(&sim.status);
    let findings = validate(&cluster).unwrap_err();
    let status = rejected(&cluster, &findings, Some(&sim.seen().kafka), at(NOW));
    assert_eq!(status.conditions[0].reason, "UnsupportedVersion");
    assert!(status.conditions[0].message.contains("supported: 4.3.1"));
    assert!(status.conditions[0].message.ends_with("What runs keeps running as it is"));
    assert_eq!(status.summary, sim.status.as_ref().unwrap().summary);
    assert!(status.bootstrapped);
}

#[test]
fn a_pod_that_kubernetes_cannot_make_is_a_failing_node_with_its_words() {
    let mut sim = Sim::running(three());
    sim.pods.remove("shop-kafka-1");
    let mut seen = sim.seen();
    let plan_of = |seen: &Seen| plan(&sim.wanted(), seen, sim.status.as_ref(), at(NOW));
    assert_eq!(node::without_pod(&seen), [("shop-kafka".to_owned(), "shop-kafka-1".to_owned())]);
    assert_eq!(plan_of(&seen).verdict.reason, "Starting", "for a while that is what a restart looks like");

    let unmade = |words: Option<&str>| {
        let stateful_set = "shop-kafka".to_owned();
        [("shop-kafka-1".to_owned(), Unmade { stateful_set, words: words.map(Into::into) })].into()
    };
    seen.unmade = unmade(Some("pods \"shop-kafka-1\" is forbidden: exceeded quota: small"));
    let plan = plan_of(&seen);
    assert_eq!(plan.verdict.reason, "NodeFailing");
    for words in
        ["StatefulSet shop-kafka cannot make it: pods", "exceeded quota: small. Kubernetes tries again"]
    {
        assert!(plan.verdict.message.contains(words), "{}", plan.verdict.message);
    }
    let status = status(&sim.wanted(), &seen, &plan, &Outcome::Done, None, at(NOW));
    let node = &status.nodes[0];
    assert_eq!((node.id, node.state.as_str()), (1, "Missing"));
    assert!(plan.requeue.is_some() && !plan.step.is_disruptive());
    seen.unmade = unmade(None);
    assert!(plan_of(&seen).verdict.message.contains("does not make it, and no event says why"));
}

#[test]
fn a_broker_whose_rack_is_not_its_zone_is_told_and_not_restarted() {
    let mut sim = Sim::running(three());
    sim.run(2);
    let mut seen = sim.seen();
    for (pod, machine) in seen.pods.iter_mut().zip(["a", "b", "c"]) {
        pod.spec.get_or_insert_default().node_name = Some(machine.into());
    }
    let zones = [("a", "z1"), ("b", "z2"), ("c", "")];
    seen.zones = zones.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    let mut view = sim.view();
    view.brokers.get_mut(&0).unwrap().rack = None;
    view.brokers.get_mut(&1).unwrap().rack = Some("z2".into());
    seen.kafka = crate::view::Sight::Clear(std::sync::Arc::new(view));
    let plan = plan(&sim.wanted(), &seen, sim.status.as_ref(), at(sim.now));
    assert!(plan.verdict.is_ready() && plan.step == Step::None);
    assert!(plan.verdict.message.ends_with("not in the rack of their zone: 0 (see status.nodes)"));
    let status = status(&sim.wanted(), &seen, &plan, &Outcome::Done, None, at(sim.now));
    let told: Vec<_> = status.nodes.iter().map(|node| (node.id, node.state.as_str())).collect();
    assert_eq!(told, [(0, "RackDiffers")], "the third machine has no zone");
    assert!(status.nodes[0].message.starts_with("its machine is in zone z1, and it started with no rack"));
}
