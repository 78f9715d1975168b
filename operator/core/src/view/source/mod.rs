//! A PostgreSQL database that a pipeline reads from or writes to, as its catalogs describe it.
//!
//! The clients crate asks for these as JSON, so the field names are also the names in its SQL.

mod lsn;
mod table;

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

pub use lsn::{BadLsn, Lsn};
pub use table::{BadTableName, Column, Rights, Table, TableKind, TableName};

/// A database that is read from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct SourceView {
    pub server: Server,
    pub role: Role,
    /// Those we asked for and that exist.
    #[serde(default)]
    pub tables: BTreeMap<TableName, Table>,
    /// Those we asked for and that exist, and all others that say that they are a pipeline's.
    #[serde(default)]
    pub publications: BTreeMap<String, Publication>,
    /// All of the server: they share its limits.
    #[serde(default)]
    pub slots: BTreeMap<String, Slot>,
    pub heartbeat: Heartbeat,
    /// What is called as tables of signals are, in the schema of the heartbeat; whether it is one that our role may publish and write.
    #[serde(default)]
    pub signals: BTreeMap<String, bool>,
    /// Current end of the write-ahead log.
    pub position: Lsn,
    /// `pg_control_system`; `None` where the role may not ask.
    #[serde(default)]
    pub identity: Option<Identity>,
    /// How far each slot is behind, by name. Not the database's: the observer's, who saw the position move.
    #[serde(skip)]
    pub lags: BTreeMap<String, Lag>,
}

impl SourceView {
    /// Without what moves all the time: two views that differ in nothing else need no pass.
    #[must_use]
    pub fn calm(&self) -> Self {
        let mut calm = self.clone();
        calm.position = Lsn::default();
        calm.lags.clear();
        for slot in calm.slots.values_mut() {
            (slot.restart_lsn, slot.confirmed_flush_lsn, slot.safe_wal_size) = (None, None, None);
            slot.reader.iter_mut().for_each(|reader| reader.replied = None);
        }
        for table in calm.tables.values_mut() {
            table.rows = 0;
        }
        calm
    }
}

impl SourceView {
    /// The planner's estimates of rows. Without `ANALYZE` there is none: -1, and 0 before PostgreSQL 14.
    pub fn estimates(&self, of: &BTreeSet<TableName>) -> BTreeMap<TableName, i64> {
        let least = i64::from(self.server.version < 140_000);
        let known = self.tables.iter().filter(|(name, table)| of.contains(name) && table.rows >= least);
        known.map(|(name, table)| (name.clone(), table.rows)).collect()
    }
}

/// What a cheap look tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Pulse {
    pub position: Lsn,
    #[serde(default)]
    pub slots: BTreeMap<String, Slot>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Server {
    /// `server_version_num`, for example 150018.
    pub version: i32,
    /// A standby.
    pub in_recovery: bool,
    pub wal_level: String,
    pub max_replication_slots: i64,
    pub max_wal_senders: i64,
    pub used_wal_senders: i64,
    /// Milliseconds; 0: none.
    pub wal_sender_timeout: i64,
    /// Megabytes; -1: no limit.
    pub max_slot_wal_keep_size: i64,
    pub database: String,
}

/// Tells one cluster's history from another's: after a restore or a failover it differs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Identity {
    pub system_identifier: String,
    pub timeline: i64,
}

/// The role that we entered as.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Role {
    pub name: String,
    pub superuser: bool,
    pub replication: bool,
    /// Member of a role that stands for REPLICATION where the provider keeps that attribute to itself (RDS).
    pub provider_replication: bool,
    /// CREATE on the database: publications and schemas.
    pub create: bool,
}

