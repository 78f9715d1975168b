//! What each partition would choose by itself: keep what it can, and fill up where most room is.

use super::signed;
use crate::rebalance::lists::Lists;
use crate::rebalance::problem::Problem;
use crate::rebalance::share::Share;

/// As cheap as can be but for the shares. Greedy is exact here: a partition's sets are the bases of a matroid.
pub fn start(problem: &Problem<'_>, shares: &[Share]) -> Lists {
    let mut room: Vec<_> = shares.iter().map(|share| signed(share.ceil)).collect();
    let mut kept = Vec::with_capacity(problem.partitions.len());
    for (current, partition) in problem.current.iter().zip(&problem.partitions) {
        let mut set = Vec::with_capacity(partition.wanted);
        for &broker in current {
            if problem.racks.fits(partition.wanted, &set, broker) {
                set.push(broker);
                room[broker] -= 1;
            }
        }
        kept.push(set);
    }
    let brokers = problem.brokers();
    let mut turn = 0;
    for (set, partition) in kept.iter_mut().zip(&problem.partitions) {
        while set.len() < partition.wanted {
            let fit = (0..brokers).filter(|broker| problem.racks.fits(partition.wanted, set, *broker));
            // of brokers with the same room they take turns, so that a topic does not end on one of them
            let order = |broker: &usize| (room[*broker], (turn + brokers - broker) % brokers);
            let Some(broker) = fit.max_by_key(order) else { break };
            set.push(broker);
            room[broker] -= 1;
            turn = broker;
        }
    }
    kept.into_iter().collect()
}
