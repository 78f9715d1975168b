//! Small clusters, written short, and what tests ask of a plan.

use std::collections::BTreeMap;

use crate::rebalance::{Broker, Change, Model, Options, Partition, Plan, plan};
use crate::view::kafka::NodeId;

pub fn broker(id: NodeId) -> Broker {
    Broker { id, rack: None, weight: 1, draining: false }
}

impl Broker {
    #[must_use]
    pub fn rack(self, rack: &str) -> Self {
        Self { rack: Some(rack.into()), ..self }
    }

    #[must_use]
    pub fn weight(self, weight: u32) -> Self {
        Self { weight, ..self }
    }

    #[must_use]
    pub fn drains(self) -> Self {
        Self { draining: true, ..self }
    }
}

/// A topic of partitions with 100 bytes each, which are to keep their number of replicas.
pub fn topic<const N: usize>(name: &str, partitions: [&[NodeId]; N]) -> Vec<Partition> {
    let partition = |(index, replicas): (i32, &[NodeId])| Partition {
        topic: name.into(),
        index,
        replicas: replicas.to_vec(),
        bytes: 100,
        wanted: replicas.len(),
    };
    (0..).zip(partitions).map(partition).collect()
}

pub fn model(brokers: impl IntoIterator<Item = Broker>, partitions: Vec<Partition>) -> Model {
    Model { brokers: brokers.into_iter().collect(), partitions }
}

pub fn planned(model: &Model) -> Plan {
    plan(model, Options::default()).unwrap()
}

/// The world once these changes are made.
pub fn apply<'a>(model: &Model, changes: impl IntoIterator<Item = &'a Change>) -> Model {
    let mut model = model.clone();
    for change in changes {
        let same = |p: &&mut Partition| p.topic == change.topic && p.index == change.index;
        model.partitions.iter_mut().find(same).unwrap().replicas.clone_from(&change.to);
    }
    model
}

pub fn counts(model: &Model) -> BTreeMap<NodeId, usize> {
    let mut counts: BTreeMap<_, _> = model.brokers.iter().map(|broker| (broker.id, 0)).collect();
    model.partitions.iter().flat_map(|p| &p.replicas).for_each(|id| *counts.get_mut(id).unwrap() += 1);
    counts
}

/// On how many racks a partition lies.
pub fn racks(model: &Model, replicas: &[NodeId]) -> usize {
    let rack = |id: &NodeId| model.brokers.iter().find(|broker| broker.id == *id).unwrap().rack.clone();
    replicas.iter().map(rack).collect::<std::collections::BTreeSet<_>>().len()
}
