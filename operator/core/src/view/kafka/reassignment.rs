use std::collections::BTreeMap;

use super::NodeId;

/// All that are under way (`ListPartitionReassignments`), by topic and partition.
pub type Reassignments = BTreeMap<String, BTreeMap<i32, Reassignment>>;

/// Bytes of one replica of each partition (`DescribeLogDirs`): the largest, for others may be incomplete. By topic and
/// partition.
pub type Sizes = BTreeMap<String, BTreeMap<i32, u64>>;

/// A partition whose replicas are changing (KIP-455).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reassignment {
    /// Those that it has now: old ones and new ones.
    pub replicas: Vec<NodeId>,
    pub adding: Vec<NodeId>,
    pub removing: Vec<NodeId>,
}

/// Replicas of a partition that are on their way.
pub fn adding<'a>(all: &'a Reassignments, topic: &str, partition: i32) -> &'a [NodeId] {
    let moving = all.get(topic).and_then(|topic| topic.get(&partition));
    moving.map_or(&[][..], |moving| &moving.adding)
}

impl Reassignment {
    /// What it is to have in the end. Kafka puts the new list first.
    pub fn target(&self) -> Vec<NodeId> {
        self.replicas.iter().copied().filter(|id| !self.removing.contains(id)).collect()
    }
}
