//! Clusters for tests and benchmarks: as they are in the middle of a life, and then something is asked of them.

use std::sync::Arc;

use super::model::{Broker, Model, Partition};
use crate::view::kafka::NodeId;

/// What happened to a cluster that needs a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Story {
    /// Brokers came, and are empty.
    Grown,
    /// Brokers are to go.
    Shrinking,
    /// Replicas lie anywhere.
    Scattered,
    /// The racks are not those that replicas were placed for.
    Relabelled,
    /// Topics want more or fewer replicas.
    Refactored,
    /// Brokers of different sizes, some of them new.
    Uneven,
}

pub const STORIES: [Story; 6] =
    [Story::Grown, Story::Shrinking, Story::Scattered, Story::Relabelled, Story::Refactored, Story::Uneven];

/// A cluster with about that many replicas; the same one for the same numbers. The seed also picks the story.
pub fn case(seed: u64, brokers: usize, racks: usize, replicas: usize) -> Model {
    let story = STORIES[Dice(seed).below(STORIES.len())];
    told(story, seed, brokers, racks, replicas)
}

/// A cluster of a given story.
pub fn told(story: Story, seed: u64, brokers: usize, racks: usize, replicas: usize) -> Model {
    let mut dice = Dice(seed ^ 0x0005_10ce);
    let changed = match story {
        Story::Grown | Story::Shrinking | Story::Uneven => 1 + dice.below(brokers.div_ceil(4)),
        Story::Scattered | Story::Relabelled | Story::Refactored => 0,
    };
    let old = brokers.saturating_sub(changed).max(1);
    let mut model = Model {
        brokers: (0..brokers).map(|at| broker(at, racks, story, &mut dice)).collect(),
        partitions: Vec::new(),
    };
    if story == Story::Shrinking {
        model.brokers.iter_mut().skip(old).for_each(|broker| broker.draining = true);
    }
    let holders = if story == Story::Shrinking { brokers } else { old };
    let mut made = 0;
    for topic in 0.. {
        if made >= replicas {
            break;
        }
        // few topics have many partitions
        let most = 1 << (1 + dice.below(7));
        let partitions = 1 + dice.below(most);
        let factor = [1, 2, 3, 3, 3, 3, 3, 5][dice.below(8)].min(old);
        let size = 1_u64 << (10 + dice.below(24));
        let name: Arc<str> = format!("topic-{topic}").into();
        for index in 0..i32::try_from(partitions).unwrap_or(i32::MAX) {
            let wanted = match story {
                Story::Refactored => (factor + dice.below(3)).saturating_sub(1).clamp(1, old),
                _ => factor,
            };
            let replicas = if story == Story::Scattered {
                scattered(holders, factor, &mut dice)
            } else {
                striped(&model.brokers[..holders], made, factor, &mut dice)
            };
            made += wanted;
            let bytes = size + dice.next() % size;
            model.partitions.push(Partition { topic: name.clone(), index, replicas, bytes, wanted });
        }
    }
    if story == Story::Relabelled {
        for broker in &mut model.brokers {
            broker.rack = rack(dice.below(racks.max(1)), racks);
        }
    }
    model
}

fn broker(at: usize, racks: usize, story: Story, dice: &mut Dice) -> Broker {
    let weight = if story == Story::Uneven { [1, 1, 2, 3][dice.below(4)] } else { 1 };
    Broker { id: id(at), rack: rack(at % racks.max(1), racks), weight, draining: false }
}

fn rack(at: usize, racks: usize) -> Option<String> {
    (racks > 1).then(|| format!("zone-{at}"))
}

fn id(at: usize) -> NodeId {
    NodeId::try_from(at).unwrap_or(NodeId::MAX)
}

/// As Kafka places: brokers of different racks in turn, from a random first one.
fn striped(brokers: &[Broker], made: usize, factor: usize, dice: &mut Dice) -> Vec<NodeId> {
    let first = made + dice.below(2);
    (0..factor.min(brokers.len())).map(|at| brokers[(first + at) % brokers.len()].id).collect()
}

/// Mostly on the first brokers.
fn scattered(brokers: usize, factor: usize, dice: &mut Dice) -> Vec<NodeId> {
    let mut replicas = Vec::new();
    while replicas.len() < factor.min(brokers) {
        let most = 1 + dice.below(brokers);
        let broker = id(dice.below(most));
        if !replicas.contains(&broker) {
            replicas.push(broker);
        }
    }
    replicas
}

/// `SplitMix64` (Steele, Lea, Flood 2014): the same numbers everywhere, for the same seed.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Less than `end`, which is at least 1.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end).unwrap_or(1).max(1)).unwrap_or(0)
    }
}
