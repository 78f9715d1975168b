//! The cluster as the planner sees it. What Sluice moves already counts as where it will be; what others move is left
//! out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use sluice_crds::KafkaClusterStatus;
use sluice_crds::rebalance::Moving;

use super::super::gate::is_up;
use super::super::seen::Seen;
use super::super::wanted::Wanted;
use crate::rebalance::{Broker, Model, Partition};
use crate::view::kafka::{ClusterView, NodeId, PartitionView, Reassignments, Sizes, TopicView};

/// Sizes are rounded up to a power of two from here on: what is written every minute must not change a plan.
const SMALLEST: u64 = 1 << 20;

/// How a partition that Sluice has recorded as moving is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Recorded, and not begun.
    Recorded,
    UnderWay,
    /// Done, or its topic is gone or another one by now.
    Done,
    /// Somebody gave it another target.
    Overridden,
}

pub fn progress(moving: &Moving, view: &ClusterView, reassignments: &Reassignments) -> Progress {
    let Some(seen) = partition(view, &moving.topic, moving.partition) else { return Progress::Done };
    let another = |topic: &TopicView| !moving.topic_id.is_empty() && topic.id.to_string() != moving.topic_id;
    if view.topics.get(&moving.topic).is_some_and(|topic| another(topic)) {
        return Progress::Done;
    }
    let under_way = reassignments.get(&moving.topic).and_then(|topic| topic.get(&moving.partition));
    match under_way {
        Some(reassignment) if same(&reassignment.target(), &moving.to) => Progress::UnderWay,
        Some(_) => Progress::Overridden,
        None if seen.replicas == moving.to => Progress::Done,
        None => Progress::Recorded,
    }
}

/// Whether nobody else has given it a target.
pub fn is_free_for(moving: &Moving, reassignments: &Reassignments) -> bool {
    let under_way = reassignments.get(&moving.topic).and_then(|topic| topic.get(&moving.partition));
    under_way.is_none_or(|under_way| same(&under_way.target(), &moving.to))
}

fn same(a: &[NodeId], b: &[NodeId]) -> bool {
    a.iter().collect::<BTreeSet<_>>() == b.iter().collect()
}

pub fn partition<'a>(view: &'a ClusterView, topic: &str, index: i32) -> Option<&'a PartitionView> {
    view.topics.get(topic)?.partitions.get(usize::try_from(index).ok()?)
}

/// Partitions that somebody else moves.
pub fn foreign(view: &ClusterView, reassignments: &Reassignments, own: &[Moving]) -> Vec<(String, i32)> {
    let is_own = |topic: &str, index: i32| {
        own.iter().any(|moving| {
            moving.topic == topic
                && moving.partition == index
                && progress(moving, view, reassignments) != Progress::Overridden
        })
    };
    let all = reassignments.iter().flat_map(|(topic, all)| all.keys().map(move |index| (topic, *index)));
    all.filter(|(topic, index)| !is_own(topic, *index)).map(|(topic, index)| (topic.clone(), index)).collect()
}

/// What there is to plan for; `None` while Sluice does not see enough.
pub fn model(wanted: &Wanted, seen: &Seen, previous: Option<&KafkaClusterStatus>) -> Option<Model> {
    let view = seen.kafka.current()?;
    let (reassignments, sizes) = (view.reassignments.as_ref()?, seen.sizes.as_ref()?);
    let own = previous.and_then(|status| status.rebalance.as_ref()).map_or(&[][..], |r| &r.moving);
    let foreign = foreign(view, reassignments, own);
    let foreign: BTreeSet<_> = foreign.iter().map(|(topic, index)| (topic.as_str(), *index)).collect();
    let lost = |id: NodeId| is_lost(wanted, view, id);
    let own =
        own.iter().filter(|m| is_own(progress(m, view, reassignments)) && !m.to.iter().any(|id| lost(*id)));
    let own: BTreeMap<_, _> = own.map(|m| ((m.topic.as_str(), m.partition), &m.to)).collect();
    let brokers = brokers(wanted, view);
    let takers = brokers.iter().filter(|broker| broker.takes()).count();
    let mut model = Model { brokers, partitions: Vec::new() };
    for (name, topic) in &view.topics {
        let shared: Arc<str> = name.as_str().into();
        for (index, seen_partition) in (0..).zip(&topic.partitions) {
            if foreign.contains(&(name.as_str(), index)) || seen_partition.replicas.is_empty() {
                continue;
            }
            let replicas = own.get(&(name.as_str(), index)).copied().unwrap_or(&seen_partition.replicas);
            let declared = seen.replication.get(name).and_then(|factor| usize::try_from(*factor).ok());
            model.partitions.push(Partition {
                topic: Arc::clone(&shared),
                index,
                replicas: replicas.clone(),
                bytes: rounded(bytes(sizes, name, index)),
                // more than there are brokers cannot be had; its Topic says so
                wanted: declared.filter(|factor| *factor <= takers).unwrap_or(replicas.len()),
            });
        }
    }
    let known: BTreeSet<_> = model.brokers.iter().map(|broker| broker.id).collect();
    let holders: BTreeSet<_> = model.partitions.iter().flat_map(|p| p.replicas.iter().copied()).collect();
    // brokers that nobody knows any more, and that replicas were left behind on
    model.brokers.extend(holders.difference(&known).map(|id| broker(*id, None, 1, true)));
    Some(model)
}

/// Whether a partition in this state is still to get its new replicas.
pub fn is_own(progress: Progress) -> bool {
    matches!(progress, Progress::Recorded | Progress::UnderWay)
}

/// It is not to be there, and it is not: nothing on it comes back, and nothing can be brought to it.
pub fn is_lost(wanted: &Wanted, view: &ClusterView, id: NodeId) -> bool {
    !wanted.has_broker(id) && !is_up(id, view)
}

fn brokers(wanted: &Wanted, view: &ClusterView) -> Vec<Broker> {
    let stays = |id: NodeId| wanted.pool_of(id).filter(|pool| pool.broker);
    let of = |(id, seen): (&NodeId, &crate::view::kafka::BrokerView)| {
        let pool = stays(*id);
        broker(*id, seen.rack.clone(), pool.map_or(1, |pool| pool.weight), pool.is_none())
    };
    view.brokers.iter().map(of).collect()
}

fn broker(id: NodeId, rack: Option<String>, weight: u32, draining: bool) -> Broker {
    Broker { id, rack, weight, draining }
}

/// Of one replica.
pub fn bytes(sizes: &Sizes, topic: &str, index: i32) -> u64 {
    sizes.get(topic).and_then(|topic| topic.get(&index)).copied().unwrap_or(0)
}

fn rounded(bytes: u64) -> u64 {
    bytes.max(SMALLEST).checked_next_power_of_two().unwrap_or(bytes)
}

/// Of what a plan is made for, but for where replicas are: that changes while it runs.
pub fn basis(model: &Model) -> String {
    let mut text = String::new();
    for b in &model.brokers {
        let _ = writeln!(text, "{} {:?} {} {}", b.id, b.rack, b.weight, b.draining);
    }
    for p in &model.partitions {
        let _ = writeln!(text, "{} {} {}", p.topic, p.index, p.wanted);
    }
    Sha256::digest(text).iter().take(8).fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}"); // writing to a String cannot fail
        out
    })
}
