use kube::ResourceExt as _;
use sluice_core::cluster::names::authority_secret;

use crate::context::Context;
use crate::scope::Key;

/// A Secret changed: clusters whose authority it holds by their spec, and clients of the one that it holds by its name, look again.
pub fn secret_changed(context: &Context, secret: &Key) {
    let here = |namespace: Option<String>| namespace.as_deref() == Some(secret.namespace.as_str());
    context.shelves.clusters.wake_where(|cluster| {
        let ca = cluster.spec.certificates.as_ref().and_then(|certificates| certificates.ca.as_ref());
        ca.is_some_and(|ca| ca.secret_name == secret.name) && here(cluster.namespace())
    });
    context.shelves.connects.wake_where(|connect| {
        authority_secret(&connect.spec.cluster_ref.name) == secret.name && here(connect.namespace())
    });
}

/// Any Secret may have changed.
pub fn secrets_relisted(context: &Context) {
    context.shelves.clusters.wake_where(|cluster| {
        cluster.spec.certificates.as_ref().is_some_and(|certificates| certificates.ca.is_some())
    });
}
