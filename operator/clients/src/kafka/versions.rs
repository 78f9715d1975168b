//! The requests Sluice sends, each with the versions this code is written for, and which of them a broker
//! accepts.
//!
//! Only flexible versions (KIP-482): every broker since Kafka 4.0 has them, and `guard` relies on their
//! encoding.

use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::{
    AddRaftVoterRequest, AlterClientQuotasRequest, AlterPartitionReassignmentsRequest,
    AlterUserScramCredentialsRequest, ApiVersionsRequest, CreateAclsRequest, CreatePartitionsRequest,
    CreateTopicsRequest, DeleteAclsRequest, DeleteGroupsRequest, DeleteTopicsRequest, DescribeAclsRequest,
    DescribeClientQuotasRequest, DescribeClusterRequest, DescribeConfigsRequest, DescribeLogDirsRequest,
    DescribeQuorumRequest, DescribeUserScramCredentialsRequest, ElectLeadersRequest, FetchRequest,
    FindCoordinatorRequest, IncrementalAlterConfigsRequest, ListOffsetsRequest,
    ListPartitionReassignmentsRequest, MetadataRequest, OffsetFetchRequest, ProduceRequest,
    RemoveRaftVoterRequest, SaslAuthenticateRequest, SaslHandshakeRequest, UnregisterBrokerRequest,
};
use kafka_protocol::protocol::Request;

use super::error::ProtocolError;

/// A request as Sluice uses it.
pub trait Speak: Request + Sync {
    const NAME: &'static str;
    const MIN: i16;
    const MAX: i16;
    /// Asking twice does no harm, so another broker may be asked when one does not answer.
    const READS: bool;
}

macro_rules! speak {
    ($($request:ident = $name:literal $min:literal..=$max:literal $reads:ident;)*) => {
        $(impl Speak for $request {
            const NAME: &'static str = $name;
            const MIN: i16 = $min;
            const MAX: i16 = $max;
            const READS: bool = speak!(@ $reads);
        })*

        #[cfg(test)]
        pub const SPOKEN: &[Spoken] = &[$(Spoken::of::<$request>(),)*];
    };
    (@ reads) => { true };
    (@ writes) => { false };
}

speak! {
    ApiVersionsRequest = "ApiVersions" 3..=4 reads;
    SaslAuthenticateRequest = "SaslAuthenticate" 2..=2 reads;
    // 12: topic ids may be asked for (KIP-516)
    MetadataRequest = "Metadata" 12..=13 reads;
    // 2: fenced brokers are listed too (KIP-1073)
    DescribeClusterRequest = "DescribeCluster" 2..=2 reads;
    DescribeConfigsRequest = "DescribeConfigs" 4..=4 reads;
    // 2: directory ids (KIP-853)
    DescribeQuorumRequest = "DescribeQuorum" 2..=2 reads;
    // 4: size of the disk and what is left of it (KIP-827)
    DescribeLogDirsRequest = "DescribeLogDirs" 4..=4 reads;
    // 4: several groups at once (KIP-699)
    FindCoordinatorRequest = "FindCoordinator" 4..=6 reads;
    // 10: a timeout (KIP-1075)
    ListOffsetsRequest = "ListOffsets" 10..=10 reads;
    // 12: flexible, and the last version that names topics by their names
    FetchRequest = "Fetch" 12..=12 reads;
    // 9: flexible; 12 is the last version that names topics by their names
    ProduceRequest = "Produce" 9..=12 writes;
    // 8: several groups at once (KIP-709)
    OffsetFetchRequest = "OffsetFetch" 8..=9 reads;
    CreateTopicsRequest = "CreateTopics" 7..=7 writes;
    // 6: by topic id (KIP-516)
    DeleteTopicsRequest = "DeleteTopics" 6..=6 writes;
    CreatePartitionsRequest = "CreatePartitions" 3..=3 writes;
    IncrementalAlterConfigsRequest = "IncrementalAlterConfigs" 1..=1 writes;
    AddRaftVoterRequest = "AddRaftVoter" 0..=0 writes;
    RemoveRaftVoterRequest = "RemoveRaftVoter" 0..=0 writes;
    UnregisterBrokerRequest = "UnregisterBroker" 0..=0 writes;
    AlterPartitionReassignmentsRequest = "AlterPartitionReassignments" 0..=0 writes;
    ListPartitionReassignmentsRequest = "ListPartitionReassignments" 0..=0 reads;
    // 2: flexible
    ElectLeadersRequest = "ElectLeaders" 2..=2 writes;
    DeleteGroupsRequest = "DeleteGroups" 2..=2 writes;
    // 3: resource type User (KIP-373)
    DescribeAclsRequest = "DescribeAcls" 3..=3 reads;
    CreateAclsRequest = "CreateAcls" 3..=3 writes;
    DeleteAclsRequest = "DeleteAcls" 3..=3 writes;
    DescribeUserScramCredentialsRequest = "DescribeUserScramCredentials" 0..=0 reads;
    AlterUserScramCredentialsRequest = "AlterUserScramCredentials" 0..=0 writes;
    // 1: flexible
    DescribeClientQuotasRequest = "DescribeClientQuotas" 1..=1 reads;
    AlterClientQuotasRequest = "AlterClientQuotas" 1..=1 writes;
}

