//! Who may log in, what they may, and what their clients are told.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};
use sluice_crds::{KafkaCluster, User};

use super::*;
use crate::condition::VerdictKind;
use crate::pki::Bundle;
use crate::referent::Referent;
use crate::view::Sight;
use crate::view::kafka::{Acl, ClusterView, Operation, UsersView};

#[allow(clippy::needless_pass_by_value)] // a fixture reads better without the reference
fn user(spec: Value) -> User {
    let mut object = json!({
        "apiVersion": "sluice.dev/v1alpha1", "kind": "User",
        "metadata": { "name": "app", "namespace": "web", "uid": "1", "generation": 2 },
        "spec": { "clusterRef": { "name": "shop" } },
    });
    object["spec"].as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    serde_json::from_value(object).unwrap()
}

fn wanted(spec: Value) -> Wanted {
    validate(&user(spec)).unwrap()
}

fn shop() -> Value {
    json!({
        "acls": [
            { "resource": { "type": "topic", "name": "shop.", "pattern": "Prefix" }, "operations": ["Read", "Write"] },
            { "resource": { "type": "group", "name": "shop" }, "operations": ["Read"] },
        ],
        "quotas": { "producerByteRate": "1Mi", "requestPercentage": 50 },
    })
}

const TRUSTED: &str = "-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----\n";

#[allow(clippy::needless_pass_by_value)]
fn cluster(listeners: Value) -> KafkaCluster {
    serde_json::from_value(json!({
        "apiVersion": "sluice.dev/v1alpha1", "kind": "KafkaCluster", "metadata": { "name": "shop", "namespace": "web" },
        "spec": { "pools": [{ "name": "kafka", "replicas": 1 }], "listeners": listeners },
    }))
    .unwrap()
}

fn apps() -> Value {
    json!({ "name": "apps", "port": 9094, "authentication": "scram-sha-512", "tls": true })
}

fn certs() -> Value {
    json!({ "name": "certs", "port": 9095, "authentication": "tls", "tls": true })
}

struct World {
    cluster: Referent,
    kafka: Option<Sight<ClusterView>>,
    users: Option<UsersView>,
    access: BTreeSet<Acl>,
    door: Option<Door>,
    held: Option<String>,
    given: Option<Given>,
    certificate: Option<Bundle>,
}

impl World {
    fn new() -> Self {
        Self {
            cluster: Referent::There,
            kafka: Some(Sight::Clear(Arc::new(ClusterView::default()))),
            users: Some(UsersView::default()),
            access: BTreeSet::new(),
            door: door(&cluster(json!([apps(), certs()])), &Login::Password(None), Some(TRUSTED)),
            held: None,
            given: None,
            certificate: None,
        }
    }

    fn plan(&self, wanted: &Wanted) -> Plan {
        plan(
            wanted,
            &Seen {
                cluster: self.cluster,
                kafka: self.kafka.as_ref(),
                users: self.users.as_ref(),
                access: Some(&self.access),
                door: self.door.as_ref(),
                held: self.held.as_deref(),
                given: self.given.as_ref(),
                fresh: "fresh",
                certificate: self.certificate.as_ref(),
            },
        )
    }

    /// What the plan does.
    fn act(&mut self, wanted: &Wanted) -> Plan {
        let plan = self.plan(wanted);
        let users = self.users.get_or_insert_default();
        plan.changes.show(&wanted.name, users);
        plan.changes.show_rules(&wanted.name, &mut self.access);
        if let Some(secret) = &plan.secret {
            self.held = secret::password(secret);
        }
        plan
    }
}

fn files(plan: &Plan) -> std::collections::BTreeMap<String, String> {
    let data = plan.secret.as_ref().unwrap().data.clone().unwrap();
    data.into_iter().map(|(file, text)| (file, String::from_utf8(text.0).unwrap())).collect()
}

