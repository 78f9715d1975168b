//! What is not as it should be, whether or not everything can still be read and written: the condition `Degraded`, which
//! names the broker and the cause. What a roll does on purpose is none of it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use sluice_crds::kafka_cluster::{Health, Rollout};

use super::ClusterReason as Reason;
use super::gate;
use super::node::Node;
use crate::view::kafka::{ClusterView, DiskView, NodeId};

/// From how much used on a disk is filling: told in steps, so that it does not sway.
const FILLING_PERCENT: i32 = 85;
/// How long a broker that is ready may take to catch up before it is behind.
const CATCH_UP_SECONDS: i64 = 30;
/// How many causes the condition names.
const NAMED: usize = 5;

/// What is looked at.
pub struct Ground<'a> {
    pub nodes: &'a BTreeMap<NodeId, Node>,
    /// `None` while Kafka does not answer.
    pub view: Option<&'a ClusterView>,
    pub disks: &'a BTreeMap<NodeId, DiskView>,
    /// As status tells them.
    pub told: &'a Health,
    pub rollout: Option<&'a Rollout>,
    /// When the look at Kafka began.
    pub looked_at: Option<Timestamp>,
    /// What was said before.
    pub conditions: &'a [Condition],
}

impl Ground<'_> {
    /// Nodes are missed from a cluster that was whole; one that comes up says so itself.
    fn was_whole(&self) -> bool {
        let holds = |kind: &str| self.conditions.iter().any(|c| c.type_ == kind && c.status == "True");
        holds("Ready") || holds("Degraded")
    }

    /// Nodes that Kafka has known are missed; those that come for the first time are not.
    fn is_known(&self, id: NodeId) -> bool {
        self.view.is_none_or(|view| {
            let votes = view.quorum.as_ref().is_some_and(|quorum| quorum.voters.iter().any(|v| v.id == id));
            votes || view.brokers.contains_key(&id)
        })
    }

    /// It serves, and has for a while.
    fn should_keep_up(&self, id: NodeId, view: &ClusterView) -> bool {
        let ready = self.nodes.get(&id).and_then(|node| node.ready_since);
        let since = ready.zip(self.looked_at).map(|(ready, now)| now.as_second() - ready.as_second());
        let serves = gate::is_up(id, view);
        serves && since.is_some_and(|seconds| seconds >= CATCH_UP_SECONDS)
    }

    /// A broker is fenced until it has started, and a look may be older than that.
    fn is_fenced(&self, node: &Node) -> bool {
        let later = |looked_at: Timestamp| node.ready_since.is_some_and(|ready| looked_at > ready);
        let settled = self.rollout.is_none() && self.looked_at.is_some_and(later);
        let fenced = |view: &ClusterView| view.brokers.get(&node.id).is_some_and(|broker| broker.fenced);
        node.broker && settled && self.view.is_some_and(fenced)
    }
}

type Cause = (Reason, String);

