//! Passes over `User`s where no Kafka answers.

use std::sync::Arc;

use apiserver_harness::until;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::{Api, DeleteParams, PostParams};
use serde_json::{Value, json};
use sluice::{Shared, start};
use sluice_crds::{KafkaCluster, User};
use tokio::task::JoinSet;

use crate::with_crds;

fn reason(conditions: Option<Vec<Condition>>) -> String {
    let ready = conditions.into_iter().flatten().find(|condition| condition.type_ == "Ready");
    ready.map(|condition| condition.reason).unwrap_or_default()
}

#[tokio::test]
async fn a_user_says_what_it_waits_for_and_holds_nothing_up() {
    let server = with_crds().await;
    let (client, namespace) = (server.client(), server.namespace().await);
    let mut operator = JoinSet::new();
    start(&Arc::new(Shared::new(server.client())), Some(&namespace), &mut operator);
    let users: Api<User> = Api::namespaced(client.clone(), &namespace);
    let clusters: Api<KafkaCluster> = Api::namespaced(client.clone(), &namespace);
    let user: User = serde_json::from_value(json!({
        "apiVersion": "sluice.dev/v1alpha1", "kind": "User", "metadata": { "name": "app" },
        "spec": { "clusterRef": { "name": "shop" } },
    }))
    .unwrap();
    users.create(&PostParams::default(), &user).await.unwrap();
    let says = async |expected: &str| {
        let look = || async {
            reason(users.get("app").await.expect("a look").status.map(|status| status.conditions))
        };
        until(&format!("app says {expected}"), look, |seen| seen == expected).await
    };
    says("ClusterMissing").await;
    let cluster = |listeners: Value| -> KafkaCluster {
        serde_json::from_value(json!({
            "apiVersion": "sluice.dev/v1alpha1", "kind": "KafkaCluster", "metadata": { "name": "shop" },
            "spec": { "pools": [{ "name": "kafka", "replicas": 1 }], "listeners": listeners },
        }))
        .unwrap()
    };
    let plain = cluster(json!([{ "name": "plain", "port": 9092 }]));
    clusters.create(&PostParams::default(), &plain).await.unwrap();
    says("ListenerMissing").await;
    let both = json!({ "spec": { "listeners": [
        { "name": "plain", "port": 9092 }, { "name": "apps", "port": 9094, "authentication": "scram-sha-512" },
    ] } });
    clusters.patch("shop", &Default::default(), &kube::api::Patch::Merge(both)).await.unwrap();
    says("KafkaUnreachable").await;
    let secrets: Api<Secret> = Api::namespaced(client, &namespace);
    assert!(secrets.get_opt("app-kafka").await.unwrap().is_none(), "nobody could log in with it");

    // neither would anybody have a certificate before there is a listener for it, and who signs
    let patch = |patch: Value| {
        let users = users.clone();
        async move { users.patch("app", &Default::default(), &kube::api::Patch::Merge(patch)).await }
    };
    patch(json!({ "spec": { "authentication": { "type": "tls" } } })).await.unwrap();
    says("ListenerMissing").await;
    let certs = json!({ "spec": { "listeners": [
        { "name": "certs", "port": 9095, "tls": true, "authentication": "tls" },
    ] } });
    clusters.patch("shop", &Default::default(), &kube::api::Patch::Merge(certs)).await.unwrap();
    says("KafkaUnreachable").await;
    for name in ["shop-ca-clients", "shop-ca-clients-cert"] {
        assert!(secrets.get_opt(name).await.unwrap().is_some(), "{name} is made by the cluster");
    }
    let given = json!({ "name": "nowhere", "key": "password" });
    patch(json!({ "spec": { "authentication": { "type": "scram-sha-512", "passwordFrom": given } } }))
        .await
        .unwrap();
    clusters
        .patch(
            "shop",
            &Default::default(),
            &kube::api::Patch::Merge(json!({ "spec": { "listeners": [
            { "name": "apps", "port": 9094, "authentication": "scram-sha-512" },
        ] } })),
        )
        .await
        .unwrap();
    says("SecretMissing").await;
    assert!(secrets.get_opt("app-kafka").await.unwrap().is_none(), "nothing was made");

    // it never was in Kafka, so it need not be taken out of there
    users.delete("app", &DeleteParams::default()).await.unwrap();
    let gone = || async { users.get_opt("app").await.expect("a look").is_none() };
    until("the User is gone", gone, |gone| *gone).await;
}
