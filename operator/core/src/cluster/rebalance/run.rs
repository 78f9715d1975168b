//! What happens next: record → throttle → move → … → remove the throttle → elect leaders. Every pass looks where the
//! world is and takes the next step from there.

use sluice_crds::rebalance::{Moving, RebalanceMode, RebalanceStatus, Throttle};

use super::super::gate::is_up;
use super::cause::{Cause, asked_for, causes};
use super::model::{Progress, basis, foreign, is_lost, is_own, partition, progress};
use super::{Act, Ground, Proposal, Rebalance, hold, is_active, min_isr, tell, throttle};
use crate::rebalance::batch::{self, Limits};
use crate::rebalance::{Change, Plan};
use crate::view::kafka::{ClusterView, Reassignments, Sizes};

/// What moves at once. Each batch takes a few seconds more than its bytes do.
const PARTITIONS: usize = 100;
const REPLICAS_OF_A_BROKER: usize = 50;
/// A batch copies about as much as the throttle lets through in this time.
const BATCH_SECONDS: u64 = 60;

/// Everything that is known, once enough is.
pub struct World<'a> {
    pub ground: &'a Ground<'a>,
    pub view: &'a ClusterView,
    pub reassignments: &'a Reassignments,
    pub sizes: &'a Sizes,
    pub before: RebalanceStatus,
    /// What Sluice has recorded as moving and is not done.
    pub own: Vec<(Moving, Progress)>,
}

pub fn next(ground: &Ground<'_>) -> Rebalance {
    let before = ground.previous.and_then(|status| status.rebalance.clone());
    let keep = || Rebalance { status: before.clone(), ..Rebalance::default() };
    let Ok(view) = ground.view else { return keep() };
    let (Some(reassignments), Some(sizes)) = (&view.reassignments, &ground.seen.sizes) else { return keep() };
    if ground.wanted.paused || ground.seen.dynamic.is_none() {
        return keep();
    }
    let before = before.clone().unwrap_or_default();
    let own = before.moving.iter().map(|m| (m.clone(), progress(m, view, reassignments)));
    // what was to go to a broker that is gone for good is planned anew
    let lost = |m: &Moving| m.to.iter().any(|id| is_lost(ground.wanted, view, *id));
    let own = own.filter(|(m, p)| is_own(*p) && (*p == Progress::UnderWay || !lost(m))).collect();
    let mut world = World { ground, view, reassignments, sizes, before, own };
    let mut next = match (ground.wanted.rebalance.mode, &ground.seen.proposal) {
        (RebalanceMode::Off, _) if is_active(&world.before) => world.cancel(),
        (_, Some(proposal)) => match &proposal.answer {
            Ok(plan) => {
                let causes = causes(proposal, plan, ground.wanted.rebalance.threshold);
                let begun = is_active(&world.before).then(|| world.before.causes.clone());
                let plan = asked_for(proposal, plan, &causes, begun.as_deref());
                world.follow(proposal, &plan, &causes)
            }
            Err(findings) if !is_active(&world.before) => tell::refused(&world, findings),
            // said once the throttle is gone
            Err(_) if world.own.is_empty() => world.finish(None),
            Err(_) => world.await_own(None),
        },
        (_, None) => return keep(),
    };
    if let Some(status) = &mut next.status {
        let own = &status.moving;
        status.foreign = tell::few(&foreign(view, reassignments, own));
    }
    next
}

