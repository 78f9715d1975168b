//! What a cluster keeps while its spec cannot be carried out: nodes that are found, and what stands around their pods.
//! It is read from the StatefulSets that are there, which were made from the last spec that could be.

use k8s_openapi::api::apps::v1::StatefulSet;

use super::{Objects, around};
use crate::cluster::gate;
use crate::cluster::names::{self, BROKER_LABEL, CONTAINER, INTERNAL_PORT};
use crate::cluster::wanted::Listener;
use crate::meta::Owner;
use crate::view::kafka::ClusterView;

/// Services, identity and disruption budget as they were declared last; `None` where this cluster has no pool yet.
///
/// A ConfigMap or StatefulSet that is deleted meanwhile comes back only with a spec that is right: what was declared
/// is nowhere else.
///
/// `view` says whether Kafka can spare a node; without one none is evicted.
pub fn remains(owner: &Owner, sets: &[StatefulSet], view: Option<&ClusterView>) -> Option<Objects> {
    let ours: Vec<_> = ours(owner, sets).collect();
    if ours.is_empty() {
        return None;
    }
    let mut all: Vec<Listener> = Vec::new();
    for listener in ours.iter().flat_map(|set| listeners(set)) {
        if all.iter().all(|other| other.port != listener.port) {
            all.push(listener);
        }
    }
    let spared =
        |view: &ClusterView| gate::spares_any(view) && view.brokers.values().all(|broker| !broker.fenced);
    Some(around(owner, &all, i32::from(view.is_some_and(spared))))
}

/// `host:port` of every broker that should run, sorted.
pub fn brokers(owner: &Owner, sets: &[StatefulSet]) -> Vec<String> {
    let mut all: Vec<_> =
        ours(owner, sets).filter(|set| is_of_brokers(set)).flat_map(|set| hosts(owner, set)).collect();
    all.sort();
    all
}

fn ours<'a>(owner: &'a Owner, sets: &'a [StatefulSet]) -> impl Iterator<Item = &'a StatefulSet> {
    sets.iter().filter(|set| {
        let owners = set.metadata.owner_references.iter().flatten();
        owners.into_iter().any(|other| other.uid == owner.reference.uid)
    })
}

fn is_of_brokers(set: &StatefulSet) -> bool {
    let template = set.spec.as_ref().and_then(|spec| spec.template.metadata.as_ref());
    template.and_then(|meta| meta.labels.as_ref()).is_some_and(|labels| labels.contains_key(BROKER_LABEL))
}

fn hosts(owner: &Owner, set: &StatefulSet) -> Vec<String> {
    let (Some(name), Some(spec)) = (&set.metadata.name, &set.spec) else { return vec![] };
    let domain = names::domain(&owner.namespace, &owner.name);
    names::node_ids(spec).map(|id| format!("{name}-{id}.{domain}:{INTERNAL_PORT}")).collect()
}

/// The clients' listeners.
fn listeners(set: &StatefulSet) -> Vec<Listener> {
    let pod = set.spec.as_ref().and_then(|spec| spec.template.spec.as_ref());
    let container = pod.and_then(|pod| pod.containers.iter().find(|container| container.name == CONTAINER));
    let ports = container.into_iter().flat_map(|container| container.ports.iter().flatten());
    ports
        .filter(|port| port.container_port > INTERNAL_PORT)
        // what speaks there is nothing that stands around the pods needs to know
        .filter_map(|port| {
            let (tls, authentication) = Default::default();
            Some(Listener { name: port.name.clone()?, port: port.container_port, tls, authentication })
        })
        .collect()
}
