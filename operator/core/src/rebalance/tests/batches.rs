//! What runs at once.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::worlds::{apply, broker, model, planned, topic};
use crate::rebalance::batch::{Limits, all, next};
use crate::rebalance::generate::case;

const WIDE: Limits = Limits { partitions: 1000, bytes: u64::MAX, into: 1000, out_of: 1000 };

#[test]
fn each_limit_cuts_a_plan() {
    // one broker has all: four of six partitions go to two others
    let partitions = topic("a", [&[0], &[0], &[0], &[0], &[0], &[0]]);
    let plan = planned(&model((0..3).map(broker), partitions));
    let sizes = |limits: Limits| all(&plan.changes, limits).iter().map(Vec::len).collect::<Vec<_>>();
    assert_eq!(sizes(WIDE), [4]);
    assert_eq!(sizes(Limits { partitions: 3, ..WIDE }), [3, 1]);
    assert_eq!(sizes(Limits { bytes: 250, ..WIDE }), [2, 2]);
    assert_eq!(sizes(Limits { bytes: 0, ..WIDE }), [1, 1, 1, 1], "one at a time always goes");
    assert_eq!(sizes(Limits { into: 1, ..WIDE }), [2, 2]);
    assert_eq!(sizes(Limits { out_of: 3, ..WIDE }), [3, 1]);
}

#[test]
fn partitions_that_are_gone_are_not_waited_for() {
    let before = model((0..2).map(broker), topic("a", [&[0], &[0], &[0], &[0]]));
    let plan = planned(&before);
    let mut world = before.clone();
    world.partitions.retain(|p| p.index != plan.changes[0].index);
    assert_eq!(plan.left(&world), plan.changes[1..]);
}

proptest! {
    #[test]
    fn batches_keep_their_limits_and_end_where_the_plan_does(
        seed in any::<u64>(), brokers in 3..20_usize, partitions in 1..9_usize, into in 1..4_usize, out_of in 1..4_usize,
    ) {
        let before = case(seed, brokers, 3, 200);
        let plan = planned(&before);
        let limits = Limits { partitions, bytes: 1 << 32, into, out_of };
        let mut world = before.clone();
        let mut batches = 0;
        // each from the world alone, as after a crash
        loop {
            let batch = next(&plan.left(&world), limits);
            if batch.is_empty() {
                break;
            }
            prop_assert!(batch.len() <= partitions);
            let mut load = (0, BTreeMap::new(), BTreeMap::new());
            for change in &batch {
                load.0 += change.copied();
                for id in change.added() {
                    *load.1.entry(id).or_insert(0) += 1;
                    *load.2.entry(change.from[0]).or_insert(0) += 1;
                }
            }
            // the first one always goes, and may alone be more
            let alone = |id| if batch[0].from[0] == id { batch[0].added().count() } else { 0 };
            prop_assert!(load.0 <= limits.bytes.max(batch[0].copied()));
            prop_assert!(load.1.values().all(|n| *n <= into));
            prop_assert!(load.2.iter().all(|(id, n)| *n <= out_of.max(alone(*id))));
            world = apply(&world, &batch);
            batches += 1;
        }
        prop_assert_eq!(batches, all(&plan.changes, limits).len());
        prop_assert_eq!(world, apply(&before, &plan.changes));
    }
}
