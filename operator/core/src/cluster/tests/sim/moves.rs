//! How replicas move, as Kafka's controller and fetchers do it.

use std::collections::BTreeMap;

use super::{Sim, SimTopic};
use crate::cluster::rebalance::{Act, RATES, REPLICAS};
use crate::view::kafka::{NodeId, Reassignment, Reassignments};

const COPY_SECONDS: i64 = 4;

#[derive(Clone, Debug)]
pub struct Underway {
    pub from: Vec<NodeId>,
    pub to: Vec<NodeId>,
    pub since: i64,
}

impl Sim {
    pub(super) fn rebalance(&mut self, act: &Act) {
        let recorded = self.status.clone().and_then(|status| status.rebalance).unwrap_or_default();
        match act {
            Act::Throttle(change) => {
                if let Some(rate) = change.rate {
                    let known = recorded.throttle.as_ref().map(|throttle| throttle.bytes_per_second);
                    assert_eq!(known, Some(rate), "a throttle is set that status does not know");
                    self.dynamic.cluster.extend(RATES.map(|key| (key.to_owned(), rate.to_string())));
                }
                if change.no_rate {
                    self.dynamic.cluster.retain(|key, _| !RATES.contains(&key.as_str()));
                }
                for (topic, keys) in &change.topics {
                    let configs = self.topic_configs.entry(topic.clone()).or_default();
                    for (key, value) in keys {
                        match value {
                            Some(value) => drop(configs.insert((*key).to_owned(), value.clone())),
                            None => drop(configs.remove(*key)),
                        }
                    }
                    if configs.is_empty() {
                        self.topic_configs.remove(topic);
                    }
                }
            }
            Act::Move(moving) => {
                for partition in moving {
                    assert!(
                        recorded.moving.contains(partition),
                        "{partition:?} moves and status does not know"
                    );
                    let key = (partition.topic.clone(), partition.partition);
                    assert!(!self.moving.contains_key(&key), "{key:?} moves already");
                    if partition.copies > 0 {
                        let (from, _) = self.partition(&partition.topic, partition.partition).unwrap();
                        let all = [from.as_slice(), &partition.to].concat();
                        let marked =
                            all.iter().all(|id| self.is_slowed(&partition.topic, partition.partition, *id));
                        assert!(marked, "{key:?} moves without a throttle");
                        assert!(self.dynamic.cluster.contains_key(RATES[0]), "no rate for {key:?}");
                    }
                    let took = self.takes_writes(&key);
                    self.start_moving(&partition.topic, partition.partition, &partition.to);
                    assert!(!took || self.takes_writes(&key), "{key:?} takes no writes until it has arrived");
                }
            }
            Act::Cancel(moving) => {
                for partition in moving {
                    let under_way =
                        self.moving.remove(&(partition.topic.clone(), partition.partition)).unwrap();
                    let (replicas, in_sync) = self.partition(&partition.topic, partition.partition).unwrap();
                    in_sync.retain(|id| under_way.from.contains(id));
                    *replicas = under_way.from;
                }
            }
            Act::Elect(partitions) => {
                for (topic, index) in partitions {
                    let (replicas, in_sync) = self.partition(topic, *index).unwrap();
                    let preferred = replicas[0];
                    in_sync.sort_by_key(|id| *id != preferred);
                }
            }
        }
    }

    /// Also for what somebody else moves.
    pub fn start_moving(&mut self, topic: &str, index: i32, to: &[NodeId]) {
        let since = self.now;
        let (replicas, _) = self.partition(topic, index).unwrap();
        let from = replicas.clone();
        let mut all = to.to_vec();
        all.extend(from.iter().filter(|id| !to.contains(id)));
        *replicas = all;
        self.copies += to.iter().filter(|id| !from.contains(id)).count();
        self.moving.insert((topic.to_owned(), index), Underway { from, to: to.to_vec(), since });
    }

    fn partition(&mut self, topic: &str, index: i32) -> Option<&mut (Vec<NodeId>, Vec<NodeId>)> {
        let topic = self.topics.iter_mut().find(|t| t.name == topic)?;
        topic.partitions.get_mut(usize::try_from(index).ok()?)
    }

    pub(super) fn move_on(&mut self) {
        for ((topic, index), under_way) in self.moving.clone() {
            let up = under_way.to.iter().all(|id| self.is_up(*id));
            if !up || self.now - under_way.since < COPY_SECONDS {
                continue;
            }
            self.moving.remove(&(topic.clone(), index));
            let Some((replicas, in_sync)) = self.partition(&topic, index) else { continue };
            let leader = in_sync.first().copied();
            in_sync.clone_from(&under_way.to);
            // whoever leads goes on where it stays
            in_sync.sort_by_key(|id| Some(*id) != leader);
            *replicas = under_way.to;
        }
    }

    pub(super) fn reassignments(&self) -> Reassignments {
        let mut all = Reassignments::new();
        for ((topic, index), under_way) in &self.moving {
            let not_in = |a: &[NodeId], b: &[NodeId]| {
                a.iter().filter(|id| !b.contains(id)).copied().collect::<Vec<_>>()
            };
            let removing = not_in(&under_way.from, &under_way.to);
            let reassignment = Reassignment {
                replicas: [under_way.to.clone(), removing.clone()].concat(),
                adding: not_in(&under_way.to, &under_way.from),
                removing,
            };
            all.entry(topic.clone()).or_default().insert(*index, reassignment);
        }
        all
    }

    /// Whether a throttle holds for this replica, whether it gives or takes.
    fn is_slowed(&self, topic: &str, index: i32, id: NodeId) -> bool {
        let marks = REPLICAS.iter().filter_map(|key| self.topic_configs.get(topic)?.get(*key));
        marks.flat_map(|list| list.split(',')).any(|mark| mark == format!("{index}:{id}"))
    }

    /// With `acks=all`.
    fn takes_writes(&self, (name, index): &(String, i32)) -> bool {
        let topic = self.topics.iter().find(|topic| topic.name == *name).unwrap();
        let (replicas, in_sync) = &topic.partitions[usize::try_from(*index).unwrap()];
        in_sync.len() >= self.min_isr(topic).min(replicas.len())
    }

    /// As it is in force.
    pub(super) fn min_isr(&self, topic: &SimTopic) -> usize {
        let own = self.topic_configs.get(&topic.name).and_then(|configs| configs.get("min.insync.replicas"));
        own.map_or(topic.min_isr, |text| text.parse().unwrap())
    }

    /// Until all pods are ready and registered, without a pass after that.
    pub fn settle_nodes(&mut self) {
        for _ in 0..60 {
            let ready = self.pods.values().all(|pod| pod.phase == super::Phase::Ready);
            if ready && self.pods.len() == self.wanted().nodes().count() {
                return;
            }
            self.pass();
            self.tick();
        }
        panic!("nodes do not come up");
    }

    /// No trace of a throttle, nor of anything else that was set for a while.
    pub fn is_free(&self) -> bool {
        self.topic_configs.is_empty() && !RATES.iter().any(|key| self.dynamic.cluster.contains_key(*key))
    }

    /// How many replicas each broker has.
    pub fn held(&self) -> BTreeMap<NodeId, usize> {
        let mut held = BTreeMap::new();
        for id in self.topics.iter().flat_map(|t| &t.partitions).flat_map(|(replicas, _)| replicas) {
            *held.entry(*id).or_default() += 1;
        }
        held
    }
}
