//! What must hold of every plan, over generated clusters of every story.

use proptest::prelude::*;

use super::oracle::tiny;
use super::worlds::{apply, counts, planned, racks};
use crate::rebalance::generate::{STORIES, told};
use crate::rebalance::{Model, Options, Partition, lower_bound};

fn clusters() -> impl Strategy<Value = Model> {
    let story = prop::sample::select(&STORIES[..]);
    let stories = (story, any::<u64>(), 3..40_usize, 1..13_usize, 1..600_usize);
    prop_oneof![
        1 => tiny(),
        3 => stories.prop_map(|(story, seed, brokers, racks, replicas)| told(story, seed, brokers, racks, replicas)),
    ]
}

proptest! {
    #[test]
    fn a_plan_is_whole_even_spread_and_proved(model in clusters()) {
        let plan = planned(&model);
        let after = apply(&model, &plan.changes);
        prop_assert_eq!(plan.moves, plan.lower_bound);
        prop_assert_eq!(lower_bound(&model, Options::default(), &plan.prices), i64::try_from(plan.moves).unwrap());
        let live: Vec<_> = model.brokers.iter().filter(|broker| broker.takes()).map(|b| b.id).collect();
        let live_racks = racks(&model, &live);
        for (id, count) in counts(&after) {
            let (floor, ceil) = plan.brokers[&id].share;
            prop_assert!((floor..=ceil).contains(&count) && ceil - floor <= 1, "{id}: {count} of {floor}..={ceil}");
            prop_assert!(live.contains(&id) || count == 0, "{id} drains and has {count}");
        }
        for (before, after) in model.partitions.iter().zip(&after.partitions) {
            let mut distinct = after.replicas.clone();
            distinct.sort_unstable();
            distinct.dedup();
            prop_assert_eq!((distinct.len(), after.replicas.len()), (before.wanted, before.wanted));
            let spread = racks(&model, &after.replicas);
            prop_assert_eq!(spread, live_racks.min(before.wanted), "on as many racks as there are");
            // never worse than before, but for replicas and racks that are not wanted any more
            let stay: Vec<_> = before.replicas.iter().copied().filter(|id| live.contains(id)).collect();
            prop_assert!(spread >= racks(&model, &stay).min(before.wanted));
        }
    }

    #[test]
    fn what_is_told_of_a_plan_is_what_it_does(model in clusters()) {
        let plan = planned(&model);
        let after = apply(&model, &plan.changes);
        let added = |(a, b): (&Partition, &Partition)| {
            b.replicas.iter().filter(|id| !a.replicas.contains(id)).count()
        };
        prop_assert_eq!(plan.moves, model.partitions.iter().zip(&after.partitions).map(added).sum::<usize>());
        for (side, world) in [(false, &model), (true, &after)] {
            for broker in &model.brokers {
                let held = if side { plan.brokers[&broker.id].after } else { plan.brokers[&broker.id].before };
                let here = world.partitions.iter().filter(|p| p.replicas.contains(&broker.id));
                prop_assert_eq!(held.replicas, here.clone().count());
                prop_assert_eq!(held.bytes, here.clone().map(|p| p.bytes).sum::<u64>());
                prop_assert_eq!(held.leaders, here.filter(|p| p.replicas[0] == broker.id).count());
            }
        }
    }

    #[test]
    fn a_plan_that_is_done_leaves_nothing_to_do(model in clusters()) {
        let plan = planned(&model);
        let again = planned(&apply(&model, &plan.changes));
        prop_assert_eq!(again.changes, vec![]);
    }

    #[test]
    fn a_plan_that_is_half_done_goes_on_with_no_extra_move(model in clusters(), done in any::<u64>()) {
        let plan = planned(&model);
        let half: Vec<_> = plan.changes.iter().enumerate().filter(|(at, _)| done >> (at % 64) & 1 == 1).map(|(_, c)| c).collect();
        let world = apply(&model, half.iter().copied());
        let moved: usize = half.iter().map(|change| change.added().count()).sum();
        // as it is, or planned anew
        let left = plan.left(&world);
        prop_assert_eq!(left.len() + half.len(), plan.changes.len());
        prop_assert_eq!(left.iter().map(|change| change.added().count()).sum::<usize>() + moved, plan.moves);
        prop_assert_eq!(planned(&world).moves + moved, plan.moves);
    }

    #[test]
    fn the_order_of_the_input_makes_no_difference(model in clusters()) {
        let mut turned = model.clone();
        turned.brokers.reverse();
        turned.partitions.reverse();
        prop_assert_eq!(planned(&turned), planned(&model));
    }

    #[test]
    fn leadership_is_even_where_all_have_equally_many_replicas(
        model in clusters(), wanted in 1..4_usize,
    ) {
        let mut model = model;
        let live = model.brokers.iter().filter(|broker| broker.takes()).count();
        for p in &mut model.partitions {
            p.wanted = wanted.min(live);
        }
        for broker in &mut model.brokers {
            broker.weight = 1;
            broker.rack = None;
        }
        let plan = planned(&model);
        let (floor, ceil) = (model.partitions.len() / live, model.partitions.len().div_ceil(live));
        for broker in model.brokers.iter().filter(|broker| broker.takes()) {
            let leads = plan.brokers[&broker.id].after.leaders;
            prop_assert!((floor..=ceil).contains(&leads), "{leads} of {floor}..={ceil}");
        }
    }
}

#[test]
fn every_story_of_a_large_cluster_has_a_proved_plan() {
    for story in STORIES {
        for (brokers, racks) in [(64, 1), (65, 3), (200, 12)] {
            let model = told(story, 7, brokers, racks, 2000);
            let plan = planned(&model);
            assert_eq!(plan.moves, plan.lower_bound, "{story:?} on {brokers} brokers");
            assert_eq!(
                planned(&apply(&model, &plan.changes)).changes,
                vec![],
                "{story:?} on {brokers} brokers"
            );
        }
    }
}
