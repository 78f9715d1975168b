//! What we conclude: an ordered list of checks, each one fact; the first that has something to say says it.

use jiff::Timestamp;
use sluice_crds::KafkaClusterStatus;

use super::ClusterReason as Reason;
use super::desired::has_volumes_of_an_earlier_life;
use super::foreign::{another, of_an_earlier_life};
use super::gate;
use super::health;
use super::plan::{Found, Step, reasons_text};
use super::quorum::QuorumStep;
use super::rebalance::verdict as rebalance;
use super::{access, certificates};
use crate::condition::{Verdict, VerdictKind};
use crate::reason::Reason as _;
use crate::view::Sight;

/// How long nodes that are ready may take to answer before we call it not seeing them.
const CONNECT_SECONDS: i64 = 30;
/// How long controllers on old volumes may take to find their quorum before we say that there is none.
const QUORUM_SECONDS: i64 = 120;

/// In the order in which a person would look.
const CHECKS: &[fn(&Found<'_>) -> Option<Verdict>] = &[
    names_are_free,
    certificates::authority_is_usable,
    no_node_fails,
    kafka_is_seen,
    work_is_not_paused,
    nodes_are_restarted,
    nodes_serve,
    kafka_is_seen_since,
    the_quorum_is_complete,
    brokers_are_registered,
    rebalance::leaving_nodes_are_empty,
    partitions_have_leaders,
    partitions_have_enough_in_sync,
    leaving_nodes_are_gone,
    configuration_is_applied,
    access::is_ruled,
    volumes_are_large_enough,
];

pub fn verdict(found: &Found<'_>) -> Verdict {
    CHECKS.iter().find_map(|check| check(found)).unwrap_or_else(|| fine(found))
}

fn fine(found: &Found<'_>) -> Verdict {
    let (brokers, controllers) = (found.wanted.brokers().count(), found.wanted.controllers().count());
    let mut parts =
        vec![format!("{} serve, {} vote", many(brokers, "broker"), many(controllers, "controller"))];
    let under = found.seen.kafka.latest().map_or(0, |view| health::partitions(view).under_replicated);
    if under > 0 {
        // not a reason to be unready: everything can be read and written
        parts.push(format!("under-replicated: {under}"));
    }
    let elsewhere: Vec<_> = found
        .seen
        .kafka
        .current()
        .map(|view| {
            found.nodes.values().filter(|node| health::rack(node, view).is_some()).map(|n| n.id).collect()
        })
        .unwrap_or_default();
    if !elsewhere.is_empty() {
        parts.push(format!("not in the rack of their zone: {} (see status.nodes)", gate::list(&elsewhere)));
    }
    parts.extend(rebalance::line(found.rebalance));
    if found.wanted.paused {
        parts.push("spec.paused is set: Sluice changes nothing".into());
    }
    Verdict::ready(Reason::AllNodesServe, parts.join("; "))
}

pub(super) fn many(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

fn names_are_free(found: &Found<'_>) -> Option<Verdict> {
    let (name, earlier) = of_an_earlier_life(found.wanted, found.seen)?;
    Some(if earlier {
        Verdict::reconciling(
            Reason::Starting,
            format!("{name} of the cluster of this name that was deleted is still being removed"),
        )
    } else {
        Verdict::stalled(
            Reason::NameTaken,
            format!(
                "{name} belongs to another object. Nothing is touched. Rename the pool, or create the cluster under another name"
            ),
        )
    })
}

fn no_node_fails(found: &Found<'_>) -> Option<Verdict> {
    let failing: Vec<_> =
        found.nodes.values().filter(|n| n.fails() && !n.leaving && n.restart.is_empty()).collect();
    let first = failing.first()?;
    let mut parts = vec![format!("Pod {} does not start: {}", first.pod, first.message)];
    if failing.len() > 1 {
        parts.push(format!("{} more do not either", failing.len() - 1));
    }
    if !found.roll.left.is_empty() {
        parts.push("No further node is restarted".into());
    }
    parts.push(first.mend().into());
    let message = parts.join(". ");
    Some(Verdict::stalled(Reason::NodeFailing, message))
}

fn kafka_is_seen(found: &Found<'_>) -> Option<Verdict> {
    if let Some(other) = another(found.wanted, found.seen) {
        return Some(Verdict::unknown(
            Reason::KafkaUnreachable,
            format!(
                "Another Kafka cluster, {other}, answers where {} should. Nothing is changed, in it or in Kubernetes. \
                 Check spec.clusterId, and the names in DNS",
                found.wanted.cluster_id
            ),
        ));
    }
    match &found.seen.kafka {
        Sight::Clear(_) => None,
        Sight::Lost { since, error, .. } => Some(Verdict::unknown(
            Reason::KafkaUnreachable,
            format!(
                "Kafka has not answered since {}: {error}. Sluice keeps asking, and until then restarts nothing that serves{}. \
                 What was seen last is shown",
                time(*since),
                down(found)
            ),
        )),
        Sight::Never { since, error } => Some(not_seen_yet(found, *since, error.as_deref())),
    }
}

fn not_seen_yet(found: &Found<'_>, since: Timestamp, error: Option<&str>) -> Verdict {
    let waited = found.now.as_second() - since.as_second();
    if !found.founded && waited > QUORUM_SECONDS && has_volumes_of_an_earlier_life(found.wanted, found.seen) {
        return Verdict::stalled(
            Reason::QuorumLost,
            "The controllers have volumes from an earlier cluster of this name and do not find a quorum on them. \
             None of them may start a new one, because it could split the cluster. If nothing on the volumes is \
             needed, delete this KafkaCluster and its claims and create it again; else bring back the missing volumes",
        );
    }
    if let Some(verdict) = nodes_serve(found) {
        return verdict;
    }
    let ready = found.nodes.values().filter_map(|node| node.ready_since).max();
    let connects = ready.is_some_and(|ready| found.now.as_second() - ready.as_second() <= CONNECT_SECONDS);
    match error {
        // Sluice itself has just started: what it knew still holds until it has looked
        None => recall(found.previous, found.wanted.generation).unwrap_or_else(|| {
            Verdict::reconciling(Reason::Starting, "All nodes are ready; Sluice connects to Kafka")
        }),
        Some(_) if connects => {
            Verdict::reconciling(Reason::Starting, "All nodes are ready; Sluice connects to Kafka")
        }
        Some(error) => Verdict::unknown(
            Reason::KafkaUnreachable,
            format!(
                "Kafka has not answered since Sluice began to ask at {}: {error}. Sluice keeps asking. Check that \
                 network policies let it reach port {} of the brokers",
                time(since),
                super::names::INTERNAL_PORT
            ),
        ),
    }
}

/// The verdict that status carries, if it is about this generation.
fn recall(previous: Option<&KafkaClusterStatus>, generation: Option<i64>) -> Option<Verdict> {
    let conditions = &previous?.conditions;
    let ready = conditions.iter().find(|c| c.type_ == "Ready" && c.observed_generation == generation)?;
    let stalled = conditions.iter().any(|c| c.type_ == "Stalled" && c.status == "True");
    let (reason, _) = Reason::ALL.iter().find(|(name, _)| *name == ready.reason)?;
    let kind = match (ready.status.as_str(), stalled) {
        ("True", _) => VerdictKind::Ready,
        ("False", true) => VerdictKind::Stalled,
        ("False", false) => VerdictKind::Reconciling,
        _ => VerdictKind::Unknown,
    };
    Some(Verdict { kind, reason, message: ready.message.clone() })
}

fn work_is_not_paused(found: &Found<'_>) -> Option<Verdict> {
    if !found.wanted.paused {
        return None;
    }
    let mut work = Vec::new();
    if !found.roll.left.is_empty() {
        work.push(format!(
            "restart nodes {} ({})",
            gate::list(&found.roll.left),
            reasons_text(&found.roll.reasons)
        ));
    }
    if matches!(found.step, Step::AddVoter { .. } | Step::RemoveVoter { .. } | Step::UnregisterBroker { .. })
    {
        work.push("change the controller quorum".into());
    }
    if !found.alter.is_empty() {
        work.push("set dynamic configuration".into());
    }
    if !found.access.is_empty() {
        work.push("set who may do what".into());
    }
    if !found.claims.grow.is_empty() {
        work.push("enlarge volumes".into());
    }
    if found.nodes.values().any(|node| node.leaving) {
        work.push("let nodes leave".into());
    }
    if found.rebalance.is_active() {
        work.push("go on moving replicas".into());
    }
    (!work.is_empty()).then(|| {
        Verdict::stalled(
            Reason::Paused,
            format!("spec.paused is set. Without it Sluice would {}", work.join(", ")),
        )
    })
}

fn nodes_are_restarted(found: &Found<'_>) -> Option<Verdict> {
    let roll = found.roll;
    if roll.left.is_empty() {
        return None;
    }
    let what =
        format!("Nodes {} are to be restarted: {}", gate::list(&roll.left), reasons_text(&roll.reasons));
    if let Some(node) = roll.next.and_then(|id| found.nodes.get(&id)) {
        return Some(Verdict::reconciling(Reason::Rolling, format!("{what}. {} is restarted now", node.pod)));
    }
    let waits_for = roll.waits_for.as_deref().unwrap_or("the step before it");
    let reason = if nodes_serve(found).is_some() { Reason::Rolling } else { Reason::RollWaiting };
    Some(Verdict::reconciling(reason, format!("{what}. Waiting for {waits_for}")))
}

fn nodes_serve(found: &Found<'_>) -> Option<Verdict> {
    let wanted = found.nodes.values().filter(|node| !node.leaving);
    let (up, down): (Vec<_>, Vec<_>) = wanted.partition(|node| node.serves());
    let first = down.first()?;
    Some(Verdict::reconciling(
        Reason::Starting,
        format!(
            "{} of {} nodes are ready; {}: {}",
            up.len(),
            up.len() + down.len(),
            first.pod,
            first.message
        ),
    ))
}

/// `, and nodes 1, 2 are not ready`
fn down(found: &Found<'_>) -> String {
    let down: Vec<_> =
        found.nodes.values().filter(|node| !node.leaving && !node.serves()).map(|n| n.id).collect();
    if down.is_empty() { String::new() } else { format!("; not ready: {}", gate::list(&down)) }
}

fn kafka_is_seen_since(found: &Found<'_>) -> Option<Verdict> {
    (!found.settled)
        .then(|| Verdict::reconciling(Reason::Starting, "All nodes are ready; Sluice looks at Kafka again"))
}

fn the_quorum_is_complete(found: &Found<'_>) -> Option<Verdict> {
    let message = match found.quorum {
        None => {
            let quorum = found.seen.kafka.current().and_then(|view| view.quorum.as_ref());
            if quorum.is_some_and(|q| q.leader.is_some()) {
                return None;
            }
            "Sluice waits to see the controller quorum".into()
        }
        Some(QuorumStep::Add { id, .. }) => format!("Controller {id} has caught up and becomes a voter"),
        Some(QuorumStep::Remove { id, why, .. }) => format!("Controller {id} loses its vote: {why}"),
        Some(QuorumStep::Wait(what)) => format!("The controller quorum changes; waiting for {what}"),
    };
    Some(Verdict::reconciling(Reason::QuorumChanging, message))
}

fn brokers_are_registered(found: &Found<'_>) -> Option<Verdict> {
    let view = found.seen.kafka.current()?;
    let absent: Vec<_> =
        found.wanted.brokers().filter(|id| view.brokers.get(id).is_none_or(|broker| broker.fenced)).collect();
    (!absent.is_empty()).then(|| {
        Verdict::reconciling(
            Reason::Starting,
            format!("Brokers {} are not admitted by the controllers yet", gate::list(&absent)),
        )
    })
}

fn partitions_have_leaders(found: &Found<'_>) -> Option<Verdict> {
    let health = health::partitions(found.seen.kafka.current()?);
    (health.offline > 0).then(|| {
        Verdict::reconciling(
            Reason::OfflinePartitions,
            format!(
                "{} of {} partitions have no leader and can be neither read nor written: {}",
                health.offline,
                health.total,
                health.examples.join("; ")
            ),
        )
    })
}

fn partitions_have_enough_in_sync(found: &Found<'_>) -> Option<Verdict> {
    let health = health::partitions(found.seen.kafka.current()?);
    (health.under_min_isr > 0).then(|| {
        Verdict::reconciling(
            Reason::UnderMinIsr,
            format!(
                "{} of {} partitions have fewer replicas in sync than min.insync.replicas, so acks=all fails: {}",
                health.under_min_isr,
                health.total,
                health.examples.join("; ")
            ),
        )
    })
}

fn leaving_nodes_are_gone(found: &Found<'_>) -> Option<Verdict> {
    let leaving: Vec<_> = found.nodes.values().filter(|node| node.leaving).map(|node| node.id).collect();
    if leaving.is_empty() {
        return None;
    }
    let waits = found.scale.waits_for.first().map(|w| format!("; {w}")).unwrap_or_default();
    Some(Verdict::reconciling(
        Reason::ScalingIn,
        format!("Nodes {} are leaving{waits}", gate::list(&leaving)),
    ))
}

fn configuration_is_applied(found: &Found<'_>) -> Option<Verdict> {
    if found.seen.dynamic.is_none() {
        return Some(Verdict::reconciling(
            Reason::ConfigApplying,
            "Sluice reads the brokers' dynamic configuration",
        ));
    }
    let mut keys: Vec<_> = found
        .alter
        .iter()
        .flat_map(|change| change.set.keys().chain(&change.reset))
        .map(String::as_str)
        .collect();
    keys.sort_unstable();
    keys.dedup();
    (!keys.is_empty()).then(|| {
        Verdict::reconciling(
            Reason::ConfigApplying,
            format!("Setting {} while the brokers run", keys.join(", ")),
        )
    })
}

fn volumes_are_large_enough(found: &Found<'_>) -> Option<Verdict> {
    let grow = found.claims.grow.iter().map(|claim| &claim.name);
    let names: Vec<_> = grow.chain(&found.claims.growing).map(String::as_str).collect();
    (!names.is_empty()).then(|| {
        Verdict::reconciling(Reason::VolumesGrowing, format!("Volumes are growing: {}", names.join(", ")))
    })
}

fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
