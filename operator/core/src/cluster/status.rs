//! What we tell: the conditions, and the cluster as it is. Equal facts make an equal status: no offsets, no ages,
//! everything sorted and bounded.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use sluice_crds::certificates::CertificateStatus;
use sluice_crds::kafka_cluster::{
    Health, ListenerStatus, NodeStatus, PoolStatus, QuorumStatus, Rollout, Summary,
};
use sluice_crds::{KafkaCluster, KafkaClusterStatus};

use super::ClusterReason;
use super::canary;
use super::degraded;
use super::disks;
use super::gate;
use super::health;
use super::inputs::RestartReason;
use super::names;
use super::node::Node;
use super::plan::Plan;
use super::seen::{Certificates, Seen};
use super::wanted::Wanted;
use crate::condition::{self, Verdict, VerdictKind};
use crate::finding::{self, Finding};
use crate::pki::Phase;
use crate::units::count;
use crate::view::Sight;
use crate::view::kafka::{ClusterView, NodeId};

/// How many nodes that need attention status lists.
const NODES: usize = 50;

/// What came of carrying a plan out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything was done, or not tried yet.
    Done,
    /// An object that we would make exists, and is not ours.
    Taken {
        /// `Service web/shop-nodes belongs to …`
        what: String,
        /// It is of an earlier cluster of our own name, and is being removed.
        earlier: bool,
    },
    Failed {
        doing: Doing,
        /// The error and its causes in one line.
        error: String,
        /// The other side said no, and will again; otherwise it did not answer.
        refused: bool,
    },
}

/// In the order in which a failure concerns a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Doing {
    /// Before everything else: nothing starts without a certificate.
    Certify,
    Apply,
    Step,
    Alter,
    Access,
    Grow,
    Delete,
    Canary,
}

impl Doing {
    fn text(self) -> &'static str {
        match self {
            Self::Certify => "The cluster's certificates could not be issued",
            Self::Canary => "The Topic and the Users of spec.canary could not be made",
            Self::Access => "Kafka did not take who may do what (ACLs)",
            Self::Apply => "The objects of the cluster could not be applied",
            Self::Delete => "The objects of a pool that is gone could not be deleted",
            Self::Alter => "Kafka did not take the dynamic configuration",
            Self::Grow => "A volume could not be enlarged",
            Self::Step => "The next step failed",
        }
    }
}

/// Status after a pass over a valid spec.
pub fn status(
    wanted: &Wanted,
    seen: &Seen,
    plan: &Plan,
    outcome: &Outcome,
    previous: Option<&KafkaClusterStatus>,
    now: Timestamp,
) -> KafkaClusterStatus {
    let before = previous.cloned().unwrap_or_default();
    let verdict = with_outcome(&plan.verdict, outcome);
    let view = seen.kafka.latest();
    let nodes = &plan.told.nodes;
    let rollout = rollout(plan, before.rollout.as_ref());
    let health = health(wanted, seen, before.health.as_ref());
    let degraded = degraded::degraded(&degraded::Ground {
        nodes,
        view: seen.kafka.current().map(AsRef::as_ref),
        disks: &seen.disks,
        told: &health,
        rollout: rollout.as_ref(),
        looked_at: seen.looked_at,
        conditions: &before.conditions,
    });
    let mut conditions = condition::build(&verdict, wanted.generation, now, &before.conditions);
    conditions.extend(degraded.map(|(reason, message)| {
        condition::further("Degraded", true, reason, message, wanted.generation, now, &before.conditions)
    }));
    KafkaClusterStatus {
        observed_generation: wanted.generation,
        conditions,
        cluster_id: Some(cluster_id(wanted, seen, before.bootstrapped)),
        version: Some(wanted.version.kafka.to_owned()),
        bootstrapped: plan.told.founded,
        summary: Some(summary(wanted, nodes, view.map(AsRef::as_ref), before.summary.as_ref())),
        listeners: wanted
            .listeners
            .iter()
            .map(|l| ListenerStatus {
                name: l.name.clone(),
                bootstrap_servers: wanted.bootstrap(l.port),
                security_protocol: l.protocol().to_owned(),
            })
            .collect(),
        pools: pools(seen, nodes),
        quorum: view.and_then(|v| quorum(v)).or(before.quorum),
        nodes: attention(nodes, seen.kafka.current().map(AsRef::as_ref)),
        partitions: view.map(|view| health::partitions(view)).or(before.partitions),
        health: (health != Health::default()).then_some(health),
        rollout,
        rebalance: plan.told.rebalance.status.clone(),
        leaving: plan.told.scale.leaving.clone(),
        certificates: certificates(&seen.certificates),
    }
}

