//! What is done to a cluster.

use std::fmt;

use anyhow::{Context, Result, ensure};
use fastrand::Rng;
use k8s_openapi::api::core::v1::Pod;
use kube::api::LogParams;
use serde_json::json;
use sluice_crds::{KafkaCluster, Topic};

use super::bed;
use super::watch::Watching;
use super::{Arena, CLUSTER};
use crate::agent::disk::FULL;
use crate::kubernetes::conditions::ready;
use crate::scene::{agent, kafka};
use crate::wait::{chain, said, seconds};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A node's pod, without grace.
    KillNode {
        id: i32,
    },
    /// The active controller's pod.
    KillController,
    /// Sluice; and, where it is named, a node a moment before: what happens while nobody looks.
    KillOperator {
        and_node: Option<i32>,
    },
    /// A key that brokers take while they run.
    DynamicConfig {
        bytes: u32,
    },
    /// A key for which every node restarts; and Sluice is killed meanwhile, or not.
    StaticConfig {
        requests: u32,
        kill_operator: bool,
    },
    Restart,
    /// A topic comes, grows and goes.
    Topic {
        name: String,
        partitions: i32,
    },
    /// A node comes, gets its share of replicas, and leaves.
    GrowAndShrink,
    /// A machine without power for so many seconds.
    PowerCut {
        machine: u32,
        seconds: u64,
    },
    /// A node's disk without room for so many seconds; only where the disks are ours.
    FullDisk {
        id: i32,
        seconds: u64,
    },
    /// A machine without network for so many seconds.
    NetworkCut {
        machine: u32,
        seconds: u64,
    },
}

impl Fault {
    /// The next one; `n` of them were before. `spare`: machines that may be switched off.
    pub fn roll(dice: &mut Rng, n: usize, spare: &[u32]) -> Self {
        // each number is drawn every time, so that what is not there to be cut does not change what comes after
        let (kind, id, chance) = (dice.u32(0..14), dice.i32(0..3), dice.bool());
        let (number, pause, place) = (dice.u32(0..1000), dice.u64(5..30), dice.u32(0..3));
        let machine = bed::machine(place, spare);
        match (kind, machine) {
            (0 | 1, _) | (9..=11 | 13.., None) => Self::KillNode { id },
            (2, _) => Self::KillController,
            (3, _) => Self::KillOperator { and_node: chance.then_some(id) },
            (4 | 5, _) => Self::DynamicConfig { bytes: 1_000_000 + number },
            (6, _) => Self::StaticConfig { requests: 500 + number, kill_operator: chance },
            (7, _) => Self::Restart,
            (8, _) => Self::Topic { name: format!("passing-{n}"), partitions: 1 + id },
            (12, _) => Self::GrowAndShrink,
            (13.., Some(_)) => Self::FullDisk { id, seconds: pause },
            (9 | 10, Some(machine)) => Self::NetworkCut { machine, seconds: pause },
            (_, Some(machine)) => Self::PowerCut { machine, seconds: pause },
        }
    }

    pub async fn make(&self, arena: &Arena, watching: &mut Watching) -> Result<()> {
        let place = &arena.place;
        match self {
            Self::KillNode { id } => kill(arena, *id).await,
            Self::KillController => {
                let quorum = arena.cluster().await?.status.and_then(|status| status.quorum);
                let leader =
                    quorum.and_then(|quorum| quorum.leader).context("status names no active controller")?;
                kill(arena, leader).await
            }
            Self::KillOperator { and_node } => {
                if let Some(id) = and_node {
                    kill(arena, *id).await?;
                }
                arena.operator.kill().await?;
                arena.operator.settled(&place.task, 1).await
            }
            Self::DynamicConfig { bytes } => {
                edit(arena, &json!({"config": {"message.max.bytes": bytes}})).await
            }
            Self::StaticConfig { requests, kill_operator } => {
                edit(arena, &json!({"config": {"queued.max.requests": requests}})).await?;
                if *kill_operator {
                    tokio::time::sleep(seconds(4)).await;
                    arena.operator.kill().await?;
                }
                Ok(())
            }
            Self::Restart => edit(arena, &json!({"restartedAt": jiff::Timestamp::now().to_string()})).await,
            Self::Topic { name, partitions } => passes(arena, name, *partitions).await,
            Self::GrowAndShrink => grow_and_shrink(arena).await,
            Self::FullDisk { id, seconds } => full_disk(arena, watching, *id, *seconds).await,
            Self::PowerCut { machine, seconds } => {
                bed::off(arena.bed.as_ref(), ["kill", "up"], *machine, *seconds).await
            }
            Self::NetworkCut { machine, seconds } => {
                bed::off(arena.bed.as_ref(), ["cut", "heal"], *machine, *seconds).await
            }
        }
    }

    /// Whether the cluster's condition has to say something: a node is away, or is to be restarted.
    pub fn is_to_be_shown(&self) -> bool {
        matches!(
            self,
            Self::KillNode { .. }
                | Self::KillController
                | Self::StaticConfig { kill_operator: false, .. }
                | Self::Restart
                | Self::FullDisk { .. }
                | Self::PowerCut { .. }
                | Self::NetworkCut { .. }
        )
    }

    /// What was asked for is so in Kafka.
    pub async fn has_come_true(&self, arena: &Arena) -> Result<()> {
        let (key, value) = match self {
            Self::DynamicConfig { bytes } => ("message.max.bytes", bytes.to_string()),
            Self::StaticConfig { requests, .. } => ("queued.max.requests", requests.to_string()),
            _ => return Ok(()),
        };
        for broker in 0..3 {
            arena
                .place
                .eventually(&format!("{key}={value} on broker {broker}"), seconds(20), async || {
                    let configs = arena.agent.broker_configs(&arena.kafka.bootstrap, broker).await;
                    let configs = configs.map_err(|error| chain(error.as_ref()))?;
                    let seen = configs.get(key).cloned().unwrap_or_default();
                    if seen == value { Ok(()) } else { Err(seen) }
                })
                .await?;
        }
        Ok(())
    }
}

