//! What of the world as it is the objects must respect.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim};
use sluice_crds::KafkaClusterStatus;
use sluice_crds::kafka_cluster::StorageType;

use super::config_map::{BOOTSTRAPPED_KEY, STANDALONE_KEY, revision_of};
use super::pod::REVISION_ANNOTATION;
use crate::cluster::foreign;
use crate::cluster::names::{self, POOL_LABEL};
use crate::cluster::seen::Seen;
use crate::cluster::wanted::Wanted;
use crate::view::kafka::{NodeId, QuorumView};

/// Which node may start a controller quorum of its own when its volume is empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MayFound {
    /// There is a quorum, or there may be one on volumes of an earlier life. A second one would split the cluster.
    #[default]
    Nobody,
    /// The first controller: there has never been a quorum.
    First(NodeId),
    /// The only controller, on an ephemeral volume: when its pod goes its quorum is gone, nobody else has one, and
    /// without founding it again the cluster would never come back.
    OnlyEphemeral(NodeId),
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Standing {
    pub may_found: MayFound,
    /// Whether there has been a quorum.
    pub founded: bool,
    /// How many nodes a pool keeps although fewer are wanted, by its name: they have not been let go yet.
    pub kept: BTreeMap<String, i32>,
    /// Pools whose StatefulSet is not built: an older one with other node ids has the name.
    pub held: Vec<String>,
    /// How many pods may be evicted at a time.
    pub evictions: i32,
    /// The claim templates of StatefulSets that exist: immutable. Volumes grow by their claims.
    pub claim_templates: BTreeMap<String, Vec<PersistentVolumeClaim>>,
    /// Older revisions of the configuration that pods of the pool still run: key of the ConfigMap → text.
    pub revisions: BTreeMap<String, BTreeMap<String, String>>,
    /// Zone of each Kubernetes node, empty where it has none.
    pub zones: BTreeMap<String, String>,
    /// The namespace that Sluice itself runs in, if it knows: else a policy would shut it out.
    pub home: Option<String>,
}

impl Standing {
    /// `kept`, `held` and `evictions` are the plan's to say and stay empty.
    pub fn of(wanted: &Wanted, seen: &Seen, previous: Option<&KafkaClusterStatus>) -> Self {
        let mut claim_templates = BTreeMap::new();
        for set in &seen.stateful_sets {
            let pool = set.metadata.labels.as_ref().and_then(|l| l.get(POOL_LABEL));
            let templates = set.spec.as_ref().and_then(|s| s.volume_claim_templates.clone());
            if let (Some(pool), Some(templates)) = (pool, templates) {
                claim_templates.insert(pool.clone(), templates);
            }
        }
        let founded = founded(wanted, seen, previous);
        Self {
            may_found: may_found(wanted, seen, founded),
            founded,
            kept: BTreeMap::new(),
            held: vec![],
            evictions: 0,
            claim_templates,
            revisions: seen.config_maps.iter().filter_map(|map| revisions(map, seen)).collect(),
            zones: seen.zones.clone(),
            home: seen.home.clone(),
        }
    }
}

fn marked<'a>(wanted: &Wanted, seen: &'a Seen, key: &str) -> Option<&'a String> {
    let mut maps = seen.config_maps.iter().filter(|map| foreign::is_of_this_life(wanted, &map.metadata));
    maps.find_map(|map| map.data.as_ref()?.get(key))
}

fn quorum(seen: &Seen) -> Option<&QuorumView> {
    seen.kafka.latest().and_then(|view| view.quorum.as_ref()).filter(|q| q.leader.is_some())
}

/// Three witnesses, because each can be lost alone: status in a restore, the ConfigMap by hand, the view with a
/// restart of Sluice. Nodes of an earlier cluster of this name that are being removed may still answer: what they say is none.
fn founded(wanted: &Wanted, seen: &Seen, previous: Option<&KafkaClusterStatus>) -> bool {
    previous.is_some_and(|s| s.bootstrapped)
        || marked(wanted, seen, BOOTSTRAPPED_KEY).is_some()
        || (quorum(seen).is_some() && foreign::of_an_earlier_life(wanted, seen).is_none())
}

fn may_found(wanted: &Wanted, seen: &Seen, founded: bool) -> MayFound {
    let told = marked(wanted, seen, STANDALONE_KEY).and_then(|id| id.parse::<NodeId>().ok());
    let mut controllers = wanted.pools.iter().filter(|p| p.controller);
    if let (Some(pool), None) = (controllers.next(), controllers.next())
        && pool.storage.kind == StorageType::Ephemeral
        && pool.ids.len() == 1
    {
        let id = pool.ids.start;
        let alone =
            quorum(seen).map_or(!founded || told == Some(id), |q| q.voters.iter().all(|v| v.id == id));
        return if alone { MayFound::OnlyEphemeral(id) } else { MayFound::Nobody };
    }
    if founded || has_volumes_of_an_earlier_life(wanted, seen) {
        return MayFound::Nobody;
    }
    // who was told once stays: it may have founded the quorum without our having seen it
    let first =
        told.filter(|id| wanted.controllers().any(|c| c == *id)).or_else(|| wanted.controllers().min());
    first.map_or(MayFound::Nobody, MayFound::First)
}

/// Whether a controller's claim is older than the `KafkaCluster` object: then there may be a quorum on it.
pub fn has_volumes_of_an_earlier_life(wanted: &Wanted, seen: &Seen) -> bool {
    let controllers: BTreeSet<_> = wanted
        .pools
        .iter()
        .filter(|p| p.controller)
        .flat_map(|pool| pool.ids.clone().map(|id| claim_name(&wanted.pod(pool, id))))
        .collect();
    seen.claims.iter().any(|claim| {
        let made = claim.metadata.creation_timestamp.as_ref().map(|t| t.0.as_second());
        claim.metadata.name.as_ref().is_some_and(|name| controllers.contains(name)) && made < wanted.created
    })
}

/// The claim of a pod's data volume.
pub fn claim_name(pod: &str) -> String {
    format!("{}-{pod}", names::DATA_VOLUME)
}

/// The revisions in this ConfigMap that a pod of its pool runs, or will run when it is created now.
fn revisions(map: &ConfigMap, seen: &Seen) -> Option<(String, BTreeMap<String, String>)> {
    let pool = map.metadata.labels.as_ref()?.get(POOL_LABEL)?;
    let pods = seen.pods.iter().map(|pod| &pod.metadata);
    let templates = seen.stateful_sets.iter().filter_map(|set| set.spec.as_ref()?.template.metadata.as_ref());
    let used: BTreeSet<_> = pods
        .chain(templates)
        .filter(|meta| meta.labels.as_ref().and_then(|l| l.get(POOL_LABEL)) == Some(pool))
        .filter_map(|meta| meta.annotations.as_ref()?.get(REVISION_ANNOTATION))
        .collect();
    let kept = map.data.iter().flatten().filter(|(key, _)| {
        revision_of(key).is_some_and(|revision| used.iter().any(|used| *used == revision))
    });
    Some((pool.clone(), kept.map(|(key, text)| (key.clone(), text.clone())).collect()))
}