#[test]
fn a_broker_that_has_some_of_the_rules_does_not_go_by_the_change() {
    let mut world = World::new();
    let first = world.act(&wanted(shop())).changes;
    let one: BTreeSet<Acl> = first.make.iter().take(1).cloned().collect();
    assert!(first.touch_rules() && !first.are_in("app", &one) && first.are_in("app", &world.access));
    let all = world.access.clone();
    let second = world.act(&wanted(json!({}))).changes;
    assert!(second.touch_rules() && !second.are_in("app", &all) && !second.are_in("app", &one));
    assert!(second.are_in("app", &BTreeSet::new()));
}

#[test]
fn what_is_declared_is_made_and_then_nothing_is_left_to_do() {
    let (wanted, mut world) = (wanted(shop()), World::new());
    let first = world.act(&wanted);
    assert_eq!(first.changes.password.as_deref(), Some("fresh"));
    let made: Vec<_> = first.changes.make.iter().map(|rule| (rule.name.as_str(), rule.operation)).collect();
    assert_eq!(made, [("shop.", Operation::Read), ("shop.", Operation::Write), ("shop", Operation::Read)]);
    assert!(first.changes.make.iter().all(|rule| rule.principal == "User:app"));
    assert_eq!(first.changes.quotas["producer_byte_rate"], Some(1_048_576.0));
    let second = world.act(&wanted);
    assert!(second.changes.is_empty(), "{:?}", second.changes);
    assert_eq!((second.verdict.reason, second.secret), ("AsDeclared", first.secret));
}

#[test]
fn what_is_not_declared_any_more_and_what_others_added_is_taken_away() {
    let mut world = World::new();
    world.act(&wanted(shop()));
    let mut others = world.access.iter().next().unwrap().clone();
    others.principal = "User:other".into();
    world.access.insert(others.clone());
    let plan = world.act(&wanted(json!({})));
    assert_eq!((plan.changes.drop.len(), plan.changes.make.len(), plan.changes.quotas.len()), (3, 0, 2));
    assert!(plan.changes.quotas.values().all(Option::is_none));
    assert_eq!(world.access, [others].into(), "other users' rules are not ours");
    assert!(plan.verdict.message.contains("no ACL lets it do anything"), "{}", plan.verdict.message);
}

#[test]
fn a_password_that_rotates_is_set_in_kafka_before_clients_hear_of_it() {
    let wanted = wanted(json!({ "authentication": { "passwordFrom": { "name": "ours", "key": "p" } } }));
    let mut world = World::new();
    for password in ["first", "second"] {
        world.given = Some(Given::Password(password.into()));
        let plan = world.act(&wanted);
        assert_eq!(plan.changes.password.as_deref(), Some(password));
        assert_eq!(files(&plan)["password"], password);
        assert!(world.plan(&wanted).changes.is_empty());
    }
    for (given, words) in [
        (Given::NoSecret, "there is no such Secret: Secret ours, key p"),
        (Given::NoKey, "it has no such key"),
        (Given::Unusable, "nobody types"),
    ] {
        world.given = Some(given);
        let plan = world.plan(&wanted);
        assert_eq!((plan.verdict.reason, plan.secret.is_none()), ("SecretMissing", true));
        assert!(plan.changes.is_empty() && plan.verdict.message.contains(words), "{}", plan.verdict.message);
    }
}

#[test]
fn who_was_taken_out_of_kafka_behind_our_back_comes_back_with_the_password_that_clients_have() {
    let (wanted, mut world) = (wanted(shop()), World::new());
    world.held = Some("theirs".into());
    world.users = Some(UsersView { scram: ["app".to_owned()].into(), ..UsersView::default() });
    assert_eq!(world.act(&wanted).changes.password, None);
    world.users.as_mut().unwrap().scram.clear();
    assert_eq!(world.act(&wanted).changes.password.as_deref(), Some("theirs"));
}

#[test]
fn the_secret_has_all_that_a_client_needs() {
    let mut world = World::new();
    world.held = Some("a\"b\\c".into());
    let files = files(&world.plan(&wanted(json!({}))));
    insta::assert_snapshot!(files["client.properties"]);
    let names: Vec<_> = files.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "apps.bootstrap.servers",
            "apps.security.protocol",
            "bootstrap.servers",
            "ca.crt",
            "client.properties",
            "password",
            "sasl.jaas.config",
            "sasl.mechanism",
            "security.protocol",
            "username",
        ]
    );
}

