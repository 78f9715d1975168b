use std::collections::BTreeMap;

use kube::ResourceExt as _;
use sluice_core::cluster::Wanted;
use sluice_core::cluster::names::{APP, POOL_LABEL};
use sluice_core::connect::names as connect;
use sluice_core::meta::Owner;
use sluice_core::pki::{self, Bundle};

use super::issue::agrees;
use crate::context::Context;
use crate::error::Error;
use crate::scope::{Key, belonging_to};

/// Whether all who show or see certificates of this authority run with what it says now. Their Secrets say it already, or
/// it would be taken for spread too early; of the cluster's own the caller knows.
pub async fn is_everywhere(
    context: &Context,
    wanted: &Wanted,
    authority: &Bundle,
    revisions: &BTreeMap<String, i64>,
) -> Result<bool, Error> {
    let key = Key { namespace: wanted.owner.namespace.clone(), name: wanted.owner.name.clone() };
    let nodes = belonging_to(&context.children.pods, APP, &key);
    let runs = |pod: &k8s_openapi::api::core::v1::Pod| {
        // one of a pool that left the spec has a certificate that nobody keeps
        let revision = pod.labels().get(POOL_LABEL).and_then(|pool| revisions.get(pool));
        revision.is_some_and(|revision| pki::runs(pod, *revision))
    };
    if !nodes.iter().all(|pod| runs(pod)) {
        return Ok(false);
    }
    let shelf = &context.shelves.connects;
    if !shelf.unparsable_in(&key.namespace).is_empty() {
        return Ok(false); // it may be a client of this cluster
    }
    let clients = shelf.select(|client| {
        client.spec.cluster_ref.name == key.name && client.namespace().as_deref() == Some(&key.namespace)
    });
    for client in clients {
        let Some(owner) = Owner::of(&*client, connect::APP) else { return Ok(false) };
        let secret = connect::certificate_secret(&owner.name);
        let found = context.vault.find(context, &owner, &secret, connect::COMPONENT).await?;
        let workers = belonging_to(&context.children.pods, connect::APP, &key.sibling(&owner.name));
        let Some(bundle) = found.bundle() else {
            // it has not begun, or cannot: it begins with what there is then
            if workers.is_empty() {
                continue;
            }
            return Ok(false);
        };
        if !agrees(bundle, authority) || !workers.iter().all(|pod| pki::runs(pod, bundle.revision)) {
            return Ok(false);
        }
    }
    Ok(true)
}
