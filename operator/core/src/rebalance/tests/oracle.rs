//! Every plan there is, for clusters so small that all can be looked at.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::worlds::{model, planned};
use crate::rebalance::{Broker, Model, Options, Partition, RackRule, lower_bound, plan};
use crate::view::kafka::NodeId;

/// Up to five brokers on up to three racks, some heavier, some leaving, and up to four partitions anywhere.
pub fn tiny() -> impl Strategy<Value = Model> {
    let broker = (0..3_u8, 1..4_u32, prop::bool::weighted(0.2));
    let partition =
        (0..2_u8, prop::sample::subsequence((0..5).collect::<Vec<NodeId>>(), 1..4), 1..4_usize, 0..9_u64);
    let shuffled = partition.prop_flat_map(|(topic, replicas, wanted, bytes)| {
        Just(replicas).prop_shuffle().prop_map(move |replicas| (topic, replicas, wanted, bytes))
    });
    (prop::collection::vec(broker, 1..6), prop::collection::vec(shuffled, 1..5)).prop_map(
        |(brokers, partitions)| {
            let brokers: Vec<_> = (0..)
                .zip(brokers)
                .map(|(id, (rack, weight, draining))| Broker {
                    id,
                    rack: (rack > 0).then(|| rack.to_string()),
                    weight,
                    draining: draining && id > 0,
                })
                .collect();
            let live = brokers.iter().filter(|broker| broker.takes()).count();
            let partitions = (0..).zip(partitions).map(|(index, (topic, mut replicas, wanted, bytes))| {
                replicas.retain(|id| brokers.iter().any(|broker| broker.id == *id));
                Partition {
                    topic: format!("t{topic}").into(),
                    index,
                    replicas,
                    bytes,
                    wanted: wanted.min(live),
                }
            });
            let partitions = partitions.collect();
            model(brokers, partitions)
        },
    )
}

/// All sets of live brokers that a partition may lie on: as even over racks as racks are large.
fn sets(model: &Model, wanted: usize) -> Vec<Vec<NodeId>> {
    let live: Vec<_> = model.brokers.iter().filter(|broker| broker.takes()).collect();
    let mut racks = BTreeMap::<_, usize>::new();
    for broker in &live {
        *racks.entry(broker.rack.clone()).or_insert(0) += 1;
    }
    let all = (0_usize..1 << live.len()).filter(|set| set.count_ones() as usize == wanted);
    let chosen = |set: usize| (0..live.len()).filter(move |at| set & (1 << at) != 0).map(|at| live[at]);
    // two racks differ by at most one, unless the lesser one is full
    let even = |set: &usize| {
        let count = |rack: &Option<String>| chosen(*set).filter(|broker| broker.rack == *rack).count();
        racks.iter().all(|(a, size)| racks.keys().all(|b| count(b) <= count(a) + 1 || count(a) == *size))
    };
    all.filter(even).map(|set| chosen(set).map(|broker| broker.id).collect()).collect()
}

/// Calls with the replicas per broker and the moves of every assignment there is.
fn each(
    model: &Model,
    at: usize,
    counts: &mut BTreeMap<NodeId, usize>,
    moves: usize,
    see: &mut impl FnMut(&BTreeMap<NodeId, usize>, usize),
) {
    let Some(partition) = model.partitions.get(at) else { return see(counts, moves) };
    for set in sets(model, partition.wanted) {
        for id in &set {
            *counts.get_mut(id).unwrap() += 1;
        }
        let more = set.iter().filter(|id| !partition.replicas.contains(id)).count();
        each(model, at + 1, counts, moves + more, see);
        for id in &set {
            *counts.get_mut(id).unwrap() -= 1;
        }
    }
}

fn all(model: &Model, mut see: impl FnMut(&BTreeMap<NodeId, usize>, usize)) {
    let live = model.brokers.iter().filter(|broker| broker.takes());
    each(model, 0, &mut live.map(|broker| (broker.id, 0)).collect(), 0, &mut see);
}

proptest! {
    #[test]
    fn no_plan_at_all_has_fewer_moves(model in tiny()) {
        let plan = planned(&model);
        let mut least = usize::MAX;
        all(&model, |counts, moves| {
            let within = |(id, count): (&NodeId, &usize)| {
                let (floor, ceil) = plan.brokers[id].share;
                (floor..=ceil).contains(count)
            };
            if counts.iter().all(within) {
                least = least.min(moves);
            }
        });
        prop_assert_eq!((plan.moves, plan.lower_bound), (least, least));
    }

    /// Nobody can be given more without another having less than that, for the weight: the heart of fairness.
    #[test]
    fn no_assignment_at_all_is_fairer_to_the_least_or_to_the_most_loaded(model in tiny()) {
        let mut model = model;
        for broker in &mut model.brokers {
            broker.weight = 1;
        }
        let plan = planned(&model);
        let (mut least, mut most) = (0, usize::MAX);
        all(&model, |counts, _| {
            least = least.max(*counts.values().min().unwrap());
            most = most.min(*counts.values().max().unwrap());
        });
        let live: Vec<_> = model.brokers.iter().filter(|b| b.takes()).map(|b| plan.brokers[&b.id].after.replicas).collect();
        prop_assert_eq!((live.iter().min(), live.iter().max()), (Some(&least), Some(&most)));
    }

    #[test]
    fn where_racks_are_nothing_the_share_is_the_weights_unless_a_broker_would_need_a_partition_twice(model in tiny()) {
        let plan = plan(&model, Options { racks: RackRule::Ignore }).unwrap();
        let live = || model.brokers.iter().filter(|broker| broker.takes());
        let weights: usize = live().map(|broker| broker.weight as usize).sum();
        let wanted: usize = model.partitions.iter().map(|p| p.wanted).sum();
        let fits = |k: usize| model.partitions.iter().map(|p| p.wanted.min(k)).sum::<usize>();
        let mut heaviest: Vec<_> = live().map(|broker| broker.weight as usize).collect();
        heaviest.sort_unstable_by_key(|weight| std::cmp::Reverse(*weight));
        let plain = (0..=heaviest.len()).all(|k| heaviest[..k].iter().sum::<usize>() * wanted <= fits(k) * weights);
        for broker in live().filter(|_| plain) {
            let exact = broker.weight as usize * wanted;
            prop_assert_eq!(plan.brokers[&broker.id].share, (exact / weights, exact.div_ceil(weights)));
        }
    }

    #[test]
    fn no_prices_at_all_give_a_bound_above_the_moves(model in tiny(), prices in prop::collection::vec(-3..4_i64, 5)) {
        let plan = planned(&model);
        let any: BTreeMap<_, _> = (0..).zip(prices).collect();
        prop_assert!(lower_bound(&model, Options::default(), &any) <= i64::try_from(plan.moves).unwrap());
        let bound = lower_bound(&model, Options::default(), &plan.prices);
        prop_assert_eq!(bound, i64::try_from(plan.moves).unwrap());
    }
}
