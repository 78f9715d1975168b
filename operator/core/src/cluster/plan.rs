//! What happens next to a cluster. Objects are applied in every pass; of what disturbs a node or the quorum there is
//! at most one step, and every step waits until the one before it is seen to be done.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use sluice_crds::KafkaClusterStatus;

use super::access::{self, AccessChange};
use super::canary;
use super::claims::{self, Claims, GrowClaim};
use super::cordon;
use super::desired::{self, Objects, Standing};
use super::dynamic::{self, ConfigChange};
use super::foreign;
use super::gate;
use super::inputs::RestartReason;
use super::names::CONTROLLER_PORT;
use super::node::{self, Node};
use super::quorum::{self, QuorumStep};
use super::rebalance::{self, Act, Rebalance};
use super::roll::{self, Ground, Roll};
use super::scale::{self, Obsolete, ScaleIn};
use super::seen::Seen;
use super::verdict;
use super::wanted::Wanted;
use crate::condition::{Verdict, VerdictKind};
use crate::view::kafka::{ClusterView, KafkaUuid, NodeId};

/// A view that is older than this is no ground for a restart.
const FRESH_SECONDS: i64 = 30;

/// The one step that disturbs a node or the quorum.
///
/// Two things happen before it is made. Status is written, so that a later pass knows of it. And pods are read from
/// the API server, not from a cache, and `plan` is asked once more with them: a cache that does not show yet what the
/// step before has done would let two nodes go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    None,
    /// Delete the pod, with its uid as precondition.
    Restart {
        node: NodeId,
        pod: String,
        uid: String,
        reasons: Vec<RestartReason>,
    },
    /// `AddRaftVoter`, with the controller listener at this address.
    AddVoter {
        id: NodeId,
        directory: KafkaUuid,
        host: String,
        port: i32,
    },
    /// `RemoveRaftVoter`.
    RemoveVoter {
        id: NodeId,
        directory: KafkaUuid,
        why: &'static str,
    },
    /// `UnregisterBroker`: it is gone for good, and Kafka still lists it.
    UnregisterBroker {
        id: NodeId,
    },
    /// Replicas move: disturbs no node, and waits for its turn all the same.
    Rebalance(Act),
    /// Something has to happen first.
    Wait(String),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What should exist; `None` when nothing may be touched.
    pub objects: Option<Objects>,
    /// StatefulSets to be deleted, with their uid as precondition.
    pub delete: Vec<Obsolete>,
    /// ConfigMaps to be deleted, with their uid as precondition.
    pub delete_config_maps: Vec<Obsolete>,
    /// A policy of ours to be deleted, with its uid as precondition.
    pub delete_network_policy: Option<Obsolete>,
    /// Dynamic configuration to be altered. Disturbs nobody.
    pub alter: Vec<ConfigChange>,
    /// Brokers to be cordoned, and to be opened again. Disturbs nobody.
    pub cordon: Vec<ConfigChange>,
    /// Rules of access to be made and dropped. Disturbs nobody.
    pub access: AccessChange,
    /// Claims to be enlarged. Disturbs nobody.
    pub grow: Vec<GrowClaim>,
    /// What Sluice's own records need; `None`: what there is stays.
    pub canary: Option<canary::Children>,
    pub step: Step,
    /// What holds before any of this is done.
    pub verdict: Verdict,
    /// Look again after this time even if nothing is seen to change.
    pub requeue: Option<Duration>,
    /// Whether something is under way that Kafka will tell about: look at it often.
    pub closely: bool,
    /// What status shows.
    pub told: Told,
}

/// The parts of a plan that only status needs.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    pub nodes: BTreeMap<NodeId, Node>,
    pub roll: Roll,
    pub scale: ScaleIn,
    pub rebalance: Rebalance,
    pub founded: bool,
}

/// Everything that the parts of a pass have found out, for the verdict.
pub(super) struct Found<'a> {
    pub wanted: &'a Wanted,
    pub seen: &'a Seen,
    pub previous: Option<&'a KafkaClusterStatus>,
    pub now: Timestamp,
    pub nodes: &'a BTreeMap<NodeId, Node>,
    pub roll: &'a Roll,
    pub scale: &'a ScaleIn,
    pub rebalance: &'a Rebalance,
    pub quorum: Option<&'a QuorumStep>,
    /// Whether Kafka was looked at after the last node became ready.
    pub settled: bool,
    pub alter: &'a [ConfigChange],
    pub access: &'a AccessChange,
    pub claims: &'a Claims,
    pub step: &'a Step,
    pub founded: bool,
}

