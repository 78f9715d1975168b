use std::collections::BTreeSet;

use kube::ResourceExt as _;
use kube::core::DeserializeGuard;
use sluice_core::cluster::names::{authority_secret, clients_authority_secret};
use sluice_crds::{KafkaCluster, User};

use crate::context::Context;
use crate::scope::Key;

/// The Users of a KafkaCluster.
pub fn wake_all_of(context: &Context, cluster: &Key) {
    context.shelves.users.wake_where(|user| is_of(user, cluster));
}

/// What stands in Kafka about these names changed.
pub fn access_changed(context: &Context, cluster: &Key, names: &BTreeSet<String>) {
    if !names.is_empty() {
        context.shelves.users.wake_where(|user| is_of(user, cluster) && names.contains(&user.name_any()));
    }
}

/// By which listener users come.
pub fn cluster_changed(
    context: &Context,
    before: Option<&DeserializeGuard<KafkaCluster>>,
    now: &DeserializeGuard<KafkaCluster>,
) {
    let listeners = |cluster: &DeserializeGuard<KafkaCluster>| {
        cluster.0.as_ref().ok().map(|cluster| cluster.spec.listeners.clone())
    };
    if before.map(listeners) != Some(listeners(now)) {
        wake_all_of(context, &Key::of(now));
    }
}

/// Whose password it holds, or whose certificate or brokers' certificates it signs.
pub fn secret_changed(context: &Context, secret: &Key) {
    context.shelves.users.wake_where(|user| {
        let password = user.spec.authentication.password_from.as_ref();
        (password.is_some_and(|from| from.name == secret.name)
            || authority_secret(&user.spec.cluster_ref.name) == secret.name
            || clients_authority_secret(&user.spec.cluster_ref.name) == secret.name)
            && user.namespace().as_deref() == Some(secret.namespace.as_str())
    });
}

/// Any Secret may have changed.
pub fn secrets_relisted(context: &Context) {
    context.shelves.users.wake_where(|user| user.spec.authentication.password_from.is_some());
}

fn is_of(user: &User, cluster: &Key) -> bool {
    user.spec.cluster_ref.name == cluster.name
        && user.namespace().as_deref() == Some(cluster.namespace.as_str())
}