/// In the order in which a person would look.
const CHECKS: &[fn(&Ground<'_>) -> Vec<Cause>] = &[
    disks_work,
    nodes_are_there,
    disks_have_room,
    replicas_keep_up,
    controllers_keep_up,
    records_get_through,
];

/// The first cause's reason, and all of them; `None` when all is as it should be.
pub fn degraded(ground: &Ground<'_>) -> Option<Cause> {
    let causes: Vec<_> = CHECKS.iter().flat_map(|check| check(ground)).collect();
    let (reason, _) = causes.first()?;
    let mut texts: Vec<_> = causes.iter().take(NAMED).map(|(_, text)| text.clone()).collect();
    if causes.len() > NAMED {
        texts.push(format!("and {} more", causes.len() - NAMED));
    }
    Some((*reason, texts.join("; ")))
}

fn disks_work(ground: &Ground<'_>) -> Vec<Cause> {
    let failed =
        ground.disks.iter().flat_map(|(id, disk)| disk.failed.iter().map(move |failed| (id, failed)));
    failed
        .map(|(id, (path, why))| (Reason::DiskFailed, format!("broker {id} cannot use {path}: {why}")))
        .collect()
}

fn nodes_are_there(ground: &Ground<'_>) -> Vec<Cause> {
    let on_purpose = |id: &NodeId| ground.rollout.is_some_and(|rollout| rollout.restarting.contains(id));
    if !ground.was_whole() {
        return vec![];
    }
    let missed = |node: &&Node| !node.leaving && !on_purpose(&node.id) && ground.is_known(node.id);
    let nodes = ground.nodes.values().filter(missed);
    nodes
        .filter_map(|node| {
            let what = if node.broker { "broker" } else { "controller" };
            if !node.serves() {
                return Some(format!("{what} {} ({}) is down: {}", node.id, node.pod, node.message));
            }
            ground.is_fenced(node).then(|| {
                format!(
                    "broker {} ({}) does not reach the controllers: its pod is ready, and they have fenced it",
                    node.id, node.pod
                )
            })
        })
        .map(|text| (Reason::NodeDown, text))
        .collect()
}

fn disks_have_room(ground: &Ground<'_>) -> Vec<Cause> {
    let filling = ground.told.disks.iter().filter(|disk| disk.used_percent >= FILLING_PERCENT);
    filling
        .map(|disk| {
            let most =
                disk.fullest.first().map(|topic| format!(", most by {} ({})", topic.topic, topic.size));
            let text = format!(
                "the disk of broker {} is used to {} % of {}{}",
                disk.broker,
                disk.used_percent,
                disk.size,
                most.unwrap_or_default()
            );
            (Reason::DiskFilling, text)
        })
        .collect()
}

/// Brokers that serve and are missing from an ISR. A roll waits for them by itself and says so.
fn replicas_keep_up(ground: &Ground<'_>) -> Vec<Cause> {
    let Some(view) = ground.view.filter(|_| ground.rollout.is_none()) else { return vec![] };
    let mut behind: BTreeMap<NodeId, (usize, String)> = BTreeMap::new();
    for (name, topic) in &view.topics {
        let moving = view.reassignments.as_ref().and_then(|all| all.get(name));
        for (number, partition) in (0..).zip(&topic.partitions) {
            // a replica that is being added is not behind
            let added = moving.and_then(|moving| moving.get(&number)).map_or(&[][..], |m| &m.adding);
            let missing =
                partition.replicas.iter().filter(|id| !partition.isr.contains(id) && !added.contains(id));
            for id in missing.filter(|id| ground.should_keep_up(**id, view)) {
                behind.entry(*id).or_insert_with(|| (0, format!("{name}-{number}"))).0 += 1;
            }
        }
    }
    behind
        .into_iter()
        .map(|(id, (count, first))| {
            let text = format!("broker {id} is behind with {count} partitions, {first} first");
            (Reason::ReplicasBehind, text)
        })
        .collect()
}

fn controllers_keep_up(ground: &Ground<'_>) -> Vec<Cause> {
    let Some(quorum) = ground.view.and_then(|view| view.quorum.as_ref()) else { return vec![] };
    // one that is down is named as such
    let serves = |id: &NodeId| ground.nodes.get(id).is_some_and(Node::serves);
    let behind = gate::behind(quorum).into_iter().filter(serves);
    behind
        .map(|id| {
            let text = format!("controller {id} has not caught up with the quorum's log for 5 s");
            (Reason::ControllerBehind, text)
        })
        .collect()
}

/// Sluice's own records. In a roll brokers go one by one, and clients wait a moment for each.
fn records_get_through(ground: &Ground<'_>) -> Vec<Cause> {
    if ground.rollout.is_some() {
        return vec![];
    }
    let failing = ground.told.canary.iter().filter_map(|row| row.failing.as_ref().map(|why| (row, why)));
    failing
        .map(|(row, why)| {
            let text = format!("a record by listener {} did not get through: {why}", row.listener);
            (Reason::CanaryFailing, text)
        })
        .collect()
}