/// What was told holds until something else is seen.
fn health(wanted: &Wanted, seen: &Seen, before: Option<&Health>) -> Health {
    let before = before.cloned().unwrap_or_default();
    let disks = disks::told(&seen.disks, &before.disks);
    Health {
        disks: if disks.is_empty() { before.disks } else { disks },
        canary: canary::told(wanted, &seen.canary, &before.canary),
    }
}

/// The id that Kafka was first seen with: from then on a spec with another one is refused.
fn cluster_id(wanted: &Wanted, seen: &Seen, known: bool) -> String {
    let seen = seen.kafka.latest().filter(|_| !known).map(|view| &view.cluster_id);
    seen.unwrap_or(&wanted.cluster_id).clone()
}

/// Status when the spec is refused: what runs keeps running, and what Kafka says of it is still shown.
pub fn rejected(
    cluster: &KafkaCluster,
    findings: &[Finding<ClusterReason>],
    kafka: Option<&Sight<ClusterView>>,
    now: Timestamp,
) -> KafkaClusterStatus {
    let before = cluster.status.clone().unwrap_or_default();
    let generation = cluster.metadata.generation;
    let mut verdict = Verdict::refused(findings);
    let meanwhile = if before.bootstrapped {
        "What runs keeps running as it is"
    } else {
        "Nothing is created until this is mended"
    };
    verdict.message = finding::and_then(verdict.message, meanwhile);
    let view = kafka.and_then(Sight::latest);
    KafkaClusterStatus {
        observed_generation: generation,
        conditions: condition::build(&verdict, generation, now, &before.conditions),
        quorum: view.and_then(|v| quorum(v)).or(before.quorum),
        partitions: view.map(|view| health::partitions(view)).or(before.partitions),
        rollout: None,
        ..before
    }
}

/// A failure is said unless something graver is said already.
fn with_outcome(verdict: &Verdict, outcome: &Outcome) -> Verdict {
    let (doing, error, refused) = match outcome {
        Outcome::Done => return verdict.clone(),
        Outcome::Taken { what, earlier: true } => {
            return Verdict::reconciling(
                ClusterReason::Starting,
                format!("{what}. Sluice waits until it is gone"),
            );
        }
        Outcome::Taken { what, earlier: false } => {
            return Verdict::stalled(
                ClusterReason::NameTaken,
                format!(
                    "{what}. It is left as it is. Rename or delete it, or create the KafkaCluster under another name"
                ),
            );
        }
        Outcome::Failed { doing, error, refused } => (doing, error, refused),
    };
    if matches!(verdict.kind, VerdictKind::Stalled | VerdictKind::Unknown) {
        return verdict.clone();
    }
    match (doing, refused) {
        (Doing::Alter, true) => Verdict::stalled(
            ClusterReason::ConfigRefused,
            format!("{}: {error}. The brokers run with what they had. Correct spec.config", doing.text()),
        ),
        (Doing::Grow, true) => Verdict::stalled(
            ClusterReason::ChangeFailed,
            format!(
                "{}: {error}. Everything else goes on. Let the storage class expand volumes (allowVolumeExpansion); it \
                 is tried again now and then",
                doing.text()
            ),
        ),
        (_, true) => Verdict::stalled(
            ClusterReason::ChangeFailed,
            format!("{}: {error}. It is tried again when something changes, and now and then", doing.text()),
        ),
        (_, false) => Verdict::reconciling(
            ClusterReason::ChangeFailed,
            format!("{}: {error}. It is tried again", doing.text()),
        ),
    }
}

fn certificates(seen: &Certificates) -> Vec<CertificateStatus> {
    let phase = |secret: &String| {
        let (_, phase) = seen.authority.as_ref().filter(|(name, _)| name == secret)?;
        (*phase != Phase::Settled).then(|| format!("{phase:?}"))
    };
    let of = |(secret, end): (&String, &Timestamp)| CertificateStatus {
        secret_name: secret.clone(),
        not_after: Time(*end),
        phase: phase(secret),
    };
    seen.ends.iter().map(of).collect()
}

