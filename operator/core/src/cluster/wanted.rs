//! What a KafkaCluster means: defaults filled, names checked, sizes in bytes.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use jiff::Timestamp;
use sluice_crds::common::{PodTemplate, Resources};
use sluice_crds::kafka_cluster::{Authentication, StorageType};

use super::config::Config;
use super::inputs::Inputs;
use super::rebalance::Wish;
use super::version::Version;
use crate::meta::Owner;
use crate::view::kafka::NodeId;

/// Only [`validate`](super::validate) makes one.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    pub owner: Owner,
    pub generation: Option<i64>,
    /// When the object was created, in seconds since the epoch: claims that are older are from an earlier life.
    pub created: Option<i64>,
    pub cluster_id: String,
    pub version: &'static Version,
    pub image: String,
    pub pools: Vec<Pool>,
    pub listeners: Vec<Listener>,
    pub config: Config,
    pub authority: AuthorityWish,
    pub network_policy: bool,
    /// How many brokers of one zone may be down together in a roll.
    pub max_unavailable: usize,
    pub rebalance: Wish,
    /// Time between two of Sluice's own records on each listener.
    pub canary: Option<Duration>,
    pub delete_volumes: bool,
    pub paused: bool,
}

/// Who is to sign the cluster's certificates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthorityWish {
    /// The Secret with somebody's own.
    pub given: Option<String>,
    /// When another one of Sluice's own was asked for.
    pub requested: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Pool {
    pub name: String,
    /// Node ids: `0..3`.
    pub ids: Range<NodeId>,
    pub controller: bool,
    pub broker: bool,
    /// Share of the replicas, relative to other pools.
    pub weight: u32,
    pub storage: Storage,
    pub resources: Option<Resources>,
    /// Arguments of `java`, heap and collector included.
    pub jvm: Vec<String>,
    pub template: PodTemplate,
    /// What of all this a pod must be restarted for.
    pub inputs: Inputs,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storage {
    pub kind: StorageType,
    /// As written: `10Gi`.
    pub size: String,
    pub bytes: i64,
    pub class: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    pub name: String,
    pub port: i32,
    pub tls: bool,
    pub authentication: Authentication,
}

impl Wanted {
    /// The same with the revision of each pool's certificate.
    #[must_use]
    pub fn certified(mut self, revisions: &BTreeMap<String, i64>) -> Self {
        for pool in &mut self.pools {
            pool.inputs.certificates = revisions.get(&pool.name).map(i64::to_string);
        }
        self
    }

    /// Whether every pool has a certificate: no node starts without.
    pub fn is_certified(&self) -> bool {
        self.pools.iter().all(|pool| pool.inputs.certificates.is_some())
    }

    /// Whether users come by certificates.
    pub fn takes_certificates(&self) -> bool {
        self.listeners.iter().any(|listener| listener.authentication == Authentication::Tls)
    }

    pub fn controllers(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.pools.iter().filter(|p| p.controller).flat_map(|p| p.ids.clone())
    }

    pub fn brokers(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.pools.iter().filter(|p| p.broker).flat_map(|p| p.ids.clone())
    }

    pub fn nodes(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.pools.iter().flat_map(|p| p.ids.clone())
    }

    /// Whether the spec has a broker with this id: else it leaves.
    pub fn has_broker(&self, id: NodeId) -> bool {
        self.pool_of(id).is_some_and(|pool| pool.broker)
    }

    pub fn pool(&self, name: &str) -> Option<&Pool> {
        self.pools.iter().find(|p| p.name == name)
    }

    pub fn pool_of(&self, id: NodeId) -> Option<&Pool> {
        self.pools.iter().find(|p| p.ids.contains(&id))
    }
}

impl Listener {
    /// Kafka's `security.protocol`.
    pub fn protocol(&self) -> &'static str {
        match (self.authentication, self.tls) {
            (Authentication::None, false) => "PLAINTEXT",
            (Authentication::None, true) | (Authentication::Tls, _) => "SSL",
            (Authentication::ScramSha512, false) => "SASL_PLAINTEXT",
            (Authentication::ScramSha512, true) => "SASL_SSL",
        }
    }

    /// What of it a node must be restarted for.
    pub fn input(&self) -> String {
        let more = match (self.protocol(), self.authentication) {
            ("PLAINTEXT", _) => String::new(),
            (protocol, Authentication::Tls) => format!(":{protocol}:tls"),
            (protocol, _) => format!(":{protocol}"),
        };
        format!("{}:{}{more}", self.name, self.port)
    }

    /// As Kafka knows it: `PLAIN`.
    pub fn kafka_name(&self) -> String {
        self.name.to_ascii_uppercase()
    }
}
