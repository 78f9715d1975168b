//! What stands where our own should: objects of an earlier life or of somebody else, another Kafka cluster.

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::seen::Seen;
use super::wanted::Wanted;

/// The name of an object that a pool needs and that belongs to somebody else, and whether that is an earlier cluster
/// of our own name, which is being removed.
pub fn of_an_earlier_life<'a>(wanted: &Wanted, seen: &'a Seen) -> Option<(&'a str, bool)> {
    let sets = seen.stateful_sets.iter().map(|set| &set.metadata);
    let foreign = |meta: &'a ObjectMeta| {
        let owner = meta.owner_references.as_ref()?.iter().find(|o| o.controller == Some(true))?;
        let ours = &wanted.owner.reference;
        (owner.uid != ours.uid).then(|| {
            (meta.name.as_deref().unwrap_or_default(), (&owner.kind, &owner.name) == (&ours.kind, &ours.name))
        })
    };
    sets.chain(seen.config_maps.iter().map(|map: &ConfigMap| &map.metadata)).find_map(foreign)
}

/// The id of a Kafka cluster that answers, or answered last, in place of the one that is meant.
pub fn another<'a>(wanted: &Wanted, seen: &'a Seen) -> Option<&'a str> {
    let view = seen.kafka.latest()?;
    (view.cluster_id != wanted.cluster_id).then_some(view.cluster_id.as_str())
}
