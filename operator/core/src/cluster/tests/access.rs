//! Who may do what, and who is who.

use std::collections::BTreeSet;

use super::sim::Sim;
use super::*;
use crate::cluster::desired::{Standing, build};
use crate::cluster::{access, certificates};
use crate::pki::{Phase, Use};
use crate::view::kafka::{Acl, Operation, Permission, ResourceKind};

fn three() -> Wanted {
    wanted(json!({ "pools": [{ "name": "kafka", "replicas": 3 }] }))
}

#[test]
fn what_is_missing_is_made_once_and_what_others_made_stays() {
    let wanted = three();
    let first = access::changes(&wanted, &BTreeSet::new());
    assert!(first.drop.is_empty());
    let mut described: BTreeSet<_> = first.make.iter().cloned().collect();
    assert_eq!(described.len(), 14, "seven for who is anonymous, seven for Connect");
    described.insert(Acl { permission: Permission::Deny, name: "secret".into(), ..first.make[0].clone() });
    assert!(access::changes(&wanted, &described).is_empty());
}

#[test]
fn nobody_but_nodes_and_sluice_may_rule_the_cluster() {
    for rule in access::changes(&three(), &BTreeSet::new()).make {
        let rules = [Operation::All, Operation::Alter, Operation::AlterConfigs, Operation::ClusterAction];
        assert!(rule.kind != ResourceKind::Cluster || !rules.contains(&rule.operation), "{rule:?}");
    }
    let all = certificates::super_users(&three().owner);
    assert_eq!(all, "User:CN=node,OU=shop,O=web;User:CN=operator,OU=shop,O=web");
}

#[test]
fn the_rules_for_who_is_anonymous_go_with_the_last_listener_that_needs_them() {
    let described = access::changes(&three(), &BTreeSet::new()).make.into_iter().collect();
    let wanted = wanted(json!({
        "pools": [{ "name": "kafka", "replicas": 3 }],
        "listeners": [{ "name": "apps", "port": 9092, "authentication": "scram-sha-512" }],
    }));
    let change = access::changes(&wanted, &described);
    assert!(change.make.is_empty());
    assert_eq!(change.drop.len(), 7);
    assert!(change.drop.iter().all(|rule| rule.principal == "User:ANONYMOUS"));
}

#[test]
fn a_cluster_is_ready_only_once_clients_are_let_in() {
    let mut sim = Sim::running(json!({ "pools": [{ "name": "kafka", "replicas": 3 }] }));
    assert_eq!(sim.access.len(), 14);
    sim.access.clear();
    let verdict = sim.plan().verdict;
    assert_eq!(verdict.reason, "ConfigApplying");
    assert!(verdict.message.contains("until then clients are refused"), "{}", verdict.message);
}

#[test]
fn each_pool_has_a_certificate_for_every_name_of_its_nodes() {
    let wanted = wanted(json!({ "pools": [
        { "name": "controllers", "replicas": 3, "firstNodeId": 100, "roles": ["controller"] },
        { "name": "brokers", "replicas": 3, "firstNodeId": 0, "roles": ["broker"] },
    ] }));
    let leaves = certificates::leaves(&wanted);
    let all: Vec<_> = leaves
        .iter()
        .map(|leaf| {
            let names: Vec<_> = leaf.identity.names.iter().map(String::as_str).collect();
            (leaf.secret.as_str(), leaf.identity.subject.to_string(), names.join(" "))
        })
        .collect();
    let nodes = "*.shop-nodes.web.svc *.shop-nodes.web.svc.cluster.local";
    let service =
        "shop-bootstrap shop-bootstrap.web shop-bootstrap.web.svc shop-bootstrap.web.svc.cluster.local";
    assert_eq!(
        all,
        [
            ("shop-operator", "CN=operator,OU=shop,O=web".to_owned(), String::new()),
            ("shop-controllers-node", "CN=node,OU=shop,O=web".to_owned(), nodes.to_owned()),
            ("shop-brokers-node", "CN=node,OU=shop,O=web".to_owned(), format!("{nodes} {service}")),
        ]
    );
    assert_eq!(leaves[0].identity.purpose, Use::Client);
}

#[test]
fn without_certificates_nothing_is_made() {
    let sim = Sim::new(json!({ "pools": [{ "name": "kafka", "replicas": 3 }] }));
    let wanted = validate(&cluster(sim.spec.clone())).unwrap();
    assert!(plan(&wanted, &sim.seen(), None, sim.now()).objects.is_none());
    assert!(sim.plan().objects.is_some());
}

#[test]
fn a_certificate_that_was_issued_anew_restarts_every_node_once() {
    let mut sim = Sim::running(json!({ "pools": [{ "name": "kafka", "replicas": 3 }] }));
    sim.certificates = 2;
    let plan = sim.plan();
    assert_eq!(plan.told.roll.reasons, [inputs::RestartReason::Certificates]);
    sim.settle();
    assert_eq!(sim.restarts.len(), 3);
}

