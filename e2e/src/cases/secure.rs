//! Who is let in on Kafka's own ports.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use serde_json::json;
use sluice_core::cluster::names::{CONTROLLER_PORT, INTERNAL_PORT};
use sluice_crds::{KafkaCluster, Topic, User};

use crate::scene::{Scene, kafka, with};
use crate::wait::{said, seconds};

pub async fn s1_nobody_gets_in_without_a_certificate(s: &Scene<'_>) -> Result<()> {
    kafka::bring_up(s, "kafka", kafka::spec(1)).await?;
    let namespace = s.space.name.clone();
    let node = format!("CN=node,OU=kafka,O={namespace}");
    let own = files(&s.get("kafka-operator").await?)?;
    let own = (own["tls.crt"].as_str(), own["tls.key"].as_str());
    let host = format!("kafka-nodes-0.kafka-nodes.{namespace}.svc");

    let places = [INTERNAL_PORT, CONTROLLER_PORT].map(|port| format!("{host}:{port}"));
    for place in &places {
        let knocked = s.agent().knock(place, &node, None).await?;
        ensure!(!knocked.open && knocked.ways.iter().all(|way| !way.in_), "{place}: {knocked:?}");
    }

    // with the doors open, certificates alone keep others out
    s.merge::<KafkaCluster>("kafka", json!({"spec": {"networkPolicy": {"enabled": false}}})).await?;
    let inside = s
        .eventually("the ports to be open", seconds(20), async || {
            let knocked = s.agent().knock(&places[0], &node, Some(own)).await.map_err(|e| e.to_string())?;
            if knocked.open { Ok(knocked) } else { Err(format!("{knocked:?}")) }
        })
        .await?;
    for way in &inside.ways {
        let may = way.how.ends_with("of the cluster's");
        ensure!(way.in_ == may, "{}: {}", way.how, way.said);
    }
    // a controller answers no client at all, so here is nobody to compare with
    let controller = s.agent().knock(&places[1], &node, None).await?;
    ensure!(controller.open && controller.ways.iter().all(|way| !way.in_), "{controller:?}");
    Ok(())
}

pub async fn s2_a_secret_that_was_deleted_comes_back_as_it_was(s: &Scene<'_>) -> Result<()> {
    kafka::bring_up(s, "kafka", kafka::spec(1)).await?;
    let before = kafka::uids(s, "kafka").await?;
    for name in ["kafka-ca", "kafka-operator", "kafka-nodes-node"] {
        let secret: Secret = s.get(name).await?;
        s.space.delete::<Secret>(name).await?;
        s.eventually(&format!("Secret {name} as it was"), seconds(5), async || {
            let now: Secret = s.space.get(name).await.map_err(said)?;
            if now.data == secret.data { Ok(()) } else { Err("it holds something else".to_owned()) }
        })
        .await?;
    }
    s.stays("nothing is restarted for it", seconds(5), async || {
        let now = kafka::uids(s, "kafka").await.map_err(|e| e.to_string())?;
        if now == before { Ok(()) } else { Err(format!("{now:?}")) }
    })
    .await
}

pub async fn u1_a_user_may_what_is_declared_and_its_password_rotates(s: &Scene<'_>) -> Result<()> {
    let listeners = json!([
        {"name": "plain", "port": 9092},
        {"name": "apps", "port": 9094, "tls": true, "authentication": "scram-sha-512"},
    ]);
    kafka::bring_up(s, "kafka", with(kafka::spec(1), json!({"listeners": listeners}))).await?;
    for topic in ["shop.orders", "crm.orders"] {
        s.apply::<Topic>(topic, json!({"clusterRef": {"name": "kafka"}})).await?;
        s.ready::<Topic>(topic, seconds(15)).await?;
    }
    let before = kafka::uids(s, "kafka").await?;
    s.apply_object::<Secret>("ours", json!({"stringData": {"password": "first"}})).await?;
    s.apply::<User>("app", json!({
        "clusterRef": {"name": "kafka"},
        "authentication": {"passwordFrom": {"name": "ours", "key": "password"}},
        "acls": [{"resource": {"type": "topic", "name": "shop.", "pattern": "Prefix"}, "operations": ["Write", "Describe"]}],
    }))
    .await?;
    s.ready::<User>("app", seconds(20)).await?;
    let first = files(&s.get("app-kafka").await?)?;
    ensure!(first["password"] == "first", "the Secret has another password");
    sends(s, &first, "shop.orders", true).await?;
    sends(s, &first, "crm.orders", false).await?;

    s.merge::<Secret>("ours", json!({"stringData": {"password": "second"}})).await?;
    let second = s
        .eventually("the new password for clients", seconds(10), async || {
            let files = files(&s.space.get("app-kafka").await.map_err(said)?).map_err(|e| e.to_string())?;
            if files["password"] == "second" { Ok(files) } else { Err("the old one".to_owned()) }
        })
        .await?;
    sends(s, &second, "shop.orders", true).await?;
    sends(s, &first, "shop.orders", false).await?;
    ensure!(kafka::uids(s, "kafka").await? == before, "pods were restarted for a password");

    s.space.delete::<User>("app").await?;
    s.eventually("the User to be gone", seconds(15), async || match s.space.get::<User>("app").await {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        _ => Err("it is there".to_owned()),
    })
    .await?;
    sends(s, &second, "shop.orders", false).await
}

/// Whether a client with what the Secret says can write to a topic.
async fn sends(s: &Scene<'_>, files: &BTreeMap<String, String>, topic: &str, may: bool) -> Result<()> {
    let settings = [
        ("security.protocol", files["security.protocol"].to_lowercase()),
        ("sasl.mechanism", files["sasl.mechanism"].clone()),
        ("sasl.username", files["username"].clone()),
        ("sasl.password", files["password"].clone()),
        ("ssl.ca.pem", files["ca.crt"].clone()),
    ]
    .map(|(key, value)| format!("{key}={value}"));
    let produced = s.agent().produce_as(&settings, &files["bootstrap.servers"], topic).await?;
    let expected = if may { 10 } else { 0 };
    ensure!(produced.acked == expected, "to {topic} with {}: {produced:?}", files["password"]);
    Ok(())
}

fn files(secret: &Secret) -> Result<BTreeMap<String, String>> {
    let data = secret.data.clone().context("the Secret is empty")?;
    data.into_iter().map(|(file, ByteString(bytes))| Ok((file, String::from_utf8(bytes)?))).collect()
}
