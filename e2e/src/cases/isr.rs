//! A broker that serves and cannot follow: the others have nobody to spare for as long as that lasts.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use serde_json::json;
use sluice_core::cluster::names::INTERNAL_PORT;
use sluice_crds::KafkaCluster;

use super::change::safe_topic;
use super::machine::{bed, of_the_bed};
use super::roll::one_down_at_most;
use crate::agent::kafka::PartitionFacts;
use crate::kubernetes::conditions::{ready, verdict};
use crate::scene::agent::POD;
use crate::scene::{Scene, kafka};
use crate::wait::{chain, said, seconds};

const TOPIC: &str = "safe";
const MIN_ISR: usize = 2;

pub async fn k04_a_broker_in_a_shrunken_isr_does_not_restart(s: &Scene<'_>) -> Result<()> {
    let mut spec = kafka::spec(3);
    // by default a broker may be behind for half a minute
    spec["config"]["replica.lag.time.max.ms"] = 4_000.into();
    let kafka = kafka::bring_up(s, "kafka", spec).await?;
    safe_topic(s, TOPIC).await?;
    let producing = s.agent().start_producing(&kafka.bootstrap, TOPIC, "isr").await?;
    let (machine, victim) = spared(s).await?;
    let cut = Following::cut(&machine)?;
    let before = held_out(s, &kafka, &victim).await?;
    drop(cut);

    one_down_at_most(s, "the roll to be completed", seconds(180), async || {
        let cluster: KafkaCluster = s.space.get("kafka").await.map_err(said)?;
        ready(&cluster).map(drop)
    })
    .await?;
    let after = kafka::uids(s, "kafka").await?;
    ensure!(after.iter().all(|pod| !before.contains(pod)), "not every pod was restarted: {after:?}");
    let produced = producing.finish().await?;
    ensure!(produced.failed == 0 && produced.acked > 0, "acks=all failed during the roll: {produced:?}");
    let consumed = s.agent().consume(&kafka.bootstrap, TOPIC, "isr").await?;
    ensure!(consumed.distinct == produced.acked, "{} records acknowledged, {consumed:?}", produced.acked);
    Ok(())
}

/// While the victim cannot follow: all are to restart, and those that are left in the ISR do not. Gives the pods as they were before.
async fn held_out(s: &Scene<'_>, kafka: &kafka::Kafka, victim: &str) -> Result<Vec<(String, String)>> {
    let id: i32 = victim.rsplit('-').next().unwrap_or_default().parse().context("a pod without a number")?;
    s.eventually("the ISR to shrink to min.insync.replicas", seconds(30), async || {
        let shrunken = shrunken(s, kafka).await?;
        let without = shrunken.iter().filter(|partition| !partition.isr.contains(&id)).count();
        if without > 0 { Ok(()) } else { Err(format!("{shrunken:?}")) }
    })
    .await?;
    let before = kafka::uids(s, "kafka").await?;
    s.merge::<KafkaCluster>("kafka", json!({"spec": {"config": {"queued.max.requests": 600}}})).await?;
    let said_so = s
        .eventually("status to say which partition the roll waits for", seconds(90), async || {
            stays_whole(s, kafka, &before, victim).await?;
            let cluster: KafkaCluster = s.space.get("kafka").await.map_err(said)?;
            names_the_partition(&cluster)
        })
        .await?;
    s.stays("no broker in a shrunken ISR restarts, and status says why", seconds(40), async || {
        stays_whole(s, kafka, &before, victim).await?;
        let cluster: KafkaCluster = s.space.get("kafka").await.map_err(said)?;
        names_the_partition(&cluster).map(drop)
    })
    .await?;
    let cluster: KafkaCluster = s.get("kafka").await?;
    let told = verdict(&cluster);
    // which of the partitions is named may change from look to look
    ensure!(is_named_in(&told), "Ready says {told:?}, and the roll waits for {said_so:?}");
    Ok(before)
}

/// What the roll waits for, where that is a partition of the topic.
fn names_the_partition(cluster: &KafkaCluster) -> Result<String, String> {
    let rollout = cluster.status.as_ref().and_then(|status| status.rollout.clone());
    let waiting_for = rollout.map(|rollout| rollout.waiting_for).ok_or("status tells of no roll")?;
    if is_named_in(&waiting_for) { Ok(waiting_for) } else { Err(format!("it waits for {waiting_for:?}")) }
}

/// A partition of the topic, and why it matters.
fn is_named_in(text: &str) -> bool {
    text.contains(&format!("partition {TOPIC}-")) && text.contains("min.insync.replicas")
}

/// Those whom the ISR cannot spare live on; the victim, which is in no shrunken one, may have been restarted.
async fn stays_whole(
    s: &Scene<'_>,
    kafka: &kafka::Kafka,
    before: &[(String, String)],
    victim: &str,
) -> Result<(), String> {
    let now = kafka::uids(s, "kafka").await.map_err(|e| chain(e.as_ref()))?;
    let gone = before.iter().find(|pod| pod.0 != victim && !now.contains(pod));
    if let Some((pod, _)) = gone {
        let shrunken = shrunken(s, kafka).await?;
        return Err(format!("{pod} was restarted, while {shrunken:?}"));
    }
    Ok(())
}

async fn shrunken(s: &Scene<'_>, kafka: &kafka::Kafka) -> Result<Vec<PartitionFacts>, String> {
    let topic = s.agent().topic(&kafka.bootstrap, TOPIC).await.map_err(|e| chain(e.as_ref()))?;
    let partitions = topic.ok_or("the topic is gone")?.partitions;
    Ok(partitions.into_iter().filter(|partition| partition.isr.len() <= MIN_ISR).collect())
}

/// A machine on which a broker runs, and neither the test's own agent nor Sluice: they talk to the same port.
async fn spared(s: &Scene<'_>) -> Result<(String, String)> {
    let at = |pod: &Pod| pod.spec.as_ref().and_then(|spec| spec.node_name.clone());
    let agent: Pod = s.stage.home.get(POD).await?;
    let mut taken: Vec<_> = s.operator().await?.pods().await?.iter().map(at).collect();
    taken.push(at(&agent));
    let pods = kafka::pods(s, "kafka").await?;
    let found = pods.iter().find(|pod| !taken.contains(&at(pod)));
    let pod = found.context("the agent or Sluice runs beside every broker")?;
    Ok((at(pod).context("the pod has no machine")?, pod.name_any()))
}

/// Pods of this machine of the test bed reach no broker elsewhere by the port between brokers, whatever their addresses, until this is
/// dropped: they cannot fetch. They reach the controllers, and everybody reaches them.
struct Following(String);

impl Following {
    fn cut(machine: &str) -> Result<Self> {
        let number = of_the_bed(machine).context("this case cuts a part of a machine's network")?;
        rule(number, "-I")?;
        Ok(Self(number.to_owned()))
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let _ = rule(&self.0, "-D");
    }
}

/// In a table that kube-proxy does not write: none of its rules comes before this one.
fn rule(number: &str, verb: &str) -> Result<()> {
    let port = INTERNAL_PORT.to_string();
    let iptables = ["exec", number, "iptables", "-w", "-t", "mangle", verb, "FORWARD"];
    bed(&[&iptables[..], &["-o", "eth0", "-p", "tcp", "--dport", &port, "-j", "DROP"]].concat())
}
