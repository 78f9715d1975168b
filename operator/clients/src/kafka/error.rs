//! What can go wrong between us and Kafka. An error says what we asked and whom; the cause is its source.

use std::fmt;
use std::io;
use std::time::Duration;

use kafka_protocol::ResponseError;
use sluice_core::view::kafka::NodeId;

use super::address::Address;

/// Per item of a batch: its name, and what Kafka said about it.
pub type Items<T> = Vec<(String, Result<T, ItemError>)>;

/// A whole call failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{request}: cannot connect to {broker}")]
    Unreachable {
        request: &'static str,
        broker: Address,
        #[source]
        source: io::Error,
    },
    #[error("{request}: {broker} does not complete the TLS handshake")]
    Tls {
        request: &'static str,
        broker: Address,
        #[source]
        source: io::Error,
    },
    #[error("{request}: {broker} closed the connection before it answered")]
    Disconnected {
        request: &'static str,
        broker: Address,
        #[source]
        source: io::Error,
    },
    #[error("{request}: {broker} did not {stage} within {:.1} s", .after.as_secs_f32())]
    TimedOut { request: &'static str, broker: Address, stage: Stage, after: Duration },
    #[error("{request}: {broker} does not speak Kafka as we know it")]
    Protocol {
        request: &'static str,
        broker: Address,
        #[source]
        source: ProtocolError,
    },
    #[error("{request}: {broker} refused: {error}")]
    Kafka { request: &'static str, broker: Address, error: ItemError },
    #[error("{request}: none of {} answered", list(.tried))]
    NoneAnswered {
        request: &'static str,
        tried: Vec<Address>,
        #[source]
        last: Box<Error>,
    },
    #[error("{request}: broker {node} is not registered in the cluster")]
    NoSuchBroker { request: &'static str, node: NodeId },
    #[error("{request}: no bootstrap address is given")]
    NoBootstrap { request: &'static str },
}

/// How far a call had come when its time was up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// All connections to the broker were busy with other calls.
    Queue,
    Connect,
    Answer,
}

/// The bytes were not what they should be.
#[derive(Debug, thiserror::Error)]
pub enum ProtocolError {
    #[error(
        "it offers {request} in {}, Sluice needs {} to {} (Kafka 4.0 or later)",
        range(*.theirs), .ours.0, .ours.1
    )]
    NoCommonVersion { request: &'static str, ours: (i16, i16), theirs: Option<(i16, i16)> },
    #[error("an answer of {announced} bytes is outside 4..={limit}")]
    FrameSize { announced: i32, limit: usize },
    #[error("the answer is to request {got}, not to {expected}")]
    WrongCorrelation { expected: i32, got: i32 },
    #[error("the answer cannot be decoded: {0}")]
    Decode(String),
    #[error("the request cannot be encoded: {0}")]
    Encode(String),
    #[error("{0}")]
    Content(String),
}

/// Kafka's error for one item.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ItemError {
    pub code: Code,
    /// Kafka's words, where it has some.
    pub message: Option<String>,
}

/// Kafka's error code, see its `Errors.java`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Code(pub i16);

impl Error {
    /// For events and metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } | Self::Disconnected { .. } => "KafkaUnreachable",
            Self::Tls { .. } => "KafkaTlsFailed",
            Self::TimedOut { .. } => "KafkaTimedOut",
            Self::Protocol { .. } => "KafkaProtocolError",
            Self::Kafka { .. } => "KafkaRefused",
            Self::NoneAnswered { last, .. } => last.reason(),
            Self::NoSuchBroker { .. } => "KafkaBrokerUnknown",
            Self::NoBootstrap { .. } => "KafkaAddressMissing",
        }
    }

    /// Kafka's code, where Kafka itself refused the call.
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::Kafka { error, .. } => Some(error.code),
            Self::NoneAnswered { last, .. } => last.code(),
            _ => None,
        }
    }

    /// The request may have been carried out although we saw no answer. Look before you repeat it.
    pub fn outcome_unknown(&self) -> bool {
        match self {
            Self::Disconnected { .. } | Self::TimedOut { stage: Stage::Answer, .. } => true,
            Self::Protocol { source, .. } => {
                !matches!(source, ProtocolError::NoCommonVersion { .. } | ProtocolError::Encode(_))
            }
            Self::NoneAnswered { last, .. } => last.outcome_unknown(),
            _ => false,
        }
    }

    /// This broker was the trouble; another may do better.
    pub(super) fn is_about_broker(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::Tls { .. }
            | Self::Disconnected { .. }
            | Self::TimedOut { .. } => true,
            Self::Protocol { source, .. } => !matches!(source, ProtocolError::Encode(_)),
            _ => false,
        }
    }
}

