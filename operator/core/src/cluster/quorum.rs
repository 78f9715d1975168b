//! The controller quorum (KIP-853): who votes, against who should. One change at a time, the safest first.

use std::collections::{BTreeMap, BTreeSet};

use super::gate;
use super::node::Node;
use super::wanted::Wanted;
use crate::view::kafka::{ClusterView, KafkaUuid, NodeId, QuorumReplica, QuorumView};

/// How far behind the leader's log a controller may be when it becomes a voter. The leader writes two records a
/// second when nothing else happens; it refuses a voter that is too far behind.
const SMALL_LAG: i64 = 500;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuorumStep {
    Add {
        id: NodeId,
        directory: KafkaUuid,
    },
    Remove {
        id: NodeId,
        directory: KafkaUuid,
        /// For people.
        why: &'static str,
    },
    /// This must happen first.
    Wait(String),
}

/// The next change, or `None` when the voters are the controllers that are wanted. `keeps` are nodes that leave and
/// keep their vote for now: a scale-in that is refused touches nothing.
pub fn next(
    wanted: &Wanted,
    nodes: &BTreeMap<NodeId, Node>,
    quorum: &QuorumView,
    keeps: impl Fn(NodeId) -> bool,
) -> Option<QuorumStep> {
    let controllers: BTreeSet<_> = wanted.controllers().collect();
    let voters: BTreeSet<_> = quorum.voters.iter().map(|v| v.id).collect();
    if quorum.leader.is_none() {
        return Some(QuorumStep::Wait("the quorum has no leader".into()));
    }
    if let Some(lost) = quorum.voters.iter().find(|voter| lost_its_disk(voter, quorum)) {
        return Some(remove(
            lost,
            nodes,
            quorum,
            "its disk is gone: it has come back with another directory",
        ));
    }
    let missing: Vec<_> = controllers.difference(&voters).copied().collect();
    if let Some(ready) = missing.iter().find_map(|id| candidate(*id, nodes, quorum)) {
        return Some(match gate::may_add_voter(quorum, nodes) {
            Ok(()) => QuorumStep::Add { id: ready.id, directory: ready.directory },
            Err(refusal) => QuorumStep::Wait(refusal.text()),
        });
    }
    if !missing.is_empty() {
        // those that leave may be needed until those that come are there
        return Some(QuorumStep::Wait(format!("controllers {} to catch up", gate::list(&missing))));
    }
    // the leader last: when it goes there is an election
    let mut leaving: Vec<_> =
        quorum.voters.iter().filter(|v| !controllers.contains(&v.id) && !keeps(v.id)).collect();
    leaving.sort_by_key(|v| (Some(v.id) == quorum.leader, std::cmp::Reverse(v.id)));
    leaving.first().map(|voter| remove(voter, nodes, quorum, "it is no controller in spec.pools any more"))
}

/// Whether leader, members, and who of them keeps up are the same; offsets always move.
pub fn is_same(before: &ClusterView, after: &ClusterView) -> bool {
    let ids = |replicas: &[QuorumReplica]| -> Vec<_> {
        replicas.iter().map(|replica| (replica.id, replica.directory)).collect()
    };
    let told = |view: &ClusterView| {
        let quorum = view.quorum.as_ref()?;
        Some((quorum.leader, ids(&quorum.voters), ids(&quorum.observers), gate::behind(quorum)))
    };
    told(before) == told(after)
}

fn remove(
    voter: &QuorumReplica,
    nodes: &BTreeMap<NodeId, Node>,
    quorum: &QuorumView,
    why: &'static str,
) -> QuorumStep {
    match gate::may_remove_voter(quorum, nodes, voter.id, voter.directory) {
        Ok(()) => QuorumStep::Remove { id: voter.id, directory: voter.directory, why },
        Err(refusal) => QuorumStep::Wait(refusal.text()),
    }
}

/// The same controller fetches with another directory, and nobody with this one.
fn lost_its_disk(voter: &QuorumReplica, quorum: &QuorumView) -> bool {
    !gate::caught_up(voter, quorum)
        && quorum.observers.iter().any(|o| {
            o.id == voter.id
                && o.directory != voter.directory
                && o.directory != KafkaUuid::default()
                && gate::caught_up(o, quorum)
        })
}

/// An observer that could vote from the first moment on.
fn candidate<'a>(
    id: NodeId,
    nodes: &BTreeMap<NodeId, Node>,
    quorum: &'a QuorumView,
) -> Option<&'a QuorumReplica> {
    nodes.get(&id).filter(|node| node.serves())?;
    quorum.observers.iter().find(|o| {
        o.id == id
            && o.directory != KafkaUuid::default()
            && gate::caught_up(o, quorum)
            && quorum.high_watermark - o.log_end_offset <= SMALL_LAG
    })
}
