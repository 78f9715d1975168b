//! Nodes that are not wanted any more. A broker is let go only when Kafka has twice reported that it holds nothing,
//! and a controller only when it does not vote.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use sluice_crds::kafka_cluster::LeavingNode;

use super::cordon;
use super::gate;
use super::names::{self, POOL_LABEL};
use super::node::Node;
use super::seen::Seen;
use super::wanted::Wanted;
use crate::view::kafka::{ClusterView, NodeId};

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScaleIn {
    /// How many nodes a pool keeps although fewer are wanted.
    pub kept: BTreeMap<String, i32>,
    /// StatefulSets whose last node may go, also those that stand in the way of a pool of the same name.
    pub delete: Vec<Obsolete>,
    /// ConfigMaps of pools that are gone with all their pods.
    pub delete_config_maps: Vec<Obsolete>,
    /// Pools whose StatefulSet is not to be touched: an older one of this name has other node ids.
    pub held: Vec<String>,
    /// Nodes that are leaving, and since when each is known to be empty.
    pub leaving: Vec<LeavingNode>,
    /// Brokers that still hold replicas.
    pub blocked: Vec<Blocked>,
    /// Leaving nodes that Kafka has twice reported to be empty: they may lose their vote.
    pub spent: BTreeSet<NodeId>,
    /// What else leaving nodes wait for.
    pub waits_for: Vec<String>,
}

/// An object of a pool that is not wanted any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obsolete {
    pub name: String,
    pub uid: Option<String>,
}

impl Obsolete {
    /// `None`: it is not the cluster's.
    pub fn of(meta: &ObjectMeta, wanted: &Wanted) -> Option<Self> {
        let mut owners = meta.owner_references.iter().flatten();
        let ours = owners.any(|owner| owner.uid == wanted.owner.reference.uid);
        ours.then(|| Self { name: meta.name.clone().unwrap_or_default(), uid: meta.uid.clone() })
    }
}

/// The policy that the spec does not want any more, if it is ours.
pub fn obsolete_policy(wanted: &Wanted, seen: &Seen) -> Option<Obsolete> {
    Obsolete::of(seen.network_policy.as_ref().filter(|_| !wanted.network_policy)?, wanted)
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocked {
    pub id: NodeId,
    pub topics: Vec<String>,
    pub partitions: usize,
}

/// What a pool's StatefulSet stands for now.
struct Standing<'a> {
    set: &'a StatefulSet,
    pool: &'a str,
    ids: std::ops::Range<NodeId>,
}

pub fn scale_in(
    wanted: &Wanted,
    seen: &Seen,
    nodes: &BTreeMap<NodeId, Node>,
    previous: &[LeavingNode],
    // replicas still move, or a throttle has to be removed from brokers that must be there for that
    moves: bool,
) -> ScaleIn {
    let mut scale = ScaleIn::default();
    for standing in seen.stateful_sets.iter().filter_map(standing) {
        let pool = wanted.pool(standing.pool);
        // StatefulSets only shrink from the top: another first id is another pool
        let same = pool.filter(|pool| pool.ids.start == standing.ids.start);
        let stays = same.map_or(standing.ids.start, |pool| pool.ids.end.min(standing.ids.end));
        let mut keep = stays;
        for id in stays..standing.ids.end {
            let known =
                previous.iter().find(|l| l.id == id).and_then(|l| l.empty_since.as_ref()).map(|t| t.0);
            let found = look(id, nodes.get(&id), seen, known);
            let found = match found {
                // it is empty, and was: others still move
                Found::Free if moves => {
                    scale.waits_for.push(format!("node {id}: other replicas still move"));
                    keep = id + 1;
                    Found::Free
                }
                found => found,
            };
            if !matches!(found, Found::Free) {
                keep = id + 1;
            }
            let empty_since = match found {
                Found::Free => known,
                Found::Empty(since) => Some(since),
                Found::Votes(since) => {
                    scale.spent.insert(id);
                    scale.waits_for.push(format!("node {id}: it still has a vote in the controller quorum"));
                    Some(since)
                }
                Found::Blocked(blocked) => {
                    scale.blocked.push(blocked);
                    None
                }
                Found::Wait(why) => {
                    scale.waits_for.push(format!("node {id}: {why}"));
                    None
                }
            };
            let cordoned = cordon::is_cordoned(id, seen.dynamic.as_ref()).then_some(true);
            scale.leaving.push(LeavingNode { id, empty_since: empty_since.map(Time), cordoned });
        }
        scale.leaving.retain(|node| node.id < keep || !standing.ids.contains(&node.id));
        if same.is_some() {
            scale.kept.insert(standing.pool.into(), keep - standing.ids.start);
        } else {
            if pool.is_some() {
                scale.held.push(standing.pool.into());
            }
            if keep == standing.ids.start {
                let name = standing.set.metadata.name.clone().unwrap_or_default();
                scale.delete.push(Obsolete { name, uid: standing.set.metadata.uid.clone() });
            }
        }
    }
    scale.delete_config_maps = without_pool(wanted, seen, nodes);
    scale
}

