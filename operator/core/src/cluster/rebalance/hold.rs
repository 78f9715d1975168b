//! Whether a plan may begin, and a next batch.

use std::collections::BTreeMap;

use sluice_crds::rebalance::{Moving, RebalanceMode, RebalanceStatus};

use super::super::gate::{self, effective};
use super::cause::Cause;
use super::model::is_lost;
use super::reason::HoldReason as Reason;
use super::{Ground, throttle};
use crate::rebalance::Plan;
use crate::view::kafka::{ClusterView, NodeId, Reassignments};

/// How long the load must have been uneven.
const SETTLING_SECONDS: i64 = 300;

pub struct Hold {
    pub reason: Reason,
    pub message: String,
    /// Seconds after which it may be over.
    pub again: Option<i64>,
}

#[allow(clippy::unnecessary_wraps)] // as each of the checks has it
fn hold(reason: Reason, message: impl Into<String>) -> Option<Hold> {
    Some(Hold { reason, message: message.into(), again: None })
}

/// Why a plan does not begin, in the order in which a person would look.
pub fn of_plan(ground: &Ground<'_>, before: &RebalanceStatus, causes: &[Cause], plan: &Plan) -> Option<Hold> {
    let wish = &ground.wanted.rebalance;
    let approved = wish.approved.as_ref() == Some(&plan.hash);
    match (wish.mode, &wish.approved) {
        (RebalanceMode::Off, _) => hold(
            Reason::ModeOff,
            "spec.rebalance.mode is Off: nothing is moved. Set it to Auto, or to Manual to approve each plan",
        ),
        (RebalanceMode::Manual, None) => hold(
            Reason::ApprovalNeeded,
            format!("The plan waits. Set spec.rebalance.approvedPlan to {} to run it", plan.hash),
        ),
        (RebalanceMode::Manual, Some(other)) if !approved => hold(
            Reason::ApprovalOutdated,
            format!(
                "spec.rebalance.approvedPlan is {other}, which is not this plan: the cluster has changed since, or \
                 that plan is done. Nothing is moved. Look at the plan and set it to {} to run it",
                plan.hash
            ),
        ),
        _ if approved => of_batch(ground),
        _ => first_seen(ground, before, causes, plan)
            .or_else(|| settling(ground, before, causes))
            .or_else(|| of_batch(ground)),
    }
}

/// An upgrade of Sluice starts no data movement by itself, also where one was declared that an earlier Sluice did not make.
fn first_seen(ground: &Ground<'_>, before: &RebalanceStatus, causes: &[Cause], plan: &Plan) -> Option<Hold> {
    let old = ground.previous.is_some_and(|status| status.bootstrapped);
    let same_brokers = before.brokers.iter().map(|broker| broker.id).eq(plan.brokers.keys().copied());
    let told = |cause: &Cause| before.causes.contains(&format!("{cause:?}"));
    let more = causes.iter().any(|cause| Cause::DECLARED.contains(cause) && !told(cause));
    let same = same_brokers && !more;
    let first = (before.phase.is_empty() && old) || (before.reason == "FirstSeen" && same);
    if !first {
        return None;
    }
    hold(
        Reason::FirstSeen,
        format!(
            "Replicas were not as they should be when this Sluice first saw the cluster, and an upgrade moves nothing. Set \
             spec.rebalance.approvedPlan to {} to run the plan; otherwise it runs when brokers next come or leave",
            plan.hash
        ),
    )
}

fn settling(ground: &Ground<'_>, before: &RebalanceStatus, causes: &[Cause]) -> Option<Hold> {
    if causes != [Cause::Imbalance] {
        return None;
    }
    let since = before.since.as_ref().map_or(ground.now.as_second(), |since| since.0.as_second());
    let left = SETTLING_SECONDS - (ground.now.as_second() - since);
    (left > 0).then(|| Hold {
        reason: Reason::Settling,
        message: "The load is uneven. The plan runs once that has lasted for five minutes".into(),
        again: Some(left),
    })
}

