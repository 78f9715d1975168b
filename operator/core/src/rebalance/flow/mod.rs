//! Exact minimal movement: a min-cost flow from partitions through brokers into shares, solved on the brokers alone.
//!
//! Each partition chooses a set of brokers; one that costs nothing is kept, any other costs 1. Each broker takes
//! between {floor, ceil} of its share. `start` chooses for each partition by itself, which is optimal but for the
//! shares. Then, until the shares hold: `reach` (which broker can hand a replica to which, at what cost) →
//! `distance` (the cheapest way from brokers with too much) → `augment` (hand replicas along the cheapest ways).
//! An arc between brokers stands for thousands of partitions, so a network of 20 million arcs is walked as one of
//! 200 nodes. This is the primal-dual method, so it ends with prices that prove the result (`certificate`).

mod augment;
mod distance;
mod reach;
mod start;

use super::bits;
use super::lists::Lists;
use super::share::Share;
use distance::Distances;
pub use reach::{Reach, Rule};
pub use start::start;

/// A flow: what the partitions chose, and what the brokers are counted for.
pub struct Flow<'a, R> {
    rule: &'a R,
    /// What costs nothing, of each partition.
    free: &'a Lists,
    shares: &'a [Share],
    chosen: Lists,
    /// Partitions on each broker.
    on: Vec<Vec<usize>>,
    /// What each broker passes on to the sink: always within its share.
    passed: Vec<usize>,
}

/// The shares cannot be met: what these brokers have too much, or the sink, cannot go to where it is lacking.
pub struct Stuck {
    pub brokers: Vec<bool>,
}

impl<'a, R: Rule> Flow<'a, R> {
    /// `chosen` must be such that no single exchange makes it cheaper. `on`: the same by broker, in the order in
    /// which partitions should be taken from it.
    pub fn new(
        rule: &'a R,
        free: &'a Lists,
        shares: &'a [Share],
        chosen: Lists,
        on: Vec<Vec<usize>>,
    ) -> Self {
        let passed =
            on.iter().zip(shares).map(|(on, share)| on.len().clamp(share.floor, share.ceil)).collect();
        Self { rule, free, shares, chosen, on, passed }
    }

    /// Makes it the cheapest choice within the shares.
    pub fn solve(&mut self) -> Result<(), Stuck> {
        loop {
            let sources: Vec<_> = (0..=self.sink()).filter(|node| self.balance(*node) > 0).collect();
            // what is too much in one place is lacking in another: all add up to nothing
            if sources.is_empty() {
                return Ok(());
            }
            let distances = Distances::from(&self.reach(), self, &sources);
            if !(0..=self.sink()).any(|node| self.balance(node) < 0 && distances.get(node).is_some()) {
                let brokers = (0..self.brokers()).map(|broker| distances.get(broker).is_some()).collect();
                return Err(Stuck { brokers });
            }
            while augment::augment(self, &distances, &sources) > 0 {}
        }
    }

    /// What a replica is worth on each broker: no exchange is cheaper than the difference of the prices. Positive
    /// where a broker gets no more than it must, negative where it has all that it may.
    pub fn prices(&self) -> Vec<i64> {
        let everywhere: Vec<_> = (0..=self.sink()).collect();
        let distances = Distances::from(&self.reach(), self, &everywhere);
        let at = |node: usize| distances.get(node).unwrap_or(0);
        (0..self.brokers()).map(|broker| at(broker) - at(self.sink())).collect()
    }

    pub fn chosen(&self) -> &Lists {
        &self.chosen
    }

    /// Of each broker, what chose it.
    pub fn counts(&self) -> Vec<usize> {
        self.on.iter().map(Vec::len).collect()
    }

    fn reach(&self) -> Reach {
        Reach::of(self.brokers(), self.rule, self.free, &self.chosen)
    }

    fn brokers(&self) -> usize {
        self.on.len()
    }

    /// The node behind all brokers, where what they pass on comes together.
    fn sink(&self) -> usize {
        self.on.len()
    }

    /// What a node has too much (positive) or too little.
    fn balance(&self, node: usize) -> i64 {
        let passed = |broker: usize| signed(self.passed[broker]);
        if node == self.sink() {
            (0..self.brokers()).map(passed).sum::<i64>() - signed(self.chosen.items())
        } else {
            signed(self.on[node].len()) - passed(node)
        }
    }

    /// Whether a broker may pass on one more.
    fn may_pass(&self, broker: usize) -> bool {
        self.passed[broker] < self.shares[broker].ceil
    }

    /// Whether a broker may pass on one less.
    fn may_hold_back(&self, broker: usize) -> bool {
        self.passed[broker] > self.shares[broker].floor
    }
}

pub fn signed(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