impl World<'_> {
    /// The plan, from where the world is.
    fn follow(&mut self, proposal: &Proposal, plan: &Plan, causes: &[Cause]) -> Rebalance {
        let basis = basis(&proposal.model);
        let wish = &self.ground.wanted.rebalance;
        if !is_active(&self.before) {
            return self.begin(causes, plan, basis);
        }
        if !self.own.is_empty() {
            return self.await_own(Some(plan));
        }
        if self.before.phase != "Moving" {
            return self.finish(Some(plan));
        }
        let left = count(plan.moves);
        let same = self.before.basis.as_ref() == Some(&basis) && self.before.left.is_some_and(|l| left <= l);
        let goes_on = match wish.mode {
            RebalanceMode::Auto => !causes.is_empty() || same,
            RebalanceMode::Manual => same && wish.approved == self.before.hash,
            RebalanceMode::Off => false,
        };
        if plan.is_empty() || !goes_on {
            return self.finish(Some(plan));
        }
        let mut status = self.before.clone();
        if !same {
            tell::plan(&mut status, self, plan, basis);
            if !causes.is_empty() {
                status.causes = texts(causes);
            }
        }
        self.batch(status, plan)
    }

    /// Nothing moves yet.
    fn begin(&mut self, causes: &[Cause], plan: &Plan, basis: String) -> Rebalance {
        if causes.is_empty() {
            return Rebalance { status: Some(tell::balanced(&self.before)), ..Rebalance::default() };
        }
        let mut status = tell::planned(self, causes, plan, basis);
        if let Some(hold) = hold::of_plan(self.ground, &self.before, causes, plan) {
            let again = hold.again;
            tell::hold(&mut status, &hold);
            return Rebalance { status: Some(status), again, ..Rebalance::default() };
        }
        self.batch(status, plan)
    }

    /// The next part of what is left.
    fn batch(&mut self, mut status: RebalanceStatus, plan: &Plan) -> Rebalance {
        let led = |change: &&Change| {
            partition(self.view, &change.topic, change.index).is_some_and(|p| p.leader.is_some())
        };
        let changes: Vec<_> = plan.changes.iter().filter(led).cloned().collect();
        let batch = batch::next(&changes, limits(self.ground.wanted.rebalance.throttle, plan));
        "Moving".clone_into(&mut status.phase);
        tell::progress(&mut status, self, plan.moves, &plan.changes);
        if batch.is_empty() {
            tell::offline(&mut status, plan, self.view);
            return self.pause(status);
        }
        if let Some(hold) = hold::of_batch(self.ground) {
            tell::hold(&mut status, &hold);
            return self.pause(status);
        }
        let described = |change: &&Change| {
            self.view.topics.get(&*change.topic).is_some_and(|topic| topic.configs.is_some())
        };
        if !batch.iter().all(|change| described(&change)) {
            return self.pause(status);
        }
        status.moving = batch.iter().map(|change| self.moving(change)).collect();
        self.own = status.moving.iter().map(|m| (m.clone(), Progress::Recorded)).collect();
        self.carry_out(status)
    }

    /// Nothing is begun now, so nothing is slowed meanwhile.
    fn pause(&self, mut status: RebalanceStatus) -> Rebalance {
        let act = self.release(&mut status, false).map(Act::Throttle);
        Rebalance { status: Some(status), act, again: None }
    }

    /// What is to be set back in Kafka, if something is; what was set is forgotten once there is nothing. `surely`: also
    /// what we do not see.
    fn release(&self, status: &mut RebalanceStatus, surely: bool) -> Option<throttle::Change> {
        let dynamic = self.ground.seen.dynamic.as_ref();
        let remains = |(throttle, dynamic)| throttle::remains(throttle, surely, self.view, dynamic);
        let mut change = status.throttle.as_ref().zip(dynamic).map(remains).unwrap_or_default();
        min_isr::change(&status.lowered, &[], self.view, &mut change);
        if change.is_empty() {
            (status.throttle, status.lowered) = (None, vec![]);
            return None;
        }
        Some(change)
    }

    fn moving(&self, change: &Change) -> Moving {
        let id = self.view.topics.get(&*change.topic).map(|topic| topic.id.to_string());
        Moving {
            topic: change.topic.to_string(),
            topic_id: id.unwrap_or_default(),
            partition: change.index,
            to: change.to.clone(),
            copies: i32::try_from(change.added().count()).unwrap_or(i32::MAX),
        }
    }

    /// What is recorded is done first.
    fn await_own(&mut self, rest: Option<&Plan>) -> Rebalance {
        let lost = |m: &Moving| m.to.iter().any(|id| is_lost(self.ground.wanted, self.view, *id));
        let doomed: Vec<_> = self.own.iter().map(|(moving, _)| moving).filter(|m| lost(m)).cloned().collect();
        if !doomed.is_empty() {
            let mut status = self.before.clone();
            status.moving = self.own.iter().map(|(moving, _)| moving.clone()).collect();
            (status.reason, status.message) = Default::default();
            return Rebalance { status: Some(status), act: Some(Act::Cancel(doomed)), again: None };
        }
        let mut status = self.before.clone();
        status.moving = self.own.iter().map(|(moving, _)| moving.clone()).collect();
        "Moving".clone_into(&mut status.phase);
        tell::progress(&mut status, self, rest.map_or(0, |p| p.moves), rest.map_or(&[][..], |p| &p.changes));
        self.carry_out(status)
    }

    /// The throttle as recorded, then the moves as recorded.
    fn carry_out(&self, mut status: RebalanceStatus) -> Rebalance {
        (status.reason, status.message) = Default::default();
        if let Some(hold) = hold::of_own(self.ground, self.view, &self.with(Progress::UnderWay)) {
            tell::hold(&mut status, &hold);
        }
        let limit = self.ground.wanted.rebalance.throttle;
        let suffers = throttle::suffers(self.ground, &status.moving, self.view, self.reassignments);
        let wanted = throttle::wanted(
            self.before.throttle.as_ref(),
            &status.moving,
            limit,
            suffers,
            self.view,
            self.ground.now,
        );
        status.throttle.clone_from(&wanted);
        status.lowered = min_isr::wanted(&self.before.lowered, &status.moving, self.view, self.reassignments);
        let moving = &status.moving;
        let lacks = |(throttle, dynamic): (Throttle, _)| {
            throttle::change(&throttle, moving, self.view, self.reassignments, dynamic)
        };
        let mut change = wanted.zip(self.ground.seen.dynamic.as_ref()).map(lacks).unwrap_or_default();
        min_isr::change(&status.lowered, moving, self.view, &mut change);
        if !change.is_empty() {
            return Rebalance { status: Some(status), act: Some(Act::Throttle(change)), again: None };
        }
        let recorded: Vec<_> = self.with(Progress::Recorded);
        if recorded.is_empty() {
            return Rebalance { status: Some(status), ..Rebalance::default() };
        }
        if let Some(hold) = hold::of_batch(self.ground) {
            tell::hold(&mut status, &hold);
            return Rebalance { status: Some(status), ..Rebalance::default() };
        }
        Rebalance { status: Some(status), act: Some(Act::Move(recorded)), again: None }
    }

    fn with(&self, progress: Progress) -> Vec<Moving> {
        self.own.iter().filter(|(_, p)| *p == progress).map(|(moving, _)| moving.clone()).collect()
    }

    /// `mode: Off` while replicas move.
    fn cancel(&self) -> Rebalance {
        let under_way = self.with(Progress::UnderWay);
        if under_way.is_empty() {
            return self.finish(None);
        }
        let mut status = self.before.clone();
        "Cancelling".clone_into(&mut status.phase);
        "spec.rebalance.mode is Off: what moves is taken back".clone_into(&mut status.message);
        status.moving.clone_from(&under_way);
        Rebalance { status: Some(status), act: Some(Act::Cancel(under_way)), again: None }
    }

    /// Nothing moves any more: the throttle goes, then preferred leaders are elected.
    fn finish(&self, plan: Option<&Plan>) -> Rebalance {
        let mut status = self.before.clone();
        (status.reason, status.message) = Default::default();
        "Finishing".clone_into(&mut status.phase);
        status.moving.clear();
        if let Some(plan) = plan {
            tell::progress(&mut status, self, plan.moves, &plan.changes);
        }
        // once also what we do not see: what we have read may be older than what we have set
        let surely = self.before.phase != "Finishing";
        if let Some(remains) = self.release(&mut status, surely) {
            return Rebalance { status: Some(status), act: Some(Act::Throttle(remains)), again: None };
        }
        let unled = self.unled();
        if !unled.is_empty() && self.ground.wanted.rebalance.mode != RebalanceMode::Off {
            return Rebalance { status: Some(status), act: Some(Act::Elect(unled)), again: None };
        }
        "Balanced".clone_into(&mut status.phase);
        status.since = None;
        Rebalance { status: Some(status), ..Rebalance::default() }
    }

    /// Partitions whose preferred leader could lead, and does not.
    fn unled(&self) -> Vec<(String, i32)> {
        let mut unled = Vec::new();
        for (name, topic) in &self.view.topics {
            for (index, partition) in (0..).zip(&topic.partitions) {
                let Some(preferred) = partition.replicas.first() else { continue };
                let serves = is_up(*preferred, self.view);
                let could = serves && partition.isr.contains(preferred) && partition.leader.is_some();
                if could && partition.leader.as_ref() != Some(preferred) {
                    unled.push((name.clone(), index));
                }
            }
        }
        unled
    }
}

fn limits(throttle: i64, plan: &Plan) -> Limits {
    let rate = u64::try_from(throttle).unwrap_or(1);
    let brokers = u64::try_from(plan.brokers.len()).unwrap_or(1);
    Limits {
        partitions: PARTITIONS,
        bytes: rate.saturating_mul(BATCH_SECONDS).saturating_mul(brokers),
        into: REPLICAS_OF_A_BROKER,
        out_of: REPLICAS_OF_A_BROKER,
    }
}

pub fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Causes as status says them.
pub fn texts(causes: &[Cause]) -> Vec<String> {
    causes.iter().map(|cause| format!("{cause:?}")).collect()
}
