//! The KRaft quorum, and the features that the cluster has finalized.

use std::collections::BTreeMap;

use kafka_protocol::messages::describe_quorum_request::{PartitionData, TopicData};
use kafka_protocol::messages::describe_quorum_response::{self as response, ReplicaState};
use kafka_protocol::messages::{ApiVersionsRequest, DescribeQuorumRequest, DescribeQuorumResponse};
use sluice_core::view::kafka::{QuorumReplica, QuorumView};

use super::super::connection::api_versions_request;
use super::super::{Client, Error, ItemError};

/// The metadata log, a topic of one partition that only the quorum has (KIP-595).
const METADATA_TOPIC: &str = "__cluster_metadata";

impl Client {
    /// `DescribeQuorum`, answered by the active controller.
    pub async fn describe_quorum(&self) -> Result<QuorumView, Error> {
        let answer = self.any(&request(), self.until::<DescribeQuorumRequest>()).await?;
        let partition = partition(&answer.body).map_err(|e| answer.refused(e))?;
        Ok(read(partition.ok_or_else(|| answer.nonsense("the metadata partition is not described"))?))
    }

    /// Finalized feature levels, `metadata.version` and `kraft.version` among them (KIP-584).
    pub async fn features(&self) -> Result<BTreeMap<String, i16>, Error> {
        let answer = self.any(&api_versions_request(), self.until::<ApiVersionsRequest>()).await?;
        ItemError::check(answer.body.error_code, None).map_err(|e| answer.refused(e))?;
        let features = answer.body.finalized_features.iter();
        Ok(features.map(|feature| (feature.name.to_string(), feature.max_version_level)).collect())
    }
}

fn request() -> DescribeQuorumRequest {
    let topic = TopicData::default()
        .with_topic_name(super::topic_name(METADATA_TOPIC))
        .with_partitions(vec![PartitionData::default()]);
    DescribeQuorumRequest::default().with_topics(vec![topic])
}

fn partition(body: &DescribeQuorumResponse) -> Result<Option<&response::PartitionData>, ItemError> {
    ItemError::check(body.error_code, body.error_message.as_deref())?;
    let partition = body.topics.first().and_then(|topic| topic.partitions.first());
    if let Some(partition) = partition {
        ItemError::check(partition.error_code, partition.error_message.as_deref())?;
    }
    Ok(partition)
}

fn read(partition: &response::PartitionData) -> QuorumView {
    QuorumView {
        leader: Some(*partition.leader_id).filter(|id| *id >= 0),
        leader_epoch: partition.leader_epoch,
        high_watermark: partition.high_watermark,
        voters: partition.current_voters.iter().map(replica).collect(),
        observers: partition.observers.iter().map(replica).collect(),
    }
}

fn replica(state: &ReplicaState) -> QuorumReplica {
    QuorumReplica {
        id: *state.replica_id,
        directory: super::from_wire(state.replica_directory_id),
        log_end_offset: state.log_end_offset,
        last_caught_up_ms: Some(state.last_caught_up_timestamp).filter(|ms| *ms >= 0),
    }
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::BrokerId;

    use super::super::super::Code;
    use super::*;

    fn body(partition: response::PartitionData) -> DescribeQuorumResponse {
        let topic = response::TopicData::default().with_partitions(vec![partition]);
        DescribeQuorumResponse::default().with_topics(vec![topic])
    }

    #[test]
    fn what_the_leader_does_not_know_is_none() {
        let state = ReplicaState::default().with_replica_id(BrokerId(4)).with_last_caught_up_timestamp(-1);
        let partition =
            response::PartitionData::default().with_leader_id(BrokerId(-1)).with_observers(vec![state]);
        let body = body(partition);
        let view = read(super::partition(&body).unwrap().unwrap());
        assert_eq!((view.leader, view.observers[0].id, view.observers[0].last_caught_up_ms), (None, 4, None));
    }

    #[test]
    fn a_refusal_is_found_at_every_level() {
        let refused = DescribeQuorumResponse::default().with_error_code(6);
        assert_eq!(partition(&refused).unwrap_err().code, Code(6));
        let refused = body(response::PartitionData::default().with_error_code(3));
        assert_eq!(partition(&refused).unwrap_err().code, Code(3));
        assert_eq!(partition(&DescribeQuorumResponse::default()), Ok(None));
    }
}
