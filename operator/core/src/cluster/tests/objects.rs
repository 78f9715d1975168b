//! What users' clusters will see, object by object.

use insta::assert_yaml_snapshot;

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::*;
use crate::cluster::desired::{MayFound, Objects, Standing, build};
use crate::view::kafka::ClusterView;

fn combined() -> Objects {
    let wanted = wanted(json!({
        "pools": [{ "name": "kafka", "replicas": 3, "resources": { "limits": { "memory": "2Gi" } } }],
        "config": { "num.partitions": 6, "log.retention.ms": 604_800_000 },
    }));
    build(&wanted, &Standing { may_found: MayFound::First(0), evictions: 1, ..Standing::default() })
}

fn dedicated() -> Objects {
    let wanted = wanted(json!({
        "pools": [
            {
                "name": "controllers", "replicas": 3, "firstNodeId": 100, "roles": ["controller"],
                "storage": { "type": "Ephemeral", "size": "1Gi" },
            },
            {
                "name": "brokers", "replicas": 2, "firstNodeId": 0, "roles": ["broker"],
                "storage": { "size": "100Gi", "class": "fast" },
                "jvm": { "heap": "2Gi", "options": ["-XX:+UseZGC", "-Dx=$(POD_NAME)"] },
                "template": {
                    "labels": { "team": "shop" },
                    "env": [{ "name": "TZ", "value": "UTC" }],
                    "topologySpreadConstraints": [
                        { "maxSkew": 1, "topologyKey": "rack", "whenUnsatisfiable": "DoNotSchedule" },
                    ],
                },
            },
        ],
        "listeners": [
            { "name": "plain", "port": 9092 },
            { "name": "apps", "port": 9094, "tls": true, "authentication": "scram-sha-512" },
            { "name": "certs", "port": 9095, "tls": true, "authentication": "tls" },
        ],
        "deletionPolicy": "Delete",
    }));
    let zones = [("node-a".to_owned(), "z1".to_owned()), ("node-b".to_owned(), "z2".to_owned())].into();
    build(&wanted, &Standing { founded: true, evictions: 1, zones, ..Standing::default() })
}

#[test]
fn a_stateful_set_of_combined_nodes() {
    assert_yaml_snapshot!(combined().stateful_sets);
}

#[test]
fn a_config_map_of_combined_nodes() {
    assert_yaml_snapshot!(combined().config_maps, { "[].data[\"start.sh\"]" => "[start.sh]", "[].data[\"log4j2.properties\"]" => "[log4j2]" });
}

#[test]
fn services_of_combined_nodes() {
    assert_yaml_snapshot!(combined().services);
}

#[test]
fn what_there_is_once_per_cluster() {
    let objects = combined();
    assert_yaml_snapshot!((objects.service_account, objects.pod_disruption_budget));
}

#[test]
fn stateful_sets_of_dedicated_nodes() {
    assert_yaml_snapshot!(dedicated().stateful_sets);
}

#[test]
fn config_maps_of_dedicated_nodes() {
    assert_yaml_snapshot!(dedicated().config_maps, { "[].data[\"start.sh\"]" => "[start.sh]", "[].data[\"log4j2.properties\"]" => "[log4j2]" });
}

#[test]
fn existing_claim_templates_stay_as_they_are() {
    let small = wanted(json!({ "pools": [{ "name": "kafka", "replicas": 3 }] }));
    let large =
        wanted(json!({ "pools": [{ "name": "kafka", "replicas": 3, "storage": { "size": "20Gi" } }] }));
    let first = build(&small, &Standing::default()).stateful_sets.remove(0).spec.unwrap();
    let templates = first.volume_claim_templates.clone().unwrap();
    let standing =
        Standing { claim_templates: [("kafka".to_owned(), templates.clone())].into(), ..Standing::default() };
    let second = build(&large, &standing).stateful_sets.remove(0).spec.unwrap();
    assert_eq!(second.volume_claim_templates, Some(templates));
}

#[test]
fn the_pod_template_changes_only_with_what_a_restart_applies() {
    let spec = |config: Value, replicas: i32| {
        let wanted =
            wanted(json!({ "pools": [{ "name": "kafka", "replicas": replicas }], "config": config }));
        build(&wanted, &Standing::default()).stateful_sets.remove(0).spec.unwrap().template
    };
    let before = spec(json!({}), 3);
    assert_eq!(spec(json!({ "log.retention.ms": 5 }), 3), before);
    assert_ne!(spec(json!({ "num.partitions": 5 }), 3), before);
}

#[test]
fn what_stands_around_the_pods_is_known_from_the_stateful_sets_alone() {
    for (objects, brokers) in [
        (combined(), &["shop-kafka-0", "shop-kafka-1", "shop-kafka-2"][..]),
        (dedicated(), &["shop-brokers-0", "shop-brokers-1"][..]),
    ] {
        let owner = wanted(json!({ "pools": [{ "name": "kafka", "replicas": 3 }] })).owner;
        let sets = &objects.stateful_sets;
        let kept = desired::remains(&owner, sets, Some(&ClusterView::default())).unwrap();
        assert_eq!(kept.service_account, objects.service_account);
        assert_eq!(kept.services, objects.services);
        assert_eq!(kept.pod_disruption_budget, objects.pod_disruption_budget);
        let blind = desired::remains(&owner, sets, None).unwrap().pod_disruption_budget.spec.unwrap();
        assert_eq!(blind.max_unavailable, Some(IntOrString::Int(0)));
        assert_eq!((kept.config_maps.len(), kept.stateful_sets.len()), (0, 0));
        let hosts: Vec<_> = brokers.iter().map(|pod| format!("{pod}.shop-nodes.web.svc:9091")).collect();
        assert_eq!(desired::brokers(&owner, sets), hosts);

        let mut stranger = owner.clone();
        stranger.reference.uid = "another-life".into();
        assert_eq!(
            (desired::remains(&stranger, sets, None), desired::brokers(&stranger, sets)),
            (None, vec![])
        );
    }
}

#[test]
fn a_network_policy_closes_only_the_ports_that_sluice_keeps_for_itself() {
    let spec = |policy: Value| {
        wanted(json!({ "pools": [{ "name": "kafka", "replicas": 1 }], "networkPolicy": policy }))
    };
    let home = Standing { home: Some("sluice-system".into()), ..Standing::default() };
    assert_yaml_snapshot!(build(&spec(json!({})), &home).network_policy);
    assert_eq!(build(&spec(json!({ "enabled": false })), &home).network_policy, None);
    assert_eq!(
        build(&spec(json!({})), &Standing::default()).network_policy,
        None,
        "it would shut Sluice out"
    );
}

#[test]
fn a_network_policy_that_is_not_wanted_any_more_is_deleted_if_it_is_ours() {
    let without = wanted(json!({
        "pools": [{ "name": "kafka", "replicas": 1 }], "networkPolicy": { "enabled": false },
    }));
    let mut seen = sim::Sim::running(json!({ "pools": [{ "name": "kafka", "replicas": 1 }] })).seen();
    let ours = without.owner.child("shop-kafka", names::COMPONENT);
    seen.network_policy = Some(ours.clone());
    assert_eq!(
        scale::obsolete_policy(&without, &seen).map(|policy| policy.name).as_deref(),
        Some("shop-kafka")
    );
    seen.network_policy =
        Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta { owner_references: None, ..ours });
    assert_eq!(scale::obsolete_policy(&without, &seen), None);
}
