//! Three nodes as Sluice configures them: who gets in on the listeners that it keeps for itself, and who may do what.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::json;
use sluice_clients::kafka::{
    Address, Client, Code, Credentials, Error, Items, NewRecord, NewTopic, Options, Peeked, TopicPartition,
    Topics, VoterListener,
};
use sluice_core::cluster::{access_changes, certificates};
use sluice_core::user::Changes;
use sluice_core::view::kafka::{Acl, Operation, Pattern, Permission, ResourceKind};
use support::secure::{Secure, subject};
use support::tls::Authority;
use support::wait::until;

/// One after the other, for each step changes the cluster for the next.
#[tokio::test]
async fn only_who_has_a_certificate_gets_in_and_only_who_has_rights_gets_on() {
    let listeners = json!([
        { "name": "plain", "port": 9092 },
        { "name": "open", "port": 9093, "tls": true },
        { "name": "apps", "port": 9094, "tls": true, "authentication": "scram-sha-512" },
        { "name": "bare", "port": 9095, "authentication": "scram-sha-512" },
        { "name": "certs", "port": 9096, "tls": true, "authentication": "tls" },
    ]);
    let kafka = tokio::task::spawn_blocking(move || Secure::start(&listeners)).await.unwrap();
    kafka.ready().await;
    let own = kafka.client("operator");
    nodes_reach_each_other(&kafka, &own).await;
    strangers_do_not_get_in(&kafka).await;
    nobody_else_may_do_anything(&kafka).await;
    rules_let_clients_in_and_not_further(&kafka, &own).await;
    clients_come_as_their_listener_wants(&kafka, &own).await;
    a_password_is_said_without_being_told(&kafka).await;
    users_change_without_a_restart(&kafka, &own).await;
    a_certificate_of_a_user_opens_the_listener_for_users_and_no_other(&kafka, &own).await;
}

async fn create(client: &Client, name: &str) -> Result<(), Code> {
    let topic = NewTopic {
        name: name.to_owned(),
        partitions: Some(1),
        replication_factor: Some(3),
        configs: BTreeMap::new(),
    };
    let item = client.create_topics(&[topic], false).await.unwrap().remove(0).1;
    item.map(drop).map_err(|error| error.code)
}

/// Controllers take each other in, and records are copied: all of it on TLS.
async fn nodes_reach_each_other(kafka: &Secure, own: &Client) {
    let quorum = own.describe_quorum().await.unwrap();
    for (id, node) in kafka.nodes.iter().enumerate().skip(1) {
        let id = i32::try_from(id).unwrap();
        let seen = quorum.observers.iter().find(|observer| observer.id == id).expect("it fetches");
        let address = Address::new(node.host.clone(), node.port("CONTROLLER"));
        let listener = VoterListener { name: "CONTROLLER".to_owned(), address };
        own.add_raft_voter(&kafka.wanted.cluster_id, (id, seen.directory), &[listener]).await.unwrap();
    }
    create(own, "copied").await.unwrap();
    let in_sync = async || {
        let (_, topic) = own.metadata(Topics::Named(&["copied"])).await.unwrap().remove(0);
        topic.map_or(0, |topic| topic.partitions[0].isr.len())
    };
    until("replicas in sync", in_sync, |isr| *isr == 3).await;
}

async fn strangers_do_not_get_in(kafka: &Secure) {
    let stranger = Authority::new();
    for listener in ["INTERNAL", "CONTROLLER"] {
        let plain = Client::new(kafka.plain(listener)).describe_cluster().await.unwrap_err();
        assert!(["KafkaUnreachable", "KafkaProtocolError"].contains(&plain.reason()), "{plain}");
        // it says that it is a node, and somebody else has signed that
        let forged = kafka.client_of(&stranger, &subject("node"), listener).describe_cluster().await;
        let forged = forged.unwrap_err();
        assert!(["KafkaTlsFailed", "KafkaUnreachable"].contains(&forged.reason()), "{forged}");
        let trusting = sluice_clients::kafka::tls::trusting(kafka.ca.pem().as_bytes()).unwrap();
        let nobody = sluice_clients::kafka::Options { tls: Some(trusting.into()), ..kafka.plain(listener) };
        let nobody = Client::new(nobody).describe_cluster().await.unwrap_err();
        assert!(["KafkaTlsFailed", "KafkaUnreachable"].contains(&nobody.reason()), "{nobody}");
    }
}

