//! What stands where our own should: objects of an earlier life or of somebody else, another Kafka cluster.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use super::seen::Seen;
use super::wanted::Wanted;

/// The name of an object that the cluster needs, or whose place it does, and that is not its own; and whether it is of an earlier cluster of
/// our own name, which is being removed.
pub fn of_an_earlier_life<'a>(wanted: &Wanted, seen: &'a Seen) -> Option<(&'a str, bool)> {
    let sets = seen.stateful_sets.iter().map(|set| &set.metadata);
    let maps = seen.config_maps.iter().map(|map| &map.metadata);
    let ours = &wanted.owner.reference;
    let taken = sets.chain(maps).find_map(|meta| {
        let owner = controller(meta).filter(|owner| owner.uid != ours.uid)?;
        Some((name(meta), (&owner.kind, &owner.name) == (&ours.kind, &ours.name)))
    });
    taken.or_else(|| remains(wanted, seen).map(|meta| (name(meta), true)))
}

/// Whether this is an object of the cluster that we mean, or of nobody: it may have lost its owner.
pub fn is_of_this_life(wanted: &Wanted, meta: &ObjectMeta) -> bool {
    controller(meta).is_none_or(|owner| owner.uid == wanted.owner.reference.uid)
}

/// A pod or volume that goes with a StatefulSet that has gone: nobody may have its place before. What somebody keeps has no owner; and once
/// there are StatefulSets again nothing of this kind is left.
fn remains<'a>(wanted: &Wanted, seen: &'a Seen) -> Option<&'a ObjectMeta> {
    if !seen.stateful_sets.is_empty() {
        return None;
    }
    let pods = seen.pods.iter().map(|pod| &pod.metadata);
    let claims = seen.claims.iter().map(|claim| &claim.metadata);
    let made = |meta: &ObjectMeta| meta.creation_timestamp.as_ref().map(|made| made.0.as_second());
    let is_older = |meta: &ObjectMeta| made(meta).zip(wanted.created).is_some_and(|(made, ours)| made < ours);
    let is_owned =
        |meta: &ObjectMeta| meta.owner_references.iter().flatten().any(|owner| owner.kind == "StatefulSet");
    pods.chain(claims).find(|meta| is_older(meta) && (meta.deletion_timestamp.is_some() || is_owned(meta)))
}

fn controller(meta: &ObjectMeta) -> Option<&OwnerReference> {
    meta.owner_references.iter().flatten().find(|owner| owner.controller == Some(true))
}

fn name(meta: &ObjectMeta) -> &str {
    meta.name.as_deref().unwrap_or_default()
}

/// The id of a Kafka cluster that answers, or answered last, in place of the one that is meant.
pub fn another<'a>(wanted: &Wanted, seen: &'a Seen) -> Option<&'a str> {
    let view = seen.kafka.latest()?;
    (view.cluster_id != wanted.cluster_id).then_some(view.cluster_id.as_str())
}
