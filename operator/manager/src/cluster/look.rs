use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::ResourceExt;
use sluice_core::cluster::names::{self, APP, INTERNAL_PORT};
use sluice_core::cluster::{Certificates, Seen, Wanted};
use sluice_core::view::Sight;

use super::canary;
use crate::context::Context;
use crate::observe::kafka::World;
use crate::scope::{Child as _, Key, belonging_to};

/// Kubernetes' well-known label (kubernetes.io/docs/reference/labels-annotations-taints).
const ZONE: &str = "topology.kubernetes.io/zone";

/// Everything that a pass over a KafkaCluster knows.
pub fn look(context: &Context, key: &Key, world: Option<&World>) -> Seen {
    let children = &context.children;
    Seen {
        stateful_sets: stateful_sets(context, key),
        pods: owned(&children.pods, key),
        claims: owned(&children.claims, key),
        config_maps: owned(&children.config_maps, key),
        zones: zones(context),
        unmade: BTreeMap::new(),
        kafka: world.map_or_else(
            || Sight::Never { since: Context::now(), error: None },
            |world| Sight::clone(&world.sight()),
        ),
        looked_at: world.and_then(World::looked_at),
        disks: world.map(|world| Arc::unwrap_or_clone(world.disks())).unwrap_or_default(),
        canary: canary::known(context, key, world),
        dynamic: world.and_then(World::dynamic),
        sizes: world.and_then(|world| world.moves.sizes()),
        replication: BTreeMap::new(),
        proposal: None,
        access: world.and_then(World::access),
        certificates: Certificates::default(),
        home: context.shared.home.clone(),
        network_policy: NetworkPolicy::seen(children, &key.sibling(&names::whole(&key.name))),
    }
}

pub fn stateful_sets(context: &Context, key: &Key) -> Vec<StatefulSet> {
    owned(&context.children.stateful_sets, key)
}

fn owned<K>(store: &kube::runtime::reflector::Store<K>, key: &Key) -> Vec<K>
where
    K: kube::Resource<DynamicType = ()> + Clone + 'static,
{
    belonging_to(store, APP, key).into_iter().map(Arc::unwrap_or_clone).collect()
}

fn zones(context: &Context) -> BTreeMap<String, String> {
    let Some(nodes) = &context.children.nodes else { return BTreeMap::new() };
    nodes.state().iter().map(|node| (node.name_any(), zone(node.as_ref()))).collect()
}

/// The zone of a Kubernetes node; empty where it has none.
pub fn zone<K: ResourceExt>(node: &K) -> String {
    node.labels().get(ZONE).cloned().unwrap_or_default()
}

/// Where the observer starts: every broker by its own name, which resolves before the broker is ready.
pub fn bootstrap(wanted: &Wanted) -> Vec<String> {
    let mut all: Vec<_> = wanted
        .pools
        .iter()
        .filter(|pool| pool.broker)
        .flat_map(|pool| pool.ids.clone().map(move |id| wanted.host(pool, id)))
        .map(|host| format!("{host}:{INTERNAL_PORT}"))
        .collect();
    // in the order of `desired::brokers`: the same brokers are the same world
    all.sort();
    all
}
