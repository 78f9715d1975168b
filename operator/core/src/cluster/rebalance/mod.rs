//! Moves replicas so that every broker carries its share: when brokers come or leave, when racks or a Topic's replication
//! factor change, when the load is uneven.
//!
//! `model` (what Kafka shows → the planner's model) → [`propose`] (the plan; worth its while, so the manager keeps it as
//! long as the model stays) → `cause` (is there a reason?) → `hold` (may it begin?) → `run` (what happens next), with
//! `throttle` (how fast) and `min_isr` (that writes go on). `tell` is what status shows.
//!
//! What a later pass needs stands in `status.rebalance` before it is done: the throttle before it is set, partitions
//! before they move. The rest is planned anew in every pass: a plan that is half done goes on with the moves that are
//! left (decision 0012).

mod cause;
mod hold;
mod min_isr;
mod model;
mod reason;
mod run;
mod tell;
mod throttle;
pub(super) mod verdict;

use std::collections::BTreeMap;

use jiff::Timestamp;
use sluice_crds::KafkaClusterStatus;
use sluice_crds::rebalance::{Moving, RebalanceMode, RebalanceStatus};

use super::node::Node;
use super::seen::Seen;
use super::wanted::Wanted;
use crate::finding::Finding;
use crate::rebalance::{Model, Options, Plan, RebalanceReason, misplaced, plan};
use crate::view::kafka::{ClusterView, NodeId};

pub use model::{basis, is_free_for, model};
pub use reason::HoldReason;
pub use throttle::{Change as ThrottleChange, RATES, REPLICAS};

/// What the spec says about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    pub mode: RebalanceMode,
    /// Percent.
    pub threshold: i32,
    /// Bytes in a second.
    pub throttle: i64,
    pub approved: Option<String>,
}

/// A model and its plan, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    pub model: Model,
    pub answer: Result<Plan, Vec<Finding<RebalanceReason>>>,
    /// Partitions that do not lie on as many racks as they could.
    pub misplaced: usize,
}

/// Plans. For a large cluster this takes seconds.
pub fn propose(model: Model) -> Proposal {
    let options = Options::default();
    Proposal { answer: plan(&model, options), misplaced: misplaced(&model, options), model }
}

/// The one thing that is done now. All of it can be repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Kafka's throttle is made as recorded, or removed.
    Throttle(ThrottleChange),
    /// These partitions get their new replicas.
    Move(Vec<Moving>),
    /// What moves is taken back.
    Cancel(Vec<Moving>),
    /// The preferred replicas of these partitions become their leaders.
    Elect(Vec<(String, i32)>),
}

impl Act {
    /// For events and the log.
    pub fn text(&self) -> String {
        match self {
            Self::Throttle(ThrottleChange { rate: Some(rate), .. }) => {
                format!("Replicas move at {rate} bytes a second at most")
            }
            Self::Throttle(ThrottleChange { no_rate: true, .. }) => {
                "Removing the replication throttle".into()
            }
            Self::Throttle(_) => "Changing which replicas are throttled".into(),
            Self::Move(moving) => format!("Moving {}", named(moving)),
            Self::Cancel(moving) => format!("Taking back the move of {}", named(moving)),
            Self::Elect(partitions) => {
                format!("Electing the preferred leaders of {} partitions", partitions.len())
            }
        }
    }
}

fn named(moving: &[Moving]) -> String {
    let mut names: Vec<_> = moving.iter().take(3).map(|m| format!("{}-{}", m.topic, m.partition)).collect();
    if moving.len() > names.len() {
        names.push(format!("{} more", moving.len() - names.len()));
    }
    names.join(", ")
}

/// How replicas lie, and what is done about it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rebalance {
    /// As it stands in status before `act`.
    pub status: Option<RebalanceStatus>,
    pub act: Option<Act>,
    /// When time alone changes something.
    pub again: Option<i64>,
}

/// What it is decided on.
pub struct Ground<'a> {
    pub wanted: &'a Wanted,
    pub seen: &'a Seen,
    pub nodes: &'a BTreeMap<NodeId, Node>,
    /// Kafka as it is after the last change, or why we do not know.
    pub view: Result<&'a ClusterView, &'a str>,
    /// A node is restarted now.
    pub rolling: bool,
    pub previous: Option<&'a KafkaClusterStatus>,
    pub now: Timestamp,
}

pub fn decide(ground: &Ground<'_>) -> Rebalance {
    run::next(ground)
}

impl Rebalance {
    /// Something is under way that Kafka will tell about.
    pub fn is_active(&self) -> bool {
        self.status.as_ref().is_some_and(is_active)
    }

    /// Brokers have to stay for it: those that give replicas away, and those on which a throttle is in force.
    pub fn needs_brokers(&self) -> bool {
        self.status
            .as_ref()
            .is_some_and(|s| s.throttle.is_some() || !s.lowered.is_empty() || !s.moving.is_empty())
    }
}

fn is_active(status: &RebalanceStatus) -> bool {
    let phases = ["Moving", "Finishing", "Cancelling"];
    let left = status.throttle.is_some() || !status.lowered.is_empty() || !status.moving.is_empty();
    phases.contains(&status.phase.as_str()) || left
}
