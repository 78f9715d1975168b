//! Brokers with the most bytes above their part exchange with those with the least, until all are within the band.

use std::collections::HashMap;

use super::placement::{Exchange, Placement};

/// An exchange must mend at least this part of the difference between two brokers.
const WORTH: i128 = 16;

pub fn even(placement: &mut Placement<'_>, looks: usize) {
    let end = placement.looks + looks;
    let mut order: Vec<_> = (0..placement.brokers()).collect();
    // pairs that had nothing to exchange, and when
    let mut tried = HashMap::new();
    while placement.looks < end {
        order.sort_by_key(|broker| (placement.above(*broker), *broker));
        let Some((exchange, from, to)) = next(placement, &order, &mut tried) else { break };
        placement.apply(exchange, from, to);
    }
}

fn next(
    placement: &mut Placement<'_>,
    order: &[usize],
    tried: &mut HashMap<(usize, usize), usize>,
) -> Option<(Exchange, usize, usize)> {
    for &from in order.iter().rev() {
        for &to in order {
            let gap = placement.above(from) - placement.above(to);
            let off = placement.above(from).max(-placement.above(to));
            if gap <= 0 || off <= placement.band {
                break;
            }
            let version = placement.version[from] + placement.version[to];
            if tried.get(&(from, to)) == Some(&version) {
                continue;
            }
            if let Some(exchange) = best(placement, from, to, gap) {
                return Some((exchange, from, to));
            }
            tried.insert((from, to), version);
        }
    }
    None
}

/// The exchange that comes nearest to making two brokers even.
fn best(placement: &mut Placement<'_>, from: usize, to: usize, gap: i128) -> Option<Exchange> {
    let (out, back) = (placement.offers(from, to), placement.offers(to, from));
    let mut best: Option<(i128, Exchange)> = None;
    let mut offer = |exchange: Exchange, shift: i128| {
        let off = (2 * shift - gap).abs();
        if off < gap - gap / WORTH && best.is_none_or(|(least, _)| off < least) {
            best = Some((off, exchange));
        }
    };
    for (out, back) in Placement::pairs(&out, &back) {
        // both ascend: the difference is steered towards half the gap
        let (mut a, mut b) = (0, 0);
        while let (Some(&leaves), Some(&comes)) = (out.get(a), back.get(b)) {
            let exchange = Exchange { out: leaves, back: Some(comes) };
            let shift = placement.shift(exchange);
            offer(exchange, shift);
            if 2 * shift < gap { a += 1 } else { b += 1 }
        }
    }
    if placement.may_shift_count(from, to) {
        for &leaves in &out[1] {
            let exchange = Exchange { out: leaves, back: None };
            offer(exchange, placement.shift(exchange));
        }
    }
    best.map(|(_, exchange)| exchange)
}
