//! Where the replicas of one partition may lie: no broker twice, and the racks as evenly as they are large enough.
//!
//! With a level *L*, the least at which the racks have room for all replicas when none takes more than *L*, each rack
//! holds at least min(size, L − 1) and at most min(size, L) of them. So up to as many replicas as racks lie on
//! different racks, and six on three racks lie two by two. These sets are the bases of a matroid: a greedy choice is
//! an optimal one, and a set is optimal when no single exchange betters it. The flow and the certificate rest on that.

use super::bits;

/// Brokers that may hold replicas, and their racks.
#[derive(Clone, Debug)]
pub struct Racks {
    /// Of each broker.
    of: Vec<usize>,
    sizes: Vec<usize>,
    /// The brokers of each rack.
    members: Vec<Vec<u64>>,
    all: Vec<u64>,
    /// By number of replicas.
    spreads: Vec<Spread>,
}

/// How this many replicas lie on the racks.
#[derive(Clone, Debug)]
pub struct Spread {
    pub least: Vec<usize>,
    pub most: Vec<usize>,
    /// Replicas above the least, which may lie on any rack that has room.
    pub spare: usize,
}

impl Racks {
    /// `of`: the rack of each broker, numbered from 0 without gaps.
    pub fn new(of: Vec<usize>) -> Self {
        let racks = of.iter().max().map_or(0, |last| last + 1);
        let mut sizes = vec![0; racks];
        let mut members = vec![vec![0; bits::words(of.len())]; racks];
        let mut all = vec![0; bits::words(of.len())];
        for (broker, &rack) in of.iter().enumerate() {
            sizes[rack] += 1;
            bits::set(&mut members[rack], broker);
            bits::set(&mut all, broker);
        }
        let spreads = (0..=of.len()).map(|replicas| Spread::new(&sizes, replicas)).collect();
        Self { of, sizes, members, all, spreads }
    }

    pub fn racks(&self) -> usize {
        self.sizes.len()
    }

    pub fn of(&self, broker: usize) -> usize {
        self.of[broker]
    }

    pub fn spread(&self, replicas: usize) -> &Spread {
        &self.spreads[replicas]
    }

    /// Whether `chosen` and `broker` are part of a set of `replicas` that may be.
    pub fn fits(&self, replicas: usize, chosen: &[usize], broker: usize) -> bool {
        if chosen.len() >= replicas || chosen.contains(&broker) {
            return false;
        }
        let (spread, rack) = (self.spread(replicas), self.of[broker]);
        let here = self.count(chosen, rack);
        if here < spread.least[rack] {
            return true;
        }
        let above = |rack: usize| self.count(chosen, rack).saturating_sub(spread.least[rack]);
        // a rack holds at most one above its least: brokers past the least are the racks' surplus
        let first = |at: usize| !chosen[..at].iter().any(|b| self.of[*b] == self.of[chosen[at]]);
        let used: usize =
            (0..chosen.len()).filter(|at| first(*at)).map(|at| above(self.of[chosen[at]])).sum();
        here < spread.most[rack] && used < spread.spare
    }

    /// Whether `to` may take the place of `from`, one of `chosen`.
    pub fn allows(&self, chosen: &[usize], from: usize, to: usize) -> bool {
        if chosen.contains(&to) {
            return false;
        }
        let (old, new) = (self.of[from], self.of[to]);
        let spread = self.spread(chosen.len());
        old == new
            || (self.count(chosen, old) > spread.least[old] && self.count(chosen, new) < spread.most[new])
    }

    /// All that may take the place of `from`, one of `chosen`.
    pub fn exchanges(&self, chosen: &[usize], from: usize, out: &mut [u64]) {
        let rack = self.of[from];
        let spread = self.spread(chosen.len());
        if self.count(chosen, rack) > spread.least[rack] {
            out.copy_from_slice(&self.all);
            for other in chosen.iter().map(|broker| self.of[*broker]).filter(|other| *other != rack) {
                if self.count(chosen, other) >= spread.most[other] {
                    bits::subtract(out, &self.members[other]);
                }
            }
        } else {
            out.copy_from_slice(&self.members[rack]);
        }
        for broker in chosen {
            bits::clear(out, *broker);
        }
    }

    /// Whether `chosen` is as it must be.
    pub fn holds(&self, chosen: &[usize]) -> bool {
        let spread = self.spread(chosen.len());
        let even = (0..self.racks())
            .all(|rack| (spread.least[rack]..=spread.most[rack]).contains(&self.count(chosen, rack)));
        even && (1..chosen.len()).all(|at| !chosen[..at].contains(&chosen[at]))
    }

    /// The most replicas of one partition that lie among these brokers, given by their number on each rack.
    pub fn rank(&self, replicas: usize, among: &[usize]) -> usize {
        let spread = self.spread(replicas);
        let most = |rack: usize| among[rack].min(spread.most[rack]);
        let least = (0..self.racks()).map(|rack| most(rack).min(spread.least[rack])).sum::<usize>();
        let above =
            (0..self.racks()).map(|rack| most(rack).saturating_sub(spread.least[rack])).sum::<usize>();
        least + above.min(spread.spare)
    }

    fn count(&self, chosen: &[usize], rack: usize) -> usize {
        chosen.iter().filter(|broker| self.of[**broker] == rack).count()
    }
}

impl Spread {
    fn new(sizes: &[usize], replicas: usize) -> Self {
        let room = |level: usize| sizes.iter().map(|size| *size.min(&level)).sum::<usize>();
        let level = (0..=replicas).find(|level| room(*level) >= replicas).unwrap_or(0);
        let at = |level: usize| sizes.iter().map(|size| *size.min(&level)).collect::<Vec<_>>();
        let least = at(level.saturating_sub(1));
        let spare = replicas - least.iter().sum::<usize>();
        Self { least, most: at(level), spare }
    }
}
