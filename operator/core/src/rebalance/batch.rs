//! What runs at once: a plan's changes cut into batches that no broker is overwhelmed by.
//!
//! Nothing is remembered: `plan.left(world)` → [`next`] → Kafka → `plan.left(world)` … A batch is cut from what is
//! left, so an operator that is killed in between goes on where the cluster is.

use std::collections::BTreeMap;

use super::plan::Change;
use crate::view::kafka::NodeId;

/// What may be under way at once. One partition always may, also where it alone is more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub partitions: usize,
    /// To be copied.
    pub bytes: u64,
    /// Replicas that one broker takes in.
    pub into: usize,
    /// Replicas that one broker, as their leader, serves to others.
    pub out_of: usize,
}

/// The next batch of what is left: the largest first, so that no single one is waited for at the end.
pub fn next(left: &[Change], limits: Limits) -> Vec<Change> {
    let mut order: Vec<_> = left.iter().collect();
    order.sort_by(|a, b| {
        b.copied().cmp(&a.copied()).then_with(|| (&a.topic, a.index).cmp(&(&b.topic, b.index)))
    });
    let mut load = Underway::default();
    let mut batch = Vec::new();
    for change in order {
        if batch.is_empty() || load.has_room(change, limits) {
            load.add(change);
            batch.push(change.clone());
        }
        if batch.len() >= limits.partitions {
            break;
        }
    }
    batch
}

/// All batches, one after the other, should nothing come between.
pub fn all(left: &[Change], limits: Limits) -> Vec<Vec<Change>> {
    let mut left = left.to_vec();
    let mut batches = Vec::new();
    while !left.is_empty() {
        let batch = next(&left, limits);
        left.retain(|change| !batch.contains(change));
        batches.push(batch);
    }
    batches
}

#[derive(Default)]
struct Underway {
    bytes: u64,
    into: BTreeMap<NodeId, usize>,
    out_of: BTreeMap<NodeId, usize>,
}

impl Underway {
    fn has_room(&self, change: &Change, limits: Limits) -> bool {
        let added = change.added().count();
        let into = |id: NodeId| self.into.get(&id).is_none_or(|n| *n < limits.into);
        let serves = |id: &NodeId| self.out_of.get(id).copied().unwrap_or(0) + added <= limits.out_of;
        // what only changes its order copies nothing
        added == 0
            || (self.bytes.saturating_add(change.copied()) <= limits.bytes
                && change.added().all(into)
                && change.from.first().is_none_or(serves))
    }

    fn add(&mut self, change: &Change) {
        self.bytes = self.bytes.saturating_add(change.copied());
        change.added().for_each(|id| *self.into.entry(id).or_insert(0) += 1);
        if let Some(leader) = change.from.first() {
            *self.out_of.entry(*leader).or_insert(0) += change.added().count();
        }
    }
}
