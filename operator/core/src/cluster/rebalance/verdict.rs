//! What the cluster's conditions say about replicas that move, or do not.

use sluice_crds::rebalance::RebalanceStatus;

use super::super::ClusterReason as Reason;
use super::super::gate;
use super::super::plan::Found;
use super::super::scale::Blocked;
use super::super::verdict::many;
use super::Rebalance;
use crate::condition::Verdict;

/// Brokers that were taken out of the spec, and still hold replicas.
pub fn leaving_nodes_are_empty(found: &Found<'_>) -> Option<Verdict> {
    let blocked = &found.scale.blocked;
    let first = blocked.first()?;
    let nodes = gate::list(&blocked.iter().map(|b| b.id).collect::<Vec<_>>());
    let holds = holds(first);
    let status = found.rebalance.status.clone().unwrap_or_default();
    Some(match (status.phase.as_str(), status.reason.as_str()) {
        ("Refused", "TooFewBrokers") => Verdict::stalled(
            Reason::TooFewBrokers,
            format!(
                "spec.pools: nodes {nodes} cannot leave: {}. Nothing is touched. Set the pool's replicas back",
                status.message
            ),
        ),
        ("Refused" | "Planned", "ModeOff" | "ApprovalNeeded" | "ApprovalOutdated")
        | ("Refused", _)
        | (_, "PartitionsOffline") => Verdict::stalled(
            Reason::ScaleInBlocked,
            format!(
                "Nodes {nodes} cannot leave: {holds}. Nothing is stopped. {}. Or set the pool's replicas back",
                status.message.trim_end_matches('.')
            ),
        ),
        ("Moving" | "Finishing" | "Cancelling", _) => Verdict::reconciling(
            Reason::ScalingIn,
            format!("Nodes {nodes} are drained: {holds}; {}", moves(&status)),
        ),
        (_, "") => Verdict::reconciling(
            Reason::ScalingIn,
            format!("Nodes {nodes} are to leave: {holds}. Sluice looks where they can go"),
        ),
        _ => Verdict::reconciling(
            Reason::ScalingIn,
            format!("Nodes {nodes} are to leave: {holds}. {}", status.message),
        ),
    })
}

fn holds(first: &Blocked) -> String {
    let some: Vec<_> = first.topics.iter().take(5).map(String::as_str).collect();
    let more = first.topics.len().saturating_sub(some.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("broker {} holds {} of {}{more}", first.id, many(first.partitions, "replica"), some.join(", "))
}

/// For the line of a cluster that is fine.
pub fn line(rebalance: &Rebalance) -> Option<String> {
    let status = rebalance.status.as_ref()?;
    match status.phase.as_str() {
        "Moving" | "Finishing" | "Cancelling" => Some(moves(status)),
        "Planned" => {
            Some(format!("{} wait to be moved (see status.rebalance)", many_moves(status.moves.unwrap_or(0))))
        }
        "Refused" => Some(format!("replicas cannot be moved: {}", status.message)),
        _ => None,
    }
}

fn moves(status: &RebalanceStatus) -> String {
    let (done, all) = (status.done.unwrap_or(0), status.moves.unwrap_or(0));
    let why = if status.message.is_empty() { String::new() } else { format!(" ({})", status.message) };
    format!("{done} of {} done{why}", many_moves(all))
}

fn many_moves(count: i64) -> String {
    format!("{count} move{}", if count == 1 { "" } else { "s" })
}
