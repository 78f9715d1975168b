//! What Kafka does: who is in sync, who leads, what an observer sees; and what must never happen to it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Phase, Sim, at};
use crate::cluster::names;
use crate::view::Sight;
use crate::view::kafka::{
    BrokerView, ClusterView, KafkaUuid, NodeId, PartitionView, QuorumReplica, QuorumView, TopicView,
};

const CATCH_UP_SECONDS: i64 = 3;

impl Sim {
    pub(super) fn assert_may_stop(&self, id: NodeId) {
        for topic in &self.topics {
            for (number, (replicas, in_sync)) in topic.partitions.iter().enumerate() {
                // what does not serve is not taken from anybody
                if !in_sync.contains(&id) || !self.is_up(id) {
                    continue;
                }
                let min_isr = topic.min_isr.min(replicas.len());
                let left = in_sync.iter().filter(|other| **other != id && self.is_up(**other)).count();
                let spare = replicas.len() > min_isr;
                assert!(
                    left >= min_isr || (!spare && left == replicas.len() - 1),
                    "restarting {id} leaves {}-{number} with {left} in sync of {replicas:?}",
                    topic.name
                );
            }
        }
        let alive = self.voters.iter().filter(|(voter, _)| *voter != id && self.is_alive(*voter)).count();
        let voters = self.voters.len();
        if self.leader.is_some() && self.voters.iter().any(|(voter, _)| *voter == id) {
            assert!(
                alive >= (voters / 2 + 1).min(voters - 1),
                "restarting {id} leaves {alive} of {:?}, with {:?}",
                self.voters,
                self.pods.iter().map(|(n, p)| (n, p.phase, p.since)).collect::<Vec<_>>()
            );
        }
    }

    pub(super) fn assert_may_leave(&self, id: NodeId) {
        assert!(self.voters.iter().all(|(voter, _)| *voter != id), "{id} leaves with its vote");
        for topic in &self.topics {
            let holds = topic.partitions.iter().any(|(replicas, _)| replicas.contains(&id));
            assert!(!holds, "{id} leaves with replicas of {}", topic.name);
        }
    }

    pub(super) fn assert_majority(&self) {
        let alive =
            self.voters.iter().filter(|(id, dir)| self.is_alive(*id) && self.directory(*id) == *dir).count();
        assert!(alive > self.voters.len() / 2, "{alive} of {:?} are alive", self.voters);
    }

    pub(super) fn directory(&self, id: NodeId) -> u8 {
        self.pod_of(id).map_or(0, |pod| pod.directory)
    }

    /// Serves clients.
    pub fn is_up(&self, id: NodeId) -> bool {
        self.pod_of(id).is_some_and(|pod| pod.phase == Phase::Ready)
    }

    /// Its process runs, so a controller votes.
    pub(super) fn is_alive(&self, id: NodeId) -> bool {
        self.pod_of(id).is_some_and(|pod| matches!(pod.phase, Phase::Ready | Phase::Starting))
    }

    pub(super) fn elect(&mut self) {
        let alive: Vec<_> = self
            .voters
            .iter()
            .filter(|(id, dir)| self.is_alive(*id) && self.directory(*id) == *dir)
            .map(|(id, _)| *id)
            .collect();
        self.leader = if alive.len() > self.voters.len() / 2 {
            self.leader.filter(|id| alive.contains(id)).or_else(|| alive.iter().min().copied())
        } else {
            None
        };
    }

    pub(super) fn fall_out_of_sync(&mut self) {
        let up: BTreeSet<_> = self.registered.iter().copied().filter(|id| self.is_up(*id)).collect();
        for (_, in_sync) in self.topics.iter_mut().flat_map(|t| &mut t.partitions) {
            let left: Vec<_> = in_sync.iter().copied().filter(|id| up.contains(id)).collect();
            // the last one stays in the ISR: nobody else may lead
            if !left.is_empty() {
                *in_sync = left;
            }
        }
    }

    pub(super) fn catch_up(&mut self) {
        let back: BTreeSet<_> = self
            .registered
            .iter()
            .copied()
            .filter(|id| !self.laggards.contains(id))
            .filter(|id| {
                self.pod_of(*id)
                    .is_some_and(|p| p.phase == Phase::Ready && self.now - p.since >= CATCH_UP_SECONDS)
            })
            .collect();
        for (replicas, in_sync) in self.topics.iter_mut().flat_map(|t| &mut t.partitions) {
            for id in replicas.iter().filter(|id| back.contains(id)) {
                if !in_sync.contains(id) {
                    in_sync.push(*id);
                }
            }
        }
    }

    pub fn look(&mut self) {
        self.stepped = false;
        let answers = self.leader.is_some() && self.registered.iter().any(|id| self.is_up(*id));
        self.sight = if answers {
            Sight::Clear(Arc::new(self.view()))
        } else {
            self.sight.failed(at(self.now), "connection refused".into())
        };
    }

    pub fn view(&self) -> ClusterView {
        let brokers = self
            .registered
            .iter()
            .map(|id| {
                let rack = Some(Self::zone(*id));
                (*id, BrokerView { fenced: !self.is_up(*id), rack, ..BrokerView::default() })
            })
            .collect();
        let partition = |(replicas, in_sync): &(Vec<NodeId>, Vec<NodeId>)| PartitionView {
            leader: in_sync.iter().find(|id| self.is_up(**id)).copied(),
            replicas: replicas.clone(),
            isr: in_sync.clone(),
        };
        let topics = self.topics.iter().map(|topic| {
            let view = TopicView {
                id: KafkaUuid([topic.life; 16]),
                partitions: topic.partitions.iter().map(partition).collect(),
                min_isr: i32::try_from(self.min_isr(topic)).ok(),
                configs: Some(self.topic_configs.get(&topic.name).cloned().unwrap_or_default()),
                ..TopicView::default()
            };
            (topic.name.clone(), Arc::new(view))
        });
        ClusterView {
            cluster_id: self.cluster_id.clone(),
            brokers,
            topics: topics.collect(),
            quorum: Some(self.quorum()),
            reassignments: Some(self.reassignments()),
            features: BTreeMap::from([("metadata.version".to_owned(), 30)]),
        }
    }

    pub(super) fn quorum(&self) -> QuorumView {
        let log_end = self.now * 2;
        let replica = |id: NodeId, directory: u8| {
            let alive = self.is_alive(id) && self.directory(id) == directory;
            QuorumReplica {
                id,
                directory: KafkaUuid([directory; 16]),
                log_end_offset: if alive { log_end } else { 0 },
                last_caught_up_ms: alive.then_some(self.now * 1000),
            }
        };
        let nodes = self.pods.iter().filter_map(|(name, pod)| Some((names::node_id(name)?, pod.directory)));
        QuorumView {
            leader: self.leader,
            leader_epoch: 1,
            high_watermark: log_end,
            voters: self.voters.iter().map(|(id, dir)| replica(*id, *dir)).collect(),
            observers: nodes
                .filter(|node| !self.voters.contains(node) && self.is_alive(node.0))
                .map(|(id, dir)| replica(id, dir))
                .collect(),
        }
    }
}