#[test]
fn an_encrypted_listener_is_taken_before_another_and_none_is_said_so() {
    let open = json!({ "name": "plain", "port": 9092 });
    let bare = json!({ "name": "bare", "port": 9093, "authentication": "scram-sha-512" });
    let password = Login::Password(None);
    let door = |listeners: Value| door(&cluster(listeners), &password, Some("T"));
    assert_eq!(door(json!([open, certs()])), None);
    let found = door(json!([open, bare])).unwrap();
    assert_eq!((found.first().protocol, found.trusted), ("SASL_PLAINTEXT", None));
    let found = door(json!([bare, apps()])).unwrap();
    let all: Vec<_> = found.all().map(|entrance| entrance.bootstrap.as_str()).collect();
    assert_eq!(all, ["shop-bootstrap.web.svc:9094", "shop-bootstrap.web.svc:9093"]);
    assert_eq!(found.trusted.as_deref(), Some("T"));

    let mut world = World::new();
    world.door = None;
    let plan = world.plan(&wanted(shop()));
    assert_eq!((plan.verdict.reason, plan.verdict.kind), ("ListenerMissing", VerdictKind::Stalled));
    assert!(plan.changes.is_empty());
}

#[test]
fn nothing_is_changed_on_what_is_not_seen() {
    let now = Timestamp::UNIX_EPOCH;
    let wanted = wanted(shop());
    let change = |change: fn(&mut World)| {
        let mut world = World::new();
        change(&mut world);
        let plan = world.plan(&wanted);
        assert!(plan.changes.is_empty() && plan.secret.is_none());
        plan.verdict.reason
    };
    assert_eq!(change(|world| world.cluster = Referent::Missing), "ClusterMissing");
    assert_eq!(change(|world| world.cluster = Referent::Unparsable), "ClusterUnparsable");
    assert_eq!(change(|world| world.users = None), "Describing");
    assert_eq!(change(|world| world.kafka = None), "Describing");
    let failed = |world: &mut World| {
        world.kafka = world.kafka.take().map(|sight| sight.failed(Timestamp::UNIX_EPOCH, "refused".into()));
    };
    assert_eq!(change(failed), "KafkaUnreachable");
    assert_eq!(
        status(&user(json!({})), &World::new().plan(&wanted).verdict, None, now).secret_name.as_deref(),
        Some("app-kafka")
    );
}

#[test]
fn what_kafka_does_not_know_of_a_resource_is_refused_with_its_field() {
    let refused = |acl: Value| {
        let findings = validate(&user(json!({ "acls": [acl] }))).unwrap_err();
        findings.iter().map(crate::finding::Finding::text).collect::<Vec<_>>().join("; ")
    };
    for (acl, start) in [
        (
            json!({ "resource": { "type": "group", "name": "g" }, "operations": ["Write"] }),
            "spec.acls[0].operations: Write is nothing that Kafka knows of it; it knows Read, ",
        ),
        (json!({ "resource": { "type": "topic" }, "operations": ["Read"] }), "spec.acls[0].resource.name: "),
        (
            json!({ "resource": { "type": "cluster", "name": "shop" }, "operations": ["Create"] }),
            "spec.acls[0].resource.name: there is one cluster",
        ),
        (
            json!({ "resource": { "type": "topic", "name": "*", "pattern": "Prefix" }, "operations": ["Read"] }),
            "spec.acls[0].resource.pattern: ",
        ),
    ] {
        let told = refused(acl);
        assert!(told.starts_with(start), "{told}");
    }
    let all =
        wanted(json!({ "acls": [{ "resource": { "type": "cluster" }, "operations": ["IdempotentWrite"] }] }));
    assert_eq!(all.acls.first().unwrap().name, "kafka-cluster");
}

