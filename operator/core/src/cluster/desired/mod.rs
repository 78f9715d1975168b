//! The Kubernetes objects of a cluster, one builder per file, all pure.
//!
//! [`Standing`] is what of the world as it is the objects must respect; `build` makes all of them, in the order in
//! which they are applied: what a pod mounts and finds by name comes before the pods. [`remains`] makes what can be made
//! without a spec, from the StatefulSets that are there.

mod config_map;
mod network_policy;
mod pod;
mod properties;
mod remains;
mod services;
mod shared;
mod standing;
mod stateful_set;

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;

use super::wanted::{Listener, Wanted};
use crate::meta::Owner;
pub use config_map::{BOOTSTRAPPED_KEY, STANDALONE_KEY};
pub use pod::{OWN_ENV, OWN_PATHS, OWN_VOLUMES, REVISION_ANNOTATION};
pub use remains::{brokers, remains};
pub use standing::{MayFound, Standing, claim_name, has_volumes_of_an_earlier_life};

/// Everything that should exist, in the order in which it is applied.
#[derive(Clone, Debug, PartialEq)]
pub struct Objects {
    pub service_account: ServiceAccount,
    pub services: Vec<Service>,
    pub pod_disruption_budget: PodDisruptionBudget,
    /// `None`: as it is.
    pub network_policy: Option<NetworkPolicy>,
    pub config_maps: Vec<ConfigMap>,
    pub stateful_sets: Vec<StatefulSet>,
}

pub fn build(wanted: &Wanted, standing: &Standing) -> Objects {
    // a pool that is held keeps its ConfigMap too: pods of the older one still mount it
    let pools = || wanted.pools.iter().filter(|pool| !standing.held.contains(&pool.name));
    let home = standing.home.as_ref().filter(|_| wanted.network_policy);
    Objects {
        network_policy: home.map(|home| network_policy::build(&wanted.owner, &wanted.listeners, home)),
        config_maps: pools().map(|pool| config_map::build(wanted, pool, standing)).collect(),
        stateful_sets: pools().map(|pool| stateful_set::build(wanted, pool, standing)).collect(),
        ..around(&wanted.owner, &wanted.listeners, standing.evictions)
    }
}

/// What stands around the pods, and nothing that they are made of.
fn around(owner: &Owner, listeners: &[Listener], evictions: i32) -> Objects {
    Objects {
        service_account: shared::service_account(owner),
        services: vec![services::nodes(owner, listeners), services::bootstrap(owner, listeners)],
        pod_disruption_budget: shared::pod_disruption_budget(owner, evictions),
        network_policy: None,
        config_maps: vec![],
        stateful_sets: vec![],
    }
}
