//! Another number of replicas than there is: the KafkaCluster's rebalancing brings it about, and this says how far it is.

use sluice_crds::rebalance::{RebalanceMode, RebalanceStatus};

use super::diff::{Difference, Meanwhile};
use super::plan::Seen;
use super::{TopicReason, Wanted};
use crate::condition::Verdict;
use crate::units::count;
use crate::view::Sight;
use crate::view::kafka::{Reassignment, TopicView};

/// What a KafkaCluster does about replicas.
#[derive(Clone, Copy, Debug)]
pub struct Replicas<'a> {
    pub mode: RebalanceMode,
    pub status: Option<&'a RebalanceStatus>,
}

/// What is under way for this topic.
pub fn meanwhile<'a>(wanted: &Wanted, seen: &Seen<'a>) -> Meanwhile<'a> {
    let view = seen.kafka.and_then(Sight::current);
    let moving = view.and_then(|view| view.reassignments.as_ref()).and_then(|all| all.get(&wanted.name));
    let status = seen.replicas.and_then(|replicas| replicas.status);
    let lowered = status.is_some_and(|status| status.lowered.iter().any(|low| low.topic == wanted.name));
    Meanwhile { moving, lowered }
}

/// `None`: every partition has as many as declared, and they are complete.
pub fn verdict(
    wanted: &Wanted,
    topic: &TopicView,
    seen: &Seen<'_>,
    differences: &[Difference],
) -> Option<Verdict> {
    let differs = differences.iter().find_map(|difference| match difference {
        Difference::ReplicationFactor { kafka, wanted } => Some((*kafka, *wanted)),
        _ => None,
    });
    let status = seen.replicas.and_then(|replicas| replicas.status);
    // another place for a replica is nobody's business here
    let more_or_fewer = |moving: &Reassignment| moving.adding.len() != moving.removing.len();
    let moves = meanwhile(wanted, seen).moving.is_some_and(|moving| moving.values().any(more_or_fewer));
    let factor = wanted.replication_factor.filter(|_| differs.is_some() || moves)?;
    let brokers = seen.kafka.and_then(Sight::current).map_or(0, |view| count(view.serving().count()));
    if let Some((kafka, _)) = differs
        && factor > brokers
    {
        return Some(Verdict::stalled(
            TopicReason::NotEnoughBrokers,
            format!(
                "spec.replicationFactor is {factor} and {brokers} brokers serve. Kafka keeps {kafka}. Add brokers to \
                 KafkaCluster {}, or set spec.replicationFactor: {kafka}",
                wanted.cluster
            ),
        ));
    }
    let cluster = &wanted.cluster;
    if let (Some((kafka, _)), Some(why)) = (differs, refusal(seen, status)) {
        return Some(Verdict::stalled(
            TopicReason::ReplicationFactorDiffers,
            format!(
                "Kafka has replication factor {kafka}, spec.replicationFactor is {factor}, and KafkaCluster {cluster} \
                 does not move replicas: {why}"
            ),
        ));
    }
    let done = topic
        .partitions
        .iter()
        .filter(|p| count(p.replicas.len()) == factor && p.isr.len() >= p.replicas.len());
    let waits = status.filter(|status| !status.message.is_empty());
    let waits = waits.map(|status| format!(". {}", status.message)).unwrap_or_default();
    Some(Verdict::reconciling(
        TopicReason::Replicating,
        format!(
            "Replication factor {factor}: {} of {} partitions have it{waits}",
            done.count(),
            topic.partitions.len()
        ),
    ))
}

/// Why the cluster will not do it until somebody changes something.
fn refusal(seen: &Seen<'_>, status: Option<&RebalanceStatus>) -> Option<String> {
    if seen.replicas.is_some_and(|replicas| replicas.mode == RebalanceMode::Off) {
        return Some(
            "its spec.rebalance.mode is Off. Set it to Auto or Manual, or declare what is there".into(),
        );
    }
    let status = status?;
    let waits = matches!(status.reason.as_str(), "ApprovalNeeded" | "ApprovalOutdated" | "PartitionsOffline");
    (status.phase == "Refused" || waits).then(|| status.message.clone())
}
