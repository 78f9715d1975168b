//! A Kafka cluster as its own APIs describe it: `DescribeCluster`, `Metadata`, `DescribeConfigs`,
//! `DescribeQuorum`.
//!
//! `next` makes a view of the one before it and a new look, and tells which topics changed. `acl` is a
//! rule of access, `disk` what lies on a broker, `reassignment` what moves, `users` who there is, `uuid` Kafka's way to write ids.

use std::collections::BTreeMap;
use std::sync::Arc;

mod acl;
mod disk;
mod next;
mod reassignment;
mod users;
mod uuid;

pub use acl::{Acl, Operation, Pattern, Permission, ResourceKind};
pub use disk::{DiskView, LogDir, ReplicaOnDisk};
pub use next::{Look, TopicConfigs};
pub use reassignment::{Reassignment, Reassignments, Sizes, adding};
pub use users::UsersView;

/// Kafka's `node.id`, of brokers and controllers alike.
pub type NodeId = i32;

/// A Kafka UUID (topic id, directory id), the 16 bytes as on the wire. All zero means "none".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KafkaUuid(pub [u8; 16]);

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClusterView {
    pub cluster_id: String,
    /// Registered brokers, fenced ones included (`DescribeCluster` v2, KIP-1073).
    pub brokers: BTreeMap<NodeId, BrokerView>,
    /// Shared, so that an unchanged topic costs nothing in the next view.
    pub topics: BTreeMap<String, Arc<TopicView>>,
    pub quorum: Option<QuorumView>,
    /// What moves, whoever has started it. `None`: never asked.
    pub reassignments: Option<Reassignments>,
    /// Finalized feature levels (`ApiVersions`), `metadata.version` among them.
    pub features: BTreeMap<String, i16>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BrokerView {
    pub host: String,
    pub port: u16,
    pub rack: Option<String>,
    /// Registered but not serving: starting, or gone without a controlled shutdown.
    pub fenced: bool,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct TopicView {
    pub id: KafkaUuid,
    pub internal: bool,
    /// Index = partition number.
    pub partitions: Vec<PartitionView>,
    /// Set on the topic itself (source `DYNAMIC_TOPIC_CONFIG`); `None` until described once.
    pub configs: Option<BTreeMap<String, String>>,
    /// The effective `min.insync.replicas`; `None` until described once.
    pub min_isr: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartitionView {
    /// `None`: offline.
    pub leader: Option<NodeId>,
    pub replicas: Vec<NodeId>,
    pub isr: Vec<NodeId>,
}

/// The KRaft quorum (KIP-836, KIP-853).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuorumView {
    pub leader: Option<NodeId>,
    pub leader_epoch: i32,
    pub high_watermark: i64,
    pub voters: Vec<QuorumReplica>,
    /// Controllers that are not voters, and brokers: all that fetch the metadata log.
    pub observers: Vec<QuorumReplica>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuorumReplica {
    pub id: NodeId,
    /// A controller that lost its disk comes back with its id and another directory.
    pub directory: KafkaUuid,
    pub log_end_offset: i64,
    /// Milliseconds since the epoch; `None` where the leader has not heard of it.
    pub last_caught_up_ms: Option<i64>,
}

impl ClusterView {
    /// Brokers that are not fenced.
    pub fn serving(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.brokers.iter().filter(|(_, broker)| !broker.fenced).map(|(id, _)| *id)
    }
}

impl TopicView {
    pub fn replication_factor(&self) -> usize {
        self.partitions.iter().map(|p| p.replicas.len()).max().unwrap_or(0)
    }
}
