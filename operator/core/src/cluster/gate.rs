//! The one gate: every path that stops a node or takes its vote goes through here, and asks Kafka, not Kubernetes.
//!
//! Invariant: after what it allows, every partition that has more replicas than `min.insync.replicas` still has at
//! least that many in sync, and the quorum still has its majority. Where there is nothing to spare (one replica, one
//! controller, as many replicas as `min.insync.replicas`) a restart cannot be had without a gap; then everything
//! else must be whole before it is allowed.

use std::collections::BTreeMap;

use super::node::{Node, NodeState};
use crate::view::kafka::{ClusterView, KafkaUuid, NodeId, PartitionView, QuorumReplica, QuorumView};

/// A voter that has not caught up with the leader for this long does not count for a majority. Twice the default of
/// `controller.quorum.fetch.timeout.ms`, and some.
const CAUGHT_UP_MS: i64 = 5_000;

/// Why something must not be done now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// We do not see Kafka, or not as it is after the last change.
    Blind(String),
    /// These other nodes do not serve.
    OthersDown(Vec<NodeId>),
    /// This partition could not take writes any more.
    MinIsr {
        topic: String,
        partition: usize,
        in_sync: usize,
        min_isr: usize,
    },
    /// We do not know how many replicas this topic needs.
    MinIsrUnknown(String),
    /// These brokers serve, and have not caught up yet with a partition that this node keeps.
    NotCaughtUp {
        topic: String,
        partition: usize,
        behind: Vec<NodeId>,
    },
    /// The quorum would lose its majority.
    Majority {
        voters: usize,
        others: usize,
    },
    NoLeader,
}

impl Refusal {
    /// For people: what we wait for.
    pub fn text(&self) -> String {
        match self {
            Self::Blind(why) => why.clone(),
            Self::OthersDown(ids) => format!("nodes {} to be ready first", list(ids)),
            Self::MinIsr { topic, partition, in_sync, min_isr } => format!(
                "partition {topic}-{partition}, which has {in_sync} replicas in sync and needs {min_isr} (min.insync.replicas) without this node"
            ),
            Self::MinIsrUnknown(topic) => format!("the configuration of topic {topic} to be known"),
            Self::NotCaughtUp { topic, partition, behind } => {
                format!(
                    "partition {topic}-{partition}: broker {} has not caught up with it yet",
                    list(behind)
                )
            }
            Self::Majority { voters, others } => format!(
                "the controller quorum: without this node {others} of {voters} voters are caught up, which is no majority"
            ),
            Self::NoLeader => "the controller quorum to have a leader".into(),
        }
    }
}

