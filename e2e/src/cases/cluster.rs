//! Kafka clusters that nobody disturbs, or whose children somebody does.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Secret, Service, ServiceAccount};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::ResourceExt;
use serde_json::{Value, json};
use sluice_crds::{KafkaCluster, Topic, User};

use crate::kubernetes::objects::Object;
use crate::scene::{Expect, Scene, kafka, user};
use crate::wait::{chain, said, seconds};

const RECORDS: u64 = 1000;

pub async fn k01_records_arrive_on_every_listener(s: &Scene<'_>) -> Result<()> {
    let kafka = s.shared_kafka().await?;
    s.apply::<Topic>("k1-records", json!({
        "clusterRef": {"name": kafka.name}, "partitions": 3, "replicationFactor": 3, "deletionPolicy": "Delete",
    }))
    .await?;
    s.ready::<Topic>("k1-records", seconds(10)).await?;
    let may = |kind: &str, name: &str, operations: &[&str]| json!({"resource": {"type": kind, "name": name}, "operations": operations});
    // the agent's consumer asks for its group's coordinator
    let acls = [may("topic", "k1-records", &["Read", "Write"]), may("group", "e2e-agent", &["Read"])];
    for (name, login) in [("k1-password", "scram-sha-512"), ("k1-certificate", "tls")] {
        s.apply::<User>(
            name,
            json!({
                "clusterRef": {"name": kafka.name}, "authentication": {"type": login}, "acls": acls,
            }),
        )
        .await?;
    }
    let trusted = user::files(&s.get::<Secret>(&format!("{}-ca-cert", kafka.name)).await?)?;
    let mut logins = BTreeMap::from([
        ("plain", vec![]),
        ("open", vec!["security.protocol=ssl".to_owned(), format!("ssl.ca.pem={}", trusted["ca.crt"])]),
    ]);
    s.ready::<User>("k1-password", seconds(20)).await?;
    let mut password = user::files(&s.get("k1-password-kafka").await?)?;
    logins.insert("apps", user::settings(&password));
    password.insert("security.protocol".into(), password["bare.security.protocol"].clone());
    logins.insert("bare", user::settings(&password));
    s.ready::<User>("k1-certificate", seconds(20)).await?;
    logins.insert("certs", user::settings(&user::files(&s.get("k1-certificate-kafka").await?)?));

    let cluster: KafkaCluster = s.get(&kafka.name).await?;
    let listeners = cluster.status.unwrap_or_default().listeners;
    ensure!(listeners.len() == logins.len(), "status lists other listeners: {listeners:?}");
    for listener in listeners {
        let (name, place) = (listener.name.as_str(), &listener.bootstrap_servers);
        let login = logins.get(name).with_context(|| format!("{name}: nobody knows it"))?;
        let (produced, consumed) =
            s.agent().produce_and_consume(login, place, "k1-records", RECORDS, name).await?;
        ensure!(produced.acked == RECORDS && produced.failed == 0, "{name}: {produced:?}");
        ensure!(consumed.distinct == RECORDS, "{name}: of {RECORDS} records there are {consumed:?}");
    }
    Ok(())
}

pub async fn k02_a_dynamic_key_restarts_nothing(s: &Scene<'_>) -> Result<()> {
    let kafka = s.shared_kafka().await?;
    let before = kafka::uids(s, &kafka.name).await?;
    for (value, shown) in [(json!(2_000_000), "2000000"), (Value::Null, "1048588")] {
        s.merge::<KafkaCluster>(&kafka.name, json!({"spec": {"config": {"message.max.bytes": value}}}))
            .await?;
        s.ready::<KafkaCluster>(&kafka.name, seconds(20)).await?;
        for broker in 0..3 {
            s.eventually(&format!("message.max.bytes={shown} on broker {broker}"), seconds(10), async || {
                let configs = s
                    .agent()
                    .broker_configs(&kafka.bootstrap, broker)
                    .await
                    .map_err(|e| chain(e.as_ref()))?;
                let seen = configs.get("message.max.bytes").cloned().unwrap_or_default();
                if seen == shown { Ok(()) } else { Err(seen) }
            })
            .await?;
        }
    }
    ensure!(kafka::uids(s, &kafka.name).await? == before, "pods were restarted for a dynamic key");
    Ok(())
}

pub async fn k12_children_are_repaired(s: &Scene<'_>) -> Result<()> {
    kafka::bring_up(s, "kafka", kafka::spec(1)).await?;
    let services = named::<Service>(s).await?;
    let budgets = named::<PodDisruptionBudget>(s).await?;
    let configs = named::<ConfigMap>(s).await?;
    ensure!(
        !services.is_empty() && !budgets.is_empty() && !configs.is_empty(),
        "a child is not there to begin with"
    );
    for service in &services {
        comes_back::<Service>(s, service).await?;
        is_mended::<Service>(
            s,
            service,
            json!({"metadata": {"labels": {"app.kubernetes.io/name": "other"}}}),
        )
        .await?;
        is_mended::<Service>(
            s,
            service,
            json!({"spec": {"selector": {"app.kubernetes.io/instance": "other"}}}),
        )
        .await?;
    }
    for budget in &budgets {
        comes_back::<PodDisruptionBudget>(s, budget).await?;
        is_mended::<PodDisruptionBudget>(s, budget, json!({"spec": {"maxUnavailable": 7}})).await?;
    }
    for config in &configs {
        comes_back::<ConfigMap>(s, config).await?;
        let first =
            s.get::<ConfigMap>(config).await?.data.unwrap_or_default().into_keys().next().unwrap_or_default();
        is_mended::<ConfigMap>(s, config, json!({"data": {first: "nonsense"}})).await?;
    }
    s.ready::<KafkaCluster>("kafka", seconds(20)).await.map(drop)
}

