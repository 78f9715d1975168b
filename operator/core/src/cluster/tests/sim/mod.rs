//! A small Kubernetes with a small Kafka in it, for scenarios and properties: pods start and stop, replicas fall out of
//! sync and catch up, controllers elect. It breaks (panics) where a real cluster would: two quorums, a partition that
//! we brought below `min.insync.replicas`, a lost majority.
//!
//! Here is the world and what Sluice does to it; `kube` makes and stops pods, `kafka` is what Kafka makes of them, `moves` how replicas move.

mod kafka;
mod kube;
mod moves;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::ConfigMap;
use serde_json::Value;
use sluice_crds::KafkaClusterStatus;

use crate::cluster::*;
use crate::view::Sight;
use crate::view::kafka::{Acl, ClusterView, NodeId, Sizes};

/// 2026-11-21T08:00:00Z, when the cluster is created.
const BIRTH: i64 = 1_795_248_000;
const STOP_SECONDS: i64 = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Starting,
    Ready,
    /// Its image cannot be had.
    Broken,
    Terminating,
}

#[derive(Clone, Debug)]
pub struct SimPod {
    pub uid: String,
    pub phase: Phase,
    pub since: i64,
    pub directory: u8,
    meta: Value,
    image: String,
}

#[derive(Clone, Debug)]
pub struct SimTopic {
    pub name: String,
    /// How often it was made.
    pub life: u8,
    pub min_isr: usize,
    /// Replicas and those in sync.
    pub partitions: Vec<(Vec<NodeId>, Vec<NodeId>)>,
}

#[derive(Clone, Debug)]
pub struct Sim {
    pub spec: Value,
    pub generation: i64,
    cluster_id: String,
    pub now: i64,
    pub sets: BTreeMap<String, StatefulSet>,
    pub maps: BTreeMap<String, ConfigMap>,
    pub pods: BTreeMap<String, SimPod>,
    /// Directory id on each pod's volume.
    pub disks: BTreeMap<String, u8>,
    pub topics: Vec<SimTopic>,
    pub registered: BTreeSet<NodeId>,
    /// Brokers that are up and do not keep up.
    pub laggards: BTreeSet<NodeId>,
    pub voters: Vec<(NodeId, u8)>,
    pub leader: Option<NodeId>,
    pub dynamic: DynamicConfigs,
    pub access: BTreeSet<Acl>,
    /// Replicas that Topics declare.
    pub replication: BTreeMap<String, i32>,
    /// Bytes of partitions.
    pub sizes: Sizes,
    /// What moves, and since when.
    pub moving: BTreeMap<(String, i32), moves::Underway>,
    /// What is set on topics themselves.
    pub topic_configs: BTreeMap<String, BTreeMap<String, String>>,
    /// The plan that was made last: as long as its model is the same, so is the plan.
    planned: RefCell<Option<Arc<rebalance::Proposal>>>,
    /// Every replica that was copied.
    pub copies: usize,
    /// Revision of every pool's certificate.
    pub certificates: i64,
    pub status: Option<KafkaClusterStatus>,
    /// Every pod that was restarted, in order.
    pub restarts: Vec<String>,
    /// Every vote that was given or taken: `+1`, `-1`.
    pub votes: Vec<String>,
    sight: Sight<ClusterView>,
    /// Replicas were moved since the last look.
    stepped: bool,
    pub moved_at: i64,
    serial: u32,
}

fn whole(partitions: &[&[NodeId]]) -> Vec<(Vec<NodeId>, Vec<NodeId>)> {
    partitions.iter().map(|replicas| (replicas.to_vec(), replicas.to_vec())).collect()
}

