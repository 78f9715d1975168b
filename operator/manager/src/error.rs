use sluice_core::reason::Reason as _;
use thiserror::Error;

use crate::act::apply::{is_going, is_status};

/// Why a pass could not finish. "Not yet" is no error: that is an [`Outcome`](crate::act::Outcome).
#[derive(Debug, Error)]
pub enum Error {
    #[error("{doing}")]
    Kube { doing: String, source: Box<kube::Error> },
    #[error("{doing} took longer than {seconds} s")]
    TimedOut { doing: String, seconds: u64 },
    /// An object that we would make is there, and is not ours.
    #[error("{kind} {key} {whose}")]
    NameTaken { kind: String, key: String, whose: String, earlier: bool },
    #[error("the pass panicked")]
    Panicked { source: tokio::task::JoinError },
    #[error("the address of KafkaCluster {cluster}")]
    Address { cluster: String, source: sluice_clients::kafka::BadAddress },
    #[error("{doing}")]
    Certificate { doing: String, source: crate::pki::Trouble },
    /// A finalizer that is not done yet; the pass comes again.
    #[error("{doing}")]
    NotYet { doing: String },
}

sluice_core::reasons! {
    /// Why a pass failed; the `result` label of `sluice_passes_total`.
    pub enum PassFailure {
        /// The API server refused or did not answer.
        KubeApi,
        /// An answer did not come in time.
        TimedOut,
        /// An object that Sluice would make belongs to somebody else.
        NameTaken,
        /// A defect in Sluice.
        Panicked,
        /// A cluster's address is none.
        Address,
        /// A certificate cannot be made or used.
        Certificate,
        /// Teardown is under way.
        NotYet,
    }
}

impl Error {
    pub fn kube(doing: impl Into<String>) -> impl FnOnce(kube::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Kube { doing, source: Box::new(source) }
    }

    /// Somebody wrote the object before us; its watch brings what they wrote.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Kube { source, .. } if is_status(source, &[409]))
    }

    /// Its namespace is going away: nothing can be made there any more, and nothing has to be.
    pub fn is_farewell(&self) -> bool {
        matches!(self, Self::Kube { source, .. } if is_going(source))
    }

    pub fn reason(&self) -> &'static str {
        match self {
            Self::Kube { .. } => PassFailure::KubeApi,
            Self::TimedOut { .. } => PassFailure::TimedOut,
            Self::NameTaken { .. } => PassFailure::NameTaken,
            Self::Panicked { .. } => PassFailure::Panicked,
            Self::Address { .. } => PassFailure::Address,
            Self::Certificate { .. } => PassFailure::Certificate,
            Self::NotYet { .. } => PassFailure::NotYet,
        }
        .as_str()
    }
}
