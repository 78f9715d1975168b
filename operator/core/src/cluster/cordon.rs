//! Brokers that leave get no new partitions (KIP-1066): they are cordoned from when their replicas begin to move. One that
//! stays after all, or comes back under its old id, is opened again.

use std::cell::LazyCell;
use std::collections::{BTreeMap, BTreeSet};

use super::dynamic::ConfigChange;
use super::gate;
use super::rebalance::{Rebalance, basis};
use super::seen::{DynamicConfigs, Seen};
use super::wanted::Wanted;
use crate::view::kafka::NodeId;

/// What a broker has of its own where it is cordoned. It outlives the broker's registration.
const KEY: &str = "cordoned.log.dirs";
/// Every log directory.
const ALL: &str = "*";
/// `metadata.version` from which on controllers heed it: 4.3-IV0.
const SINCE: i16 = 30;

/// What is to be changed. Only brokers that serve are asked to: each validates its own configuration. None is cordoned
/// because it leaves while that is refused or not approved: then nothing is touched.
pub fn changes(wanted: &Wanted, seen: &Seen, rebalance: &Rebalance) -> Vec<ConfigChange> {
    let (Some(view), Some(dynamic)) = (seen.kafka.current(), &seen.dynamic) else { return vec![] };
    let is_supported = view.features.get("metadata.version").is_some_and(|level| *level >= SINCE);
    if !is_supported {
        return vec![];
    }
    // some must be left that new partitions can go to
    let whole = wanted.brokers().all(|id| gate::is_up(id, view));
    // a digest over all partitions: where it is asked for, and once
    let drains = LazyCell::new(|| drains(seen, rebalance));
    let change = |id: NodeId| {
        let (own, leaves) = (dynamic.brokers.get(&id)?, !wanted.has_broker(id));
        // one that comes to where there is none would only have to move
        let begins = || gate::replicas_on(id, view).1 == 0 || *drains;
        let set = leaves && !is_whole(own) && whole && begins();
        let reset = !leaves && own.contains_key(KEY);
        (set || reset).then(|| ConfigChange {
            broker: Some(id),
            set: if set { BTreeMap::from([(KEY.into(), ALL.into())]) } else { BTreeMap::new() },
            reset: if reset { BTreeSet::from([KEY.into()]) } else { BTreeSet::new() },
        })
    };
    view.serving().filter_map(change).collect()
}

/// As it was described last.
pub fn is_cordoned(id: NodeId, dynamic: Option<&DynamicConfigs>) -> bool {
    dynamic.and_then(|dynamic| dynamic.brokers.get(&id)).is_some_and(is_whole)
}

fn is_whole(own: &BTreeMap<String, String>) -> bool {
    own.get(KEY).is_some_and(|dirs| dirs == ALL)
}

/// What moves does so that those that leave may.
fn drains(seen: &Seen, rebalance: &Rebalance) -> bool {
    rebalance.status.as_ref().zip(seen.proposal.as_ref()).is_some_and(|(status, proposal)| {
        let moves = ["Moving", "Finishing"].contains(&status.phase.as_str()) && proposal.answer.is_ok();
        moves && status.basis.as_ref() == Some(&basis(&proposal.model))
    })
}
