//! What `status.rebalance` shows.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use sluice_crds::rebalance::{BrokerLoad, RebalanceStatus};

use super::Rebalance;
use super::cause::Cause;
use super::hold::Hold;
use super::model;
use super::reason::HoldReason;
use super::run::{World, count, texts};
use crate::finding::Finding;
use crate::reason::Reason as _;
use crate::rebalance::{Change, Plan, RebalanceReason};
use crate::units;
use crate::view::kafka::{ClusterView, NodeId};

const NAMED: usize = 5;

/// All is as it should be. What the last plan has done stays.
pub fn balanced(before: &RebalanceStatus) -> RebalanceStatus {
    let done = before.phase == "Balanced";
    let mut status = if done { before.clone() } else { RebalanceStatus::default() };
    "Balanced".clone_into(&mut status.phase);
    (status.reason, status.message, status.since) = Default::default();
    status
}

/// A plan that has not begun.
pub fn planned(world: &World<'_>, causes: &[Cause], made: &Plan, basis: String) -> RebalanceStatus {
    let before = &world.before;
    let since = before.since.clone().filter(|_| before.phase == "Planned");
    let mut status = RebalanceStatus {
        phase: "Planned".into(),
        causes: texts(causes),
        since: since.or(Some(Time(world.ground.now))),
        ..RebalanceStatus::default()
    };
    plan(&mut status, world, made, basis);
    status
}

/// Another plan than before.
pub fn plan(status: &mut RebalanceStatus, world: &World<'_>, plan: &Plan, basis: String) {
    status.hash = Some(plan.hash.clone());
    status.basis = Some(basis);
    status.moves = Some(count(plan.moves));
    status.lower_bound = Some(count(plan.lower_bound));
    status.brokers = plan
        .brokers
        .iter()
        .map(|(id, load)| BrokerLoad {
            id: *id,
            before: units::count(load.before.replicas),
            after: units::count(load.after.replicas),
            leaders_before: units::count(load.before.leaders),
            leaders_after: units::count(load.after.leaders),
        })
        .collect();
    progress(status, world, plan.moves, &plan.changes);
}

/// How far it is: `moves` and `changes` are what has not been begun.
pub fn progress(status: &mut RebalanceStatus, world: &World<'_>, moves: usize, changes: &[Change]) {
    let own: i64 = world.own.iter().map(|(moving, _)| i64::from(moving.copies)).sum();
    let left = count(moves) + own;
    status.left = Some(left);
    status.done = status.moves.map(|all| (all - left).max(0));
    let mut into: BTreeMap<NodeId, u64> = BTreeMap::new();
    let mut out_of: BTreeMap<NodeId, u64> = BTreeMap::new();
    let mut total = 0_u64;
    let mut copy = |topic: &str, index, leader: Option<NodeId>, to: &mut dyn Iterator<Item = NodeId>| {
        let bytes = model::bytes(world.sizes, topic, index);
        for id in to {
            total = total.saturating_add(bytes);
            *into.entry(id).or_default() += bytes;
            *out_of.entry(leader.unwrap_or(-1)).or_default() += bytes;
        }
    };
    for change in changes {
        let leader = model::partition(world.view, &change.topic, change.index).and_then(|p| p.leader);
        copy(&change.topic, change.index, leader, &mut change.added());
    }
    for (moving, _) in &world.own {
        let Some(seen) = model::partition(world.view, &moving.topic, moving.partition) else { continue };
        let mut added = moving.to.iter().copied().filter(|id| !seen.isr.contains(id));
        copy(&moving.topic, moving.partition, seen.leader, &mut added);
    }
    let rate = world.before.throttle.as_ref().map(|throttle| throttle.bytes_per_second);
    let rate = u64::try_from(rate.unwrap_or(world.ground.wanted.rebalance.throttle)).unwrap_or(1).max(1);
    let busiest = into.values().chain(out_of.values()).max().copied().unwrap_or(0);
    status.bytes = i64::try_from(total).ok();
    status.eta_seconds = i64::try_from(busiest.div_ceil(rate)).ok();
}

pub fn hold(status: &mut RebalanceStatus, hold: &Hold) {
    status.reason = hold.reason.as_str().into();
    status.message.clone_from(&hold.message);
}

/// All that is left cannot be copied from anywhere.
pub fn offline(status: &mut RebalanceStatus, plan: &Plan, view: &ClusterView) {
    let offline = plan.changes.iter().filter(|change| {
        model::partition(view, &change.topic, change.index).is_none_or(|p| p.leader.is_none())
    });
    let names: Vec<_> = offline.map(|change| (change.topic.to_string(), change.index)).collect();
    status.reason = HoldReason::PartitionsOffline.as_str().into();
    status.message = format!(
        "{} have no leader, so there is nothing to copy from. Bring back a broker that has their replicas",
        few(&names).join(", ")
    );
}

/// There can be no plan.
pub fn refused(world: &World<'_>, findings: &[Finding<RebalanceReason>]) -> Rebalance {
    let first = findings.first();
    let status = RebalanceStatus {
        phase: "Refused".into(),
        reason: first.map(|finding| finding.reason.as_str().to_owned()).unwrap_or_default(),
        message: first.map(Finding::text).unwrap_or_default(),
        since: world
            .before
            .since
            .clone()
            .filter(|_| world.before.phase == "Refused")
            .or(Some(Time(world.ground.now))),
        ..RebalanceStatus::default()
    };
    Rebalance { status: Some(status), ..Rebalance::default() }
}

/// The first few partitions, and how many more.
pub fn few(partitions: &[(String, i32)]) -> Vec<String> {
    let mut names: Vec<_> =
        partitions.iter().take(NAMED).map(|(topic, index)| format!("{topic}-{index}")).collect();
    if partitions.len() > names.len() {
        names.push(format!("{} more", partitions.len() - names.len()));
    }
    names
}
