use super::TopicReason;
use crate::condition::Verdict;
use crate::referent::{self, Referent, text};
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
    pub cluster_name: &'a str,
    pub cluster: Referent,
    /// Another object wants the same topic and owns it.
    pub elder: bool,
    pub kafka: Option<&'a Sight<ClusterView>>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Teardown {
    /// Nothing of ours is left: let the object go.
    Release,
    /// The topic is not the one that was ours: say so, and let the object go.
    LeaveAlone(String),
    /// By id, so that a topic that was created again meanwhile is not hit.
    DeleteTopic { id: KafkaUuid },
    /// Kafka does not answer; the object stays until it does.
    Wait(Verdict),
}

/// What is left to do before a deleted object may go.
pub fn teardown(seen: &TeardownSeen<'_>) -> Teardown {
    let ours = seen.topic_id.is_some() || seen.created_by_us;
    if seen.deletion == DeletionPolicy::Retain || !ours || seen.elder {
        return Teardown::Release;
    }
    match seen.cluster {
        Referent::There => {}
        Referent::Missing => return Teardown::Release,
        Referent::Unparsable => {
            let then = format!(
                "Topic {} cannot be deleted yet; to let this object go and keep the topic, set spec.deletionPolicy: Retain",
                seen.topic_name
            );
            let message = referent::unparsable("KafkaCluster", seen.cluster_name, &then);
            return Teardown::Wait(Verdict::unknown(TopicReason::ClusterUnparsable, message));
        }
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
        Some(topic) if seen.topic_id.is_some_and(|known| known != topic.id.to_string()) => {
            Teardown::LeaveAlone(format!(
                "Topic {} in Kafka is not the one that this object had: somebody made another one of the name, with the id {}. \
                 It is left alone",
                seen.topic_name, topic.id
            ))
        }
        Some(topic) => Teardown::DeleteTopic { id: topic.id },
    }
}

/// What an object that does not parse leaves behind when it goes without its teardown.
pub fn left_behind(raw: &serde_json::Value) -> String {
    let name =
        text(raw, "/spec/topicName").or_else(|| text(raw, "/metadata/name")).unwrap_or("of this object");
    let cluster = text(raw, "/spec/clusterRef/name").map(|name| format!(" of KafkaCluster {name}"));
    format!("Topic {name}{} stays in Kafka, whatever spec.deletionPolicy says", cluster.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::left_behind;
    use serde_json::json;

    #[test]
    fn what_stays_is_named_by_what_can_be_read() {
        let raw = json!({ "metadata": { "name": "orders" }, "spec": { "clusterRef": { "name": "shop" }, "topicName": "o.v1" } });
        assert!(left_behind(&raw).starts_with("Topic o.v1 of KafkaCluster shop stays in Kafka"));
        let raw = json!({ "metadata": { "name": "orders" }, "spec": { "clusterRef": [], "topicName": 7 } });
        assert!(left_behind(&raw).starts_with("Topic orders stays in Kafka"));
    }
}