/// Decides on the next pass over a cluster that has a valid spec.
pub fn plan(wanted: &Wanted, seen: &Seen, previous: Option<&KafkaClusterStatus>, now: Timestamp) -> Plan {
    let nodes = node::all(wanted, seen, now);
    let view = fresh(wanted, seen, &nodes, now);
    let view = view.as_ref().map(|view| *view).map_err(String::as_str);
    let rollout = previous.and_then(|status| status.rollout.as_ref());
    let restarting = rollout.map(|rollout| rollout.restarting.as_slice()).unwrap_or_default();
    let proven = rollout.is_some_and(|rollout| !rollout.done.is_empty());
    let mut roll = roll::roll(&Ground { wanted, seen, nodes: &nodes, view, restarting, proven });
    let leaving = previous.map(|s| s.leaving.as_slice()).unwrap_or_default();
    // one that is to leave and does not come back may be what a roll waits for, and moves what it held
    let lost = nodes.values().any(|node| node.leaving && node.broker && !node.serves());
    let rolling = roll.next.is_some() || !restarting.is_empty() || (!roll.left.is_empty() && !lost);
    let rebalance =
        rebalance::decide(&rebalance::Ground { wanted, seen, nodes: &nodes, view, rolling, previous, now });
    let scale = scale::scale_in(wanted, seen, &nodes, leaving, rebalance.needs_brokers());
    let claims = claims::claims(wanted, seen);
    let keeps = |id| scale.leaving.iter().any(|node| node.id == id) && !scale.spent.contains(&id);
    let quorum = seen
        .kafka
        .current()
        .and_then(|v| v.quorum.as_ref())
        .and_then(|q| quorum::next(wanted, &nodes, q, keeps));
    let alter = match (&seen.dynamic, seen.kafka.current()) {
        (Some(described), Some(_)) => dynamic::changes(wanted, described),
        _ => vec![],
    };
    let access = match (&seen.access, seen.kafka.current()) {
        (Some(described), Some(_)) => access::changes(wanted, described),
        _ => AccessChange::default(),
    };
    let cordon = cordon::changes(wanted, seen, &rebalance);
    let mut step = next_step(wanted, &nodes, &mut roll, quorum.as_ref(), view);
    if let (Step::None | Step::Wait(_), Some(act)) = (&step, &rebalance.act) {
        step = Step::Rebalance(act.clone());
    }

    let mut standing = Standing::of(wanted, seen, previous);
    standing.kept.clone_from(&scale.kept);
    standing.held.clone_from(&scale.held);
    standing.evictions = gate::evictions(&nodes, view);
    let closed = standing.evictions == 0;
    let founded = standing.founded;
    let verdict = verdict::verdict(&Found {
        wanted,
        seen,
        previous,
        now,
        nodes: &nodes,
        roll: &roll,
        scale: &scale,
        rebalance: &rebalance,
        quorum: quorum.as_ref(),
        settled: is_settled(seen, &nodes),
        alter: &alter,
        access: &access,
        claims: &claims,
        step: &step,
        founded,
    });
    let closely = verdict.kind == VerdictKind::Reconciling || rebalance.is_active();
    let mut plan = Plan {
        objects: Some(desired::build(wanted, &standing)),
        delete: scale.delete.clone(),
        delete_config_maps: scale.delete_config_maps.clone(),
        delete_network_policy: scale::obsolete_policy(wanted, seen),
        alter,
        cordon,
        access,
        grow: claims.grow,
        canary: seen.kafka.current().map(|view| canary::children(wanted, &seen.canary, view)),
        step,
        requeue: match (closely, closed, seen.unmade.is_empty()) {
            (true, ..) => Some(Duration::from_secs(2)),
            // a voter catches up without waking anybody
            (_, true, _) => Some(Duration::from_secs(10)),
            // and so change the words of an event
            (.., false) => Some(Duration::from_secs(30)),
            _ => rebalance.again.and_then(|s| u64::try_from(s).ok()).map(Duration::from_secs),
        },
        closely,
        verdict,
        told: Told { nodes, roll, scale, rebalance, founded },
    };
    let misplaced =
        foreign::of_an_earlier_life(wanted, seen).is_some() || foreign::another(wanted, seen).is_some();
    if wanted.paused || misplaced || !wanted.is_certified() {
        plan.hold();
    }
    plan
}

impl Plan {
    /// Nothing is changed.
    fn hold(&mut self) {
        self.objects = None;
        self.delete.clear();
        self.delete_config_maps.clear();
        self.delete_network_policy = None;
        self.alter.clear();
        self.cordon.clear();
        self.access = AccessChange::default();
        self.grow.clear();
        self.canary = None;
        self.step = Step::None;
        self.told.roll.next = None;
    }
}

