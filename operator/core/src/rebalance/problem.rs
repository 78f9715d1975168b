//! The model in numbers: brokers that may hold replicas, partitions and topics counted from 0, in a fixed order.

use std::collections::BTreeMap;

use super::lists::Lists;
use super::model::{Model, Options, Partition, RackRule};
use super::racks::Racks;
use crate::view::kafka::NodeId;

pub struct Problem<'a> {
    /// Of brokers that may hold replicas, ascending.
    pub ids: Vec<NodeId>,
    pub weights: Vec<u64>,
    pub racks: Racks,
    /// By topic and index.
    pub partitions: Vec<&'a Partition>,
    /// Of each partition, numbered.
    pub topics: Vec<usize>,
    /// Replicas that may stay: where they are now, and the broker may hold replicas. In Kafka's order.
    pub current: Lists,
    /// How many partitions want how many replicas.
    pub factors: BTreeMap<usize, usize>,
}

impl<'a> Problem<'a> {
    /// Of a model without [findings](super::check::findings).
    pub fn new(model: &'a Model, options: Options) -> Self {
        let mut live: Vec<_> = model.brokers.iter().filter(|broker| broker.takes()).collect();
        live.sort_by_key(|broker| broker.id);
        let rack = |at: usize| match options.racks {
            RackRule::Spread => live[at].rack.as_deref(),
            RackRule::Ignore => None,
        };
        let mut names: BTreeMap<_, _> = (0..live.len()).map(|at| (rack(at), 0)).collect();
        names.values_mut().enumerate().for_each(|(at, number)| *number = at);
        let racks = Racks::new((0..live.len()).map(|at| names[&rack(at)]).collect());

        let mut partitions: Vec<_> = model.partitions.iter().collect();
        partitions.sort_by(|a, b| (&a.topic, a.index).cmp(&(&b.topic, b.index)));
        let number: BTreeMap<_, _> = live.iter().enumerate().map(|(at, broker)| (broker.id, at)).collect();
        let stays = |p: &&Partition| p.replicas.iter().filter_map(|id| number.get(id).copied()).collect();
        let current = partitions.iter().map(stays).collect::<Vec<Vec<_>>>();
        let mut factors = BTreeMap::new();
        for p in &partitions {
            *factors.entry(p.wanted).or_insert(0) += 1;
        }
        let mut topics = Vec::with_capacity(partitions.len());
        for (at, partition) in partitions.iter().enumerate() {
            let same = at > 0 && partitions[at - 1].topic == partition.topic;
            topics.push(topics.last().map_or(0, |last| if same { *last } else { last + 1 }));
        }
        Self {
            ids: live.iter().map(|broker| broker.id).collect(),
            weights: live.iter().map(|broker| broker.weight.into()).collect(),
            racks,
            partitions,
            topics,
            current: current.into_iter().collect(),
            factors,
        }
    }

    pub fn brokers(&self) -> usize {
        self.ids.len()
    }
}