impl Sim {
    pub fn new(spec: Value) -> Self {
        Self {
            cluster_id: super::wanted(spec.clone()).cluster_id,
            spec,
            generation: 1,
            now: BIRTH,
            sets: BTreeMap::new(),
            maps: BTreeMap::new(),
            pods: BTreeMap::new(),
            disks: BTreeMap::new(),
            topics: vec![],
            registered: BTreeSet::new(),
            laggards: BTreeSet::new(),
            voters: vec![],
            leader: None,
            dynamic: DynamicConfigs::default(),
            access: BTreeSet::new(),
            replication: BTreeMap::new(),
            sizes: Sizes::new(),
            moving: BTreeMap::new(),
            topic_configs: BTreeMap::new(),
            planned: RefCell::default(),
            copies: 0,
            certificates: 1,
            status: None,
            restarts: vec![],
            votes: vec![],
            sight: Sight::Never { since: at(BIRTH), error: None },
            stepped: false,
            moved_at: 0,
            serial: 0,
        }
    }

    /// A cluster of this spec that has come up.
    pub fn running(spec: Value) -> Self {
        let mut sim = Self::new(spec);
        sim.settle();
        sim.restarts.clear();
        sim.votes.clear();
        sim
    }

    pub fn topic(mut self, name: &str, min_isr: usize, partitions: &[&[NodeId]]) -> Self {
        self.topics.push(SimTopic { name: name.into(), life: 1, min_isr, partitions: whole(partitions) });
        self.look();
        self
    }

    /// The topic is deleted and made anew with these partitions.
    pub fn remake(&mut self, name: &str, partitions: &[&[NodeId]]) {
        let topic = self.topics.iter_mut().find(|topic| topic.name == name).expect("it is there");
        (topic.life, topic.partitions) = (topic.life + 1, whole(partitions));
        self.moving.retain(|(topic, _), _| topic != name);
        self.topic_configs.remove(name);
        self.look();
    }

    pub fn edit(&mut self, pointer: &str, value: Value) {
        let (parent, key) = pointer.rsplit_once('/').expect("a pointer has a parent");
        self.spec.pointer_mut(parent).expect("the parent is there")[key] = value;
        self.generation += 1;
    }

    pub fn wanted(&self) -> Wanted {
        let mut cluster = super::cluster(self.spec.clone());
        cluster.metadata.generation = Some(self.generation);
        cluster.status.clone_from(&self.status);
        let wanted = validate(&cluster).expect("the spec is valid");
        let revisions = wanted.pools.iter().map(|pool| (pool.name.clone(), self.certificates)).collect();
        wanted.certified(&revisions)
    }

    /// Passes and seconds until `Ready`; panics when that does not come.
    pub fn settle(&mut self) {
        for _ in 0..400 {
            let plan = self.pass();
            self.tick();
            if plan.verdict.is_ready() && self.pods.values().all(|pod| pod.phase == Phase::Ready) {
                return;
            }
        }
        panic!("not Ready after 400 s: {:#?}\n{:#?}", self.plan().verdict, self.pods);
    }

    pub fn run(&mut self, seconds: usize) -> Plan {
        for _ in 0..seconds {
            self.pass();
            self.tick();
        }
        self.plan()
    }

    pub fn now(&self) -> Timestamp {
        at(self.now)
    }

    pub fn plan(&self) -> Plan {
        plan(&self.wanted(), &self.seen(), self.status.as_ref(), self.now())
    }

    /// One pass, carried out.
    pub fn pass(&mut self) -> Plan {
        let plan = self.plan();
        self.tell(&plan);
        self.act(&plan);
        plan
    }

    /// Status is written before the step.
    pub fn tell(&mut self, plan: &Plan) {
        let status =
            status(&self.wanted(), &self.seen(), plan, &Outcome::Done, self.status.as_ref(), at(self.now));
        // through the API server and back
        self.status = Some(serde_json::from_value(serde_json::to_value(&status).unwrap()).unwrap());
    }

