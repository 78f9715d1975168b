//! The plan: where every replica is to be, that no plan has fewer moves, and what it does to each broker.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::model::{Model, Options};
use super::share::Share;
use crate::view::kafka::NodeId;

/// What is to be done, and why it cannot be done with less.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Partitions whose list of replicas changes, by topic and index.
    pub changes: Vec<Change>,
    /// Replicas that are copied to a broker that has none.
    pub moves: usize,
    /// No plan that reaches the shares has fewer moves; `prices` prove it. Equal to `moves`.
    pub lower_bound: usize,
    /// What is copied.
    pub bytes: u64,
    /// Partitions that get another preferred leader.
    pub leaders: usize,
    /// All brokers, by id.
    pub brokers: BTreeMap<NodeId, Load>,
    /// The certificate: see [`lower_bound`](super::lower_bound).
    pub prices: BTreeMap<NodeId, i64>,
    /// Of `changes`: what a user approves.
    pub hash: String,
    /// Of what it was made for, but for sizes, which change all the time: as long as this is the same, so is what the
    /// plan promises.
    pub basis: String,
}

/// One partition's new list of replicas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub topic: Arc<str>,
    pub index: i32,
    pub from: Vec<NodeId>,
    pub to: Vec<NodeId>,
    /// Of one replica.
    pub bytes: u64,
}

/// A broker before and after.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Replicas that it is to have: between these.
    pub share: (usize, usize),
    pub before: Held,
    pub after: Held,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    pub replicas: usize,
    pub bytes: u64,
    /// Partitions that prefer it as their leader.
    pub leaders: usize,
}

impl Change {
    /// Brokers that get a copy.
    pub fn added(&self) -> impl Iterator<Item = NodeId> {
        self.to.iter().copied().filter(|id| !self.from.contains(id))
    }

    pub fn removed(&self) -> impl Iterator<Item = NodeId> {
        self.from.iter().copied().filter(|id| !self.to.contains(id))
    }

    /// What is copied for it.
    pub fn copied(&self) -> u64 {
        self.added().fold(0, |sum, _| sum.saturating_add(self.bytes))
    }

    pub fn changes_leader(&self) -> bool {
        self.from.first() != self.to.first()
    }
}

impl Plan {
    /// Whether all is as it should be.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// What is left of the plan in the world as it is now, whatever of it has been done. Partitions that are gone
    /// are left out.
    pub fn left(&self, world: &Model) -> Vec<Change> {
        let now: BTreeMap<_, _> = world.partitions.iter().map(|p| ((&p.topic, p.index), p)).collect();
        let left = self.changes.iter().filter_map(|change| {
            let seen = now.get(&(&change.topic, change.index))?;
            (seen.replicas != change.to).then(|| Change {
                from: seen.replicas.clone(),
                bytes: seen.bytes,
                ..change.clone()
            })
        });
        left.collect()
    }

    /// The part of the plan that these changes are, for the model that it was made for. What it must copy at least is what
    /// these partitions lack.
    #[must_use]
    pub fn only(&self, model: &Model, keep: impl Fn(&Change) -> bool) -> Self {
        let changes: Vec<_> = self.changes.iter().filter(|change| keep(change)).cloned().collect();
        let mut brokers = self.brokers.clone();
        for load in brokers.values_mut() {
            *load = Load { share: load.share, ..Load::default() };
        }
        weigh(&mut brokers, model, &changes);
        let lacks = |change: &Change| change.to.len().saturating_sub(change.from.len());
        let lower_bound = changes.iter().map(lacks).sum();
        Self { lower_bound, brokers, ..Self::summed(changes, self.basis.clone()) }
    }

    /// `targets`: of each partition of the model, its new list.
    pub(super) fn new(
        model: &Model,
        options: Options,
        changes: Vec<Change>,
        shares: &BTreeMap<NodeId, Share>,
    ) -> Self {
        let mut brokers: BTreeMap<NodeId, Load> = BTreeMap::new();
        for broker in &model.brokers {
            let share = shares.get(&broker.id).map_or((0, 0), |share| (share.floor, share.ceil));
            brokers.insert(broker.id, Load { share, ..Load::default() });
        }
        weigh(&mut brokers, model, &changes);
        Self { brokers, ..Self::summed(changes, basis_of(model, options)) }
    }

    fn summed(changes: Vec<Change>, basis: String) -> Self {
        Self {
            moves: changes.iter().map(|change| change.added().count()).sum(),
            lower_bound: 0,
            bytes: changes.iter().map(Change::copied).fold(0, u64::saturating_add),
            leaders: changes.iter().filter(|change| change.changes_leader()).count(),
            brokers: BTreeMap::new(),
            prices: BTreeMap::new(),
            hash: hash_of(&changes),
            basis,
            changes,
        }
    }
}

/// What each broker holds before and after these changes.
fn weigh(brokers: &mut BTreeMap<NodeId, Load>, model: &Model, changes: &[Change]) {
    let targets: BTreeMap<_, _> = changes.iter().map(|c| ((&c.topic, c.index), &c.to)).collect();
    for partition in &model.partitions {
        let after = targets.get(&(&partition.topic, partition.index)).copied().unwrap_or(&partition.replicas);
        hold(brokers, &partition.replicas, partition.bytes, |load| &mut load.before);
        hold(brokers, after, partition.bytes, |load| &mut load.after);
    }
}

fn hold(
    brokers: &mut BTreeMap<NodeId, Load>,
    replicas: &[NodeId],
    bytes: u64,
    side: impl Fn(&mut Load) -> &mut Held,
) {
    for (at, id) in replicas.iter().enumerate() {
        if let Some(held) = brokers.get_mut(id).map(&side) {
            held.replicas += 1;
            held.bytes = held.bytes.saturating_add(bytes);
            held.leaders += usize::from(at == 0);
        }
    }
}

fn hash_of(changes: &[Change]) -> String {
    let mut text = String::new();
    for change in changes {
        let _ = writeln!(text, "{} {} {:?} {:?}", change.topic, change.index, change.from, change.to);
    }
    digest(&text)
}

fn basis_of(model: &Model, options: Options) -> String {
    let mut lines = Vec::with_capacity(model.brokers.len() + model.partitions.len());
    for b in &model.brokers {
        lines.push(format!("{} {:?} {} {}", b.id, b.rack, b.weight, b.draining));
    }
    for p in &model.partitions {
        lines.push(format!("{} {} {:?} {}", p.topic, p.index, p.replicas, p.wanted));
    }
    lines.sort_unstable();
    digest(&format!("{options:?}\n{}", lines.join("\n")))
}

/// Sixteen hexadecimal digits: nobody meets another plan with the same ones, and a person can compare them.
fn digest(text: &str) -> String {
    Sha256::digest(text).iter().take(8).fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}"); // writing to a String cannot fail
        out
    })
}
