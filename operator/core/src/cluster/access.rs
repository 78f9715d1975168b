//! Who may do what, as far as it does not depend on any user: what Connect needs, and what those may who come by a listener
//! without authentication.
//!
//! Kafka's authorizer is always on. Nodes and Sluice itself are super users (`certificates::super_users`), so that nothing here
//! is needed for the cluster to work; others have what a rule gives them.

use std::collections::BTreeSet;

use sluice_crds::kafka_cluster::Authentication;

use super::ClusterReason;
use super::certificates;
use super::plan::Found;
use super::wanted::Wanted;
use crate::condition::Verdict;
use crate::view::kafka::{Acl, Operation, Pattern, Permission, ResourceKind};

/// Kafka's principal of a connection without authentication.
const ANONYMOUS: &str = "User:ANONYMOUS";
/// Kafka's name of the one resource of kind `Cluster`.
const THE_CLUSTER: &str = "kafka-cluster";

/// All that clients do with records, topics and groups, theirs and others'. Not what belongs to whoever runs the cluster:
/// `Alter` would let them make rules like these and move data, `AlterConfigs` change brokers, `ClusterAction` pose as one.
const CLIENTS: &[(ResourceKind, &str, Operation)] = &[
    (ResourceKind::Topic, "*", Operation::All),
    (ResourceKind::Group, "*", Operation::All),
    (ResourceKind::TransactionalId, "*", Operation::All),
    (ResourceKind::Cluster, THE_CLUSTER, Operation::Create),
    (ResourceKind::Cluster, THE_CLUSTER, Operation::Describe),
    (ResourceKind::Cluster, THE_CLUSTER, Operation::DescribeConfigs),
    (ResourceKind::Cluster, THE_CLUSTER, Operation::IdempotentWrite),
];

/// `CreateAcls` and `DeleteAcls`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessChange {
    pub make: Vec<Acl>,
    pub drop: Vec<Acl>,
}

impl AccessChange {
    pub fn is_empty(&self) -> bool {
        self.make.is_empty() && self.drop.is_empty()
    }
}

/// Rules that somebody else made stay, also for the same principals: a `Deny` narrows what ours allow.
pub fn changes(wanted: &Wanted, described: &BTreeSet<Acl>) -> AccessChange {
    let connect = certificates::connect(&wanted.owner.namespace, &wanted.owner.name).subject.principal();
    let anonymous: BTreeSet<_> = rules(ANONYMOUS).collect();
    let wanted: BTreeSet<_> =
        if wanted.listeners.iter().any(|listener| listener.authentication == Authentication::None) {
            anonymous.clone()
        } else {
            BTreeSet::new()
        };
    let wanted: BTreeSet<_> = wanted.into_iter().chain(rules(&connect)).collect();
    AccessChange {
        make: wanted.difference(described).cloned().collect(),
        drop: anonymous.difference(&wanted).filter(|rule| described.contains(*rule)).cloned().collect(),
    }
}

/// Whether everybody who should may.
pub(super) fn is_ruled(found: &Found<'_>) -> Option<Verdict> {
    let message = if found.seen.access.is_none() {
        "Sluice reads who may do what (ACLs)"
    } else if found.access.is_empty() {
        return None;
    } else {
        "Setting who may do what (ACLs): until then clients are refused"
    };
    Some(Verdict::reconciling(ClusterReason::ConfigApplying, message))
}

fn rules(principal: &str) -> impl Iterator<Item = Acl> + use<'_> {
    CLIENTS.iter().map(move |(kind, name, operation)| Acl {
        kind: *kind,
        name: (*name).to_owned(),
        pattern: Pattern::Literal,
        principal: principal.to_owned(),
        host: "*".to_owned(),
        operation: *operation,
        permission: Permission::Allow,
    })
}
