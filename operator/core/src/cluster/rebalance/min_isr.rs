//! While a replica is copied, Kafka asks for it as for those that are there (`Partition.effectiveMinIsr`): a topic that has
//! one replica and no `min.insync.replicas` of its own takes no write with `acks=all` until the second has arrived, which may
//! be hours. So such a topic asks for no more than it had, as long as it moves.

use std::collections::BTreeMap;

use sluice_crds::rebalance::{LoweredMinIsr, Moving};

use super::model::partition;
use super::throttle::Change;
use crate::view::kafka::{ClusterView, Reassignments, adding};

const KEY: &str = "min.insync.replicas";

/// Topics to be recorded as lowered for what moves now.
pub fn wanted(
    before: &[LoweredMinIsr],
    moving: &[Moving],
    view: &ClusterView,
    reassignments: &Reassignments,
) -> Vec<LoweredMinIsr> {
    let mut lowered: BTreeMap<&str, LoweredMinIsr> = before
        .iter()
        .filter(|low| shows(view, low) != Some(false))
        .map(|low| (low.topic.as_str(), low.clone()))
        .collect();
    for m in moving {
        let (Some(topic), Some(seen)) = (view.topics.get(&m.topic), partition(view, &m.topic, m.partition))
        else {
            continue;
        };
        let adding = adding(reassignments, &m.topic, m.partition);
        let had = seen.replicas.iter().filter(|id| !adding.contains(id)).count();
        let meanwhile =
            had + m.to.iter().filter(|id| adding.contains(id) || !seen.replicas.contains(id)).count();
        let known = before.iter().find(|low| low.topic == m.topic);
        let asks = known.map(|low| low.to).or(topic.min_isr).and_then(|asks| usize::try_from(asks).ok());
        let stays = known.filter(|_| meanwhile > had);
        if asks.is_some_and(|asks| had < asks.min(meanwhile)) {
            let set = || topic.configs.as_ref().and_then(|configs| configs.get(KEY).cloned());
            let before = known.map_or_else(set, |low| low.before.clone());
            let to = i32::try_from(had).unwrap_or(i32::MAX);
            lowered.insert(&m.topic, LoweredMinIsr { topic: m.topic.clone(), to, before });
        } else if let Some(known) = stays {
            lowered.insert(&m.topic, known.clone());
        }
    }
    lowered.into_values().collect()
}

/// Whether Kafka shows what was set for a while; `None` where its configuration has not been read.
fn shows(view: &ClusterView, low: &LoweredMinIsr) -> Option<bool> {
    let Some(topic) = view.topics.get(&low.topic) else { return Some(false) };
    topic.configs.as_ref().map(|configs| configs.get(KEY) == Some(&low.to.to_string()))
}

/// What Kafka lacks of it, and has too much.
pub fn change(lowered: &[LoweredMinIsr], moving: &[Moving], view: &ClusterView, change: &mut Change) {
    for low in lowered.iter().filter(|low| view.topics.contains_key(&low.topic)) {
        let needed = moving.iter().any(|m| m.topic == low.topic);
        let shown = shows(view, low);
        let value = match needed {
            true if shown != Some(true) => Some(low.to.to_string()),
            false if shown != Some(false) => low.before.clone(),
            _ => continue,
        };
        change.topics.entry(low.topic.clone()).or_default().insert(KEY, value);
    }
}
