//! One of each per cluster: ServiceAccount and PodDisruptionBudget.

use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::cluster::names::{self, COMPONENT};
use crate::meta::Owner;

/// Nodes need no rights in Kubernetes: the account exists so that they do not have the namespace's default one.
pub fn service_account(owner: &Owner) -> ServiceAccount {
    ServiceAccount {
        metadata: owner.child(names::whole(&owner.name), COMPONENT),
        automount_service_account_token: Some(false),
        ..Default::default()
    }
}

/// Over all pools: a drain must not take a broker of one pool and a controller of another. `evictions` is one, or none
/// while Kafka cannot spare a node.
pub fn pod_disruption_budget(owner: &Owner, evictions: i32) -> PodDisruptionBudget {
    PodDisruptionBudget {
        metadata: owner.child(names::whole(&owner.name), COMPONENT),
        spec: Some(PodDisruptionBudgetSpec {
            max_unavailable: Some(IntOrString::Int(evictions)),
            selector: Some(LabelSelector {
                match_labels: Some(owner.selector(COMPONENT)),
                ..Default::default()
            }),
            ..Default::default()
        }),
        ..Default::default()
    }
}