    pub fn act(&mut self, plan: &Plan) {
        for map in plan.objects.iter().flat_map(|o| &o.config_maps) {
            self.maps.insert(map.metadata.name.clone().unwrap(), map.clone());
        }
        for set in plan.objects.iter().flat_map(|o| &o.stateful_sets) {
            self.apply(set);
        }
        for old in &plan.delete {
            self.sets.remove(&old.name);
            let prefix = format!("{}-", old.name);
            let gone = self.pods.keys().filter(|name| name.starts_with(&prefix)).cloned().collect();
            self.stop(gone);
        }
        for old in &plan.delete_config_maps {
            self.maps.remove(&old.name);
        }
        for change in plan.alter.iter().chain(&plan.cordon) {
            let target = match change.broker {
                None => &mut self.dynamic.cluster,
                Some(id) => self.dynamic.brokers.entry(id).or_default(),
            };
            target.extend(change.set.clone());
            target.retain(|key, _| !change.reset.contains(key));
        }
        self.access.retain(|rule| !plan.access.drop.contains(rule));
        self.access.extend(plan.access.make.iter().cloned());
        match &plan.step {
            Step::Restart { pod, uid, node, .. } => self.restart(pod, uid, *node),
            Step::AddVoter { id, directory, .. } => {
                // Kafka refuses a voter that it has (DUPLICATE_VOTER)
                if self.voters.iter().all(|(voter, _)| voter != id) {
                    self.voters.push((*id, directory.0[0]));
                    self.votes.push(format!("+{id}"));
                    self.assert_majority();
                }
            }
            Step::RemoveVoter { id, directory, .. } => {
                self.voters.retain(|voter| *voter != (*id, directory.0[0]));
                self.votes.push(format!("-{id}"));
                self.assert_majority();
            }
            Step::UnregisterBroker { id } => {
                self.registered.remove(id);
            }
            Step::Rebalance(act) => {
                self.rebalance(act);
                self.stepped = true;
                self.moved_at = self.now;
            }
            Step::None | Step::Wait(_) => {}
        }
        self.elect();
    }

    /// A second passes.
    pub fn tick(&mut self) {
        self.now += 1;
        for set in self.sets.values_mut() {
            let generation = set.metadata.generation;
            set.status.get_or_insert_default().observed_generation = generation;
        }
        self.pods.retain(|_, pod| pod.phase != Phase::Terminating || self.now - pod.since < STOP_SECONDS);
        self.make_pods();
        self.start_pods();
        self.elect();
        self.fall_out_of_sync();
        self.catch_up();
        self.move_on();
        self.look();
    }

    pub fn seen(&self) -> Seen {
        let mut seen = self.looked();
        let model = rebalance::model(&self.wanted(), &seen, self.status.as_ref());
        let last = self.planned.borrow().clone();
        seen.proposal = model.map(|model| match last.filter(|last| last.model == model) {
            Some(last) => last,
            None => Arc::new(rebalance::propose(model)),
        });
        self.planned.replace(seen.proposal.clone());
        seen
    }

    fn looked(&self) -> Seen {
        let pods = self.pods.iter().map(|(name, pod)| Self::show(name, pod)).collect();
        Seen {
            stateful_sets: self.sets.values().cloned().collect(),
            pods,
            claims: vec![],
            config_maps: self.maps.values().cloned().collect(),
            zones: self.pods.keys().filter_map(|name| names::node_id(name)).map(Self::machine).collect(),
            unmade: BTreeMap::new(),
            kafka: self.sight.clone(),
            looked_at: self.sight.current().filter(|_| !self.stepped).map(|_| at(self.now)),
            canary: canary::Known::default(),
            disks: BTreeMap::new(),
            dynamic: self.sight.latest().map(|_| self.dynamic.clone()),
            sizes: self.sight.latest().map(|_| Arc::new(self.sizes.clone())),
            replication: self.replication.clone(),
            proposal: None,
            access: self.sight.latest().map(|_| Arc::new(self.access.clone())),
            certificates: Certificates::default(),
            home: None,
            network_policy: None,
        }
    }
}

impl Sim {
    /// Three zones, in turn.
    pub fn zone(id: NodeId) -> String {
        format!("zone-{}", id % 3)
    }

    fn machine(id: NodeId) -> (String, String) {
        (format!("machine-{id}"), Self::zone(id))
    }
}

pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}
