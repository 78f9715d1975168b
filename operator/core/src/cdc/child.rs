use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta};
use sluice_crds::common::RunState;
use sluice_crds::{Connector, Topic};

use super::adhoc;
use crate::condition::VerdictKind;
use crate::connector::ConnectorReason;
use crate::reason::Reason as _;

/// What a pipeline needs to know of a Topic or Connector that it wants or has.
#[derive(Clone, Debug, PartialEq)]
pub struct Child {
    pub uid: String,
    /// The pipeline is its controller.
    pub owned: bool,
    pub deleting: bool,
    /// What its status says of its newest generation; `None` while it speaks of an older one, or of none.
    pub says: Option<Says>,
    /// Of a Connector: its state in Connect.
    pub state: Option<String>,
    /// Of a Connector: the state that its spec orders.
    pub declared: RunState,
    /// Of a source's Connector: what it captures, and whose orders it takes, by its spec.
    pub captures: Option<String>,
}

/// A child's verdict, read back from its conditions.
#[derive(Clone, Debug, PartialEq)]
pub struct Says {
    pub kind: VerdictKind,
    pub reason: String,
    pub message: String,
}

impl Says {
    /// A Connector that has failed, whatever is done about it.
    pub fn failed(&self) -> bool {
        let failures = [ConnectorReason::ConnectorFailed, ConnectorReason::TaskFailed];
        self.kind == VerdictKind::Stalled || failures.iter().any(|failure| failure.as_str() == self.reason)
    }
}

impl Child {
    pub fn topic(topic: &Topic, owner: &str) -> Self {
        let status = topic.status.as_ref();
        let (observed, conditions) =
            status.map_or((None, &[][..]), |s| (s.observed_generation, &s.conditions));
        Self::of(&topic.metadata, owner, observed, conditions, None, RunState::default())
    }

    pub fn connector(connector: &Connector, owner: &str) -> Self {
        let status = connector.status.as_ref();
        let (observed, conditions) =
            status.map_or((None, &[][..]), |s| (s.observed_generation, &s.conditions));
        let state = status.and_then(|status| status.state.clone());
        let child = Self::of(&connector.metadata, owner, observed, conditions, state, connector.spec.state);
        Self { captures: adhoc::captures(connector), ..child }
    }

    fn of(
        meta: &ObjectMeta,
        owner: &str,
        observed: Option<i64>,
        conditions: &[Condition],
        state: Option<String>,
        declared: RunState,
    ) -> Self {
        let mut owners = meta.owner_references.iter().flatten();
        Self {
            uid: meta.uid.clone().unwrap_or_default(),
            owned: owners.any(|reference| reference.uid == owner && reference.controller == Some(true)),
            deleting: meta.deletion_timestamp.is_some(),
            says: (observed.is_some() && observed == meta.generation).then(|| says(conditions)).flatten(),
            state,
            declared,
            captures: None,
        }
    }

    /// A Connector that is ordered to be stopped, and is.
    pub fn is_stopped(&self) -> bool {
        self.declared == RunState::Stopped && self.state.as_deref() == Some("Stopped")
    }

    pub fn is_ready(&self) -> bool {
        self.says.as_ref().is_some_and(|says| says.kind == VerdictKind::Ready)
    }
}

fn says(conditions: &[Condition]) -> Option<Says> {
    let one = |kind: &str| conditions.iter().find(|condition| condition.type_ == kind);
    let ready = one("Ready")?;
    let kind = match ready.status.as_str() {
        "True" => VerdictKind::Ready,
        "False" if one("Stalled").is_some_and(|stalled| stalled.status == "True") => VerdictKind::Stalled,
        "False" => VerdictKind::Reconciling,
        _ => VerdictKind::Unknown,
    };
    Some(Says { kind, reason: ready.reason.clone(), message: ready.message.clone() })
}