impl ItemError {
    /// `None` for code 0, Kafka's "no error".
    pub(super) fn read(code: i16, message: Option<&str>) -> Option<Self> {
        let message = message.filter(|text| !text.is_empty()).map(str::to_owned);
        (code != 0).then_some(Self { code: Code(code), message })
    }

    pub(super) fn check(code: i16, message: Option<&str>) -> Result<(), Self> {
        Self::read(code, message).map_or(Ok(()), Err)
    }
}

impl Code {
    pub const UNKNOWN_TOPIC_OR_PARTITION: Self = Self(3);
    pub const LEADER_NOT_AVAILABLE: Self = Self(5);
    pub const TOPIC_AUTHORIZATION_FAILED: Self = Self(29);
    pub const CLUSTER_AUTHORIZATION_FAILED: Self = Self(31);
    pub const COORDINATOR_NOT_AVAILABLE: Self = Self(15);
    pub const NOT_COORDINATOR: Self = Self(16);
    pub const INVALID_TOPIC_EXCEPTION: Self = Self(17);
    pub const UNSUPPORTED_VERSION: Self = Self(35);
    pub const TOPIC_ALREADY_EXISTS: Self = Self(36);
    pub const INVALID_PARTITIONS: Self = Self(37);
    pub const INVALID_REPLICATION_FACTOR: Self = Self(38);
    pub const INVALID_CONFIG: Self = Self(40);
    pub const INVALID_REQUEST: Self = Self(42);
    pub const POLICY_VIOLATION: Self = Self(44);
    pub const RESOURCE_NOT_FOUND: Self = Self(91);
    pub const SASL_AUTHENTICATION_FAILED: Self = Self(58);
    pub const NON_EMPTY_GROUP: Self = Self(68);
    pub const GROUP_ID_NOT_FOUND: Self = Self(69);
    pub const PREFERRED_LEADER_NOT_AVAILABLE: Self = Self(80);
    pub const ELECTION_NOT_NEEDED: Self = Self(84);
    pub const NO_REASSIGNMENT_IN_PROGRESS: Self = Self(85);
    pub const UNKNOWN_TOPIC_ID: Self = Self(100);
    pub const BROKER_ID_NOT_REGISTERED: Self = Self(102);
    pub const DUPLICATE_VOTER: Self = Self(126);
    pub const VOTER_NOT_FOUND: Self = Self(127);

    /// Kafka expects the same request to succeed later.
    pub fn is_retriable(self) -> bool {
        ResponseError::try_from_code(self.0).is_some_and(|error| error.is_retriable())
    }
}

impl fmt::Display for Code {
    /// As Kafka's documentation and logs write it: `UNKNOWN_TOPIC_OR_PARTITION`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match ResponseError::try_from_code(self.0) {
            None => f.write_str("NONE"),
            Some(ResponseError::Unknown(code)) => write!(f, "error code {code}"),
            Some(known) => {
                for (i, c) in known.to_string().chars().enumerate() {
                    let gap = if i > 0 && c.is_ascii_uppercase() { "_" } else { "" };
                    write!(f, "{gap}{}", c.to_ascii_uppercase())?;
                }
                Ok(())
            }
        }
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} ({})", self.0)
    }
}

impl fmt::Display for ItemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.message {
            Some(message) => write!(f, "{}: {message}", self.code),
            None => write!(f, "{}", self.code),
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Queue => "finish our earlier calls",
            Self::Connect => "accept a connection",
            Self::Answer => "answer",
        })
    }
}

fn list(addresses: &[Address]) -> String {
    addresses.iter().map(Address::to_string).collect::<Vec<_>>().join(", ")
}

fn range(offered: Option<(i16, i16)>) -> String {
    offered.map_or_else(|| "no version".to_owned(), |(min, max)| format!("versions {min} to {max}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_named_as_kafka_names_them() {
        assert_eq!(Code::TOPIC_ALREADY_EXISTS.to_string(), "TOPIC_ALREADY_EXISTS");
        assert_eq!(Code::VOTER_NOT_FOUND.to_string(), "VOTER_NOT_FOUND");
        assert_eq!(Code(0).to_string(), "NONE");
        assert_eq!(Code(4242).to_string(), "error code 4242");
    }
}
