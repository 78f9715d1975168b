use std::io;

use sluice_core::view::source::Trouble;
use tokio_postgres::error::SqlState;

/// What went wrong between us and a database. Says what we did; the cause is its source.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the name {host} has no address")]
    NameUnknown {
        host: String,
        #[source]
        source: io::Error,
    },
    #[error("{address} cannot be reached")]
    Unreachable {
        address: String,
        #[source]
        source: tokio_postgres::Error,
    },
    #[error("{address} did not answer within {seconds} s ({doing})")]
    TimedOut { doing: &'static str, address: String, seconds: u64 },
    /// The server does not prove to be the one that we were told to trust.
    #[error("{address} is not trusted")]
    Untrusted {
        address: String,
        #[source]
        source: rustls::Error,
    },
    #[error("{address} does not speak TLS")]
    NoTls { address: String },
    /// The CA that we were given is none.
    #[error("the CA for {address}")]
    Ca {
        address: String,
        #[source]
        source: crate::kafka::tls::TlsError,
    },
    /// The server said no to letting us in. Its words name the role and never the password.
    #[error("{address} does not let us in: {message}")]
    NotIn { address: String, state: SqlState, message: String },
    /// The server said no to a statement.
    #[error("{doing}: {message}")]
    Refused { doing: String, state: SqlState, message: String },
    /// The answer is not what our own query should give.
    #[error("{doing}: the answer cannot be read")]
    Unreadable {
        doing: &'static str,
        #[source]
        source: serde_json::Error,
    },
}

impl Error {
    /// What went wrong while entering.
    pub(super) fn entering(host: &str, address: String, source: tokio_postgres::Error) -> Self {
        if let Some(said) = source.as_db_error() {
            return Self::NotIn { address, state: said.code().clone(), message: said.message().to_owned() };
        }
        match io_of(&source) {
            Some(error) if let Some(why) = tls_of(error) => Self::Untrusted { address, source: why.clone() },
            // what getaddrinfo says has no kind of its own: it comes before there is an address to refuse us
            Some(error) if error.raw_os_error().is_none() && error.to_string().contains("lookup address") => {
                Self::NameUnknown { host: host.to_owned(), source: io::Error::other(error.to_string()) }
            }
            // the answer to an SSLRequest was "N"; the library gives it no kind that could be asked for
            None if says(&source, "server does not support TLS") => Self::NoTls { address },
            _ => Self::Unreachable { address, source },
        }
    }

    /// What went wrong with a statement.
    pub(super) fn asking(doing: &str, address: &str, source: tokio_postgres::Error) -> Self {
        match source.as_db_error() {
            Some(said) => {
                let hint = said.hint().map(|hint| format!(" ({hint})")).unwrap_or_default();
                let message = format!("{}{hint}", said.message());
                Self::Refused { doing: doing.to_owned(), state: said.code().clone(), message }
            }
            None => Self::Unreachable { address: address.to_owned(), source },
        }
    }

    pub fn trouble(&self) -> Trouble {
        match self {
            Self::NameUnknown { .. } => Trouble::NameUnknown,
            Self::Unreachable { .. } => Trouble::Unreachable,
            Self::TimedOut { .. } => Trouble::TimedOut,
            Self::Untrusted { .. } => Trouble::Untrusted,
            Self::NoTls { .. } => Trouble::NoTls,
            Self::Ca { .. } => Trouble::SecretMissing,
            Self::NotIn { state, message, .. } => entry(state, message),
            Self::Refused { state, .. } => statement(state),
            Self::Unreadable { .. } => Trouble::Failed,
        }
    }

    /// For events and metrics.
    pub fn reason(&self) -> &'static str {
        match self.trouble() {
            Trouble::NameUnknown => "DatabaseNameUnknown",
            Trouble::Unreachable => "DatabaseUnreachable",
            Trouble::TimedOut => "DatabaseTimedOut",
            Trouble::Busy => "DatabaseBusy",
            Trouble::PasswordRefused => "DatabasePasswordRefused",
            Trouble::NotAdmitted => "DatabaseNotAdmitted",
            Trouble::NoTls => "DatabaseNoTls",
            Trouble::Untrusted => "DatabaseUntrusted",
            Trouble::DatabaseMissing => "DatabaseMissing",
            Trouble::TooManyConnections => "DatabaseFull",
            Trouble::NotUp => "DatabaseNotUp",
            Trouble::PrivilegeMissing => "DatabasePrivilegeMissing",
            Trouble::SecretMissing => "DatabaseSecretMissing",
            Trouble::Failed => "DatabaseFailed",
        }
    }
}

fn entry(state: &SqlState, message: &str) -> Trouble {
    match state {
        // both an unknown role and a wrong password, so that nobody learns which roles there are
        s if *s == SqlState::INVALID_PASSWORD => Trouble::PasswordRefused,
        // pg_hba.conf has no line for us, or a role may not log in
        s if *s == SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
            if message.contains("does not exist") {
                Trouble::PasswordRefused
            } else {
                Trouble::NotAdmitted
            }
        }
        s if *s == SqlState::INVALID_CATALOG_NAME => Trouble::DatabaseMissing,
        _ => statement(state),
    }
}

fn statement(state: &SqlState) -> Trouble {
    match state {
        s if *s == SqlState::INSUFFICIENT_PRIVILEGE => Trouble::PrivilegeMissing,
        s if *s == SqlState::TOO_MANY_CONNECTIONS => Trouble::TooManyConnections,
        s if *s == SqlState::QUERY_CANCELED || *s == SqlState::LOCK_NOT_AVAILABLE => Trouble::Busy,
        s if *s == SqlState::CANNOT_CONNECT_NOW
            || *s == SqlState::ADMIN_SHUTDOWN
            || *s == SqlState::CRASH_SHUTDOWN =>
        {
            Trouble::NotUp
        }
        _ => Trouble::Failed,
    }
}

fn io_of(error: &tokio_postgres::Error) -> Option<&io::Error> {
    std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<io::Error>())
}

fn tls_of(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>())
}

fn says(error: &tokio_postgres::Error, words: &str) -> bool {
    std::error::Error::source(error).is_some_and(|cause| cause.to_string() == words)
}
