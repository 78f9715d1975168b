//! Brokers exchange replicas of topics of which they have more than the other, as long as bytes stay within the band.

use super::placement::{Exchange, Placement};

/// Rounds over all pairs of brokers. Most is done in the first.
const ROUNDS: usize = 3;

/// Of each topic's replicas, how many each broker has.
struct Counts {
    brokers: usize,
    counts: Vec<u32>,
}

pub fn even(placement: &mut Placement<'_>, looks: usize) {
    let end = placement.looks + looks;
    let mut counts = Counts::of(placement);
    for _ in 0..ROUNDS {
        let mut changed = false;
        for from in 0..placement.brokers() {
            for to in from + 1..placement.brokers() {
                while placement.looks < end {
                    let Some(exchange) = best(placement, &counts, from, to) else { break };
                    placement.apply(exchange, from, to);
                    counts.apply(placement, exchange, from, to);
                    changed = true;
                }
            }
        }
        if !changed {
            break;
        }
    }
}

/// The exchange that mends most, as squares of the counts measure it.
fn best(placement: &mut Placement<'_>, counts: &Counts, from: usize, to: usize) -> Option<Exchange> {
    let (out, back) = (placement.offers(from, to), placement.offers(to, from));
    let mut best: Option<(i64, Exchange)> = None;
    for (out, back) in Placement::pairs(&out, &back) {
        let leaving = gains(placement, counts, out, from, to);
        let coming = gains(placement, counts, back, to, from);
        for &(leaves, out) in &leaving {
            for &(comes, back) in &coming {
                let least = best.map_or(0, |(gain, _)| gain);
                if leaves + comes <= least {
                    break;
                }
                let exchange = Exchange { out, back: Some(back) };
                if placement.topic(out) != placement.topic(back) && keeps_band(placement, exchange, from, to)
                {
                    best = Some((leaves + comes, exchange));
                }
            }
        }
    }
    best.map(|(_, exchange)| exchange)
}

/// One partition of each topic and size, the most gainful first, and only as many as are worth comparing.
fn gains(
    placement: &Placement<'_>,
    counts: &Counts,
    partitions: &[usize],
    from: usize,
    to: usize,
) -> Vec<(i64, usize)> {
    const COMPARED: usize = 32;
    let gain = |partition: usize| {
        let topic = placement.topic(partition);
        i64::from(counts.get(topic, from)) - i64::from(counts.get(topic, to)) - 1
    };
    let mut gains: Vec<_> =
        partitions.iter().map(|p| (gain(*p), *p)).filter(|(gain, _)| *gain >= 0).collect();
    gains.sort_by_key(|(gain, partition)| (-gain, *partition));
    gains.truncate(COMPARED);
    gains
}

/// Neither broker's bytes may leave the band, or leave it further.
fn keeps_band(placement: &Placement<'_>, exchange: Exchange, from: usize, to: usize) -> bool {
    let (a, b) = (placement.above(from), placement.above(to));
    let shift = placement.shift(exchange);
    let limit = placement.band.max(a.abs()).max(b.abs());
    (a - shift).abs() <= limit && (b + shift).abs() <= limit
}

impl Counts {
    fn of(placement: &Placement<'_>) -> Self {
        let (brokers, partitions) = (placement.brokers(), placement.chosen.len());
        let topics = (0..partitions).map(|p| placement.topic(p) + 1).max().unwrap_or(0);
        let mut counts = Self { brokers, counts: vec![0; topics * brokers] };
        for (partition, set) in placement.chosen.iter().enumerate() {
            for broker in set {
                *counts.of_mut(placement.topic(partition), *broker) += 1;
            }
        }
        counts
    }

    fn get(&self, topic: usize, broker: usize) -> u32 {
        self.counts[topic * self.brokers + broker]
    }

    fn of_mut(&mut self, topic: usize, broker: usize) -> &mut u32 {
        &mut self.counts[topic * self.brokers + broker]
    }

    fn apply(&mut self, placement: &Placement<'_>, exchange: Exchange, from: usize, to: usize) {
        for (partition, from, to) in [(Some(exchange.out), from, to), (exchange.back, to, from)]
            .into_iter()
            .filter_map(|(p, a, b)| Some((p?, a, b)))
        {
            let topic = placement.topic(partition);
            *self.of_mut(topic, from) -= 1;
            *self.of_mut(topic, to) += 1;
        }
    }
}
