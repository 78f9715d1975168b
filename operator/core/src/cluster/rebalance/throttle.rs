//! How fast replicas move. A throttle is two rates for all brokers, and per topic a mark that says which of its replicas
//! are slowed by them (KIP-73): those that are copied, and no others, for Kafka counts against the rate whatever a marked
//! replica fetches, also when it is in sync.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use sluice_crds::rebalance::{Moving, Throttle};

use super::super::gate::is_up;
use super::super::seen::DynamicConfigs;
use super::Ground;
use super::model::partition;
use crate::view::kafka::{ClusterView, Reassignments, adding};

pub const RATES: [&str; 2] = ["leader.replication.throttled.rate", "follower.replication.throttled.rate"];
pub const REPLICAS: [&str; 2] =
    ["leader.replication.throttled.replicas", "follower.replication.throttled.replicas"];
/// Slower when replicas fall out of sync, and not at once again; faster only when all has been well for longer.
const SLOWER_SECONDS: i64 = 10;
const FASTER_SECONDS: i64 = 30;
/// The slowest is this part of what the spec allows.
const SLOWEST: i64 = 8;

/// What must be changed in Kafka so that it is as recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// The rate to be set; `None`: it is.
    pub rate: Option<i64>,
    /// The rates are to be removed.
    pub no_rate: bool,
    /// What is to be set on topics; `None`: it is to be removed.
    pub topics: BTreeMap<String, BTreeMap<&'static str, Option<String>>>,
}

impl Change {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn unmark<'a>(&mut self, topics: impl Iterator<Item = &'a String>) {
        for topic in topics {
            self.topics.entry(topic.clone()).or_default().extend(REPLICAS.map(|key| (key, None)));
        }
    }
}

/// The throttle to be recorded for what moves now. `None`: nothing is copied, and none is in force.
pub fn wanted(
    before: Option<&Throttle>,
    moving: &[Moving],
    limit: i64,
    suffers: bool,
    view: &ClusterView,
    now: Timestamp,
) -> Option<Throttle> {
    let copies = moving.iter().any(|moving| moving.copies > 0);
    if before.is_none() && !copies {
        return None;
    }
    let bytes_per_second = before.map_or(limit, |before| rate(before, limit, suffers, now));
    let since = before
        .filter(|before| before.bytes_per_second == bytes_per_second)
        .map_or(Some(Time(now)), |before| before.since.clone());
    let ours = |topic: &str| before.is_some_and(|before| before.topics.iter().any(|own| own == topic));
    let needed = moving.iter().filter(|moving| moving.copies > 0).map(|moving| moving.topic.as_str());
    // a mark that somebody else has set is theirs to remove
    let needed = needed.filter(|topic| ours(topic) || mark(view, topic) != Mark::Set);
    let mut topics: BTreeSet<&str> = needed.collect();
    // what was marked before is forgotten once Kafka shows that it is not any more
    let old = before.map_or(&[][..], |before| &before.topics);
    topics.extend(old.iter().map(String::as_str).filter(|topic| mark(view, topic) != Mark::Not));
    Some(Throttle { bytes_per_second, since, topics: topics.into_iter().map(str::to_owned).collect() })
}

