//! Fixtures go through the API's types and [`validate`], as real objects do.

mod access;
mod cordon;
mod degraded;
mod gates;
mod moves;
mod objects;
mod parts;
mod properties;
mod scenarios;
mod sights;
mod sim;
mod specs;
mod start;
mod together;
mod validation;

use serde_json::{Value, json};
use sluice_crds::{KafkaCluster, KafkaClusterStatus};

use super::*;

/// A `KafkaCluster` of this spec, as the API server would hand it out.
#[allow(clippy::needless_pass_by_value)] // a fixture reads better without the reference
pub fn cluster(spec: Value) -> KafkaCluster {
    serde_json::from_value(json!({
        "apiVersion": "sluice.dev/v1alpha1",
        "kind": "KafkaCluster",
        "metadata": {
            "name": "shop", "namespace": "web", "uid": "0e8c0b5e-6d0a-4d6a-9a4e-3f0c8a3b1c11", "generation": 1,
            "creationTimestamp": "2026-11-21T08:00:00Z",
        },
        "spec": spec,
    }))
    .expect("the fixture is a KafkaCluster")
}

pub fn wanted(spec: Value) -> Wanted {
    certified(validate(&cluster(spec)).expect("the fixture is valid"))
}

/// With a first certificate for each pool.
pub fn certified(wanted: Wanted) -> Wanted {
    let first = wanted.pools.iter().map(|pool| (pool.name.clone(), 1)).collect();
    wanted.certified(&first)
}
