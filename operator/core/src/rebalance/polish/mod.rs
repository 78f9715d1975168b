//! Of all plans with as few moves, one that is even in other ways too: `bytes` first, then `topics` within the band
//! that bytes may have.
//!
//! Heuristic: an exact answer would be NP-hard. Replicas are exchanged between two brokers where that costs no move:
//! one that moves anyway goes elsewhere, or another goes in its place. Counts and racks stay as they are allowed.

mod bytes;
mod placement;
mod topics;

use super::lists::Lists;
use super::problem::Problem;
use super::share::Fair;
use placement::Placement;

/// A broker's bytes may be off by this part of what brokers hold on average.
const BAND: i128 = 100;

/// Replicas to look at, at most, for each there is: an end for clusters that are never even. One look takes some
/// 30 ns.
const LOOKS: usize = 300;

pub fn polish(problem: &Problem<'_>, fair: &Fair, chosen: Lists) -> Lists {
    // nothing moves and nothing is dropped, so nothing can be chosen
    let same = |to: &[usize], from: &[usize]| to.len() == from.len() && to.iter().all(|b| from.contains(b));
    if chosen.iter().zip(problem.current.iter()).all(|(to, from)| same(to, from)) {
        return chosen;
    }
    let mut placement = Placement::new(problem, fair, chosen);
    bytes::even(&mut placement, LOOKS * problem.current.items());
    topics::even(&mut placement, LOOKS * problem.current.items());
    placement.chosen
}
