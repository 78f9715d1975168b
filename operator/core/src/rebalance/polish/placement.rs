//! Where replicas are going to be, and what it does to brokers to exchange two of them.

use crate::rebalance::lists::Lists;
use crate::rebalance::problem::Problem;
use crate::rebalance::share::{Fair, Share};

pub struct Placement<'a> {
    problem: &'a Problem<'a>,
    shares: &'a [Share],
    pub chosen: Lists,
    /// Partitions on each broker, by size.
    on: Vec<Vec<usize>>,
    /// Bytes that a broker has above its part.
    above: Vec<i128>,
    /// How far it may be off.
    pub band: i128,
    /// Changes with each exchange, of each broker.
    pub version: Vec<usize>,
    /// Replicas looked at.
    pub looks: usize,
}

/// What could go from one broker to another, by size: where that saves a move, costs nothing, costs a move.
pub type Offers = [Vec<usize>; 3];

/// One replica goes from a broker to another, one may come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exchange {
    pub out: usize,
    pub back: Option<usize>,
}

impl<'a> Placement<'a> {
    pub fn new(problem: &'a Problem<'a>, fair: &'a Fair, chosen: Lists) -> Self {
        let brokers = problem.brokers();
        let mut on = vec![Vec::new(); brokers];
        let mut held = vec![0_i128; brokers];
        for (partition, set) in chosen.iter().enumerate() {
            for &broker in set {
                on[broker].push(partition);
                held[broker] += i128::from(problem.partitions[partition].bytes);
            }
        }
        for on in &mut on {
            on.sort_by_key(|partition| (problem.partitions[*partition].bytes, *partition));
        }
        let total: i128 = held.iter().sum();
        let parts: i128 = fair.parts.iter().map(|part| i128::from(*part)).sum();
        let part = |(held, part): (&i128, &u64)| held - total * i128::from(*part) / parts.max(1);
        let above = held.iter().zip(&fair.parts).map(part).collect();
        let mean = total / i128::try_from(brokers).unwrap_or(1).max(1);
        Self {
            problem,
            shares: &fair.shares,
            chosen,
            on,
            above,
            band: mean / super::BAND,
            version: vec![0; brokers],
            looks: 0,
        }
    }

    pub fn brokers(&self) -> usize {
        self.on.len()
    }

    pub fn topic(&self, partition: usize) -> usize {
        self.problem.topics[partition]
    }

    pub fn bytes(&self, partition: usize) -> i128 {
        self.problem.partitions[partition].bytes.into()
    }

    pub fn above(&self, broker: usize) -> i128 {
        self.above[broker]
    }

    /// How many more bytes leave with the one than come back with the other.
    pub fn shift(&self, exchange: Exchange) -> i128 {
        self.bytes(exchange.out) - exchange.back.map_or(0, |back| self.bytes(back))
    }

    pub fn offers(&mut self, from: usize, to: usize) -> Offers {
        let mut offers = Offers::default();
        self.looks += self.on[from].len();
        for &partition in &self.on[from] {
            if self.problem.racks.allows(self.chosen.get(partition), from, to) {
                let current = self.problem.current.get(partition);
                let cost = 1 + usize::from(current.contains(&from)) - usize::from(current.contains(&to));
                offers[cost].push(partition);
            }
        }
        offers
    }

    /// Offers that together cost nothing: what may leave with what may come back.
    pub fn pairs<'o>(out: &'o Offers, back: &'o Offers) -> [(&'o [usize], &'o [usize]); 3] {
        [(&out[1], &back[1]), (&out[2], &back[0]), (&out[0], &back[2])]
    }

    /// Whether one may go from a broker to another and none come back.
    pub fn may_shift_count(&self, from: usize, to: usize) -> bool {
        self.on[from].len() > self.shares[from].floor && self.on[to].len() < self.shares[to].ceil
    }

    pub fn apply(&mut self, exchange: Exchange, from: usize, to: usize) {
        self.hand(exchange.out, from, to);
        if let Some(back) = exchange.back {
            self.hand(back, to, from);
        }
        self.version[from] += 1;
        self.version[to] += 1;
    }

    fn hand(&mut self, partition: usize, from: usize, to: usize) {
        self.chosen.replace(partition, from, to);
        let key = |partition: usize| (self.problem.partitions[partition].bytes, partition);
        let find = |on: &[usize]| on.partition_point(|other| key(*other) < key(partition));
        let (left, entered) = (find(&self.on[from]), find(&self.on[to]));
        self.on[from].remove(left);
        self.on[to].insert(entered, partition);
        self.above[from] -= self.bytes(partition);
        self.above[to] += self.bytes(partition);
    }
}
