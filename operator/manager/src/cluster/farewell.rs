use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DeleteParams, Preconditions};
use kube::runtime::reflector::ObjectRef;
use kube::{Resource as _, ResourceExt as _};
use sluice_core::cluster::farewell::{FAREWELL, is_left_behind, is_stopping};
use tracing::{debug, info};

use crate::context::Context;
use crate::scope::{Key, chain, owner_of};

/// Which of a cluster's objects goes first is told in any order.
const SETTLED: Duration = Duration::from_secs(3);

/// A pod has changed. One that stops with its cluster need not wait for nodes that are gone.
pub fn pod_changed(context: &Context, pod: &Pod) {
    if !is_stopping(pod) {
        return;
    }
    let Some((_, cluster)) = owner_of(pod).filter(|(app, _)| app == "kafka") else { return };
    let Some(set) = pod
        .owner_references()
        .iter()
        .find(|owner| owner.controller == Some(true))
        .map(|owner| owner.name.clone())
    else {
        return;
    };
    let (shared, pod) = (Arc::clone(&context.shared), pod.clone());
    let (sets, clusters) = (context.children.stateful_sets.clone(), context.shelves.clusters.store());
    tokio::spawn(async move {
        tokio::time::sleep(SETTLED).await;
        let set = sets.get(&ObjectRef::new(&set).within(&cluster.namespace));
        let kafka = clusters.get(&ObjectRef::new(&cluster.name).within(&cluster.namespace));
        if !is_left_behind(&pod, set.as_ref().map(|set| set.meta()), kafka.as_ref().map(|kafka| kafka.meta()))
        {
            return;
        }
        let key = Key { namespace: cluster.namespace, name: pod.name_any() };
        let params = DeleteParams {
            grace_period_seconds: Some(FAREWELL),
            preconditions: Some(Preconditions { uid: pod.uid(), resource_version: None }),
            ..DeleteParams::default()
        };
        shared.metrics.kube_write("delete", "Pod");
        match Api::<Pod>::namespaced(shared.client.clone(), &key.namespace).delete(&key.name, &params).await {
            Ok(_) => info!(pod = %key, seconds = FAREWELL, "its cluster is gone: it stops soon"),
            // gone already, or it takes the time that it has
            Err(error) => debug!(pod = %key, error = %chain(&error), "not hastened"),
        }
    });
}