#[test]
fn who_goes_is_taken_out_of_kafka_and_never_holds_the_namespace_up() {
    let (wanted, mut world) = (wanted(shop()), World::new());
    world.act(&wanted);
    let end = |world: &World, cluster: Referent| teardown("app", ("shop", cluster), world.kafka.as_ref());
    let Teardown::Remove(changes) = end(&world, Referent::There) else { panic!() };
    assert!(changes.touch_rules() && changes.drop_password && !changes.are_in("app", &world.access));
    let beside = Acl { principal: "User:apps".into(), ..world.access.first().unwrap().clone() };
    world.access.insert(beside.clone());
    let users = world.users.as_mut().unwrap();
    changes.show("app", users);
    changes.show_rules("app", &mut world.access);
    assert_eq!((users, &world.access), (&mut UsersView::default(), &BTreeSet::from([beside])));
    assert!(changes.are_in("app", &world.access));
    assert_eq!(end(&world, Referent::Missing), Teardown::Release);
    assert!(matches!(end(&world, Referent::Unparsable), Teardown::Wait(_)));
    let again = end(&world, Referent::There);
    assert_eq!(again, Teardown::Remove(changes), "what was seen may be older than what was done");
    world.kafka = None;
    assert!(matches!(end(&world, Referent::There), Teardown::Wait(_)), "they could still log in");
}

fn bundle() -> Bundle {
    let [certificate, key, trusted] = ["C\n", "K\n", "ours\n"].map(str::to_owned);
    Bundle { certificate, key, trusted, revision: 7, before: None }
}

fn with_certificate() -> (Wanted, World) {
    let mut spec = shop();
    spec["authentication"] = json!({ "type": "tls" });
    let (wanted, mut world) = (wanted(spec), World::new());
    world.door = door(&cluster(json!([apps(), certs()])), &wanted.login, Some(TRUSTED));
    world.certificate = Some(bundle());
    (wanted, world)
}

#[test]
fn a_user_with_a_certificate_has_the_same_rights_and_no_password() {
    let (wanted, mut world) = with_certificate();
    let Login::Certificate(identity) = &wanted.login else { panic!() };
    assert_eq!(identity.subject.to_string(), "CN=app,OU=shop:users,O=web");
    // it had a password before
    world.act(&self::wanted(shop()));
    let plan = world.act(&wanted);
    assert_eq!((plan.changes.password, plan.changes.drop_password), (None, true));
    assert_eq!((plan.changes.make.len(), plan.changes.drop.len()), (0, 0), "the principal is the same");
    assert!(world.plan(&wanted).changes.is_empty());

    let files = files(&world.plan(&wanted));
    insta::assert_snapshot!(files["client.properties"]);
    let names: Vec<_> = files.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "bootstrap.servers",
            "ca.crt",
            "certs.bootstrap.servers",
            "certs.security.protocol",
            "client.properties",
            "keystore.pem",
            "revision",
            "security.protocol",
            "tls.crt",
            "tls.key",
            "username",
        ]
    );
    assert_eq!(files["ca.crt"], TRUSTED, "whom a client trusts is not who signed for it");
}

#[test]
fn without_a_listener_or_an_authority_nobody_gets_a_certificate() {
    let (wanted, mut world) = with_certificate();
    world.certificate = None;
    let plan = world.plan(&wanted);
    assert_eq!((plan.verdict.reason, plan.secret), ("AuthorityMissing", None));
    world.door = None;
    let plan = world.plan(&wanted);
    assert_eq!((plan.verdict.reason, plan.secret), ("ListenerMissing", None));
    assert!(plan.verdict.message.contains("authentication: tls and tls: true"), "{}", plan.verdict.message);
}

#[test]
fn a_certificate_has_no_password_and_no_name_that_is_too_long() {
    let mut long = user(json!({
        "authentication": { "type": "tls", "passwordFrom": { "name": "ours", "key": "p" } },
    }));
    long.metadata.name = Some("n".repeat(65));
    let told: Vec<_> = validate(&long).unwrap_err().iter().map(crate::finding::Finding::text).collect();
    assert!(told[0].starts_with("spec.authentication.passwordFrom: "), "{told:?}");
    assert!(told[1].starts_with("metadata.name: "), "{told:?}");
}
