//! Who is let in on Kafka's own ports.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use serde_json::json;
use sluice_core::cluster::names::{CONTROLLER_PORT, INTERNAL_PORT};
use sluice_crds::KafkaCluster;

use crate::scene::{Scene, kafka};
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

fn files(secret: &Secret) -> Result<BTreeMap<String, String>> {
    let data = secret.data.clone().context("the Secret is empty")?;
    data.into_iter().map(|(file, ByteString(bytes))| Ok((file, String::from_utf8(bytes)?))).collect()
}
