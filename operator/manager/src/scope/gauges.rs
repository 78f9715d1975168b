use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::Resource;
use kube::core::{DeserializeGuard, NamespaceResourceScope};
use sluice_core::cluster;
use sluice_crds::{CdcPipeline, ConnectCluster, KafkaCluster};

use super::{Key, Shelf};
use crate::context::Context;
use crate::metrics::{
    ClusterLabels, ListenerLabels, Metrics, NodeLabels, ObjectLabels, ReadyLabels, SecretLabels, WatchLabel,
};
use crate::observe::kafka::World;

/// Reads off stores and observers what a scrape shows of them. What cannot be seen has no figures: the last ones would look
/// like present ones, just when they matter.
pub fn refresh(metrics: &Metrics, scopes: &[Arc<Context>]) {
    metrics.clear_state();
    let mut synced: BTreeMap<String, bool> = BTreeMap::new();
    for scope in scopes {
        for (kind, listed) in scope.lists.kinds() {
            let all = synced.entry(kind).or_insert(true);
            *all &= listed;
        }
        clusters(metrics, scope);
        connects(metrics, scope);
        pipelines(metrics, scope);
        counts(metrics, scope);
    }
    for (kind, listed) in synced {
        metrics.watch_synced.get_or_create(&WatchLabel { kind }).set(listed.into());
    }
}

fn clusters(metrics: &Metrics, scope: &Context) {
    let ready = |cluster: &KafkaCluster| is_ready(cluster.status.as_ref().map(|s| &s.conditions));
    each(metrics, &scope.shelves.clusters, ready, |key, cluster| {
        let labels = ClusterLabels::of(&key);
        let up = scope.kafka.get(&key).map(|world| world.sight().current().is_some());
        if up != Some(true) {
            metrics.forget_partitions(&labels);
        }
        if let Some(up) = up {
            metrics.kafka_up.get_or_create(&labels).set(up.into());
        }
        if let Some(world) = scope.kafka.get(&key).filter(|_| up == Some(true)) {
            nodes(metrics, &key, &world);
        }
        for (listener, heard) in scope.kafka.get(&key).into_iter().flat_map(|world| world.canary.heard()) {
            let failing = heard.failing().is_some();
            let labels = ListenerLabels::of(&key, &listener);
            metrics.canary_failing.get_or_create(&labels).set(failing.into());
        }
        let status = cluster.and_then(|cluster| cluster.status.as_ref());
        for certificate in status.into_iter().flat_map(|status| &status.certificates) {
            let labels =
                SecretLabels { namespace: key.namespace.clone(), secret: certificate.secret_name.clone() };
            metrics.certificate_expires.get_or_create(&labels).set(certificate.not_after.0.as_second());
        }
    });
}

/// What is known of each node; what is lost of sight has no figures.
fn nodes(metrics: &Metrics, key: &Key, world: &World) {
    let labels = |node| NodeLabels { namespace: key.namespace.clone(), cluster: key.name.clone(), node };
    for (id, disk) in world.disks().iter().filter(|(_, disk)| disk.total_bytes > 0) {
        metrics.disk_size_bytes.get_or_create(&labels(*id)).set(disk.total_bytes);
        metrics.disk_used_bytes.get_or_create(&labels(*id)).set(disk.total_bytes - disk.usable_bytes);
    }
    let sight = world.sight();
    for (id, ms) in sight.current().and_then(|view| view.quorum.as_ref()).into_iter().flat_map(cluster::lags)
    {
        metrics.quorum_lag_ms.get_or_create(&labels(id)).set(ms);
    }
}

fn connects(metrics: &Metrics, scope: &Context) {
    let ready = |connect: &ConnectCluster| is_ready(connect.status.as_ref().map(|s| &s.conditions));
    each(metrics, &scope.shelves.connects, ready, |key, connect| {
        // without workers nobody is to answer
        let wanted = connect.is_none_or(|connect| connect.spec.replicas > 0);
        if let Some(world) = scope.connect.get(&key).filter(|_| wanted) {
            let up = world.sight().current().is_some();
            metrics.connect_up.get_or_create(&ObjectLabels::of(&key)).set(up.into());
        }
    });
}

fn pipelines(metrics: &Metrics, scope: &Context) {
    let ready = |pipeline: &CdcPipeline| is_ready(pipeline.status.as_ref().map(|s| &s.conditions));
    each(metrics, &scope.shelves.pipelines, ready, |key, _| {
        let labels = ObjectLabels::of(&key);
        let up = scope.sources.of(&key).map(|world| world.seen().sight.current().is_some());
        if up != Some(true) {
            metrics.pipeline_lag_bytes.remove(&labels);
            metrics.pipeline_retained_wal_bytes.remove(&labels);
        }
        if let Some(up) = up {
            metrics.source_up.get_or_create(&labels).set(up.into());
        }
    });
}

/// Topics and Connectors are many: they are only counted. One that does not parse is not ready, and of no cluster that we know.
fn counts(metrics: &Metrics, scope: &Context) {
    for topic in scope.shelves.topics.select(|_| true) {
        let key = Key::of(&*topic).sibling(&topic.spec.cluster_ref.name);
        let ready = is_ready(topic.status.as_ref().map(|s| &s.conditions));
        metrics.topics_not_ready.get_or_create(&ClusterLabels::of(&key)).inc_by((!ready).into());
    }
    for connector in scope.shelves.connectors.select(|_| true) {
        let key = Key::of(&*connector).sibling(&connector.spec.connect_ref.name);
        let ready = is_ready(connector.status.as_ref().map(|s| &s.conditions));
        metrics.connectors_not_ready.get_or_create(&ObjectLabels::of(&key)).inc_by((!ready).into());
    }
}

/// One that does not parse is not ready. What nobody looks at (its spec is refused) is neither up nor down.
fn each<K>(
    metrics: &Metrics,
    shelf: &Shelf<K>,
    ready: impl Fn(&K) -> bool,
    mut tell: impl FnMut(Key, Option<&K>),
) where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + 'static,
{
    let kind = K::kind(&());
    for object in shelf.store().state() {
        let object: &DeserializeGuard<K> = &object;
        let key = Key::of(object);
        let (namespace, name) = (key.namespace.clone(), key.name.clone());
        let labels = ReadyLabels { kind: kind.to_string(), namespace, name };
        metrics.ready.get_or_create(&labels).set(object.0.as_ref().is_ok_and(&ready).into());
        tell(key, object.0.as_ref().ok());
    }
}

fn is_ready(conditions: Option<&Vec<Condition>>) -> bool {
    conditions.into_iter().flatten().any(|c| c.type_ == "Ready" && c.status == "True")
}
