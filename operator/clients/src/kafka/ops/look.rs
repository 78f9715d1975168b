//! What an observer asks for at every interval.

use kafka_protocol::messages::MetadataRequest;
use sluice_core::view::kafka::{ClusterView, Look};

use super::super::{Client, Error, Topics};
use super::cluster::Cluster;
use super::topics::Metadata;

impl Client {
    /// `Metadata`, and `DescribeCluster` where that shows other brokers than `known` has: fenced ones, which `Metadata`
    /// leaves out. Also how many requests that took. Quorum and features change rarely and are left out; add them to the
    /// look where they are due.
    pub async fn look(&self, known: Option<&ClusterView>) -> Result<(Look, u64), Error> {
        let seen = self.whole_metadata(Topics::All, self.until::<MetadataRequest>()).await?;
        let (cluster, requests) = match known.filter(|known| is_as_known(&seen, known)) {
            Some(known) => {
                (Cluster { cluster_id: known.cluster_id.clone(), brokers: known.brokers.clone() }, 1)
            }
            None => (self.describe_cluster().await?, 2),
        };
        let topics = seen.topics.into_iter().map(|(name, topic)| {
            let topic = topic
                .inspect_err(|error| tracing::warn!(topic = name, %error, "Kafka does not show this topic"));
            (name, topic.ok())
        });
        let look = Look {
            cluster_id: cluster.cluster_id,
            topics: topics.collect(),
            brokers: cluster.brokers,
            quorum: None,
            reassignments: None,
            features: None,
        };
        Ok((look, requests))
    }
}

/// A broker that is fenced, or comes, is asked for: it may serve the next moment, or be gone.
fn is_as_known(seen: &Metadata, known: &ClusterView) -> bool {
    seen.cluster_id == known.cluster_id && seen.brokers == known.brokers
}

#[cfg(test)]
mod tests {
    use sluice_core::view::kafka::BrokerView;

    use super::*;

    #[test]
    fn brokers_are_described_when_one_of_them_is_fenced_or_another_one() {
        let broker = |host: &str, fenced| BrokerView { host: host.into(), port: 9091, rack: None, fenced };
        let seen = |brokers| Metadata { cluster_id: "c".into(), brokers, topics: vec![] };
        let known = ClusterView {
            cluster_id: "c".into(),
            brokers: [(0, broker("a", false)), (1, broker("b", false))].into(),
            ..ClusterView::default()
        };
        assert!(is_as_known(&seen(known.brokers.clone()), &known));
        assert!(!is_as_known(&seen([(0, broker("a", false))].into()), &known), "1 is fenced or gone");
        assert!(!is_as_known(&seen([(0, broker("a", false)), (1, broker("x", false))].into()), &known));
        let fenced = ClusterView { brokers: [(0, broker("a", true))].into(), ..known.clone() };
        assert!(!is_as_known(&seen([].into()), &fenced), "a fenced one is looked after");
        let other = Metadata { cluster_id: "d".into(), ..seen(known.brokers.clone()) };
        assert!(!is_as_known(&other, &known), "another cluster");
    }
}
