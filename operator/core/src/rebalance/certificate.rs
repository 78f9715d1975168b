//! The proof that no plan has fewer moves: a price for each broker.
//!
//! Give every replica on a broker its price back, and charge every broker its price for what it must hold. For
//! *any* prices that cannot make the whole cheaper than the least number of moves (weak duality), and what is left is
//! easy to add up: each partition takes its cheapest set by itself, each broker the cheaper end of its share. So
//! anybody can check the bound with these few numbers, and without the solver. The right prices, those that the flow
//! ends with, make the bound meet the moves.

use super::flow::signed;
use super::problem::Problem;
use super::share::Share;

/// What no plan can go below, by these prices.
pub fn bound(problem: &Problem<'_>, shares: &[Share], prices: &[i64]) -> i64 {
    let mut order: Vec<_> = (0..prices.len()).collect();
    order.sort_by_key(|broker| -prices[*broker]);
    let brokers = shares.iter().zip(prices).map(|(share, price)| {
        let held = if *price > 0 { share.floor } else { share.ceil };
        price * signed(held)
    });
    let partitions = (0..problem.partitions.len()).map(|p| cheapest(problem, p, prices, &order));
    brokers.sum::<i64>() + partitions.sum::<i64>()
}

/// The cheapest set of one partition, chosen greedily: its sets are the bases of a matroid.
fn cheapest(problem: &Problem<'_>, partition: usize, prices: &[i64], order: &[usize]) -> i64 {
    let (wanted, current) = (problem.partitions[partition].wanted, problem.current.get(partition));
    let mut kept: Vec<_> = current.iter().map(|broker| (-prices[*broker], *broker)).collect();
    kept.sort_unstable();
    let others = order.iter().filter(|broker| !current.contains(broker));
    let (mut kept, mut others) =
        (kept.into_iter().peekable(), others.map(|broker| (1 - prices[*broker], *broker)).peekable());
    let (mut set, mut cost) = (Vec::with_capacity(wanted), 0);
    while set.len() < wanted {
        let stays = match (kept.peek(), others.peek()) {
            (Some((stays, _)), Some((moves, _))) => stays <= moves,
            (stays, _) => stays.is_some(),
        };
        let Some((price, broker)) = (if stays { kept.next() } else { others.next() }) else { break };
        if problem.racks.fits(wanted, &set, broker) {
            set.push(broker);
            cost += price;
        }
    }
    cost
}
