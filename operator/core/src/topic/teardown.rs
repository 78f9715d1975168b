use super::TopicReason;
use crate::condition::Verdict;
use crate::view::Sight;
use crate::view::kafka::{ClusterView, KafkaUuid};
use sluice_crds::common::DeletionPolicy;

/// What is known when a Topic object is being deleted.
pub struct TeardownSeen<'a> {
    pub topic_name: &'a str,
    pub deletion: DeletionPolicy,
    /// From status.
    pub topic_id: Option<&'a str>,
    /// Whether the object carries [`CREATED`](super::CREATED).
    pub created_by_us: bool,
    /// Whether the KafkaCluster exists and is not being deleted.
    pub cluster_exists: bool,
    /// Another object wants the same topic and owns it.
    pub elder: bool,
    pub kafka: Option<&'a Sight<ClusterView>>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Teardown {
    /// Nothing of ours is left: let the object go.
    Release,
    /// By id, so that a topic that was created again meanwhile is not hit.
    DeleteTopic { id: KafkaUuid },
    /// Kafka does not answer; the object stays until it does.
    Wait(Verdict),
}

/// What is left to do before a deleted object may go.
pub fn teardown(seen: &TeardownSeen<'_>) -> Teardown {
    let ours = seen.topic_id.is_some() || seen.created_by_us;
    if seen.deletion == DeletionPolicy::Retain || !ours || seen.elder || !seen.cluster_exists {
        return Teardown::Release;
    }
    let Some(view) = seen.kafka.and_then(Sight::current) else {
        let why = seen.kafka.and_then(Sight::blind).and_then(|(_, error)| error.map(str::to_owned));
        let why = why.map(|error| format!(" ({error})")).unwrap_or_default();
        return Teardown::Wait(Verdict::unknown(
            TopicReason::Deleting,
            format!(
                "Kafka does not answer{why}, so topic {} cannot be deleted yet. Sluice keeps trying. To let this \
                 object go and keep the topic, set spec.deletionPolicy: Retain",
                seen.topic_name
            ),
        ));
    };
    match view.topics.get(seen.topic_name) {
        None => Teardown::Release,
        Some(topic) => Teardown::DeleteTopic { id: topic.id },
    }
}
