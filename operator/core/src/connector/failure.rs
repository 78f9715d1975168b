//! What kind of failure a trace tells of, and so what is done about it: only what a restart can mend is restarted.
//!
//! The words are those of Kafka Connect 4.3, Debezium 3.6 and PostgreSQL 13 to 18; `operator/clients/tests/pipeline/failures.rs`
//! provokes failures on the real ones and compares.

use std::fmt;

/// In the order in which the catalogue is searched: a cause that no restart mends outweighs what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The place in the source's log from which to go on is gone.
    SlotLost,
    /// The history of the source's schema, which some sources need, is not there.
    SchemaHistory,
    /// User, password or rights.
    Credentials,
    /// A record or a row that is refused as it is.
    PoisonRecord,
    /// Something that the configuration names is not there, or is not meant so.
    Configuration,
    /// Somebody does not answer, or is busy.
    Transient,
    /// None of the words is known.
    Unknown,
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// When something is restarted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Seconds before the first restart; each pause after it is twice as long.
    pub first: i64,
    pub longest: i64,
    /// Whether `autoRestart.maxAttempts` ends it. What mends by itself must not end for a night's outage.
    pub limited: bool,
}

impl Class {
    /// `None`: no restart mends it.
    pub fn pace(self) -> Option<Pace> {
        match self {
            Self::Transient => Some(Pace { first: 10, longest: 300, limited: false }),
            Self::Unknown => Some(Pace { first: 10, longest: 300, limited: true }),
            // who mends it in the database changes nothing that is seen here; wrong passwords too often lock an account
            Self::Credentials => Some(Pace { first: 60, longest: 300, limited: false }),
            Self::SlotLost | Self::SchemaHistory | Self::PoisonRecord | Self::Configuration => None,
        }
    }

    /// What to do about it.
    pub fn mend(self) -> &'static str {
        match self {
            Self::SlotLost => {
                "It is not restarted: no restart brings back what it was to go on from, and one might begin behind the gap"
            }
            Self::SchemaHistory => {
                "It is not restarted: without the history of the schema it cannot read on. Recover it by Debezium's snapshot mode recovery"
            }
            Self::Credentials => {
                "Correct the Secret, or the role's password and rights in the database: a changed Secret restarts it at once"
            }
            Self::PoisonRecord => {
                "It is not restarted: it would meet the same record again. Let the target take it, or give the sink a dead-letter topic \
                 for records that cannot be read"
            }
            Self::Configuration => "It is not restarted: what it names is not there, or means something else",
            Self::Transient | Self::Unknown => "",
        }
    }
}

/// Words, and what they tell of. The first that are found decide.
const CATALOGUE: &[(Class, &[&str])] = &[
    (
        Class::SlotLost,
        &[
            "but this is no longer available on the server", // Debezium's BaseSourceTask, before it makes a slot anew
            "get changes from replication slot",             // "can no longer …", PostgreSQL 13 to 17
            "access replication slot",                       // the same, 18
            "slot has been invalidated",
            "requested WAL segment",
        ],
    ),
    (
        Class::SchemaHistory,
        &[
            "history topic is missing",
            "history topic or its content is fully or partially missing",
            "SchemaHistoryException",
        ],
    ),
    (
        Class::Credentials,
        &[
            "password authentication failed",
            "no pg_hba.conf entry",
            "pg_hba.conf rejects",
            "permission denied",
            "must be superuser or replication role",
            "is not permitted to log in",
            "SaslAuthenticationException",
            "AuthorizationException",
        ],
    ),
    (
        Class::Transient,
        &[
            // rows of other topics, on which this one depends, may be on their way
            "violates foreign key constraint",
            // a dead reader holds the slot until wal_sender_timeout (F14)
            "is active for PID",
            // a transaction holds up the slot that is made, here or by a reader that was stopped
            "query to create replication slot timed out",
            "Unable to obtain valid replication slot",
            "deadlock detected",
            "could not serialize access",
        ],
    ),
    (
        Class::PoisonRecord,
        &[
            "Tolerance exceeded in error handler", // converters and transforms
            "violates not-null constraint",
            "violates check constraint",
            "violates unique constraint",
            "violates exclusion constraint",
            "value too long for type",
            "out of range",
            "numeric field overflow",
            "invalid input syntax",
            "invalid byte sequence",
            "SchemaChangeException", // Debezium's JDBC sink: a column that it cannot bring in line
        ],
    ),
    (
        Class::Configuration,
        &[
            "ConfigException",
            "ClassNotFoundException",
            "NoClassDefFoundError",
            "does not exist",
            "UnknownTopicOrPartitionException",
            "InvalidTopicException",
            "PKIX path building failed",
            "The server does not support SSL",
            "is of type", // "column … is of type integer but expression is of type …"
        ],
    ),
    (
        Class::Transient,
        &[
            "refused", // "Connection to … refused", java.net.ConnectException
            "UnknownHostException",
            "SocketTimeoutException",
            "SocketException",
            "EOFException",
            "An I/O error",
            "connection attempt failed",
            "connection has been closed",
            "connection is closed",
            "terminating connection",
            "starting up",
            "shutting down",
            "in recovery mode",
            "not yet accepting connections",
            "too many clients",
            "connection slots are reserved",
            "TimeoutException",
            "DisconnectException",
            "NotLeaderOrFollowerException",
            "NotEnoughReplicas",
            "Acquisition timeout", // the JDBC sink's pool
        ],
    ),
];

/// What kind of failure these words tell of.
pub fn classify(words: &str) -> Class {
    // also "does not exist", and none of the configuration's
    if words.contains("replication slot") && words.contains("does not exist") {
        return Class::SlotLost;
    }
    let told = |(_, all): &&(Class, &[&str])| all.iter().any(|some| words.contains(some));
    CATALOGUE.iter().find(told).map_or(Class::Unknown, |(class, _)| *class)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_were_seen_are_understood() {
        for (words, class) in [
            (
                "org.apache.kafka.connect.errors.ConnectException: The connector is trying to read change stream starting at \
                 PostgresOffsetContext [..], but this is no longer available on the server. Reconfigure the connector to use a snapshot",
                Class::SlotLost,
            ),
            ("PSQLException: ERROR: replication slot \"sluice_a\" does not exist", Class::SlotLost),
            ("PSQLException: ERROR: publication \"sluice_a\" does not exist", Class::Configuration),
            ("PSQLException: FATAL: password authentication failed for user \"sluice\"", Class::Credentials),
            ("PSQLException: ERROR: permission denied for table orders", Class::Credentials),
            ("PSQLException: ERROR: replication slot \"s\" is active for PID 77", Class::Transient),
            ("PSQLException: Connection to db:5432 refused. Check that the hostname …", Class::Transient),
            ("PSQLException: FATAL: the database system is starting up", Class::Transient),
            (
                "ConnectException: Tolerance exceeded in error handler\nCaused by: DataException: Only Struct",
                Class::PoisonRecord,
            ),
            ("PSQLException: ERROR: value too long for type character varying(3)", Class::PoisonRecord),
            (
                "PSQLException: ERROR: insert or update on table \"a\" violates foreign key constraint \"b\"",
                Class::Transient,
            ),
            ("The db history topic or its content is fully or partially missing.", Class::SchemaHistory),
            ("java.lang.NullPointerException", Class::Unknown),
        ] {
            assert_eq!(classify(words), class, "{words}");
        }
    }
}
