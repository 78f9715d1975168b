//! Which nodes must be restarted, in which order, and whether the next one may go now.
//!
//! Nothing is remembered: a pod carries what it was made from, so a pod that was replaced is not outdated any more
//! and is never restarted twice, however often Sluice itself is.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::StatefulSet;

use super::gate;
use super::inputs::{Inputs, RestartReason};
use super::names::POOL_LABEL;
use super::node::{Node, NodeState};
use super::seen::Seen;
use super::wanted::{Pool, Wanted};
use crate::view::kafka::{ClusterView, NodeId};

/// The roll as it stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Roll {
    /// Nodes that are still to be restarted, in order.
    pub left: Vec<NodeId>,
    /// Why, all reasons together.
    pub reasons: Vec<RestartReason>,
    /// The node that is restarted now.
    pub next: Option<NodeId>,
    /// What the roll waits for, when there is something left and nothing is next.
    pub waits_for: Option<String>,
}

/// What a roll is decided on.
pub struct Ground<'a> {
    pub wanted: &'a Wanted,
    pub seen: &'a Seen,
    pub nodes: &'a BTreeMap<NodeId, Node>,
    /// Kafka as it is after the last change, or why we do not know.
    pub view: Result<&'a ClusterView, &'a str>,
    /// The nodes of which status already says that they are restarted.
    pub restarting: &'a [NodeId],
    /// Whether a node that was made from what is wanted now is known to come back.
    pub proven: bool,
}

pub fn roll(ground: &Ground<'_>) -> Roll {
    let leader = ground.view.ok().and_then(|view| view.quorum.as_ref()).and_then(|quorum| quorum.leader);
    // a node that leaves is only mended: the quorum may need its vote to let it go
    let nodes = || ground.nodes.values().filter(|node| !node.leaving || node.is_dead());
    let mut left: Vec<&Node> =
        nodes().filter(|node| !node.restart.is_empty() && node.uid.is_some()).collect();
    left.sort_by_key(|node| order(node, leader, ground.restarting));
    let mut roll = Roll { left: left.iter().map(|n| n.id).collect(), ..Roll::default() };
    if left.is_empty() {
        return roll;
    }
    roll.reasons = together(&left);
    let failed = nodes().find(|node| node.fails() && node.restart.is_empty() && !node.leaving);
    for node in &left {
        let others = left.iter().any(|other| other.id != node.id && other.controller);
        let answer = if Some(node.id) == leader && others && !node.is_dead() {
            Err("the other controllers to be restarted first".into())
        } else {
            may_go(node, failed, ground)
        };
        match answer {
            Ok(()) => {
                roll.next = Some(node.id);
                roll.waits_for = None;
                return roll;
            }
            // the first one's reason is what a reader wants to know
            Err(why) => roll.waits_for = roll.waits_for.or(Some(why)),
        }
    }
    roll
}

/// What is broken comes first, because its replacement mends it. Then controllers before brokers, and the active
/// controller last, so that it changes once.
fn order(node: &Node, leader: Option<NodeId>, restarting: &[NodeId]) -> impl Ord + use<> {
    (
        !node.is_dead(),
        !restarting.contains(&node.id),
        node.serves(),
        !node.controller,
        Some(node.id) == leader,
        node.broker,
        node.id,
    )
}

/// `failed` was made from what is wanted now and does not start: the rest must not follow it.
fn may_go(node: &Node, failed: Option<&Node>, ground: &Ground<'_>) -> Result<(), String> {
    let Some(pool) = ground.wanted.pool(&node.pool) else { return Err("its pool".into()) };
    if !template_is_current(ground.seen, pool) {
        return Err(format!("Kubernetes to take over the new template of pool {}", pool.name));
    }
    if node.is_dead() {
        return Ok(());
    }
    if node.state == NodeState::Terminating {
        return Err(format!("pod {} to stop", node.pod));
    }
    if let Some(failed) = failed {
        return Err(format!("pod {}, which does not start", failed.pod));
    }
    // the first node of a roll shows whether what is wanted works: it goes alone
    let together = if ground.proven { ground.wanted.max_unavailable } else { 1 };
    gate::may_restart(node.id, ground.nodes, ground.view, together).map_err(|refusal| refusal.text())
}

/// Whether a pod that is deleted now comes back as what is wanted: the StatefulSet controller may not have seen our
/// newest template yet.
fn template_is_current(seen: &Seen, pool: &Pool) -> bool {
    seen.stateful_sets.iter().any(|set| is_of(set, pool) && is_observed(set) && makes(set, pool))
}

fn is_of(set: &StatefulSet, pool: &Pool) -> bool {
    set.metadata.labels.as_ref().and_then(|l| l.get(POOL_LABEL)) == Some(&pool.name)
}

fn is_observed(set: &StatefulSet) -> bool {
    let observed = set.status.as_ref().and_then(|s| s.observed_generation);
    observed.is_some() && observed >= set.metadata.generation
}

fn makes(set: &StatefulSet, pool: &Pool) -> bool {
    let template = set.spec.as_ref().and_then(|s| s.template.metadata.as_ref());
    Inputs::from_annotations(template.and_then(|m| m.annotations.as_ref())).as_ref() == Some(&pool.inputs)
}

/// Config keys of all nodes in one reason.
fn together(nodes: &[&Node]) -> Vec<RestartReason> {
    let mut keys = Vec::new();
    let mut others = Vec::new();
    for reason in nodes.iter().flat_map(|node| &node.restart) {
        match reason {
            RestartReason::Config(more) => keys.extend(more.iter().cloned()),
            other => others.push(other.clone()),
        }
    }
    keys.sort();
    keys.dedup();
    if !keys.is_empty() {
        others.push(RestartReason::Config(keys));
    }
    others.sort();
    others.dedup();
    others
}