async fn kill(arena: &Arena, id: i32) -> Result<()> {
    Ok(arena.place.space.kill::<Pod>(&format!("{CLUSTER}-nodes-{id}")).await?)
}

async fn edit(arena: &Arena, spec: &serde_json::Value) -> Result<()> {
    arena.place.merge::<KafkaCluster>(CLUSTER, json!({"spec": spec})).await.map(drop)
}

async fn grow_and_shrink(arena: &Arena) -> Result<()> {
    let mut pools = kafka::spec(3)["pools"].clone();
    for count in [4, 3] {
        pools[0]["replicas"] = count.into();
        edit(arena, &json!({"pools": pools})).await?;
        let what = format!("{count} brokers that have their shares");
        arena
            .place
            .eventually(&what, seconds(300), async || {
                let cluster = arena.cluster().await.map_err(|error| chain(error.as_ref()))?;
                ready(&cluster)?;
                let moves = cluster.status.and_then(|status| status.rebalance).unwrap_or_default();
                let pods = kafka::pods(&arena.place, CLUSTER).await.map_err(|error| chain(error.as_ref()))?;
                let there = pods.len() == count && moves.phase == "Balanced" && moves.throttle.is_none();
                if there {
                    Ok(())
                } else {
                    Err(format!("{} pods, {} {}", pods.len(), moves.phase, moves.message))
                }
            })
            .await?;
    }
    Ok(())
}

/// By a second pod that has the node's volume.
async fn full_disk(arena: &Arena, watching: &mut Watching, id: i32, pause: u64) -> Result<()> {
    const NAME: &str = "occupant";
    let place = &arena.place;
    let node: Pod = place.get(&format!("{CLUSTER}-nodes-{id}")).await?;
    let node = node.spec.context("a pod without spec")?;
    let claims = node.volumes.iter().flatten().filter_map(|volume| volume.persistent_volume_claim.as_ref());
    let claim = claims.map(|claim| &claim.claim_name).next().context("a node without a claim")?;
    let body = json!({"spec": {
        "nodeName": node.node_name, "terminationGracePeriodSeconds": 1, "restartPolicy": "Never",
        "containers": [{
            "name": NAME, "image": agent::IMAGE, "imagePullPolicy": "IfNotPresent",
            "args": ["agent", "occupy", "--path", "/volume"],
            "securityContext": {"runAsUser": 0},
            "volumeMounts": [{"name": "data", "mountPath": "/volume"}],
        }],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}],
    }});
    place.apply_object::<Pod>(NAME, body).await?;
    let pods = place.space.api::<Pod>();
    place
        .eventually("the disk to be full", seconds(60), async || {
            let log = pods.logs(NAME, &LogParams::default()).await.map_err(said)?;
            if log.contains(FULL) { Ok(()) } else { Err("there is room yet".to_owned()) }
        })
        .await?;
    watching.begins_now();
    tokio::time::sleep(seconds(pause)).await;
    place.remove::<Pod>(NAME, seconds(30)).await
}

async fn passes(arena: &Arena, name: &str, partitions: i32) -> Result<()> {
    let place = &arena.place;
    let spec = |partitions: i32| {
        json!({
            "clusterRef": {"name": CLUSTER}, "partitions": partitions, "replicationFactor": 3, "deletionPolicy": "Delete",
        })
    };
    for partitions in [partitions, partitions + 2] {
        place.apply::<Topic>(name, spec(partitions)).await?;
        place.ready::<Topic>(name, seconds(60)).await?;
        let seen = arena.agent.topic(&arena.kafka.bootstrap, name).await?;
        let seen = seen.map_or(0, |topic| topic.partitions.len());
        ensure!(
            i32::try_from(seen) == Ok(partitions),
            "{name} is Ready with {partitions} partitions, Kafka has {seen}"
        );
    }
    place.remove::<Topic>(name, seconds(60)).await?;
    let left = arena.agent.topic(&arena.kafka.bootstrap, name).await?;
    ensure!(left.is_none(), "Topic {name} is gone, and Kafka still has it");
    Ok(())
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KillNode { id } => write!(f, "node {id} killed"),
            Self::KillController => write!(f, "active controller killed"),
            Self::KillOperator { and_node: None } => write!(f, "operator killed"),
            Self::KillOperator { and_node: Some(id) } => write!(f, "node {id} killed, then the operator"),
            Self::DynamicConfig { bytes } => write!(f, "message.max.bytes: {bytes}"),
            Self::StaticConfig { requests, kill_operator: false } => {
                write!(f, "queued.max.requests: {requests}")
            }
            Self::StaticConfig { requests, kill_operator: true } => {
                write!(f, "queued.max.requests: {requests}, operator killed meanwhile")
            }
            Self::Restart => write!(f, "restartedAt"),
            Self::Topic { name, partitions } => {
                write!(f, "topic {name}, {partitions} partitions, comes and goes")
            }
            Self::GrowAndShrink => write!(f, "a fourth node comes and leaves"),
            Self::FullDisk { id, seconds } => write!(f, "disk of node {id} full for {seconds} s"),
            Self::PowerCut { machine, seconds } => write!(f, "machine {machine} off for {seconds} s"),
            Self::NetworkCut { machine, seconds } => write!(f, "machine {machine} cut off for {seconds} s"),
        }
    }
}
