use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::connect::names::{COMPONENT, whole};
use crate::connect::wanted::Wanted;

/// Workers need no rights in Kubernetes: the account exists so that they do not have the namespace's default one.
pub fn service_account(wanted: &Wanted) -> ServiceAccount {
    ServiceAccount {
        metadata: wanted.owner.child(whole(&wanted.owner.name), COMPONENT),
        automount_service_account_token: Some(false),
        ..Default::default()
    }
}

/// One worker at a time: the others take its tasks.
pub fn pod_disruption_budget(wanted: &Wanted) -> PodDisruptionBudget {
    PodDisruptionBudget {
        metadata: wanted.owner.child(whole(&wanted.owner.name), COMPONENT),
        spec: Some(PodDisruptionBudgetSpec {
            max_unavailable: Some(IntOrString::Int(1)),
            selector: Some(LabelSelector {
                match_labels: Some(wanted.owner.selector(COMPONENT)),
                ..Default::default()
            }),
            ..Default::default()
        }),
        ..Default::default()
    }
}