async fn nobody_else_may_do_anything(kafka: &Secure) {
    let connect = kafka.client("connect");
    assert_eq!(create(&connect, "theirs").await, Err(Code::TOPIC_AUTHORIZATION_FAILED));
    let anonymous = Client::new(kafka.plain("PLAIN"));
    assert_eq!(create(&anonymous, "anybodys").await, Err(Code::TOPIC_AUTHORIZATION_FAILED));
    // a node of another cluster that has the same authority
    let other = sluice_core::pki::Subject::new("web", "other", "node");
    let other = kafka.client_of(&kafka.ca, &other, "INTERNAL");
    assert_eq!(create(&other, "others").await, Err(Code::TOPIC_AUTHORIZATION_FAILED));
}

async fn rules_let_clients_in_and_not_further(kafka: &Secure, own: &Client) {
    let rules = access_changes(&kafka.wanted, &BTreeSet::new()).make;
    assert!(own.create_acls(&rules).await.unwrap().into_iter().all(|item| item.is_ok()));
    let wanted: BTreeSet<Acl> = rules.iter().cloned().collect();
    let seen = until("rules", async || own.describe_acls().await.unwrap(), |seen| *seen == wanted).await;
    assert!(access_changes(&kafka.wanted, &seen).is_empty());

    let (connect, anonymous) = (kafka.client("connect"), Client::new(kafka.plain("PLAIN")));
    for (client, topic) in [(&connect, "theirs"), (&anonymous, "anybodys")] {
        until("a topic is made", async || create(client, topic).await, Result::is_ok).await.unwrap();
        // who may change rules may give himself everything
        let refused = client.create_acls(&rules).await.unwrap();
        let codes: Vec<_> = refused.into_iter().map(|item| item.map_err(|error| error.code)).collect();
        assert!(codes.iter().all(|code| *code == Err(Code::CLUSTER_AUTHORIZATION_FAILED)), "{codes:?}");
    }

    assert!(own.delete_acls(&rules).await.unwrap().into_iter().all(|item| item.is_ok()));
    until("no rules", async || own.describe_acls().await.unwrap(), BTreeSet::is_empty).await;
}

/// On an encrypted listener without authentication they are nobody, on one with passwords who they say they are.
async fn clients_come_as_their_listener_wants(kafka: &Secure, own: &Client) {
    let trusting = sluice_clients::kafka::tls::trusting(kafka.ca.pem().as_bytes()).unwrap();
    let open = sluice_clients::kafka::Options { tls: Some(trusting.into()), ..kafka.plain("OPEN") };
    let open = Client::new(open);
    assert_eq!(open.describe_cluster().await.unwrap().brokers.len(), 3);
    assert_eq!(create(&open, "nobodys").await, Err(Code::TOPIC_AUTHORIZATION_FAILED));

    passwords(own, &[("alice", "in-wonderland"), ("carol", "in-winter")]).await;
    let known = async || own.describe_scram_users().await.unwrap();
    until("alice is known", known, |users| users.contains("alice")).await;
    let shop = Acl {
        kind: ResourceKind::Topic,
        name: "shop.".into(),
        pattern: Pattern::Prefix,
        principal: "User:alice".into(),
        host: "*".into(),
        operation: Operation::All,
        permission: Permission::Allow,
    };
    assert!(own.create_acls(&[shop]).await.unwrap().into_iter().all(|item| item.is_ok()));

    for (listener, protocol, password, topic, expected) in [
        ("APPS", "SASL_SSL", "in-wonderland", "shop.orders", None),
        ("BARE", "SASL_PLAINTEXT", "in-wonderland", "shop.returns", None),
        ("APPS", "SASL_SSL", "in-wonderland", "crm.orders", Some("TopicAuthorizationException")),
        ("APPS", "SASL_SSL", "in-the-glass", "shop.others", Some("SaslAuthenticationException")),
    ] {
        let args = ["--create", "--topic", topic, "--partitions", "1", "--replication-factor", "3"];
        let (done, said) = kafka.tool(TOPICS, listener, &login(protocol, password), &args).await;
        assert_eq!(done, expected.is_none(), "{topic} by {listener}: {said}");
        assert!(expected.is_none_or(|words| said.contains(words)), "{said}");
    }
}