/// Why nothing more is begun at the moment.
pub fn of_batch(ground: &Ground<'_>) -> Option<Hold> {
    let Ok(view) = ground.view else { return hold(Reason::BrokersDown, "Sluice waits to see Kafka") };
    if ground.rolling {
        return hold(Reason::Rolling, "Nodes are restarted. Moves go on when all are back");
    }
    let absent = |id: &i32| {
        view.brokers.get(id).is_none_or(|broker| broker.fenced)
            || ground.nodes.get(id).is_some_and(|node| !node.serves())
    };
    let down: Vec<_> = ground.wanted.brokers().filter(absent).collect();
    if !down.is_empty() {
        let message = format!("Brokers {} do not serve. Moves go on when they do", gate::list(&down));
        return hold(Reason::BrokersDown, message);
    }
    let reassignments = view.reassignments.as_ref()?;
    if let Some(name) = under_min_isr(ground, view, reassignments) {
        return hold(
            Reason::UnderMinIsr,
            format!(
                "Partition {name} has fewer replicas in sync than min.insync.replicas. Moves go on when it has enough"
            ),
        );
    }
    foreign_throttle(ground)
}

/// What moves goes to a broker that does not serve.
pub fn of_own(ground: &Ground<'_>, view: &ClusterView, moving: &[Moving]) -> Option<Hold> {
    let waits = |m: &&Moving| m.to.iter().any(|id| !gate::is_up(*id, view));
    let count = moving.iter().filter(waits).count();
    let mut down: Vec<NodeId> = moving.iter().flat_map(|m| m.to.iter().copied()).collect();
    down.retain(|id| !gate::is_up(*id, view) && ground.wanted.pool_of(*id).is_some());
    down.sort_unstable();
    down.dedup();
    if down.is_empty() {
        return None;
    }
    hold(
        Reason::BrokersDown,
        format!(
            "{count} partitions are on their way to brokers {}, which do not serve. They go on when these do; if they are \
             gone for good, take them out of spec.pools",
            gate::list(&down)
        ),
    )
}

fn under_min_isr(ground: &Ground<'_>, view: &ClusterView, reassignments: &Reassignments) -> Option<String> {
    view.topics.iter().find_map(|(name, topic)| {
        let min_isr = topic.min_isr?;
        let moves = |index| reassignments.get(name).is_some_and(|moving| moving.contains_key(&index));
        let short = (0..)
            .zip(&topic.partitions)
            .filter(|(index, p)| p.leader.is_some() && !moves(*index) && p.isr.len() < effective(min_isr, p))
            // replicas on brokers that are gone for good come back nowhere but by being moved
            .find(|(_, p)| {
                let mut missing = p.replicas.iter().copied().filter(|id| !p.isr.contains(id));
                missing.any(|id| !is_lost(ground.wanted, view, id))
            })?;
        Some(format!("{name}-{}", short.0))
    })
}

fn foreign_throttle(ground: &Ground<'_>) -> Option<Hold> {
    let ours = ground.previous.and_then(|s| s.rebalance.as_ref()).is_some_and(|r| r.throttle.is_some());
    let dynamic = ground.seen.dynamic.as_ref()?;
    let set = |configs: &BTreeMap<String, String>| {
        throttle::RATES.iter().find(|key| configs.contains_key(**key)).map(|key| (*key).to_owned())
    };
    let of_all = || {
        set(&dynamic.cluster)
            .filter(|_| !ours)
            .map(|key| (key, "all brokers".to_owned(), "--entity-default".to_owned()))
    };
    // what one broker has of its own goes before what holds for all
    let of_one = dynamic.brokers.iter().find_map(|(id, configs)| {
        set(configs).map(|key| (key, format!("broker {id}"), format!("--entity-name {id}")))
    });
    let (key, whom, entity) = of_one.or_else(of_all)?;
    hold(
        Reason::ForeignThrottle,
        format!(
            "Somebody else has set {key} for {whom}. It is left alone, and nothing is moved. Remove it with kafka-configs \
             --entity-type brokers {entity} --alter --delete-config {key}"
        ),
    )
}