impl Step {
    /// Whether status must be written before it is made.
    pub fn is_disruptive(&self) -> bool {
        self.kind().is_some()
    }

    /// What is done, in one word; `None`: nothing.
    pub fn kind(&self) -> Option<&'static str> {
        Some(match self {
            Self::Restart { .. } => "Restart",
            Self::AddVoter { .. } => "AddVoter",
            Self::RemoveVoter { .. } => "RemoveVoter",
            Self::UnregisterBroker { .. } => "UnregisterBroker",
            Self::Rebalance(_) => "Rebalance",
            Self::None | Self::Wait(_) => return None,
        })
    }

    /// For events and the log: what is done, and why.
    pub fn text(&self) -> String {
        match self {
            Self::None => String::new(),
            Self::Restart { pod, reasons, .. } => format!("Restarting {pod}: {}", reasons_text(reasons)),
            Self::AddVoter { id, .. } => format!("Making controller {id} a voter: it has caught up"),
            Self::RemoveVoter { id, why, .. } => format!("Taking the vote from controller {id}: {why}"),
            Self::UnregisterBroker { id } => {
                format!("Unregistering broker {id}: it is gone and holds nothing")
            }
            Self::Rebalance(act) => act.text(),
            Self::Wait(what) => format!("Waiting for {what}"),
        }
    }
}

pub(super) fn reasons_text(reasons: &[RestartReason]) -> String {
    reasons.iter().map(RestartReason::text).collect::<Vec<_>>().join(", ")
}

/// The quorum before restarts, because a restart needs a quorum that can spare a voter.
fn next_step(
    wanted: &Wanted,
    nodes: &BTreeMap<NodeId, Node>,
    roll: &mut Roll,
    quorum: Option<&QuorumStep>,
    view: Result<&ClusterView, &str>,
) -> Step {
    match quorum.filter(|_| view.is_ok()) {
        Some(QuorumStep::Add { id, directory }) => {
            if let Some(pool) = wanted.pool_of(*id) {
                roll.next = None;
                let host = wanted.host(pool, *id);
                return Step::AddVoter { id: *id, directory: *directory, host, port: CONTROLLER_PORT };
            }
        }
        Some(QuorumStep::Remove { id, directory, why }) => {
            roll.next = None;
            return Step::RemoveVoter { id: *id, directory: *directory, why };
        }
        // nodes that serve stay until the quorum is whole; one that does not may be what it waits for
        Some(QuorumStep::Wait(what)) if roll.next.is_some_and(|id| nodes[&id].serves()) => {
            roll.next = None;
            roll.waits_for = Some(what.clone());
        }
        _ => {}
    }
    if let Some(node) = roll.next.and_then(|id| nodes.get(&id))
        && let Some(uid) = &node.uid
    {
        return Step::Restart {
            node: node.id,
            pod: node.pod.clone(),
            uid: uid.clone(),
            reasons: node.restart.clone(),
        };
    }
    if let Some(id) = view.ok().and_then(|view| scale::left_over(nodes, view)) {
        return Step::UnregisterBroker { id };
    }
    roll.waits_for.clone().map_or(Step::None, Step::Wait)
}

/// The view, if it shows the cluster after everything that we know has happened.
fn fresh<'a>(
    wanted: &Wanted,
    seen: &'a Seen,
    nodes: &BTreeMap<NodeId, Node>,
    now: Timestamp,
) -> Result<&'a ClusterView, String> {
    let (Some(view), Some(looked_at)) = (seen.kafka.current(), seen.looked_at) else {
        return Err("Kafka to answer".into());
    };
    if view.cluster_id != wanted.cluster_id {
        return Err(format!("the right cluster: Kafka answers as {}", view.cluster_id));
    }
    if now.as_second() - looked_at.as_second() > FRESH_SECONDS || !is_settled(seen, nodes) {
        return Err("a look at Kafka that is newer than the last change".into());
    }
    Ok(view)
}

/// Whether Kafka was looked at after the last node became ready. Kubernetes' times have whole seconds: it may have
/// become ready at the end of its second.
fn is_settled(seen: &Seen, nodes: &BTreeMap<NodeId, Node>) -> bool {
    let newest = nodes.values().filter_map(|node| node.ready_since).map(Timestamp::as_second).max();
    seen.looked_at.is_some_and(|at| newest.is_none_or(|newest| at.as_second() > newest))
}
