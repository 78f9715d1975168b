//! Hands replicas along the cheapest ways, as many as go along the shortest of them at once (a phase of Dinic's
//! algorithm).
//!
//! Only ways of the fewest steps are taken. On those a partition is never entered twice in one place: the second time
//! could have been had from the first in one step. So exchanges within one partition do not spoil each other.

use super::distance::Distances;
use super::reach::{COSTS, Reach, Rule};
use super::{Flow, bits};

struct Phase<'p, 'a, R> {
    flow: &'p mut Flow<'a, R>,
    distances: &'p Distances,
    /// Steps from the sources, along cheapest ways.
    levels: Vec<Option<usize>>,
    last: usize,
    /// By broker and cost: who is one level on.
    next: Vec<u64>,
    /// Nodes from which a way may still lead on.
    alive: Vec<u64>,
    /// Of each broker's partitions those before this one have not been tried; for the sink, brokers from this on.
    at: Vec<usize>,
    /// Takers take turns, so that a topic does not end on one of them.
    turn: usize,
    scratch: Vec<u64>,
}

/// One phase; how many ways were found. After one without any, distances have to be found anew.
pub fn augment<R: Rule>(flow: &mut Flow<'_, R>, distances: &Distances, sources: &[usize]) -> usize {
    let reach = flow.reach();
    let sources: Vec<_> = sources.iter().copied().filter(|node| flow.balance(*node) > 0).collect();
    let levels = levels(flow, distances, &reach, &sources);
    let lacking = (0..=flow.sink()).filter(|node| flow.balance(*node) < 0);
    let Some(last) = lacking.filter_map(|node| levels[node]).min() else { return 0 };
    let mut phase = Phase::new(flow, distances, levels, last);
    let mut found = 0;
    for source in sources {
        while phase.flow.balance(source) > 0 && phase.push(source) {
            found += 1;
        }
    }
    found
}

fn levels<R: Rule>(
    flow: &Flow<'_, R>,
    distances: &Distances,
    reach: &Reach,
    sources: &[usize],
) -> Vec<Option<usize>> {
    let sink = flow.sink();
    let mut levels = vec![None; sink + 1];
    for node in sources {
        levels[*node] = Some(0);
    }
    let mut now = sources.to_vec();
    for level in 1.. {
        let mut then = Vec::new();
        let mut see = |from: usize, to: usize, cost: i64| {
            if levels[to].is_none() && distances.admits(from, to, cost) {
                levels[to] = Some(level);
                then.push(to);
            }
        };
        for from in now {
            if from == sink {
                (0..sink).filter(|to| flow.may_hold_back(*to)).for_each(|to| see(from, to, 0));
                continue;
            }
            for (class, cost) in COSTS.iter().enumerate() {
                bits::members(reach.row(from, class)).for_each(|to| see(from, to, *cost));
            }
            if flow.may_pass(from) {
                see(from, sink, 0);
            }
        }
        if then.is_empty() {
            break;
        }
        now = then;
    }
    levels
}

impl<'p, 'a, R: Rule> Phase<'p, 'a, R> {
    fn new(
        flow: &'p mut Flow<'a, R>,
        distances: &'p Distances,
        levels: Vec<Option<usize>>,
        last: usize,
    ) -> Self {
        let sink = flow.sink();
        let words = bits::words(sink);
        let mut alive = vec![0; bits::words(sink + 1)];
        (0..=sink).for_each(|node| bits::set(&mut alive, node));
        let mut next = vec![0; sink * COSTS.len() * words];
        for from in 0..sink {
            for (class, cost) in COSTS.iter().enumerate() {
                let row = &mut next[(from * COSTS.len() + class) * words..][..words];
                let is_next = |to: &usize| {
                    levels[from].is_some_and(|level| levels[*to] == Some(level + 1))
                        && distances.admits(from, *to, *cost)
                };
                (0..sink).filter(is_next).for_each(|to| bits::set(row, to));
            }
        }
        let at = flow.on.iter().map(Vec::len).chain([0]).collect();
        Self { flow, distances, levels, last, next, alive, at, turn: 0, scratch: vec![0; words] }
    }

    /// Passes one on from `node` to wherever one is lacking, along the levels. A way has at most as many steps as
    /// there are brokers.
    fn push(&mut self, node: usize) -> bool {
        let found = if self.levels[node] == Some(self.last) {
            self.flow.balance(node) < 0
        } else if node == self.flow.sink() {
            self.hold_back(node)
        } else {
            self.pass(node) || self.hand(node)
        };
        if !found {
            bits::clear(&mut self.alive, node);
        }
        found
    }

    /// The sink gives one back to a broker that may pass on less.
    fn hold_back(&mut self, sink: usize) -> bool {
        while self.at[sink] < sink {
            let to = self.at[sink];
            if self.leads(sink, to) && self.flow.may_hold_back(to) && self.push(to) {
                self.flow.passed[to] -= 1;
                return true;
            }
            self.at[sink] += 1;
        }
        false
    }

    fn pass(&mut self, from: usize) -> bool {
        let sink = self.flow.sink();
        let passes = self.leads(from, sink) && self.flow.may_pass(from) && self.push(sink);
        self.flow.passed[from] += usize::from(passes);
        passes
    }

    /// Hands a replica of some partition to the next broker on a way.
    fn hand(&mut self, from: usize) -> bool {
        while let Some(at) = self.at[from].checked_sub(1) {
            let partition = self.flow.on[from][at];
            match self.taker(partition, from) {
                Some(to) if self.push(to) => {
                    self.flow.chosen.replace(partition, from, to);
                    self.flow.on[from].swap_remove(at);
                    self.flow.on[to].push(partition);
                    self.at[from] = at;
                    return true;
                }
                Some(_) => {} // it leads nowhere, and is not asked again
                None => self.at[from] = at,
            }
        }
        false
    }

    fn taker(&mut self, partition: usize, from: usize) -> Option<usize> {
        let to = &mut self.scratch;
        self.flow.rule.exchanges(partition, self.flow.chosen.get(partition), from, to);
        let free = self.flow.free.get(partition);
        let class = usize::from(free.contains(&from));
        let words = to.len();
        let next = |class: usize| &self.next[(from * COSTS.len() + class) * words..][..words];
        for &back in free.iter().filter(|back| **back != from) {
            if bits::has(to, back) && bits::has(next(class), back) && bits::has(&self.alive, back) {
                return Some(back);
            }
            bits::clear(to, back);
        }
        for (word, (next, alive)) in to.iter_mut().zip(next(class + 1).iter().zip(&self.alive)) {
            *word &= next & alive;
        }
        let found = bits::member_from(to, self.turn)?;
        self.turn = (found + 1) % self.flow.brokers();
        Some(found)
    }

    fn leads(&self, from: usize, to: usize) -> bool {
        let level = |node: usize| self.levels[node];
        bits::has(&self.alive, to)
            && level(to) == level(from).map(|level| level + 1)
            && self.distances.admits(from, to, 0)
    }
}
