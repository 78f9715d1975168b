//! The cluster itself: its id and its brokers.

use std::collections::BTreeMap;

use kafka_protocol::messages::{DescribeClusterRequest, DescribeClusterResponse};
use sluice_core::view::kafka::{BrokerView, NodeId};
use tokio::time::Instant;

use super::super::{Client, Error, ItemError};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cluster {
    pub cluster_id: String,
    /// Fenced ones included.
    pub brokers: BTreeMap<NodeId, BrokerView>,
}

impl Client {
    /// `DescribeCluster`. The client also takes the brokers' addresses from it, so ask often enough to know
    /// them.
    pub async fn describe_cluster(&self) -> Result<Cluster, Error> {
        self.refresh(self.until::<DescribeClusterRequest>()).await
    }

    pub(in super::super) async fn refresh(&self, until: Instant) -> Result<Cluster, Error> {
        let answer = self.any(&request(), until).await?;
        let body = &answer.body;
        ItemError::check(body.error_code, body.error_message.as_deref()).map_err(|e| answer.refused(e))?;
        let cluster = read(body).map_err(|what| answer.nonsense(what))?;
        self.routes().learn(&cluster.brokers);
        Ok(cluster)
    }
}

fn request() -> DescribeClusterRequest {
    DescribeClusterRequest::default().with_endpoint_type(1).with_include_fenced_brokers(true)
}

fn read(body: &DescribeClusterResponse) -> Result<Cluster, String> {
    let mut brokers = BTreeMap::new();
    for broker in &body.brokers {
        let port = u16::try_from(broker.port)
            .map_err(|_| format!("broker {} has port {}", *broker.broker_id, broker.port))?;
        let view = BrokerView {
            host: broker.host.as_str().to_owned(),
            port,
            rack: super::owned(broker.rack.as_ref()),
            fenced: broker.is_fenced,
        };
        brokers.insert(*broker.broker_id, view);
    }
    Ok(Cluster { cluster_id: body.cluster_id.as_str().to_owned(), brokers })
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::BrokerId;
    use kafka_protocol::messages::describe_cluster_response::DescribeClusterBroker;

    use super::*;

    fn broker(id: i32, port: i32) -> DescribeClusterBroker {
        let broker = DescribeClusterBroker::default().with_broker_id(BrokerId(id)).with_port(port);
        broker
            .with_host(super::super::text("b"))
            .with_rack(Some(super::super::text("zone-a")))
            .with_is_fenced(id == 2)
    }

    #[test]
    fn brokers_are_told_with_rack_and_fence() {
        let body = DescribeClusterResponse::default().with_brokers(vec![broker(2, 9092), broker(1, 9093)]);
        let seen = read(&body).unwrap().brokers;
        let view = |port, fenced| BrokerView { host: "b".into(), port, rack: Some("zone-a".into()), fenced };
        assert_eq!(seen, BTreeMap::from([(1, view(9093, false)), (2, view(9092, true))]));
    }

    #[test]
    fn a_port_that_is_none_is_refused() {
        for port in [-1, 65_536] {
            let told =
                read(&DescribeClusterResponse::default().with_brokers(vec![broker(1, port)])).unwrap_err();
            assert_eq!(told, format!("broker 1 has port {port}"));
        }
    }
}
