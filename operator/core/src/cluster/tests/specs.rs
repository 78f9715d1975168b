//! Whatever the API server lets through, and whatever an older schema did: a spec is refused with reasons, or objects can
//! be built from it. Nothing makes it panic.

use proptest::prelude::*;

use super::*;
use crate::cluster::desired::{Standing, build};

/// A spec with something of everything, to be damaged.
fn whole() -> Value {
    json!({
        "version": "4.3.1",
        "pools": [
            { "name": "c", "replicas": 3, "firstNodeId": 100, "roles": ["controller"] },
            {
                "name": "b", "replicas": 3, "firstNodeId": 0, "roles": ["broker"],
                "storage": { "type": "Persistent", "size": "100Gi", "class": "fast" },
                "resources": { "requests": { "cpu": "2", "memory": "4Gi" }, "limits": { "memory": "4Gi" } },
                "jvm": { "heap": "2Gi", "options": ["-XX:+UseZGC"] },
                "template": { "labels": { "team": "shop" }, "env": [{ "name": "TZ", "value": "UTC" }] },
            },
        ],
        "listeners": [
            { "name": "plain", "port": 9092 },
            { "name": "apps", "port": 9094, "tls": true, "authentication": "scram-sha-512" },
        ],
        "config": { "num.partitions": 6, "log.retention.ms": 604_800_000, "min.insync.replicas": "2" },
        "certificates": { "ca": { "secretName": "ca" }, "renewedAt": "2026-11-21T08:00:00Z" },
        "networkPolicy": { "enabled": true },
        "rollout": { "maxUnavailable": 2 },
        "deletionPolicy": "Delete",
        "restartedAt": "2026-11-21T08:00:00Z",
    })
}

/// Values that people and programs write where something else is meant.
fn odd() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
        "[0-9]{0,22}(Mi|Gi|Ti|m|d|s|e9|)".prop_map(Value::from),
        Just(json!([])),
        Just(json!({})),
    ]
}

/// One step from a value into it: the `n`-th child, whatever it is.
fn child(value: &mut Value, n: usize) -> Option<&mut Value> {
    match value {
        Value::Array(items) if !items.is_empty() => {
            let n = n % items.len();
            items.get_mut(n)
        }
        Value::Object(fields) if !fields.is_empty() => {
            let n = n % fields.len();
            fields.values_mut().nth(n)
        }
        _ => None,
    }
}

/// Puts `odd` where the path leads; a longer path than there is depth ends at a leaf.
fn damage(mut value: &mut Value, path: &[usize], odd: Value) {
    for step in path {
        if child(value, *step).is_none() {
            break;
        }
        value = child(value, *step).expect("it was there a moment ago");
    }
    *value = odd;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_spec_makes_us_panic(
        harm in prop::collection::vec((prop::collection::vec(0..16_usize, 1..6), odd()), 0..4),
    ) {
        let mut spec = whole();
        for (path, odd) in harm {
            damage(&mut spec, &path, odd);
        }
        let object = json!({
            "apiVersion": "sluice.dev/v1alpha1", "kind": "KafkaCluster",
            "metadata": { "name": "shop", "namespace": "web", "uid": "0e8c0b5e", "generation": 1 },
            "spec": spec,
        });
        // what does not parse is told by the guard of the watch
        let Ok(cluster) = serde_json::from_value::<KafkaCluster>(object) else { return Ok(()) };
        match validate(&cluster) {
            Ok(wanted) => {
                let objects = build(&certified(wanted), &Standing::default());
                prop_assert!(!objects.stateful_sets.is_empty());
            }
            Err(findings) => {
                prop_assert!(!findings.is_empty());
                prop_assert!(findings.iter().all(|finding| !finding.message.is_empty()));
            }
        }
    }
}

#[test]
fn the_undamaged_spec_is_valid() {
    assert!(validate(&cluster(whole())).is_ok());
}