fn rate(before: &Throttle, limit: i64, suffers: bool, now: Timestamp) -> i64 {
    let slowest = (limit / SLOWEST).max(1);
    let rate = before.bytes_per_second.clamp(slowest, limit);
    let lasts = before.since.as_ref().map_or(i64::MAX, |since| now.as_second() - since.0.as_second());
    if suffers && lasts >= SLOWER_SECONDS {
        (rate / 2).max(slowest)
    } else if !suffers && lasts >= FASTER_SECONDS {
        rate.saturating_mul(2).min(limit)
    } else {
        rate
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Set,
    Not,
    /// Its configuration has not been read yet.
    Unknown,
}

fn mark(view: &ClusterView, topic: &str) -> Mark {
    let Some(topic) = view.topics.get(topic) else { return Mark::Not };
    match &topic.configs {
        None => Mark::Unknown,
        Some(configs) if REPLICAS.iter().any(|key| configs.contains_key(*key)) => Mark::Set,
        Some(_) => Mark::Not,
    }
}

/// Those that give and those that take, each as `partition:broker`.
fn slowed(
    topic: &str,
    moving: &[Moving],
    view: &ClusterView,
    reassignments: &Reassignments,
) -> [BTreeSet<String>; 2] {
    let [mut give, mut take] = <[BTreeSet<String>; 2]>::default();
    for m in moving.iter().filter(|m| m.copies > 0 && m.topic == topic) {
        let Some(seen) = partition(view, topic, m.partition) else { continue };
        let added = adding(reassignments, topic, m.partition);
        let (had, there) = (|id: &i32| !added.contains(id), |id: &i32| format!("{}:{id}", m.partition));
        give.extend(seen.replicas.iter().filter(|id| had(id)).map(there));
        take.extend(m.to.iter().filter(|id| !had(id) || !seen.replicas.contains(id)).map(there));
    }
    [give, take]
}

/// What Kafka lacks of the recorded throttle, and has too much.
pub fn change(
    throttle: &Throttle,
    moving: &[Moving],
    view: &ClusterView,
    reassignments: &Reassignments,
    dynamic: &DynamicConfigs,
) -> Change {
    let rate = throttle.bytes_per_second.to_string();
    let is_set = RATES.iter().all(|key| dynamic.cluster.get(*key) == Some(&rate));
    let needed = |topic: &&String| moving.iter().any(|m| m.copies > 0 && m.topic == **topic);
    let (needed, rest): (Vec<_>, Vec<_>) = throttle.topics.iter().partition(needed);
    let mut change = Change { rate: (!is_set).then_some(throttle.bytes_per_second), ..Change::default() };
    for topic in needed.into_iter().filter(|topic| view.topics.contains_key(*topic)) {
        let slowed = slowed(topic, moving, view, reassignments);
        let configs = view.topics[topic].configs.as_ref();
        // those of partitions that have arrived in the meantime do no harm
        let has = |(key, slowed): (&&str, &BTreeSet<String>)| {
            let text = configs.and_then(|configs| configs.get(*key)).map_or("", String::as_str);
            slowed.is_subset(&text.split(',').map(str::to_owned).collect())
        };
        if !REPLICAS.iter().zip(&slowed).all(has) {
            let lists = slowed.map(|all| Some(all.into_iter().collect::<Vec<_>>().join(",")));
            change.topics.insert(topic.clone(), REPLICAS.into_iter().zip(lists).collect());
        }
    }
    change.unmark(rest.into_iter().filter(|topic| mark(view, topic) != Mark::Not));
    change
}

/// What of a recorded throttle is still in Kafka; `surely`: all of it that may be, though we see it no more.
pub fn remains(throttle: &Throttle, surely: bool, view: &ClusterView, dynamic: &DynamicConfigs) -> Change {
    let no_rate = surely || RATES.iter().any(|key| dynamic.cluster.contains_key(*key));
    let mut change = Change { no_rate, ..Change::default() };
    let there = |topic: &&String| surely && view.topics.contains_key(*topic);
    change.unmark(throttle.topics.iter().filter(|topic| there(topic) || mark(view, topic) != Mark::Not));
    change
}

/// Whether replicas are out of sync that nobody moves, on brokers that serve and stay.
pub fn suffers(
    ground: &Ground<'_>,
    moving: &[Moving],
    view: &ClusterView,
    reassignments: &Reassignments,
) -> bool {
    view.topics.iter().any(|(name, topic)| {
        let others = reassignments.get(name);
        (0..).zip(&topic.partitions).any(|(index, partition)| {
            let moves = others.is_some_and(|others| others.contains_key(&index))
                || moving.iter().any(|m| m.partition == index && m.topic == *name);
            let behind =
                |id: &i32| !partition.isr.contains(id) && ground.wanted.has_broker(*id) && is_up(*id, view);
            !moves && partition.replicas.iter().any(behind)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_halved_while_replicas_fall_out_of_sync_and_doubled_when_all_is_well_for_longer() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let throttle = |rate| Throttle { bytes_per_second: rate, since: Some(Time(at(100))), topics: vec![] };
        for (rate, suffers, second, expected) in [
            (800, true, 105, 800),
            (800, true, 110, 400),
            (100, true, 200, 100), // an eighth of 800 is the slowest
            (200, false, 129, 200),
            (200, false, 130, 400),
            (800, false, 200, 800),
            (9000, false, 101, 800), // the spec allows less now
        ] {
            let view = ClusterView::default();
            let told = wanted(Some(&throttle(rate)), &[], 800, suffers, &view, at(second)).unwrap();
            assert_eq!(told.bytes_per_second, expected, "{rate} {suffers} {second}");
            let changed = told.since != Some(Time(at(100)));
            assert_eq!(changed, expected != rate, "when it was changed");
        }
        assert_eq!(wanted(None, &[], 800, false, &ClusterView::default(), at(1)), None, "nothing is copied");
    }
}