#[test]
fn an_authority_that_cannot_be_used_is_said_with_its_field_and_what_goes_on() {
    let mut sim = Sim::new(json!({
        "pools": [{ "name": "kafka", "replicas": 3 }], "certificates": { "ca": { "secretName": "ours" } },
    }));
    sim.settle();
    let mut seen = sim.seen();
    seen.certificates.refused = Some("it has no tls.key".into());
    let message = |seen: &Seen| plan(&sim.wanted(), seen, sim.status.as_ref(), sim.now()).verdict;
    let first = message(&seen);
    assert_eq!(first.reason, "CaUnusable");
    let words =
        "spec.certificates.ca.secretName: Secret ours cannot be the authority: it has no tls.key. Nothing";
    assert!(first.message.starts_with(words), "{}", first.message);
    seen.certificates.authority = Some(("shop-ca".into(), Phase::Settled));
    let message = message(&seen).message;
    assert!(message.contains("The authority in Secret shop-ca goes on"), "{message}");
}

#[test]
fn status_says_until_when_each_certificate_is_good_and_how_far_a_replacement_is() {
    let sim = Sim::running(json!({ "pools": [{ "name": "kafka", "replicas": 3 }] }));
    let mut seen = sim.seen();
    seen.certificates.ends =
        [("shop-ca".to_owned(), sim.now()), ("shop-operator".to_owned(), sim.now())].into();
    seen.certificates.authority = Some(("shop-ca".into(), Phase::Use));
    let status = status(&sim.wanted(), &seen, &sim.plan(), &Outcome::Done, None, sim.now());
    let told: Vec<_> =
        status.certificates.iter().map(|c| (c.secret_name.as_str(), c.phase.as_deref())).collect();
    assert_eq!(told, [("shop-ca", Some("Use")), ("shop-operator", None)]);
}

#[test]
fn what_a_listener_speaks_is_a_reason_to_restart_and_the_default_is_none() {
    let input = |listener: Value| {
        let spec = json!({ "pools": [{ "name": "kafka", "replicas": 1 }], "listeners": [listener] });
        let wanted = wanted(spec);
        (wanted.listeners[0].protocol(), wanted.pools[0].inputs.listeners.clone().unwrap())
    };
    let of = |more: Value| {
        let mut listener = json!({ "name": "plain", "port": 9092 });
        listener.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input(listener)
    };
    assert_eq!(of(json!({})), ("PLAINTEXT", "plain:9092".to_owned()), "as it was before there were others");
    assert_eq!(of(json!({ "tls": true })), ("SSL", "plain:9092:SSL".to_owned()));
    let scram = json!({ "authentication": "scram-sha-512" });
    assert_eq!(of(scram), ("SASL_PLAINTEXT", "plain:9092:SASL_PLAINTEXT".to_owned()));
    let both = json!({ "authentication": "scram-sha-512", "tls": true });
    assert_eq!(of(both), ("SASL_SSL", "plain:9092:SASL_SSL".to_owned()));
    let certificates = json!({ "authentication": "tls", "tls": true });
    assert_eq!(of(certificates), ("SSL", "plain:9092:SSL:tls".to_owned()), "other than TLS alone");
}

#[test]
fn no_user_has_the_subject_of_a_node_of_sluice_or_of_connect() {
    let wanted = three();
    let owner = &wanted.owner;
    let own = certificates::leaves(&wanted).into_iter().map(|leaf| leaf.identity.subject);
    let own: Vec<_> = own.chain([certificates::connect("web", "shop").subject]).collect();
    for name in ["node", "operator", "connect", "ca", "app"] {
        let user = certificates::user("web", "shop", name);
        assert!(!own.contains(&user.subject), "{}", user.subject);
        assert_eq!(user.purpose, Use::Client);
    }
    assert_eq!(certificates::user_mapping(owner), "RULE:^CN=([a-z0-9.-]+),OU=shop:users,O=web$/$1/");
}

#[test]
fn brokers_mount_what_they_trust_of_users_where_a_listener_takes_certificates() {
    let mounts = |listeners: Value| {
        let wanted = wanted(json!({
            "pools": [
                { "name": "controllers", "replicas": 3, "firstNodeId": 100, "roles": ["controller"] },
                { "name": "brokers", "replicas": 3, "firstNodeId": 0, "roles": ["broker"] },
            ],
            "listeners": listeners,
        }));
        let sets = build(&wanted, &Standing::default()).stateful_sets;
        let secrets = |set: &k8s_openapi::api::apps::v1::StatefulSet| {
            let volumes = set.spec.clone().unwrap().template.spec.unwrap().volumes.unwrap();
            volumes.into_iter().filter_map(|v| v.secret?.secret_name).collect::<Vec<_>>()
        };
        sets.iter().map(secrets).collect::<Vec<_>>()
    };
    let certs = json!({ "name": "certs", "port": 9092, "tls": true, "authentication": "tls" });
    assert_eq!(
        mounts(json!([certs])),
        [vec!["shop-controllers-node"], vec!["shop-brokers-node", "shop-ca-clients-cert"],]
    );
    assert_eq!(mounts(json!([{ "name": "plain", "port": 9092 }]))[1], ["shop-brokers-node"]);
}