fn summary(
    wanted: &Wanted,
    nodes: &BTreeMap<NodeId, Node>,
    view: Option<&ClusterView>,
    before: Option<&Summary>,
) -> Summary {
    let brokers = wanted.brokers().count();
    let serving = wanted
        .brokers()
        .filter(|id| nodes.get(id).is_some_and(Node::serves))
        .filter(|id| view.is_none_or(|view| view.brokers.get(id).is_some_and(|broker| !broker.fenced)))
        .count();
    let controllers = wanted.controllers().count();
    let voting = view.and_then(|view| view.quorum.as_ref()).map(|quorum| {
        wanted.controllers().filter(|id| quorum.voters.iter().any(|voter| voter.id == *id)).count()
    });
    Summary {
        brokers: format!("{serving}/{brokers}"),
        controllers: match (voting, before) {
            (Some(voting), _) => format!("{voting}/{controllers}"),
            (None, Some(before)) if before.controllers.ends_with(&format!("/{controllers}")) => {
                before.controllers.clone()
            }
            (None, _) => format!("0/{controllers}"),
        },
    }
}

fn quorum(view: &ClusterView) -> Option<QuorumStatus> {
    let quorum = view.quorum.as_ref()?;
    let mut voters: Vec<_> = quorum.voters.iter().map(|voter| voter.id).collect();
    voters.sort_unstable();
    Some(QuorumStatus { leader: quorum.leader, voters, behind: gate::behind(quorum) })
}

fn pools(seen: &Seen, nodes: &BTreeMap<NodeId, Node>) -> Vec<PoolStatus> {
    let mut pools: Vec<_> = seen
        .stateful_sets
        .iter()
        .filter_map(|set| {
            let name = set.metadata.labels.as_ref()?.get(names::POOL_LABEL)?;
            let ids = names::node_ids(set.spec.as_ref()?);
            let of_pool = || nodes.values().filter(|node| node.pool == *name);
            Some(PoolStatus {
                name: name.clone(),
                node_ids: match ids.len() {
                    0 => String::new(),
                    1 => ids.start.to_string(),
                    _ => format!("{}-{}", ids.start, ids.end - 1),
                },
                replicas: count(of_pool().filter(|node| node.uid.is_some()).count()),
                ready_replicas: count(of_pool().filter(|node| node.serves()).count()),
            })
        })
        .collect();
    pools.sort_by(|a, b| a.name.cmp(&b.name));
    pools
}

fn attention(nodes: &BTreeMap<NodeId, Node>, view: Option<&ClusterView>) -> Vec<NodeStatus> {
    let fenced = |node: &Node| {
        node.broker && view.is_some_and(|view| view.brokers.get(&node.id).is_none_or(|broker| broker.fenced))
    };
    nodes
        .values()
        .filter_map(|node| {
            let (state, message) = if !node.serves() {
                (node.state.text(), node.message.clone())
            } else if node.leaving {
                ("Leaving", "it is not in the spec any more".into())
            } else if fenced(node) {
                ("Fenced", "the controllers do not admit this broker".into())
            } else if !node.restart.is_empty() {
                ("Outdated", "it runs what was declared before".into())
            } else {
                ("RackDiffers", view.and_then(|view| health::rack(node, view))?)
            };
            Some(NodeStatus {
                id: node.id,
                pod: node.pod.clone(),
                state: state.into(),
                message,
                restart_reasons: if node.leaving {
                    vec![]
                } else {
                    node.restart.iter().map(RestartReason::text).collect()
                },
            })
        })
        .take(NODES)
        .collect()
}

/// What, why, done and left: from the nodes as they are, and from what status said before.
fn rollout(plan: &Plan, before: Option<&Rollout>) -> Option<Rollout> {
    let (roll, nodes) = (&plan.told.roll, &plan.told.nodes);
    let told = |ids: fn(&Rollout) -> &[NodeId]| before.map(ids).unwrap_or_default().iter().copied();
    // nodes that were restarted belong to the roll until they are back
    let coming_back = |id: &NodeId| nodes.get(id).is_some_and(|node| !node.serves() && !node.leaving);
    let mut restarting: Vec<_> = told(|b| &b.restarting).filter(coming_back).chain(roll.next).collect();
    restarting.sort_unstable();
    restarting.dedup();
    if roll.left.is_empty() && restarting.is_empty() {
        return None;
    }
    let is_done = |id: &NodeId| nodes.contains_key(id) && !roll.left.contains(id) && !restarting.contains(id);
    let mut done: Vec<_> =
        told(|b| &b.done).chain(told(|b| &b.left)).chain(told(|b| &b.restarting)).filter(is_done).collect();
    done.sort_unstable();
    done.dedup();
    let reasons = match (roll.reasons.is_empty(), before) {
        (true, Some(before)) => before.reasons.clone(),
        _ => roll.reasons.iter().map(RestartReason::text).collect(),
    };
    Some(Rollout {
        reasons,
        done,
        left: roll.left.clone(),
        restarting,
        waiting_for: if roll.next.is_some() {
            String::new()
        } else {
            roll.waits_for.clone().unwrap_or_default()
        },
    })
}
