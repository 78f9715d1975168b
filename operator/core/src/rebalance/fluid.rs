//! A maximum flow in a small network, by Dinic: what brokers can hold at most, were replicas a fluid.

use std::collections::VecDeque;

#[derive(Default)]
pub struct Fluid {
    /// Arcs in pairs: one, and its reverse.
    arcs: Vec<Arc>,
    /// Arcs of each node.
    out: Vec<Vec<usize>>,
}

struct Arc {
    to: usize,
    room: u128,
}

impl Fluid {
    pub fn new(nodes: usize) -> Self {
        Self { arcs: Vec::new(), out: vec![Vec::new(); nodes] }
    }

    pub fn arc(&mut self, from: usize, to: usize, room: u128) {
        for (from, to, room) in [(from, to, room), (to, from, 0)] {
            self.out[from].push(self.arcs.len());
            self.arcs.push(Arc { to, room });
        }
    }

    /// The most that flows from `source` to `sink`, and what the source still reaches then: the near side of a
    /// minimum cut.
    pub fn run(&mut self, source: usize, sink: usize) -> (u128, Vec<bool>) {
        let mut total = 0;
        loop {
            let levels = self.levels(source);
            if levels[sink].is_none() {
                return (total, levels.iter().map(Option::is_some).collect());
            }
            let mut tried = vec![0; self.out.len()];
            loop {
                let pushed = self.push(source, sink, u128::MAX, &levels, &mut tried);
                if pushed == 0 {
                    break;
                }
                total += pushed;
            }
        }
    }

    fn levels(&self, source: usize) -> Vec<Option<usize>> {
        let mut levels = vec![None; self.out.len()];
        levels[source] = Some(0);
        let mut queue = VecDeque::from([source]);
        while let Some(node) = queue.pop_front() {
            let next = levels[node].map(|level: usize| level + 1);
            for &Arc { to, room } in self.out[node].iter().map(|arc| &self.arcs[*arc]) {
                if room > 0 && levels[to].is_none() {
                    levels[to] = next;
                    queue.push_back(to);
                }
            }
        }
        levels
    }

    /// As deep as the network, which has four layers and their reverses.
    fn push(
        &mut self,
        node: usize,
        sink: usize,
        most: u128,
        levels: &[Option<usize>],
        tried: &mut [usize],
    ) -> u128 {
        if node == sink {
            return most;
        }
        while let Some(&arc) = self.out[node].get(tried[node]) {
            let Arc { to, room } = self.arcs[arc];
            if room > 0 && levels[to] == levels[node].map(|level| level + 1) {
                let pushed = self.push(to, sink, most.min(room), levels, tried);
                if pushed > 0 {
                    self.arcs[arc].room -= pushed;
                    self.arcs[arc ^ 1].room += pushed;
                    return pushed;
                }
            }
            tried[node] += 1;
        }
        0
    }
}
