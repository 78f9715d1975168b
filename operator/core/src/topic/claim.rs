use jiff::Timestamp;
use kube::ResourceExt;
use sluice_crds::Topic;

use super::validate::name_of;

/// What decides between two objects that want the same name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Claimant {
    /// First, so that the older wins.
    pub created: Timestamp,
    /// Of two that were created in the same second, who has the topic keeps it: timestamps know no less than a second.
    pub waits: bool,
    /// Breaks the tie that is left.
    pub uid: String,
    pub name: String,
}

impl Claimant {
    /// `None` before the API server has filled in the metadata.
    pub fn of(topic: &Topic) -> Option<Self> {
        Some(Self {
            created: topic.metadata.creation_timestamp.as_ref()?.0,
            waits: topic.status.as_ref().is_none_or(|status| status.topic_id.is_none()),
            uid: topic.metadata.uid.clone()?,
            name: topic.name_any(),
        })
    }
}

/// The name of the oldest other object that wants the same topic of the same cluster, if it is older than `topic`.
pub fn elder<'a>(topic: &Topic, others: impl IntoIterator<Item = &'a Topic>) -> Option<String> {
    let own = Claimant::of(topic)?;
    others
        .into_iter()
        .filter(|other| {
            other.spec.cluster_ref == topic.spec.cluster_ref
                && other.metadata.namespace == topic.metadata.namespace
                && name_of(other) == name_of(topic)
        })
        .filter_map(Claimant::of)
        .filter(|other| *other < own)
        .min()
        .map(|other| other.name)
}