/// The one that has no flexible version: its answer is not decoded, see `connection`. 1: `SaslAuthenticate` follows, rather than bare bytes (KIP-152).
impl Speak for SaslHandshakeRequest {
    const NAME: &'static str = "SaslHandshake";
    const MIN: i16 = 1;
    const MAX: i16 = 1;
    const READS: bool = true;
}

/// What one broker accepts, by API key.
#[derive(Debug)]
pub struct Offered(Vec<(i16, i16, i16)>);

impl Offered {
    pub fn new(keys: &[ApiVersion]) -> Self {
        let mut keys: Vec<_> = keys.iter().map(|k| (k.api_key, k.min_version, k.max_version)).collect();
        keys.sort_unstable();
        Self(keys)
    }

    /// The newest version that both sides know.
    pub fn choose<R: Speak>(&self) -> Result<i16, ProtocolError> {
        let theirs =
            self.0.binary_search_by_key(&R::KEY, |(key, ..)| *key).ok().map(|i| (self.0[i].1, self.0[i].2));
        choose::<R>(theirs)
    }
}

pub fn choose<R: Speak>(theirs: Option<(i16, i16)>) -> Result<i16, ProtocolError> {
    theirs
        .map(|(min, max)| (min.max(R::MIN), max.min(R::MAX)))
        .filter(|(min, max)| min <= max)
        .map(|(_, max)| max)
        .ok_or(ProtocolError::NoCommonVersion { request: R::NAME, ours: (R::MIN, R::MAX), theirs })
}

/// One row of the table, for tests that go over all of it.
#[cfg(test)]
pub struct Spoken {
    pub name: &'static str,
    pub min: i16,
    pub max: i16,
    header_version: fn(i16) -> i16,
    codec: kafka_protocol::protocol::VersionRange,
    pub key: i16,
    /// The body of a well-formed answer in the newest version.
    pub dream: fn(&mut super::fuzz::Dream<'_>) -> Option<Vec<u8>>,
    /// Decodes an answer to correlation id 0 in the newest version.
    pub decode: fn(bytes::Bytes) -> Result<(), ProtocolError>,
}

#[cfg(test)]
impl Spoken {
    const fn of<R: Speak>() -> Self {
        use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Message};
        Self {
            name: R::NAME,
            min: R::MIN,
            max: R::MAX,
            header_version: <R::Response as HeaderVersion>::header_version,
            codec: <R as Message>::VERSIONS,
            key: R::KEY,
            dream: |dream| {
                let mut body = bytes::BytesMut::new();
                R::Response::decode(dream, R::MAX).ok()?.encode(&mut body, R::MAX).ok()?;
                Some(body.to_vec())
            },
            decode: |frame| super::frame::decode::<R::Response>(frame, R::MAX, 0).map(drop),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(min: i16, max: i16) -> Offered {
        Offered::new(&[ApiVersion::default().with_api_key(3).with_min_version(min).with_max_version(max)])
    }

    #[test]
    fn the_newest_version_of_both_is_chosen() {
        for (min, max, chosen) in [(0, 13, 13), (0, 12, 12), (0, 99, 13), (13, 14, 13)] {
            assert_eq!(offered(min, max).choose::<MetadataRequest>().unwrap(), chosen);
        }
    }

    #[test]
    fn no_common_version_names_both_ranges() {
        let old = offered(0, 11).choose::<MetadataRequest>().unwrap_err().to_string();
        assert_eq!(old, "it offers Metadata in versions 0 to 11, Sluice needs 12 to 13 (Kafka 4.0 or later)");
        let new = offered(14, 15).choose::<MetadataRequest>().unwrap_err().to_string();
        assert!(new.contains("versions 14 to 15"), "{new}");
        let none = offered(0, 13).choose::<CreateTopicsRequest>().unwrap_err().to_string();
        assert!(none.contains("CreateTopics in no version"), "{none}");
    }

    #[test]
    fn only_flexible_versions_that_the_codec_knows_are_spoken() {
        for Spoken { name, min, max, header_version, codec, .. } in SPOKEN {
            assert!(codec.min <= *min && *max <= codec.max, "{name}");
            // ApiVersions alone keeps the old response header (KIP-511)
            assert!(header_version(*min) >= 1 || *name == "ApiVersions", "{name}");
        }
    }
}
