//! The Kafka versions that Sluice runs: those that its tests run.

/// A Kafka version and what belongs to it.
#[derive(Debug, PartialEq, Eq)]
pub struct Version {
    pub kafka: &'static str,
    /// The newest production `metadata.version` of it, with which storage is formatted.
    pub metadata: &'static str,
    pub image: &'static str,
}

/// Every supported version, the newest last.
pub const SUPPORTED: &[Version] =
    &[Version { kafka: "4.3.1", metadata: "4.3-IV0", image: "apache/kafka:4.3.1" }];

/// What a new cluster gets when its spec names none.
pub const NEWEST: &Version = &SUPPORTED[SUPPORTED.len() - 1];

pub fn find(kafka: &str) -> Option<&'static Version> {
    SUPPORTED.iter().find(|v| v.kafka == kafka)
}

/// `4.3.0, 4.3.1`, for people.
pub fn supported() -> String {
    SUPPORTED.iter().map(|v| v.kafka).collect::<Vec<_>>().join(", ")
}