/// Our own client, too, says who it is by a password.
async fn a_password_is_said_without_being_told(kafka: &Secure) {
    let trusting = sluice_clients::kafka::tls::trusting(kafka.ca.pem().as_bytes()).unwrap();
    let alice = |listener: &str, password: &str| {
        let credentials = Credentials { name: "alice".into(), password: password.into() };
        let tls = (listener == "APPS").then(|| trusting.clone().into());
        Client::new(Options { tls, credentials: Some(credentials), ..kafka.plain(listener) })
    };
    for (listener, topic) in [("APPS", "shop.orders"), ("BARE", "shop.returns")] {
        let alice = alice(listener, "in-wonderland");
        let at = TopicPartition { topic: topic.into(), partition: 0 };
        let record = NewRecord { value: Some(b"a".to_vec()), ..NewRecord::default() };
        let offset = alice.produce(&at, &[record], 1).await.unwrap().unwrap();
        let read = alice.peek(&[(at.clone(), offset)].into()).await.unwrap().remove(&at).unwrap().unwrap();
        assert!(matches!(read, Peeked::Record(read) if read.value.as_deref() == Some(b"a")), "{listener}");
    }
    let refused = alice("APPS", "in-the-glass").describe_cluster().await.unwrap_err();
    assert_eq!(refused.reason(), "KafkaRefused", "{refused}");
    assert_eq!(refused.code(), Some(Code::SASL_AUTHENTICATION_FAILED), "{refused}");
    let nobody = Client::new(kafka.plain("BARE")).within(Duration::from_secs(5)).describe_cluster().await;
    assert!(nobody.is_err(), "without a password nobody comes in");
}

/// A password that changes, a user that goes, and quotas.
async fn users_change_without_a_restart(kafka: &Secure, own: &Client) {
    passwords(own, &[("alice", "in-the-glass")]).await;
    for (password, lets_in) in [("in-the-glass", true), ("in-wonderland", false)] {
        let list = async || kafka.tool(TOPICS, "APPS", &login("SASL_SSL", password), &["--list"]).await;
        let (done, said) = until("the new password", list, |(done, _)| *done == lets_in).await;
        assert_eq!(done, lets_in, "{said}");
    }
    let quotas = BTreeMap::from([("producer_byte_rate".to_owned(), Some(1_048_576.0))]);
    assert_eq!(codes(own.alter_user_quotas(&[("alice", &quotas)]).await), [("alice".into(), None)]);
    let seen = async || own.describe_user_quotas().await.unwrap().remove("alice").unwrap_or_default();
    until("a quota", seen, |quotas| quotas.get("producer_byte_rate") == Some(&1_048_576.0)).await;
    let removal = Changes::removal();
    let wrong = BTreeMap::from([("nonsense_rate".to_owned(), Some(1.0))]);
    let answers = codes(own.alter_user_quotas(&[("alice", &removal.quotas), ("carol", &wrong)]).await);
    assert_eq!(answers, [("alice".into(), None), ("carol".into(), Some(Code::INVALID_REQUEST))]);
    until("no quota", seen, BTreeMap::is_empty).await;

    let both = ["User:alice".to_owned(), "User:nobody".to_owned()];
    let answers = own.delete_acls_of(&both).await.unwrap();
    assert!(answers.len() == 2 && answers.iter().all(Result::is_ok), "{answers:?}");
    let rules = async || own.describe_acls().await.unwrap();
    until("nothing for alice", rules, |rules| removal.are_in("alice", rules)).await;

    let answers = codes(own.alter_scram(&[], &["alice", "carol", "nobody"]).await);
    let gone = Some(Code::RESOURCE_NOT_FOUND);
    assert_eq!(answers, [("alice".into(), None), ("carol".into(), None), ("nobody".into(), gone)]);
    let known = async || own.describe_scram_users().await.unwrap();
    until("nobody", known, BTreeSet::is_empty).await;
}

