//! Which broker can hand a replica to which, and what that costs, over all partitions at once.

use crate::rebalance::bits;
use crate::rebalance::lists::Lists;

/// What exchanges a partition allows. Its sets must be the bases of a matroid that a network can express.
pub trait Rule {
    /// All brokers that may take the place of `from` in what `partition` chose. `out` is overwritten.
    fn exchanges(&self, partition: usize, chosen: &[usize], from: usize, out: &mut [u64]);
}

/// Costs of an exchange: −1 (a replica returns to where it is free), 0, +1.
pub const COSTS: [i64; 3] = [-1, 0, 1];

/// A row of bits for each broker and cost: to whom it can hand a replica.
pub struct Reach {
    words: usize,
    rows: Vec<u64>,
}

impl Reach {
    pub fn of(brokers: usize, rule: &impl Rule, free: &Lists, chosen: &Lists) -> Self {
        let words = bits::words(brokers);
        let mut reach = Self { words, rows: vec![0; brokers * COSTS.len() * words] };
        let mut to = vec![0; words];
        for (partition, set) in chosen.iter().enumerate() {
            let free = free.get(partition);
            for &from in set {
                rule.exchanges(partition, set, from, &mut to);
                // who leaves where it is free gives that up
                let class = usize::from(free.contains(&from));
                for &back in free {
                    if bits::has(&to, back) {
                        bits::clear(&mut to, back);
                        bits::set(reach.row_mut(from, class), back);
                    }
                }
                bits::unite(reach.row_mut(from, class + 1), &to);
            }
        }
        reach
    }

    /// To whom `from` can hand a replica at the cost of this class of [`COSTS`].
    pub fn row(&self, from: usize, class: usize) -> &[u64] {
        let at = (from * COSTS.len() + class) * self.words;
        &self.rows[at..at + self.words]
    }

    fn row_mut(&mut self, from: usize, class: usize) -> &mut [u64] {
        let at = (from * COSTS.len() + class) * self.words;
        &mut self.rows[at..at + self.words]
    }
}
