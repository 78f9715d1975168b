//! Worlds that do not answer: the operator waits, says so, and goes on when they are back.

use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use k8s_openapi::api::apps::v1::StatefulSet;
use kube::ResourceExt;
use serde_json::json;
use sluice_crds::{ConnectCluster, Connector, KafkaCluster, Topic};

use crate::kubernetes::objects::Object;
use crate::scene::{Expect, Scene, connect, kafka};
use crate::wait::seconds;

/// Longer than a lease lives (15 s), so that leadership is lost and has to be won again.
const FROZEN: std::time::Duration = seconds(25);

pub async fn b08_the_api_server_is_away(s: &Scene<'_>) -> Result<()> {
    kafka::bring_up(s, "kafka", kafka::spec(1)).await?;
    let topic = json!({"clusterRef": {"name": "kafka"}});
    s.apply::<Topic>("before", topic.clone()).await?;
    s.ready::<Topic>("before", seconds(15)).await?;
    let operator = s.operator().await?;
    let lives = operator.lives().await?;

    let frozen = Frozen::api_server()?;
    s.stays("the API server does not answer", FROZEN, async || {
        match tokio::time::timeout(seconds(1), s.space.client.apiserver_version()).await {
            Ok(Ok(_)) => Err("it answered".into()),
            _ => Ok(()),
        }
    })
    .await?;
    drop(frozen);

    s.apply::<Topic>("after", topic).await?;
    s.ready::<Topic>("after", seconds(60)).await?;
    s.ready::<KafkaCluster>("kafka", seconds(60)).await?;
    ensure!(
        operator.lives().await? == lives,
        "the operator was restarted: {lives:?} → {:?}",
        operator.lives().await?
    );
    Ok(())
}

/// A process that is stopped until this is dropped.
struct Frozen(String);

impl Frozen {
    /// The test bed's API server runs on this machine. Another cluster's cannot be stopped from here.
    fn api_server() -> Result<Self> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir("/proc")?.flatten() {
            let Ok(pid) = entry.file_name().into_string() else { continue };
            let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
            if words.get(1) == Some(&&b"kube-apiserver"[..]) {
                found.push(pid);
            }
        }
        let [pid] = found.as_slice() else {
            bail!(
                "this case stops the API server, which it can only do on the test bed; processes found: {found:?}"
            )
        };
        signal("STOP", pid)?;
        Ok(Self(pid.clone()))
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        let _ = signal("CONT", &self.0);
    }
}

fn signal(name: &str, pid: &str) -> Result<()> {
    let status = Command::new("kill").args([&format!("-{name}"), pid]).status().context("run kill")?;
    ensure!(status.success(), "kill -{name} {pid}: {status}");
    Ok(())
}

pub async fn b09_kafka_and_connect_are_away(s: &Scene<'_>) -> Result<()> {
    let kafka = kafka::bring_up(s, "kafka", kafka::spec(1)).await?;
    connect::bring_up(s, "connect", connect::spec("kafka")).await?;
    s.apply::<Topic>("topic", json!({"clusterRef": {"name": "kafka"}})).await?;
    s.ready::<Topic>("topic", seconds(15)).await?;
    let config = json!({
        "source.cluster.alias": "here", "target.cluster.alias": "here",
        "source.cluster.bootstrap.servers": kafka.bootstrap, "target.cluster.bootstrap.servers": kafka.bootstrap,
        "heartbeats.topic.replication.factor": "1",
    });
    let class = "org.apache.kafka.connect.mirror.MirrorHeartbeatConnector";
    s.apply::<Connector>(
        "heartbeat",
        json!({"connectRef": {"name": "connect"}, "class": class, "config": config}),
    )
    .await?;
    s.ready::<Connector>("heartbeat", seconds(30)).await?;

    let unknown = Expect::unknown(&["ConnectUnreachable"], &["since"]);
    stopped::<ConnectCluster>(s, "connect", true).await?;
    s.says::<Connector>("heartbeat", &unknown, seconds(30)).await?;
    s.says::<ConnectCluster>("connect", &unknown, seconds(30)).await?;
    stopped::<ConnectCluster>(s, "connect", false).await?;
    s.ready::<Connector>("heartbeat", seconds(120)).await?;

    let unknown = Expect::unknown(&["KafkaUnreachable"], &["since"]);
    stopped::<KafkaCluster>(s, "kafka", true).await?;
    s.says::<Topic>("topic", &unknown, seconds(30)).await?;
    s.says::<KafkaCluster>("kafka", &unknown, seconds(30)).await?;
    stopped::<KafkaCluster>(s, "kafka", false).await?;
    s.ready::<Topic>("topic", seconds(120)).await?;
    s.ready::<Connector>("heartbeat", seconds(120)).await.map(drop)
}

/// Takes all pods of `name` away and keeps them away: paused, Sluice reports and does not repair.
async fn stopped<K: Object>(s: &Scene<'_>, name: &str, stopped: bool) -> Result<()> {
    s.merge::<K>(name, json!({"spec": {"paused": stopped}})).await?;
    let sets = s.space.list::<StatefulSet>(&format!("app.kubernetes.io/instance={name}")).await?;
    ensure!(!sets.is_empty(), "{name} has no StatefulSet");
    if stopped {
        for set in sets {
            s.merge::<StatefulSet>(&set.name_any(), json!({"spec": {"replicas": 0}})).await?;
        }
    }
    // going on is Sluice's own work: it puts the replicas back
    Ok(())
}
