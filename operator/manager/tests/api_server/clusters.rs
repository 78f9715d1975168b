//! Passes over `KafkaCluster`s, by a whole scope of the operator in one namespace. There is no kubelet and no Kafka.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use apiserver_harness::{ApiServer, until};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{Event, Secret, Service};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use kube::core::NamespaceResourceScope;
use kube::{Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sluice::{Shared, start};
use sluice_crds::{KafkaCluster, Topic};
use tokio::task::JoinSet;

use crate::with_crds;

struct House {
    server: &'static ApiServer,
    client: Client,
    namespace: String,
    operator: JoinSet<()>,
}

impl House {
    async fn new() -> Self {
        let server = with_crds().await;
        let namespace = server.namespace().await;
        let mut house = Self { server, client: server.client(), namespace, operator: JoinSet::new() };
        house.restart();
        house
    }

    /// The operator ends, and another one starts that knows nothing.
    fn restart(&mut self) {
        self.operator = JoinSet::new();
        let shared = Arc::new(Shared::new(self.server.client()));
        start(&shared, Some(&self.namespace), &mut self.operator);
    }

    fn api<K>(&self) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    async fn create<K>(&self, object: Value) -> K
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + Debug
            + serde::Serialize
            + DeserializeOwned,
    {
        let object: K = serde_json::from_value(object).expect("an object");
        self.api::<K>().create(&PostParams::default(), &object).await.expect("it is created")
    }

    async fn cluster(&self, name: &str) {
        self.create::<KafkaCluster>(json!({
            "apiVersion": "sluice.dev/v1alpha1", "kind": "KafkaCluster", "metadata": { "name": name },
            "spec": { "pools": [{ "name": "kafka", "replicas": 1 }] },
        }))
        .await;
    }

    async fn there<K>(&self, name: &str) -> K
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
    {
        let api = self.api::<K>();
        let look = || async { api.get_opt(name).await.expect("a look") };
        until(&format!("{} {name} is there", K::kind(&())), look, Option::is_some).await.expect("it is there")
    }

    /// Until the Ready condition of a KafkaCluster has this reason; its message.
    async fn says(&self, name: &str, reason: &str) -> String {
        let api = self.api::<KafkaCluster>();
        let look =
            || async { ready(api.get(name).await.expect("a look").status.map(|status| status.conditions)) };
        until(&format!("{name} says {reason}"), look, |(seen, _)| seen == reason).await.1
    }
}

/// Reason and message of Ready.
fn ready(conditions: Option<Vec<Condition>>) -> (String, String) {
    let ready = conditions.into_iter().flatten().find(|condition| condition.type_ == "Ready");
    ready.map(|condition| (condition.reason, condition.message)).unwrap_or_default()
}

#[tokio::test]
async fn a_refused_spec_leaves_what_runs_looked_after_also_after_a_restart() {
    let mut house = House::new().await;
    house.cluster("shop").await;
    let set = house.there::<StatefulSet>("shop-kafka").await;
    let topic = json!({
        "apiVersion": "sluice.dev/v1alpha1", "kind": "Topic", "metadata": { "name": "orders" },
        "spec": { "clusterRef": { "name": "shop" }, "partitions": 1 },
    });
    house.create::<Topic>(topic).await;

    let typo = Patch::Merge(json!({ "spec": { "config": { "log.retention.hour": 24 } } }));
    house.api::<KafkaCluster>().patch("shop", &PatchParams::default(), &typo).await.unwrap();
    house.says("shop", "UnknownConfig").await;
    house.restart();
    for service in ["shop-bootstrap", "shop-nodes"] {
        let first = house.there::<Service>(service).await;
        house.api::<Service>().delete(service, &DeleteParams::default()).await.unwrap();
        let second = house.there::<Service>(service).await;
        assert_ne!(first.uid(), second.uid());
        assert_eq!(first.spec.unwrap().ports, second.spec.unwrap().ports, "{service}");
    }
    // somebody looks, and finds nobody here; "has not been reached yet" would be nobody's
    let topics = house.api::<Topic>();
    let look = || async {
        ready(topics.get("orders").await.expect("a look").status.map(|status| status.conditions))
    };
    let observed = |(reason, message): &(String, String)| {
        reason == "KafkaUnreachable" && message.contains("KafkaCluster shop has not answered since")
    };
    until("the Topic hears of the observer", look, observed).await;
    assert_eq!(house.there::<StatefulSet>("shop-kafka").await.resource_version(), set.resource_version());
    assert_eq!(house.says("shop", "UnknownConfig").await.matches("log.retention.hours").count(), 1);
}

#[tokio::test]
async fn a_name_that_is_taken_is_said_and_nobodys_object_is_touched() {
    let house = House::new().await;
    let theirs = json!({
        "metadata": { "name": "web-bootstrap", "labels": { "app": "web" } },
        "spec": { "selector": { "app": "web" }, "ports": [{ "port": 80 }] },
    });
    let theirs: Service = house.create(theirs).await;
    house.cluster("web").await;
    let message = house.says("web", "NameTaken").await;
    let words =
        format!("Service {}/web-bootstrap exists already and was not made by Sluice", house.namespace);
    assert!(message.starts_with(&words), "{message}");
    assert!(house.api::<StatefulSet>().get_opt("web-kafka").await.unwrap().is_none());
    let now = house.there::<Service>("web-bootstrap").await;
    assert_eq!(now.resource_version(), theirs.resource_version());

    house.api::<Service>().delete("web-bootstrap", &DeleteParams::default()).await.unwrap();
    house.there::<StatefulSet>("web-kafka").await;
    house.says("web", "Starting").await;
}

#[tokio::test]
async fn a_pod_that_kubernetes_refuses_is_told_with_its_words() {
    let house = House::new().await;
    house.cluster("full").await;
    let set = house.there::<StatefulSet>("full-kafka").await;
    let words = "pods \"full-kafka-0\" is forbidden: exceeded quota: small";
    let event = json!({
        "metadata": { "name": "full-kafka.1" },
        "involvedObject": { "kind": "StatefulSet", "name": "full-kafka", "namespace": house.namespace, "uid": set.uid() },
        "type": "Warning", "reason": "FailedCreate", "source": { "component": "statefulset-controller" },
        "message": format!("create Pod full-kafka-0 in StatefulSet full-kafka failed error: {words}"),
        "lastTimestamp": "2026-11-21T08:00:00Z",
    });
    house.create::<Event>(event).await;
    assert_eq!(house.says("full", "Starting").await, "0 of 1 nodes are ready; full-kafka-0: there is no pod");
    tokio::time::sleep(Duration::from_secs(20)).await;
    let message = house.says("full", "NodeFailing").await;
    let said = format!("Pod full-kafka-0 does not start: StatefulSet full-kafka cannot make it: {words}");
    assert!(message.starts_with(&said), "{message}");
}

#[tokio::test]
async fn certificates_are_issued_once_and_come_back_as_they_were() {
    let mut house = House::new().await;
    house.cluster("shop").await;
    let set = house.there::<StatefulSet>("shop-kafka").await;
    for name in ["shop-ca", "shop-operator", "shop-kafka-node"] {
        let first = house.there::<Secret>(name).await;
        house.api::<Secret>().delete(name, &DeleteParams::default()).await.unwrap();
        let second = house.there::<Secret>(name).await;
        assert_ne!(first.uid(), second.uid());
        assert!(first.data == second.data, "{name} holds something else");
    }
    // what was issued by an earlier life of the operator is still good
    let before = house.there::<Secret>("shop-kafka-node").await;
    house.restart();
    house.api::<Service>().delete("shop-nodes", &DeleteParams::default()).await.unwrap();
    house.there::<Service>("shop-nodes").await;
    let after = house.there::<Secret>("shop-kafka-node").await;
    assert_eq!(after.resource_version(), before.resource_version());
    let now = house.there::<StatefulSet>("shop-kafka").await;
    assert_eq!(now.metadata.generation, set.metadata.generation);
}

#[tokio::test]
async fn nobodys_secret_is_taken_for_an_authority() {
    let house = House::new().await;
    let theirs: Secret = house
        .create(json!({ "metadata": { "name": "web-ca" }, "stringData": { "tls.key": "theirs" } }))
        .await;
    house.cluster("web").await;
    let message = house.says("web", "NameTaken").await;
    let words = format!("Secret {}/web-ca exists already and was not made by Sluice", house.namespace);
    assert!(message.starts_with(&words), "{message}");
    assert!(house.api::<StatefulSet>().get_opt("web-kafka").await.unwrap().is_none());
    assert_eq!(house.there::<Secret>("web-ca").await.resource_version(), theirs.resource_version());
}

fn text(secret: &Secret, file: &str) -> String {
    let data = secret.data.as_ref().and_then(|data| data.get(file));
    String::from_utf8(data.map(|bytes| bytes.0.clone()).unwrap_or_default()).expect("PEM")
}

impl House {
    /// Until the authority of KafkaCluster shop is another one than `before`, and nothing is left of that.
    async fn replaced(&self, before: &str) -> String {
        let api = self.api::<Secret>();
        let look = || async {
            let names = ["shop-ca", "shop-kafka-node", "shop-operator", "shop-ca-cert"];
            let all = names.map(|name| api.get(name));
            futures::future::try_join_all(all).await.expect("a look")
        };
        let done = |all: &Vec<Secret>| {
            let authority = text(&all[0], "tls.crt");
            authority != before && all.iter().all(|secret| text(secret, "ca.crt") == authority)
        };
        text(&until("another authority", look, done).await[0], "tls.crt")
    }
}

/// There are no pods here, so nobody has to be waited for.
#[tokio::test]
async fn an_authority_is_replaced_when_asked_and_by_one_that_is_given_and_can_be_one() {
    let house = House::new().await;
    house.cluster("shop").await;
    house.there::<StatefulSet>("shop-kafka").await;
    let first = text(&house.there::<Secret>("shop-ca").await, "tls.crt");
    let change = async |spec: Value| {
        let patch = Patch::Merge(json!({ "spec": { "certificates": spec } }));
        house.api::<KafkaCluster>().patch("shop", &PatchParams::default(), &patch).await.unwrap();
    };
    // certificates know whole seconds
    tokio::time::sleep(Duration::from_secs(2)).await;
    change(json!({ "renewedAt": jiff::Timestamp::now().to_string() })).await;
    let second = house.replaced(&first).await;

    change(json!({ "ca": { "secretName": "ours" } })).await;
    let message = house.says("shop", "CaUnusable").await;
    assert!(message.contains("Secret ours cannot be the authority: there is no Secret ours"), "{message}");
    let leaf = house.there::<Secret>("shop-operator").await;
    let no_authority = json!({
        "metadata": { "name": "ours" },
        "stringData": { "tls.crt": text(&leaf, "tls.crt"), "tls.key": text(&leaf, "tls.key") },
    });
    house.create::<Secret>(no_authority).await;
    let api = house.api::<KafkaCluster>();
    let look = || async { ready(api.get("shop").await.expect("a look").status.map(|s| s.conditions)).1 };
    until("it is no authority", look, |message| message.contains("is not that of an authority")).await;
    assert_eq!(text(&house.there::<Secret>("shop-ca").await, "tls.crt"), second, "what there is goes on");

    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let given = params.self_signed(&key).unwrap().pem();
    let foreign = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let files = json!({ "stringData": { "tls.crt": given, "tls.key": foreign } });
    house.api::<Secret>().patch("ours", &PatchParams::default(), &Patch::Merge(files)).await.unwrap();
    until("it has somebody else's key", look, |message| message.contains("not that of its certificate"))
        .await;
    assert_eq!(text(&house.there::<Secret>("shop-ca").await, "tls.crt"), second, "what there is goes on");
    let files = json!({ "stringData": { "tls.crt": given, "tls.key": key.serialize_pem() } });
    house.api::<Secret>().patch("ours", &PatchParams::default(), &Patch::Merge(files)).await.unwrap();
    assert_eq!(house.replaced(&second).await.trim(), given.trim());
    house.says("shop", "Starting").await;
}
