//! The Kubernetes objects of a Connect cluster, one builder per file, all pure.

mod config_map;
mod pod;
mod services;
mod shared;
mod stateful_set;
mod topics;

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, Service, ServiceAccount};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use sluice_crds::Topic;

use super::wanted::Wanted;
pub use pod::{OWN_ENV, OWN_PATHS, OWN_VOLUMES};

/// Everything that should exist, in the order in which it is applied: what a pod mounts and finds by name comes before the pods.
/// (The connectors' Secret is made by [`credentials`](super::credentials).)
#[derive(Clone, Debug, PartialEq)]
pub struct Objects {
    pub topics: Vec<Topic>,
    pub service_account: ServiceAccount,
    pub services: Vec<Service>,
    pub pod_disruption_budget: PodDisruptionBudget,
    pub config_map: ConfigMap,
    pub stateful_set: StatefulSet,
}

/// `brokers` and `existing_topics` decide the replication of the internal topics.
pub fn build(wanted: &Wanted, brokers: i32, existing_topics: &[Topic]) -> Objects {
    Objects {
        topics: topics::build(wanted, brokers, existing_topics),
        service_account: shared::service_account(wanted),
        services: vec![services::workers(wanted), services::rest(wanted)],
        pod_disruption_budget: shared::pod_disruption_budget(wanted),
        config_map: config_map::build(wanted),
        stateful_set: stateful_set::build(wanted),
    }
}