/// Children of the cluster `kafka`, by kind.
async fn named<K: Object>(s: &Scene<'_>) -> Result<Vec<String>> {
    let found =
        s.space.list::<K>("app.kubernetes.io/instance=kafka,app.kubernetes.io/managed-by=sluice").await?;
    Ok(found.iter().map(ResourceExt::name_any).collect())
}

async fn comes_back<K: Object>(s: &Scene<'_>, name: &str) -> Result<()> {
    let before = s.get::<K>(name).await?.uid();
    s.space.delete::<K>(name).await?;
    s.eventually(&format!("{} {name} to be made again", K::kind(&())), seconds(5), async || {
        match s.space.find::<K>(name).await.map_err(said)? {
            Some(object) if object.uid() != before => Ok(()),
            Some(_) => Err("the deleted one".into()),
            None => Err("none".into()),
        }
    })
    .await
}

/// Edits `name` by `patch`; the fields that the patch names must come to be what they were.
async fn is_mended<K: Object>(s: &Scene<'_>, name: &str, patch: Value) -> Result<()> {
    let before = serde_json::to_value(s.get::<K>(name).await?)?;
    s.merge::<K>(name, patch.clone()).await?;
    s.eventually(
        &format!("the edit {patch} of {} {name} to be undone", K::kind(&())),
        seconds(5),
        async || {
            let now = s.space.get::<K>(name).await.map_err(said)?;
            let now = serde_json::to_value(now).map_err(said)?;
            if same_where(&patch, &before, &now) { Ok(()) } else { Err(now.to_string()) }
        },
    )
    .await
}

/// Whether `a` and `b` agree in every field that `fields` has.
fn same_where(fields: &Value, a: &Value, b: &Value) -> bool {
    match fields {
        Value::Object(map) => map.iter().all(|(key, inner)| same_where(inner, &a[key], &b[key])),
        _ => a == b,
    }
}

pub async fn k14_what_kafka_does_not_know_is_refused(s: &Scene<'_>) -> Result<()> {
    let mut old = kafka::spec(1);
    old["version"] = "2.8.0".into();
    s.apply::<KafkaCluster>("old", old).await?;
    let mut typo = kafka::spec(1);
    typo["config"]["log.retention.hour"] = 24.into();
    s.apply::<KafkaCluster>("typo", typo).await?;
    let mut reserved = kafka::spec(1);
    reserved["config"]["node.id"] = 7.into();
    s.apply::<KafkaCluster>("reserved", reserved).await?;

    let refused = Expect::refused(&["UnsupportedVersion"], &["2.8.0", "4.3.1", "spec.version"]);
    s.says::<KafkaCluster>("old", &refused, seconds(10)).await?;
    let refused = Expect::refused(&["UnknownConfig"], &["log.retention.hour", "log.retention.hours"]);
    s.says::<KafkaCluster>("typo", &refused, seconds(10)).await?;
    let refused = Expect::refused(&["ReservedConfig"], &["node.id"]);
    s.says::<KafkaCluster>("reserved", &refused, seconds(10)).await?;
    s.stays("nothing is created", seconds(3), async || {
        let mut made = Vec::new();
        made.extend(names::<StatefulSet>(s).await?);
        made.extend(names::<Service>(s).await?);
        made.extend(names::<PodDisruptionBudget>(s).await?);
        made.extend(names::<PersistentVolumeClaim>(s).await?);
        made.extend(names::<ConfigMap>(s).await?.into_iter().filter(|name| name != "kube-root-ca.crt"));
        made.extend(names::<ServiceAccount>(s).await?.into_iter().filter(|name| name != "default"));
        if made.is_empty() { Ok(()) } else { Err(made.join(" ")) }
    })
    .await
}

async fn names<K: Object>(s: &Scene<'_>) -> Result<Vec<String>, String> {
    Ok(s.space.list::<K>("").await.map_err(said)?.iter().map(ResourceExt::name_any).collect())
}

pub async fn k19_a_deleted_cluster_is_made_again_at_once(s: &Scene<'_>) -> Result<()> {
    kafka::bring_up(s, "kafka", kafka::spec(3)).await?;
    // once all nodes stop nobody can take over what the last of them leads: it waits for that until its grace has ended
    s.apply::<Topic>(
        "led",
        json!({"clusterRef": {"name": "kafka"}, "partitions": 9, "replicationFactor": 3}),
    )
    .await?;
    s.ready::<Topic>("led", seconds(20)).await?;
    let before = kafka::uids(s, "kafka").await?;
    s.remove::<KafkaCluster>("kafka", seconds(20)).await?;
    s.apply::<KafkaCluster>("kafka", kafka::spec(3)).await?;
    s.ready::<KafkaCluster>("kafka", seconds(180)).await?;
    let now = kafka::uids(s, "kafka").await?;
    let others = now.iter().all(|pod| !before.contains(pod));
    ensure!(now.len() == 3 && others, "{now:?} are to be three others than {before:?}");
    Ok(())
}
