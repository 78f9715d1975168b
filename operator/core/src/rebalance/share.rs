//! What each broker should hold: its weight's part of all replicas, or where it cannot hold that much (one replica of
//! a partition at most, and racks), as near to it as can be.
//!
//! The shares are the weighted max-min fair point of the polymatroid that the partitions span: nobody's share can be
//! raised without lowering that of somebody who has no more for its weight. Whole numbers within {floor, ceil} of
//! such a point always exist, which is why the flow never fails. Found by discrete Newton steps over minimum cuts:
//! the largest ratio of replicas to weight that all can have, then without those who can have no more, and so on.

use super::fluid::Fluid;
use super::problem::Problem;

/// Bits of a proportion behind the point.
const FRACTION: u32 = 20;

/// A broker's share of the replicas, in whole numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    pub floor: usize,
    pub ceil: usize,
}

impl Share {
    /// `weight` × `amount` / `over`.
    fn of(weight: u64, amount: u128, over: u128) -> Self {
        let exact = u128::from(weight) * amount;
        let whole = |number: u128| usize::try_from(number).unwrap_or(usize::MAX);
        Self { floor: whole(exact / over), ceil: whole(exact.div_ceil(over)) }
    }
}

/// Proportional parts of `amount`.
pub fn proportional(weights: &[u64], amount: usize) -> Vec<Share> {
    let over = sum(weights).max(1);
    weights.iter().map(|weight| Share::of(*weight, amount as u128, over)).collect()
}

/// What each broker should hold of everything.
pub struct Fair {
    pub shares: Vec<Share>,
    /// The same as proportions, for bytes and leaders.
    pub parts: Vec<u64>,
}

/// What each broker should hold of all the problem's replicas.
pub fn fair(problem: &Problem<'_>) -> Fair {
    let mut shares = vec![None; problem.brokers()];
    let mut parts = problem.weights.clone();
    while shares.contains(&None) {
        let settled: Vec<_> = shares.iter().map(Option::is_some).collect();
        let held = rank(problem, &settled);
        let mut set = vec![true; problem.brokers()];
        loop {
            let weight = (0..set.len()).filter(|at| set[*at] && !settled[*at]).map(|at| problem.weights[at]);
            let (amount, over) = (rank(problem, &set) - held, sum(&weight.collect::<Vec<_>>()));
            if let Some(less) = violated(problem, &settled, held, amount, over) {
                set = less;
                continue;
            }
            let all = set.iter().all(|inside| *inside) && held == 0;
            for at in (0..set.len()).filter(|at| set[*at] && !settled[*at]) {
                shares[at] = Some(Share::of(problem.weights[at], amount, over));
                if !all {
                    parts[at] = Share::of(problem.weights[at], amount << FRACTION, over).ceil as u64;
                }
            }
            break;
        }
    }
    Fair { shares: shares.into_iter().flatten().collect(), parts }
}

/// Brokers that together cannot hold `amount` / `over` for their weight, with the settled ones.
fn violated(
    problem: &Problem<'_>,
    settled: &[bool],
    held: u128,
    amount: u128,
    over: u128,
) -> Option<Vec<bool>> {
    let factors = &problem.factors;
    let (brokers, racks) = (problem.brokers(), problem.racks.racks());
    let (source, sink) = (0, 1);
    let on_rack = |group: usize, rack: usize| 2 + brokers + group * (racks + 1) + rack;
    let mut net = Fluid::new(2 + brokers + factors.len() * (racks + 1));
    for (group, (&replicas, &partitions)) in factors.iter().enumerate() {
        // everything times `over`, so that all is whole
        let times = partitions as u128 * over;
        let spread = problem.racks.spread(replicas);
        let spare = on_rack(group, racks);
        net.arc(source, spare, times * spread.spare as u128);
        for rack in 0..racks {
            net.arc(source, on_rack(group, rack), times * spread.least[rack] as u128);
            net.arc(spare, on_rack(group, rack), times * (spread.most[rack] - spread.least[rack]) as u128);
        }
        (0..brokers).for_each(|at| net.arc(on_rack(group, problem.racks.of(at)), 2 + at, times));
    }
    let mut wanted = held * over;
    for (at, settled) in settled.iter().enumerate() {
        // a settled one may take what it can: the cut then counts what the others can have beside it
        let room = if *settled { u128::MAX / 4 } else { u128::from(problem.weights[at]) * amount };
        wanted += if *settled { 0 } else { room };
        net.arc(2 + at, sink, room);
    }
    let (flow, near) = net.run(source, sink);
    (flow < wanted).then(|| (0..brokers).map(|at| settled[at] || !near[2 + at]).collect())
}

/// The most replicas that can lie on these brokers.
fn rank(problem: &Problem<'_>, set: &[bool]) -> u128 {
    let mut among = vec![0; problem.racks.racks()];
    (0..set.len()).filter(|at| set[*at]).for_each(|at| among[problem.racks.of(at)] += 1);
    let of = |(replicas, partitions): (&usize, &usize)| problem.racks.rank(*replicas, &among) * partitions;
    problem.factors.iter().map(of).sum::<usize>() as u128
}

fn sum(weights: &[u64]) -> u128 {
    weights.iter().copied().map(u128::from).sum()
}
