//! Changes of the quorum (KIP-853). A voter is an id *and* a directory: a controller that lost its disk is
//! another voter.

use kafka_protocol::messages::add_raft_voter_request::Listener;
use kafka_protocol::messages::{AddRaftVoterRequest, RemoveRaftVoterRequest};
use sluice_core::view::kafka::{KafkaUuid, NodeId};

use super::super::{Address, Client, Error, ItemError};

/// Where the other controllers reach a voter: its listener's name, as in `controller.listener.names`, and its
/// address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoterListener {
    pub name: String,
    pub address: Address,
}

impl Client {
    /// `AddRaftVoter`. The controller must run and follow the metadata log as an observer; ends when the
    /// quorum has committed it.
    ///
    /// `cluster_id` guards against an address that leads to another cluster. Refused with `DUPLICATE_VOTER`
    /// if the id is a voter.
    pub async fn add_raft_voter(
        &self,
        cluster_id: &str,
        voter: (NodeId, KafkaUuid),
        listeners: &[VoterListener],
    ) -> Result<(), Error> {
        let until = self.until::<AddRaftVoterRequest>();
        let listener = |listener: &VoterListener| {
            Listener::default()
                .with_name(super::text(&listener.name))
                .with_host(super::text(&listener.address.host))
                .with_port(listener.address.port)
        };
        let request = AddRaftVoterRequest::default()
            .with_cluster_id(Some(super::text(cluster_id)))
            .with_timeout_ms(super::millis(until))
            .with_voter_id(voter.0)
            .with_voter_directory_id(super::to_wire(voter.1))
            .with_listeners(listeners.iter().map(listener).collect());
        let answer = self.any(&request, until).await?;
        let (code, message) = (answer.body.error_code, answer.body.error_message.as_deref());
        ItemError::check(code, message).map_err(|e| answer.refused(e))
    }

    /// `RemoveRaftVoter`. Refused with `VOTER_NOT_FOUND` if this id with this directory is no voter.
    pub async fn remove_raft_voter(&self, cluster_id: &str, voter: (NodeId, KafkaUuid)) -> Result<(), Error> {
        let request = RemoveRaftVoterRequest::default()
            .with_cluster_id(Some(super::text(cluster_id)))
            .with_voter_id(voter.0)
            .with_voter_directory_id(super::to_wire(voter.1));
        let answer = self.any(&request, self.until::<RemoveRaftVoterRequest>()).await?;
        let (code, message) = (answer.body.error_code, answer.body.error_message.as_deref());
        ItemError::check(code, message).map_err(|e| answer.refused(e))
    }
}
