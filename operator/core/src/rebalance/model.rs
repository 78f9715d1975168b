//! What a plan is made for: brokers, partitions, and what may be done.

use std::sync::Arc;

use crate::view::kafka::NodeId;

/// A cluster at one moment. The order of the lists does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Model {
    pub brokers: Vec<Broker>,
    pub partitions: Vec<Partition>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broker {
    pub id: NodeId,
    /// `broker.rack`. Brokers without one are a rack of their own, as for Kafka's `StripedReplicaPlacer`.
    pub rack: Option<String>,
    /// How much of the load it is to carry, relative to the others: 1, or the size of its disk.
    pub weight: u32,
    /// It is to end without replicas.
    pub draining: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    pub topic: Arc<str>,
    pub index: i32,
    /// As Kafka lists them: the first is the preferred leader.
    pub replicas: Vec<NodeId>,
    /// Of one replica.
    pub bytes: u64,
    /// Replicas that it is to have.
    pub wanted: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    pub racks: RackRule,
}

/// What racks mean for a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RackRule {
    /// The replicas of each partition lie on the racks as evenly as these are large enough, whatever it costs.
    #[default]
    Spread,
    /// Racks are nothing.
    Ignore,
}

impl Broker {
    /// Whether it may hold replicas in the end.
    pub fn takes(&self) -> bool {
        !self.draining && self.weight > 0
    }
}
