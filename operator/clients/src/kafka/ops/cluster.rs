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
    /// `DescribeCluster`. The client also takes the brokers' addresses from it, so ask often enough to know them.
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
