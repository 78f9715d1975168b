use std::collections::HashSet;

use kube::ResourceExt;
use kube::core::DeserializeGuard;
use sluice_core::topic::name_of;
use sluice_crds::KafkaCluster;

use crate::context::Context;
use crate::scope::Key;

/// Topics whose replicas change wait for what their cluster says of it.
pub fn cluster_changed(
    context: &Context,
    before: Option<&DeserializeGuard<KafkaCluster>>,
    now: &DeserializeGuard<KafkaCluster>,
) {
    let told = |object: &DeserializeGuard<KafkaCluster>| {
        let cluster = object.0.as_ref().ok()?;
        let mode = cluster.spec.rebalance.as_ref().map(|rebalance| rebalance.mode);
        Some((mode, cluster.status.as_ref().and_then(|status| status.rebalance.clone())))
    };
    let key = Key::of(now);
    let (before, now) = (before.and_then(told), told(now));
    if before == now {
        return;
    }
    let rebalances = before.iter().chain(&now).filter_map(|(_, rebalance)| rebalance.as_ref());
    let moving: HashSet<&str> =
        rebalances.flat_map(|rebalance| &rebalance.moving).map(|moving| moving.topic.as_str()).collect();
    context.shelves.topics.wake_where(|topic| {
        let present = topic.status.as_ref().and_then(|status| status.replication_factor);
        let differs = topic.spec.replication_factor.is_some_and(|wanted| present != Some(wanted));
        topic.spec.cluster_ref.name == key.name
            && topic.namespace().as_deref() == Some(key.namespace.as_str())
            && (differs || moving.contains(name_of(topic)))
    });
}
