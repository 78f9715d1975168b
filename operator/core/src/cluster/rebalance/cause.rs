//! Why replicas should move.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::Proposal;
use crate::rebalance::Plan;

/// In the order in which they concern a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    BrokersLeave,
    ReplicationFactor,
    BrokersCame,
    Racks,
    Imbalance,
}

impl Cause {
    /// Those that the spec states.
    pub const DECLARED: [Self; 2] = [Self::BrokersLeave, Self::ReplicationFactor];
}

/// As much of the plan as its causes ask for: where a Topic's replication factor is all that differs, replicas of others stay
/// where they are, though the whole plan would even out a little more. `begun` are the causes of what is under way.
pub fn asked_for<'a>(
    proposal: &Proposal,
    plan: &'a Plan,
    causes: &[Cause],
    begun: Option<&[String]>,
) -> Cow<'a, Plan> {
    let is_all = match (causes, begun) {
        // what moves counts as done already
        ([], Some([begun])) => *begun == format!("{:?}", Cause::ReplicationFactor),
        (causes, _) => causes == [Cause::ReplicationFactor],
    };
    if !is_all {
        return Cow::Borrowed(plan);
    }
    let differs = proposal.model.partitions.iter().filter(|p| p.wanted != p.replicas.len());
    let differs: BTreeSet<_> = differs.map(|p| (&*p.topic, p.index)).collect();
    Cow::Owned(plan.only(&proposal.model, |change| differs.contains(&(&*change.topic, change.index))))
}

/// What the plan is for; nothing where replicas may stay, though a few might lie better.
pub fn causes(proposal: &Proposal, plan: &Plan, threshold: i32) -> Vec<Cause> {
    if plan.is_empty() {
        return vec![];
    }
    let model = &proposal.model;
    let held = |id| plan.brokers.get(&id).map_or(0, |load| load.before.replicas);
    let leaves = model.brokers.iter().any(|broker| !broker.takes() && held(broker.id) > 0);
    let factor = model.partitions.iter().any(|p| p.wanted != p.replicas.len());
    let takers = || model.brokers.iter().filter(|broker| broker.takes());
    let came = takers().any(|b| held(b.id) == 0 && plan.brokers.get(&b.id).is_some_and(|l| l.share.0 > 0));
    let threshold = usize::try_from(threshold).unwrap_or(usize::MAX);
    let uneven = takers().filter_map(|broker| plan.brokers.get(&broker.id)).any(|load| {
        let (floor, ceil) = load.share;
        let off = floor.saturating_sub(load.before.replicas).max(load.before.replicas.saturating_sub(ceil));
        // with a few replicas each one is many percent
        off > 1 && off.saturating_mul(100) > threshold.saturating_mul(ceil)
    });
    [
        (leaves, Cause::BrokersLeave),
        (factor, Cause::ReplicationFactor),
        (came && plan.moves > 0, Cause::BrokersCame),
        (proposal.misplaced > 0 && plan.moves > 0, Cause::Racks),
        (uneven && plan.moves > 0, Cause::Imbalance),
    ]
    .into_iter()
    .filter_map(|(holds, cause)| holds.then_some(cause))
    .collect()
}
