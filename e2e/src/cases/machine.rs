//! Machines that go: drained in order, or by a power cut.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::ResourceExt;
use kube::api::{Api, EvictParams, ListParams};
use sluice_crds::KafkaCluster;

use super::change::safe_topic;
use crate::kubernetes;
use crate::kubernetes::conditions::{condition, verdict};
use crate::kubernetes::operator::is_ready;
use crate::scene::agent::POD;
use crate::scene::{Scene, kafka};
use crate::wait::{said, seconds};

pub async fn k16_a_machine_is_drained_and_later_dies(s: &Scene<'_>) -> Result<()> {
    let kafka = kafka::bring_up(s, "kafka", kafka::spec(3)).await?;
    safe_topic(s, "safe").await?;
    let producing = s.agent().start_producing(&kafka.bootstrap, "safe", "machine").await?;
    let (machine, pod) = without_agent(s).await?;
    let nodes: Api<Node> = Api::all(s.stage.client.clone());
    nodes.cordon(&machine).await?;
    let drained = drained(s, &machine, &pod).await;
    // also when that failed: the cases after this one need it
    nodes.uncordon(&machine).await?;
    let other = drained?;
    comes_back(s, &kafka.bootstrap, &other).await?;

    let power = Power::cut(&machine)?;
    let id = pod.rsplit('-').next().unwrap_or_default();
    let status = s
        .eventually("status to name the broker that is down", seconds(30), async || {
            let cluster: KafkaCluster = s.space.get("kafka").await.map_err(said)?;
            let degraded = condition(&cluster, "Degraded").ok_or_else(|| verdict(&cluster))?;
            let named =
                degraded.reason == "NodeDown" && degraded.message.contains(&format!("broker {id} ({pod})"));
            if named { Ok(cluster.status.unwrap_or_default()) } else { Err(degraded.message) }
        })
        .await?;
    ensure!(
        status.conditions.iter().any(|c| c.type_ == "Ready" && c.status == "False"),
        "it says it is Ready"
    );
    let partitions = status.partitions.unwrap_or_default();
    ensure!(status.summary.is_some_and(|summary| summary.brokers == "2/3"), "two of three brokers serve");
    ensure!(partitions.under_replicated > 0 && partitions.offline == 0, "{partitions:?}");
    drop(power);
    s.ready::<KafkaCluster>("kafka", seconds(180)).await?;
    let produced = producing.finish().await?;
    ensure!(produced.failed == 0 && produced.acked > 0, "acks=all failed: {produced:?}");
    let consumed = s.agent().consume(&kafka.bootstrap, "safe", "machine").await?;
    ensure!(consumed.distinct == produced.acked, "{} records acknowledged, {consumed:?}", produced.acked);
    Ok(())
}

/// A machine that can be spared: not the one where the test itself works. And the cluster's pod there.
async fn without_agent(s: &Scene<'_>) -> Result<(String, String)> {
    let agent: Pod = s.stage.home.get(POD).await?;
    let pods = kafka::pods(s, "kafka").await?;
    let found = pods.iter().find(|pod| at(pod) != at(&agent));
    let pod = found.context("all pods of the cluster are where the agent is")?;
    Ok((at(pod).context("the pod has no machine")?, pod.name_any()))
}

fn at(pod: &Pod) -> Option<String> {
    pod.spec.as_ref()?.node_name.clone()
}

/// As `kubectl drain` of a machine that is cordoned. Gives a pod of the cluster that stays, and must stay.
async fn drained(s: &Scene<'_>, machine: &str, pod: &str) -> Result<String> {
    let client = kubernetes::impatient().await?;
    let pods: Api<Pod> = Api::namespaced(client.clone(), &s.space.name);
    // Sluice and the DNS go first: what follows is seen by a Sluice that has come anew
    for space in [s.operator().await?.space.name.as_str(), "kube-system"] {
        moved(s, &Api::namespaced(client.clone(), space), machine).await?;
    }
    s.eventually("Kafka to spare the node", seconds(60), async || evict(&pods, pod, false).await).await?;
    let stays = kafka::pods(s, "kafka").await?.iter().map(ResourceExt::name_any).find(|name| name != pod);
    let stays = stays.context("a cluster of one")?;
    s.stays("a second node is not evicted", seconds(10), async || match evict(&pods, &stays, true).await {
        Err(refused) if refused.contains("disruption budget") => Ok(()),
        Err(error) => Err(error),
        Ok(()) => Err("it may be evicted".into()),
    })
    .await?;
    Ok(stays)
}

/// Pods of Deployments leave the machine, and are ready elsewhere.
async fn moved(s: &Scene<'_>, pods: &Api<Pod>, machine: &str) -> Result<()> {
    s.eventually("Deployments to have left the machine", seconds(60), async || {
        let all = pods.list(&ListParams::default()).await.map_err(said)?.items;
        let of_deployment =
            |pod: &&Pod| pod.owner_references().iter().any(|owner| owner.kind == "ReplicaSet");
        let mut waits = Vec::new();
        for pod in all.iter().filter(of_deployment) {
            let here = at(pod).as_deref() == Some(machine);
            if here && pod.metadata.deletion_timestamp.is_none() {
                evict(pods, &pod.name_any(), false).await?;
            }
            if here || !is_ready(pod) {
                waits.push(pod.name_any());
            }
        }
        if waits.is_empty() { Ok(()) } else { Err(waits.join(" ")) }
    })
    .await
}

/// The moment in which the pod is ready and its replicas have not caught up is the one that counts.
async fn comes_back(s: &Scene<'_>, bootstrap: &str, other: &str) -> Result<()> {
    let pods: Api<Pod> = Api::namespaced(kubernetes::impatient().await?, &s.space.name);
    s.eventually("the budget to open again", seconds(120), async || evict(&pods, other, true).await).await?;
    let topic = s.agent().topic(bootstrap, "safe").await?.context("the topic is gone")?;
    let behind = topic.partitions.iter().filter(|partition| partition.isr.len() < 3).count();
    ensure!(behind == 0, "the budget is open and {behind} partitions are behind");
    s.ready::<KafkaCluster>("kafka", seconds(30)).await.map(drop)
}

async fn evict(pods: &Api<Pod>, name: &str, try_only: bool) -> Result<(), String> {
    let mut params = EvictParams::default();
    params.post_options.dry_run = try_only;
    pods.evict(name, &params).await.map(drop).map_err(said)
}

/// A machine of the test bed without power, until this is dropped.
struct Power(String);

impl Power {
    fn cut(machine: &str) -> Result<Self> {
        let number = of_the_bed(machine).context("this case cuts the power of a machine")?;
        bed(&["kill", number])?;
        Ok(Self(number.to_owned()))
    }
}

impl Drop for Power {
    fn drop(&mut self) {
        let _ = bed(&["up", &self.0]);
    }
}

const TESTBED: &str = "e2e/testbed/testbed";

/// The machine's number, where it is the test bed's: no other one is ours to disturb.
pub(super) fn of_the_bed(machine: &str) -> Result<&str> {
    let number = machine.strip_prefix("node-").filter(|_| Path::new(TESTBED).exists());
    number.context("that can only be done on the test bed")
}

pub(super) fn bed(args: &[&str]) -> Result<()> {
    let out = Command::new(TESTBED).arg("node").args(args).output().context("run testbed")?;
    let said = String::from_utf8_lossy(&out.stderr);
    ensure!(out.status.success(), "testbed node {}: {said}", args.join(" "));
    Ok(())
}
