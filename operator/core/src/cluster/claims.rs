//! Volumes that must grow. A StatefulSet's claim templates are immutable, so the claims themselves are enlarged.

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use sluice_crds::kafka_cluster::StorageType;

use super::desired::claim_name;
use super::seen::Seen;
use super::wanted::Wanted;
use crate::units;

/// One claim to be patched: `spec.resources.requests.storage` becomes `size`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrowClaim {
    pub name: String,
    pub uid: Option<String>,
    pub size: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    pub grow: Vec<GrowClaim>,
    /// Claims that ask for enough and do not have it yet.
    pub growing: Vec<String>,
}

/// A larger volume than wanted is fine; an unbound claim cannot grow yet and is looked at again once it is bound.
pub fn claims(wanted: &Wanted, seen: &Seen) -> Claims {
    let mut claims = Claims::default();
    for pool in wanted.pools.iter().filter(|p| p.storage.kind == StorageType::Persistent) {
        for id in pool.ids.clone() {
            let name = claim_name(&wanted.pod(pool, id));
            let Some(claim) = seen.claims.iter().find(|c| c.metadata.name.as_ref() == Some(&name)) else {
                continue;
            };
            if !is_bound(claim) {
                continue;
            }
            if requested(claim).is_some_and(|bytes| bytes < pool.storage.bytes) {
                let uid = claim.metadata.uid.clone();
                claims.grow.push(GrowClaim { name, uid, size: pool.storage.size.clone() });
            } else if capacity(claim).is_some_and(|bytes| bytes < pool.storage.bytes) {
                claims.growing.push(name);
            }
        }
    }
    claims
}

fn is_bound(claim: &PersistentVolumeClaim) -> bool {
    claim.metadata.deletion_timestamp.is_none()
        && claim.status.as_ref().and_then(|s| s.phase.as_deref()) == Some("Bound")
}

fn requested(claim: &PersistentVolumeClaim) -> Option<i64> {
    bytes(claim.spec.as_ref()?.resources.as_ref()?.requests.as_ref()?.get("storage")?)
}

fn capacity(claim: &PersistentVolumeClaim) -> Option<i64> {
    bytes(claim.status.as_ref()?.capacity.as_ref()?.get("storage")?)
}

fn bytes(quantity: &Quantity) -> Option<i64> {
    units::quantity(&quantity.0).ok()
}
