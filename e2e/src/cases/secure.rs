//! Who is let in on Kafka's own ports.

use anyhow::{Result, ensure};
use k8s_openapi::api::core::v1::Secret;
use serde_json::{Value, json};
use sluice_core::cluster::names::{CONTROLLER_PORT, INTERNAL_PORT};
use sluice_crds::{KafkaCluster, Topic, User};

use crate::agent::knock::Knocked;
use crate::scene::user::Files;
use crate::scene::{Scene, kafka, user, with};
use crate::wait::{said, seconds};

pub async fn s1_nobody_gets_in_without_a_certificate(s: &Scene<'_>) -> Result<()> {
    let listeners = json!([{"name": "plain", "port": 9092}, certs()]);
    kafka::bring_up(s, "kafka", with(kafka::spec(1), json!({"listeners": listeners}))).await?;
    // who is called like a node is none
    s.apply::<User>("node", json!({"clusterRef": {"name": "kafka"}, "authentication": {"type": "tls"}}))
        .await?;
    s.ready::<User>("node", seconds(20)).await?;
    let namespace = s.space.name.clone();
    let node = format!("CN=node,OU=kafka,O={namespace}");
    let own = user::files(&s.get("kafka-operator").await?)?;
    let users = user::files(&s.get("node-kafka").await?)?;
    let shown = [shown(CLUSTERS, &own), shown(USERS, &users)];
    let host = format!("kafka-nodes-0.kafka-nodes.{namespace}.svc");

    let places = [INTERNAL_PORT, CONTROLLER_PORT].map(|port| format!("{host}:{port}"));
    for place in &places {
        let knocked = s.agent().knock(place, &node, &[]).await?;
        ensure!(!knocked.open && knocked.ways.iter().all(|way| !way.in_), "{place}: {knocked:?}");
    }

    // with the doors open, certificates alone keep others out
    s.merge::<KafkaCluster>("kafka", json!({"spec": {"networkPolicy": {"enabled": false}}})).await?;
    s.eventually("the ports to be open", seconds(40), async || {
        let knocked = s.agent().knock(&places[0], &node, &[]).await.map_err(|e| e.to_string())?;
        if knocked.open { Ok(()) } else { Err(format!("{knocked:?}")) }
    })
    .await?;
    let inside = s.agent().knock(&places[0], &node, &shown).await?;
    only(CLUSTERS, &inside)?;
    // a controller answers no client at all, so here is nobody to compare with
    let controller = s.agent().knock(&places[1], &node, &shown[1..]).await?;
    ensure!(controller.open && controller.ways.iter().all(|way| !way.in_), "{controller:?}");
    Ok(())
}

pub async fn s3_a_certificate_lets_its_user_in_and_nobody_elses_does(s: &Scene<'_>) -> Result<()> {
    let others = s.shared_kafka().await?;
    let stranger = json!({"clusterRef": {"name": others.name}, "authentication": {"type": "tls"}});
    s.stage.home.apply::<User>("s3-stranger", stranger).await?;
    let listeners = json!([{"name": "plain", "port": 9092}, certs()]);
    kafka::bring_up(s, "kafka", with(kafka::spec(1), json!({"listeners": listeners}))).await?;
    for topic in ["shop.orders", "crm.orders"] {
        s.apply::<Topic>(topic, json!({"clusterRef": {"name": "kafka"}})).await?;
    }
    s.apply::<User>("app", json!({
        "clusterRef": {"name": "kafka"}, "authentication": {"type": "tls"},
        "acls": [{"resource": {"type": "topic", "name": "shop.", "pattern": "Prefix"}, "operations": ["Write", "Describe"]}],
    }))
    .await?;
    s.ready::<User>("app", seconds(20)).await?;
    for topic in ["shop.orders", "crm.orders"] {
        s.ready::<Topic>(topic, seconds(15)).await?;
    }
    let app = user::files(&s.get("app-kafka").await?)?;
    sends(s, &app, "shop.orders", true).await?;
    sends(s, &app, "crm.orders", false).await?;

    s.stage.home.ready::<User>("s3-stranger", seconds(20)).await?;
    let stranger = user::files(&s.stage.home.get("s3-stranger-kafka").await?)?;
    let own = user::files(&s.get("kafka-operator").await?)?;
    let shown =
        [shown(CLUSTERS, &own), shown(USERS, &app), shown("with one of another cluster's", &stranger)];
    let knocked = s.agent().knock(&app["bootstrap.servers"], "CN=app", &shown).await?;
    only(USERS, &knocked)?;

    // what was made goes with the User, and so do the rights
    s.remove::<User>("app", seconds(15)).await?;
    s.gone::<Secret>("app-kafka", seconds(15)).await?;
    sends(s, &app, "shop.orders", false).await
}

const CLUSTERS: &str = "with a certificate of the cluster's";
const USERS: &str = "with a certificate of a user's";

fn certs() -> Value {
    json!({"name": "certs", "port": 9094, "tls": true, "authentication": "tls"})
}

fn shown<'a>(how: &'a str, files: &'a Files) -> [&'a str; 3] {
    [how, &files["tls.crt"], &files["tls.key"]]
}

/// This way and no other leads in.
fn only(how: &str, knocked: &Knocked) -> Result<()> {
    ensure!(knocked.ways.iter().any(|way| way.how == how), "{how} was not tried: {knocked:?}");
    for way in &knocked.ways {
        ensure!(way.in_ == (way.how == how), "{}: {}", way.how, way.said);
    }
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
    let first = user::files(&s.get("app-kafka").await?)?;
    ensure!(first["password"] == "first", "the Secret has another password");
    sends(s, &first, "shop.orders", true).await?;
    sends(s, &first, "crm.orders", false).await?;

    s.merge::<Secret>("ours", json!({"stringData": {"password": "second"}})).await?;
    let second = s
        .eventually("the new password for clients", seconds(10), async || {
            let secret = s.space.get("app-kafka").await.map_err(said)?;
            let files = user::files(&secret).map_err(|e| e.to_string())?;
            if files["password"] == "second" { Ok(files) } else { Err("the old one".to_owned()) }
        })
        .await?;
    sends(s, &second, "shop.orders", true).await?;
    sends(s, &first, "shop.orders", false).await?;
    ensure!(kafka::uids(s, "kafka").await? == before, "pods were restarted for a password");

    s.remove::<User>("app", seconds(15)).await?;
    sends(s, &second, "shop.orders", false).await
}

/// Whether a client with what the Secret says can write to a topic.
async fn sends(s: &Scene<'_>, files: &Files, topic: &str, may: bool) -> Result<()> {
    let settings = user::settings(files);
    let produced = s.agent().produce_as(&settings, &files["bootstrap.servers"], topic).await?;
    let expected = if may { 10 } else { 0 };
    ensure!(produced.acked == expected, "to {topic} as {}: {produced:?}", files["username"]);
    Ok(())
}