/// A pod mounts its ConfigMap until it is gone.
fn without_pool(wanted: &Wanted, seen: &Seen, nodes: &BTreeMap<NodeId, Node>) -> Vec<Obsolete> {
    let pool_of = |meta: &ObjectMeta| meta.labels.as_ref().and_then(|l| l.get(POOL_LABEL)).cloned();
    let sets: Vec<_> = seen.stateful_sets.iter().filter_map(|set| pool_of(&set.metadata)).collect();
    let maps = seen.config_maps.iter().map(|map| &map.metadata);
    maps.filter(|meta| {
        pool_of(meta).is_some_and(|pool| {
            wanted.pool(&pool).is_none() && !sets.contains(&pool) && nodes.values().all(|n| n.pool != pool)
        })
    })
    .map(|meta| Obsolete { name: meta.name.clone().unwrap_or_default(), uid: meta.uid.clone() })
    .collect()
}

fn standing(set: &StatefulSet) -> Option<Standing<'_>> {
    let spec = set.spec.as_ref()?;
    let pool = set.metadata.labels.as_ref()?.get(POOL_LABEL)?;
    Some(Standing { set, pool, ids: names::node_ids(spec) })
}

enum Found {
    Free,
    /// It holds nothing, since then; one more look must agree.
    Empty(Timestamp),
    /// It holds nothing, and is a voter.
    Votes(Timestamp),
    Blocked(Blocked),
    Wait(String),
}

fn look(id: NodeId, node: Option<&Node>, seen: &Seen, empty_since: Option<Timestamp>) -> Found {
    let (Some(view), Some(looked_at)) = (seen.kafka.current(), seen.looked_at) else {
        return Found::Wait("Sluice does not see what it holds".into());
    };
    let (topics, partitions) = gate::replicas_on(id, view);
    if partitions > 0 {
        return Found::Blocked(Blocked { id, topics, partitions });
    }
    // times in status have seconds: the second look must be later than the recorded one by more than that
    let twice = empty_since.filter(|since| looked_at.as_second() > since.as_second());
    let holds_nothing = twice.or_else(|| node.filter(|node| !node.broker).map(|_| looked_at));
    match holds_nothing {
        Some(since) if is_voter(id, view) => Found::Votes(since),
        Some(_) => Found::Free,
        None => Found::Empty(empty_since.unwrap_or(looked_at)),
    }
}

fn is_voter(id: NodeId, view: &ClusterView) -> bool {
    view.quorum.as_ref().is_none_or(|quorum| quorum.voters.iter().any(|voter| voter.id == id))
}

/// A broker that Kafka still lists though neither the spec nor Kubernetes has it: its registration is left over.
pub fn left_over(nodes: &BTreeMap<NodeId, Node>, view: &ClusterView) -> Option<NodeId> {
    view.brokers
        .iter()
        .find(|(id, broker)| broker.fenced && !nodes.contains_key(id) && gate::replicas_on(**id, view).1 == 0)
        .map(|(id, _)| *id)
}
