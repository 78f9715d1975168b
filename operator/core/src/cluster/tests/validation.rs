use super::*;
use crate::finding::Finding;

fn refused(spec: Value) -> Vec<String> {
    validate(&cluster(spec)).expect_err("the spec is refused").iter().map(Finding::text).collect()
}

#[test]
fn one_pool_of_three_is_all_that_is_needed() {
    let wanted = wanted(json!({ "pools": [{ "name": "kafka", "replicas": 3 }] }));
    assert_eq!(wanted.version.kafka, "4.3.1");
    assert_eq!(wanted.image, "apache/kafka:4.3.1");
    assert_eq!(wanted.nodes().collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(wanted.controllers().count(), 3);
    let [listener] = wanted.listeners.as_slice() else { panic!("{:?}", wanted.listeners) };
    assert_eq!((listener.input().as_str(), listener.protocol()), ("plain:9092", "PLAINTEXT"));
    assert_eq!(wanted.operator_bootstrap(), "shop-bootstrap.web.svc:9091");
    assert_eq!(wanted.cluster_id.len(), 22);
}

#[test]
fn an_unsupported_version_is_refused_with_the_supported_ones() {
    let text = refused(json!({ "version": "3.9.0", "pools": [{ "name": "kafka", "replicas": 1 }] }));
    assert_eq!(text, ["spec.version: Kafka 3.9.0 is not supported by this Sluice; supported: 4.3.1"]);
}

#[test]
fn a_running_cluster_keeps_its_version_when_a_newer_sluice_comes() {
    let mut cluster = cluster(json!({ "pools": [{ "name": "kafka", "replicas": 1 }] }));
    cluster.status = serde_json::from_value(json!({ "version": "4.2.0" })).unwrap();
    let findings = validate(&cluster).expect_err("it is never upgraded in silence");
    assert_eq!(findings[0].reason, ClusterReason::UnsupportedVersion);
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let text = refused(json!({
        "pools": [
            { "name": "a", "replicas": 3, "firstNodeId": 0, "roles": ["broker"] },
            { "name": "b", "replicas": 1, "firstNodeId": 2, "roles": ["broker"] },
            { "name": "c", "replicas": 1, "roles": ["broker"], "storage": { "size": "10GB" } },
        ],
        "listeners": [
            { "name": "internal", "port": 9092 },
            { "name": "other", "port": 9092 },
        ],
        "config": { "log.retention.mss": 1, "node.id": 4 },
    }));
    for part in [
        "spec.listeners[0].name: internal is a listener of Sluice's own",
        "spec.listeners[1].port: port 9092 is taken",
        "spec.pools: one pool needs the role controller",
        "spec.pools[1].firstNodeId: node ids overlap with those of pool a",
        "spec.pools[2]: with more than one pool each needs firstNodeId",
        "spec.pools[2].storage.size: \"10GB\" is not a size",
        "spec.config[log.retention.mss]",
        "spec.config[node.id]",
    ] {
        assert!(text.iter().any(|t| t.starts_with(part)), "{part} in {text:#?}");
    }
}

#[test]
fn a_name_too_long_for_its_pods_is_refused() {
    let text = refused(json!({ "pools": [{ "name": "x".repeat(50), "replicas": 1 }] }));
    assert!(text[0].contains("the names of cluster and pool may have 51 together"), "{text:?}");
}

#[test]
fn the_template_cannot_replace_what_sluice_puts_into_a_pod() {
    let text = refused(json!({ "pools": [{ "name": "kafka", "replicas": 1, "template": {
        "env": [{ "name": "POD_NAME", "value": "x" }],
        "volumes": [{ "name": "data", "emptyDir": {} }],
        "volumeMounts": [{ "name": "x", "mountPath": "/etc/sluice/" }],
        "labels": { "app.kubernetes.io/name": "x" },
        "annotations": { "sluice.dev/inputs": "{}" },
    } }] }));
    assert_eq!(text.len(), 5, "{text:?}");
}

fn reasons(old: Value, new: Value) -> Vec<String> {
    let (old, new) = (wanted(old), wanted(new));
    old.pools[0].inputs.reasons(&new.pools[0].inputs).iter().map(inputs::RestartReason::text).collect()
}

#[test]
fn a_restart_has_the_reason_that_the_user_gave_it() {
    let spec = |extra: Value, pool: Value| {
        let mut spec = json!({ "pools": [{ "name": "kafka", "replicas": 3 }] });
        spec.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        spec["pools"][0].as_object_mut().unwrap().extend(pool.as_object().unwrap().clone());
        spec
    };
    let none = || json!({});
    for (extra, pool, expected) in [
        (json!({ "config": { "num.partitions": 6 } }), none(), "Config(num.partitions)"),
        (json!({ "image": "example.com/kafka:4.3.1" }), none(), "Image"),
        (json!({ "listeners": [{ "name": "plain", "port": 9093 }] }), none(), "Listeners"),
        (json!({ "restartedAt": "2026-11-21T08:00:00Z" }), none(), "RestartRequested"),
        (none(), json!({ "jvm": { "heap": "1Gi" } }), "Jvm"),
        (none(), json!({ "resources": { "limits": { "memory": "2Gi" } } }), "Resources"),
        (none(), json!({ "template": { "labels": { "team": "x" } } }), "Template"),
    ] {
        assert_eq!(reasons(spec(none(), none()), spec(extra, pool)), [expected]);
    }
}

#[test]
fn what_applies_by_itself_is_no_reason_to_restart() {
    let three = || json!({ "pools": [{ "name": "kafka", "replicas": 3 }] });
    for new in [
        json!({ "pools": [{ "name": "kafka", "replicas": 3 }], "config": { "log.retention.ms": 1000 } }),
        json!({ "pools": [{ "name": "kafka", "replicas": 5 }] }),
        json!({ "pools": [{ "name": "kafka", "replicas": 1 }] }),
        json!({ "pools": [{ "name": "kafka", "replicas": 3, "storage": { "size": "20Gi" } }] }),
        json!({ "pools": [{ "name": "kafka", "replicas": 3, "firstNodeId": 0 }, { "name": "more", "replicas": 2, "firstNodeId": 10 }] }),
        json!({ "pools": [{ "name": "kafka", "replicas": 3 }], "deletionPolicy": "Delete" }),
    ] {
        assert_eq!(reasons(three(), new.clone()), [] as [&str; 0], "{new}");
    }
}

const OTHER_ID: &str = "c2x1aWNlLXRlc3RzLTAwMQ";

#[test]
fn a_cluster_that_kafka_was_seen_of_gets_no_other_id() {
    let spec = |id: Option<&str>| {
        let mut spec = json!({ "pools": [{ "name": "kafka", "replicas": 3 }] });
        if let Some(id) = id {
            spec["clusterId"] = json!(id);
        }
        spec
    };
    let derived = wanted(spec(None)).cluster_id;
    let with = |declared: Option<&str>, known: &str, bootstrapped: bool| {
        let mut cluster = cluster(spec(declared));
        cluster.status =
            serde_json::from_value(json!({ "clusterId": known, "bootstrapped": bootstrapped })).unwrap();
        validate(&cluster)
            .map_err(|findings| findings.iter().map(Finding::text).collect::<Vec<_>>().join("; "))
    };
    let refused = with(Some(OTHER_ID), &derived, true).unwrap_err();
    assert_eq!(
        refused,
        format!(
            "spec.clusterId: {OTHER_ID} is the id of another Kafka cluster, and this one has the id {derived} on its \
             volumes. Remove it"
        )
    );
    // an object that was restored under another name with its status, or lost the line
    let refused = with(None, OTHER_ID, true).unwrap_err();
    assert!(
        refused.contains("without it the id would be") && refused.ends_with(&format!("Set it to {OTHER_ID}"))
    );
    for (declared, known, bootstrapped) in [
        (Some(OTHER_ID), OTHER_ID, true),
        (Some(derived.as_str()), derived.as_str(), true),
        (None, derived.as_str(), true),
        // nobody was seen yet: this is how volumes are taken over
        (Some(OTHER_ID), derived.as_str(), false),
    ] {
        let wanted = with(declared, known, bootstrapped).unwrap();
        assert_eq!(wanted.cluster_id, declared.unwrap_or(&derived));
    }
}