async fn passwords(own: &Client, all: &[(&str, &str)]) {
    let answers = own.alter_scram(all, &[]).await.unwrap();
    assert!(answers.len() == all.len() && answers.iter().all(|(_, item)| item.is_ok()), "{answers:?}");
}

/// By name, what was refused and why.
fn codes(answers: Result<Items<()>, Error>) -> Vec<(String, Option<Code>)> {
    let mut told: Vec<_> =
        answers.unwrap().into_iter().map(|(name, item)| (name, item.err().map(|error| error.code))).collect();
    told.sort_by(|a, b| a.0.cmp(&b.0));
    told
}

/// Who shows it is `User:bob`, and what is a node's name elsewhere is nothing here.
async fn a_certificate_of_a_user_opens_the_listener_for_users_and_no_other(kafka: &Secure, own: &Client) {
    let shop = Acl {
        kind: ResourceKind::Topic,
        name: "shop.".into(),
        pattern: Pattern::Prefix,
        principal: "User:bob".into(),
        host: "*".into(),
        operation: Operation::All,
        permission: Permission::Allow,
    };
    assert!(own.create_acls(&[shop]).await.unwrap().into_iter().all(|item| item.is_ok()));
    let user = |name: &str| certificates::user("web", "shop", name).subject;
    let bob = kafka.client_of(&kafka.clients, &user("bob"), "CERTS");
    until("bob may", async || create(&bob, "shop.bobs").await, Result::is_ok).await.unwrap();
    assert_eq!(create(&bob, "crm.bobs").await, Err(Code::TOPIC_AUTHORIZATION_FAILED));
    // a user who is called like a node is that user
    let node = kafka.client_of(&kafka.clients, &user("node"), "CERTS");
    assert_eq!(create(&node, "nodes").await, Err(Code::TOPIC_AUTHORIZATION_FAILED));

    let other = certificates::user("web", "other", "bob").subject;
    for (ca, shown, listener) in [
        (&kafka.clients, user("bob"), "INTERNAL"),
        (&kafka.clients, user("bob"), "CONTROLLER"),
        // the very subject of a node, and of Sluice
        (&kafka.clients, subject("node"), "INTERNAL"),
        (&kafka.clients, subject("operator"), "CONTROLLER"),
        (&kafka.clients, subject("node"), "CERTS"),
        (&kafka.clients, other, "CERTS"),
        (&kafka.ca, user("bob"), "CERTS"),
        (&kafka.ca, subject("node"), "CERTS"),
        (&Authority::new(), user("bob"), "CERTS"),
    ] {
        let refused = kafka.client_of(ca, &shown, listener).within(Duration::from_secs(5));
        let refused = refused.describe_cluster().await.expect_err(&format!("{shown} on {listener}"));
        assert!(["KafkaTlsFailed", "KafkaUnreachable"].contains(&refused.reason()), "{shown}: {refused}");
    }
}

const TOPICS: &str = "org.apache.kafka.tools.TopicCommand";

fn login(protocol: &str, password: &str) -> String {
    let module = "org.apache.kafka.common.security.scram.ScramLoginModule";
    format!(
        "security.protocol={protocol}\nsasl.mechanism=SCRAM-SHA-512\n\
         sasl.jaas.config={module} required username=\"alice\" password=\"{password}\";"
    )
}