impl Role {
    pub fn may_replicate(&self) -> bool {
        self.superuser || self.replication || self.provider_replication
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Publication {
    pub owner: String,
    /// Our role is the owner or a member of it.
    pub owned: bool,
    pub all_tables: bool,
    pub insert: bool,
    pub update: bool,
    pub delete: bool,
    /// Tables that are in it by name.
    pub tables: Vec<TableName>,
    /// Of those, tables with a row filter or a column list.
    pub filtered: Vec<TableName>,
    pub comment: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Slot {
    pub plugin: Option<String>,
    pub database: Option<String>,
    pub active: bool,
    pub active_pid: Option<i32>,
    /// The oldest WAL that it keeps.
    pub restart_lsn: Option<Lsn>,
    /// What the reader has confirmed.
    pub confirmed_flush_lsn: Option<Lsn>,
    /// `reserved`, `extended`, `unreserved` or `lost`.
    pub wal_status: Option<String>,
    /// Bytes until it is in danger of being lost; `None`: no limit.
    pub safe_wal_size: Option<i64>,
    /// Whose transactions must end before it is made.
    pub waits_for: Vec<Holder>,
    /// Who reads it, as far as our role may see that.
    pub reader: Option<SlotReader>,
}

impl Slot {
    /// It has no position until all transactions that were there before have ended.
    pub fn is_being_made(&self) -> bool {
        // a physical one never has a position
        self.plugin.is_some() && self.confirmed_flush_lsn.is_none()
    }

    /// Who reads it is no Debezium: the name of that program. What it confirms never comes to Kafka.
    pub fn foreign_reader(&self) -> Option<&str> {
        let application = self.reader.as_ref().filter(|_| self.active)?.application.as_deref()?;
        (!application.is_empty() && !application.contains("Debezium")).then_some(application)
    }

    /// A connector reads it, or may.
    pub fn is_read(&self) -> bool {
        self.active && self.foreign_reader().is_none()
    }
}

/// The session that reads a slot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct SlotReader {
    pub application: Option<String>,
    /// When it has sent its last reply, by its own clock; `None`: our role may not see that (`pg_read_all_stats`). One that lives sends one
    /// every ten seconds (`status.update.interval.ms`).
    pub replied: Option<String>,
}

/// A session with a transaction that others wait for. Of other roles' sessions a plain role sees less.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Holder {
    /// 0: a prepared transaction, which has no session.
    pub pid: i32,
    pub user: Option<String>,
    pub database: Option<String>,
    pub application: Option<String>,
    pub state: Option<String>,
    /// When its transaction began.
    pub since: Option<String>,
}

/// The heartbeat table, see [`crate::cdc::sql::HEARTBEAT`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Heartbeat {
    pub schema_exists: bool,
    pub table_exists: bool,
    /// Our role may make what is missing of the two.
    pub creatable: bool,
    /// SELECT, INSERT, UPDATE and DELETE.
    pub writable: bool,
    /// The table's owner is our role or a role that we are a member of.
    pub owned: bool,
}

/// How far a reader is behind the source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lag {
    pub bytes: i64,
    /// Since the position first passed what has been confirmed, as far as we have watched.
    pub seconds: i64,
    /// Bytes of WAL that the slot keeps on disk.
    pub retained: i64,
    /// By how many bytes that grows in a second.
    pub growth: i64,
    /// What the slot's reader itself has confirmed, as far as we have watched.
    pub read_to: Option<Lsn>,
    /// Where the slot was at the first look after its reader had gone.
    pub ended_at: Option<Lsn>,
    /// For how many seconds the slot's reader has been seen to send no new reply.
    pub silent: i64,
}

/// A database that is written to, in one schema.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct SinkView {
    /// `server_version_num`
    pub version: i32,
    /// A standby, or `default_transaction_read_only`.
    pub read_only: bool,
    pub database: String,
    pub role: String,
    /// CREATE on the database.
    pub create_schema: bool,
    pub schema_exists: bool,
    pub schema_usage: bool,
    pub schema_create: bool,
    /// Those we asked for and that exist in the schema, by name.
    #[serde(default)]
    pub tables: BTreeMap<String, Table>,
}

/// Why a database cannot be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trouble {
    /// The host name has no address.
    NameUnknown,
    /// Refused, no route, reset.
    Unreachable,
    /// Nobody answered in time.
    TimedOut,
    /// It answers, and what we asked for had to wait too long: for a lock, or for the server itself.
    Busy,
    /// User or password are wrong.
    PasswordRefused,
    /// `pg_hba.conf` does not let us in, or only with TLS, or only without.
    NotAdmitted,
    /// The server speaks no TLS, and we were told to.
    NoTls,
    /// Who answers has a certificate that we were not told to trust, or one for another name.
    Untrusted,
    DatabaseMissing,
    /// All its connections are taken.
    TooManyConnections,
    /// Starting up, shutting down, or in crash recovery.
    NotUp,
    /// The role lacks a right that looking needs.
    PrivilegeMissing,
    /// The Secret with the password or with the CA, or its key, is not there, or holds something else.
    SecretMissing,
    /// It answered with an error that we do not know better.
    Failed,
}
