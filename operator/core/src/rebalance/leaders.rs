//! Who leads: each partition's preferred leader is the first of its replicas, so it is chosen by their order, and no
//! data moves.
//!
//! The same flow as for replicas, with one leader for each partition, chosen among its replicas; the present one
//! costs nothing. Where all partitions have equally many replicas an even leadership always exists. Where it does not
//! (partitions with one replica), those who cannot have their part are taken out and the others share the rest.

use super::bits;
use super::flow::{Flow, Rule};
use super::lists::Lists;
use super::problem::Problem;
use super::share::{Fair, Share, proportional};

/// A leader is any of the partition's replicas.
struct Among<'a>(&'a Lists);

impl Rule for Among<'_> {
    fn exchanges(&self, partition: usize, _: &[usize], from: usize, out: &mut [u64]) {
        out.fill(0);
        self.0.get(partition).iter().filter(|b| **b != from).for_each(|broker| bits::set(out, *broker));
    }
}

/// Of each partition, its leader among `replicas`.
pub fn leaders(problem: &Problem<'_>, fair: &Fair, replicas: &Lists) -> Lists {
    let present: Lists = (0..replicas.len())
        .map(|p| preferred(problem, p).filter(|leader| replicas.get(p).contains(leader)))
        .collect();
    let first = |p: usize| present.get(p).first().or(replicas.get(p).first()).copied();
    let start: Lists = (0..replicas.len()).map(first).collect();
    let mut on = vec![Vec::new(); problem.brokers()];
    for (partition, leader) in start.iter().enumerate() {
        for leader in leader {
            on[*leader].push(partition);
        }
    }
    let rule = Among(replicas);
    let mut groups = Groups::new(problem.brokers(), replicas.len());
    loop {
        let shares = groups.shares(&fair.parts);
        let mut flow = Flow::new(&rule, &present, &shares, start.clone(), on.clone());
        let Err(stuck) = flow.solve() else { return flow.chosen().clone() };
        if !groups.split(&stuck.brokers, &flow.counts()) {
            return flow.chosen().clone();
        }
    }
}

/// The first of a partition's replicas, if it may stay.
fn preferred(problem: &Problem<'_>, partition: usize) -> Option<usize> {
    let id = problem.partitions[partition].replicas.first()?;
    problem.ids.binary_search(id).ok()
}

/// Brokers that share their leaders among themselves.
struct Groups {
    of: Vec<usize>,
    totals: Vec<usize>,
}

impl Groups {
    fn new(brokers: usize, leaders: usize) -> Self {
        Self { of: vec![0; brokers], totals: vec![leaders] }
    }

    fn shares(&self, parts: &[u64]) -> Vec<Share> {
        let mut shares = vec![Share { floor: 0, ceil: 0 }; self.of.len()];
        for (group, total) in self.totals.iter().enumerate() {
            let members: Vec<_> = (0..self.of.len()).filter(|broker| self.of[*broker] == group).collect();
            let parts: Vec<_> = members.iter().map(|broker| parts[*broker]).collect();
            for (broker, share) in members.into_iter().zip(proportional(&parts, *total)) {
                shares[broker] = share;
            }
        }
        shares
    }

    /// Takes `apart` out of their groups, with what they have now; `false` where that changes nothing.
    fn split(&mut self, apart: &[bool], counts: &[usize]) -> bool {
        let before = self.totals.len();
        for group in 0..before {
            let members: Vec<_> = (0..self.of.len()).filter(|broker| self.of[*broker] == group).collect();
            let leave: Vec<_> = members.iter().copied().filter(|broker| apart[*broker]).collect();
            if !leave.is_empty() && leave.len() < members.len() {
                for broker in &leave {
                    self.of[*broker] = self.totals.len();
                }
                self.totals.push(0);
            }
        }
        self.totals.fill(0);
        self.of.iter().zip(counts).for_each(|(group, count)| self.totals[*group] += count);
        self.totals.len() > before
    }
}