/// `0, 2, 5`
pub fn list(ids: &[NodeId]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Whether a node may be restarted now. `view` is what Kafka says, no older than the last change; `Err` says why
/// there is none. `together` is how many brokers of one zone may be down at a time: what is asked of partitions and
/// quorum then holds for all of them.
pub fn may_restart(
    id: NodeId,
    nodes: &BTreeMap<NodeId, Node>,
    view: Result<&ClusterView, &str>,
    together: usize,
) -> Result<(), Refusal> {
    let node = nodes.get(&id);
    if node.is_some_and(Node::is_dead) {
        return Ok(());
    }
    let view = match view {
        Ok(view) => view,
        Err(_) if nothing_to_lose(id, nodes) => return Ok(()),
        Err(why) => return Err(Refusal::Blind(why.to_owned())),
    };
    let down: Vec<_> = nodes.values().filter(|other| other.id != id && !serves(other, view)).collect();
    let ids: Vec<_> = down.iter().map(|node| node.id).collect();
    // the one that is already out may go first: nobody has to do without it who does not already
    if node.is_none_or(|node| serves(node, view) && !joins(node, &down, together)) && !down.is_empty() {
        return Err(Refusal::OthersDown(ids));
    }
    quorum_can_spare(id, &ids, view.quorum.as_ref())?;
    partitions_can_spare(id, &ids, view)
}

/// By Kubernetes' word and, where it is a broker, by Kafka's.
fn serves(node: &Node, view: &ClusterView) -> bool {
    node.serves() && (!node.broker || view.brokers.get(&node.id).is_some_and(|broker| !broker.fenced))
}

/// Whether a broker may be down together with those that are: all of them are of its zone, whose loss partitions that
/// are spread by racks survive, and none of them votes.
fn joins(node: &Node, down: &[&Node], together: usize) -> bool {
    let alike = |other: &&Node| !other.controller && !other.fails() && other.zone == node.zone;
    down.len() < together && !node.controller && node.zone.is_some() && down.iter().all(alike)
}

/// How many pods of a cluster Kubernetes may evict at a time (`maxUnavailable` of its PodDisruptionBudget): one, and
/// none while a node that comes up, a partition or the quorum has none to spare.
///
/// A node that is down uses the budget up; it may be evicted itself as long as nothing runs in it. Once it runs the
/// budget is closed *before* the node is ready, and opened by Kafka's word: Kubernetes must never think that all is
/// well while replicas still catch up.
pub fn evictions(nodes: &BTreeMap<NodeId, Node>, view: Result<&ClusterView, &str>) -> i32 {
    let idle = |node: &Node| !node.runs && node.state != NodeState::Terminating;
    let down: Vec<_> = nodes.values().filter(|node| !node.serves()).collect();
    if !down.is_empty() {
        return i32::from(down.iter().all(|node| idle(node)));
    }
    let spared = |view: &ClusterView| {
        nodes.values().all(|node| serves(node, view))
            && nodes.keys().all(|id| quorum_can_spare(*id, &[], view.quorum.as_ref()).is_ok())
            && spares_any(view)
    };
    i32::from(view.is_ok_and(spared))
}

/// Whether every partition can do without any one of its replicas.
pub fn spares_any(view: &ClusterView) -> bool {
    let spares = |partition: &PartitionView, min_isr: Option<i32>| {
        let (replicas, in_sync) = (partition.replicas.len(), partition.isr.len());
        // where even a whole partition has none to spare, it must at least be whole
        in_sync >= replicas || min_isr.is_some_and(|min| in_sync > effective(min, partition))
    };
    view.topics.values().all(|topic| topic.partitions.iter().all(|p| spares(p, topic.min_isr)))
}

/// Where no broker is ready there is nobody to ask, and no client is served: a mistake that keeps the whole cluster
/// from starting must still be mendable. The quorum may be alive all the same, so controllers go one by one.
fn nothing_to_lose(id: NodeId, nodes: &BTreeMap<NodeId, Node>) -> bool {
    let runs = |node: &Node| node.runs && node.state != NodeState::Terminating;
    let nobody_serves = nodes.values().all(|node| !node.broker || !node.serves());
    let votes = nodes.get(&id).is_none_or(|node| node.controller);
    nobody_serves && (!votes || nodes.values().all(|node| node.id == id || !node.controller || runs(node)))
}

fn quorum_can_spare(id: NodeId, down: &[NodeId], quorum: Option<&QuorumView>) -> Result<(), Refusal> {
    let Some(quorum) = quorum.filter(|q| q.leader.is_some()) else { return Err(Refusal::NoLeader) };
    if quorum.voters.iter().all(|v| v.id != id) {
        return Ok(());
    }
    let voters = quorum.voters.len();
    let alive = |v: &&QuorumReplica| v.id != id && !down.contains(&v.id) && caught_up(v, quorum);
    let others = quorum.voters.iter().filter(alive).count();
    // one or two voters have none to spare: then all others must be there
    if others >= majority(voters).min(voters - 1) {
        Ok(())
    } else {
        Err(Refusal::Majority { voters, others })
    }
}

fn partitions_can_spare(id: NodeId, down: &[NodeId], view: &ClusterView) -> Result<(), Refusal> {
    for (name, topic) in &view.topics {
        for (number, partition) in topic.partitions.iter().enumerate() {
            if !partition.isr.contains(&id) {
                continue;
            }
            let Some(min_isr) = topic.min_isr else { return Err(Refusal::MinIsrUnknown(name.clone())) };
            let min_isr = effective(min_isr, partition);
            let in_sync = others_in_sync(partition, id, down);
            // where even a whole partition has none to spare, it must at least be whole
            let topic = name.clone();
            if in_sync < min_isr.min(partition.replicas.len().saturating_sub(1)) {
                return Err(Refusal::MinIsr { topic, partition: number, in_sync, min_isr });
            }
            // also where enough are in sync: who was restarted a moment ago is to be back before the next one goes
            let behind = |other: &NodeId| {
                *other != id && !down.contains(other) && !partition.isr.contains(other) && is_up(*other, view)
            };
            let behind: Vec<_> = partition.replicas.iter().copied().filter(behind).collect();
            if !behind.is_empty() {
                return Err(Refusal::NotCaughtUp { topic, partition: number, behind });
            }
        }
    }
    Ok(())
}

pub fn is_up(id: NodeId, view: &ClusterView) -> bool {
    view.brokers.get(&id).is_some_and(|broker| !broker.fenced)
}

/// A partition never needs more replicas than it has (`Partition.effectiveMinIsr`).
pub fn effective(min_isr: i32, partition: &PartitionView) -> usize {
    usize::try_from(min_isr).unwrap_or(0).min(partition.replicas.len())
}

/// In sync and serving, without this one. Kafka takes up to `replica.lag.time.max.ms` to notice a broker that hangs.
fn others_in_sync(partition: &PartitionView, id: NodeId, down: &[NodeId]) -> usize {
    partition.isr.iter().filter(|other| **other != id && !down.contains(other)).count()
}

/// Whether the quorum keeps its majority when this voter is taken out.
pub fn may_remove_voter(
    quorum: &QuorumView,
    nodes: &BTreeMap<NodeId, Node>,
    id: NodeId,
    directory: KafkaUuid,
) -> Result<(), Refusal> {
    let rest: Vec<_> = quorum.voters.iter().filter(|v| (v.id, v.directory) != (id, directory)).collect();
    let others = rest.iter().filter(|voter| is_alive(voter, quorum, nodes)).count();
    if !rest.is_empty() && others >= majority(rest.len()) {
        Ok(())
    } else {
        Err(Refusal::Majority { voters: rest.len(), others })
    }
}

/// Whether the quorum has its majority once there is one more voter, which is caught up.
pub fn may_add_voter(quorum: &QuorumView, nodes: &BTreeMap<NodeId, Node>) -> Result<(), Refusal> {
    let voters = quorum.voters.len() + 1;
    let others = quorum.voters.iter().filter(|voter| is_alive(voter, quorum, nodes)).count();
    if others + 1 >= majority(voters) { Ok(()) } else { Err(Refusal::Majority { voters, others }) }
}

/// By Kafka's word, and by Kubernetes', which may be newer.
fn is_alive(voter: &QuorumReplica, quorum: &QuorumView, nodes: &BTreeMap<NodeId, Node>) -> bool {
    caught_up(voter, quorum) && nodes.get(&voter.id).is_some_and(Node::serves)
}

fn majority(voters: usize) -> usize {
    voters / 2 + 1
}

/// By the leader's clock: its own entry is always of the moment at which it answered.
pub fn caught_up(replica: &QuorumReplica, quorum: &QuorumView) -> bool {
    let now = quorum.voters.iter().chain(&quorum.observers).filter_map(|r| r.last_caught_up_ms).max();
    match (replica.last_caught_up_ms, now) {
        (Some(then), Some(now)) => now - then <= CAUGHT_UP_MS,
        _ => false,
    }
}

/// For how many milliseconds each voter has not caught up with the leader, by the leader's clock.
pub fn lags(quorum: &QuorumView) -> Vec<(NodeId, i64)> {
    let told = |replica: &QuorumReplica| replica.last_caught_up_ms;
    let now = quorum.voters.iter().chain(&quorum.observers).filter_map(told).max();
    let lag = |voter: &QuorumReplica| Some((voter.id, now? - told(voter)?));
    quorum.voters.iter().filter_map(lag).collect()
}

/// Voters that do not keep up with the leader.
pub fn behind(quorum: &QuorumView) -> Vec<NodeId> {
    let mut behind: Vec<_> = quorum.voters.iter().filter(|v| !caught_up(v, quorum)).map(|v| v.id).collect();
    behind.sort_unstable();
    behind.dedup();
    behind
}

/// Topics of which a broker holds replicas, and how many partitions in all.
pub fn replicas_on(id: NodeId, view: &ClusterView) -> (Vec<String>, usize) {
    let mut topics = Vec::new();
    let mut partitions = 0;
    for (name, topic) in &view.topics {
        let here =
            topic.partitions.iter().filter(|p| p.replicas.contains(&id) || p.isr.contains(&id)).count();
        if here > 0 {
            topics.push(name.clone());
            partitions += here;
        }
    }
    (topics, partitions)
}
