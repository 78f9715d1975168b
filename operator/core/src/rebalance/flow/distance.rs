//! The cheapest ways from some brokers to all others, by Bellman and Ford: costs are negative where a replica returns.

use super::reach::{COSTS, Reach, Rule};
use super::{Flow, bits};

/// By node; `None` where no way leads.
pub struct Distances(Vec<Option<i64>>);

impl Distances {
    /// A flow that is optimal for what it carries has no negative cycles, so this ends.
    pub fn from<R: Rule>(reach: &Reach, flow: &Flow<'_, R>, sources: &[usize]) -> Self {
        let sink = flow.sink();
        let mut found = Self(vec![None; sink + 1]);
        for source in sources {
            found.0[*source] = Some(0);
        }
        let mut changed = true;
        while changed {
            changed = false;
            for from in 0..sink {
                let Some(here) = found.0[from] else { continue };
                for (class, cost) in COSTS.iter().enumerate() {
                    for to in bits::members(reach.row(from, class)) {
                        changed |= found.better(to, here + cost);
                    }
                }
                changed |= flow.may_pass(from) && found.better(sink, here);
            }
            let Some(here) = found.0[sink] else { continue };
            for to in (0..sink).filter(|to| flow.may_hold_back(*to)) {
                changed |= found.better(to, here);
            }
        }
        found
    }

    pub fn get(&self, node: usize) -> Option<i64> {
        self.0[node]
    }

    /// Whether an arc of this cost is on a cheapest way.
    pub fn admits(&self, from: usize, to: usize, cost: i64) -> bool {
        self.0[from].is_some_and(|here| self.0[to] == Some(here + cost))
    }

    fn better(&mut self, node: usize, distance: i64) -> bool {
        let better = self.0[node].is_none_or(|known| distance < known);
        if better {
            self.0[node] = Some(distance);
        }
        better
    }
}
