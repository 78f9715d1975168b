//! What must hold in the databases before anything is created, and should go on to hold.
//!
//! Each check is a pure function of what was seen: one fact, one name, and the statement that mends it. `server`, `tables`
//! and `publication` look at the source, `sink` and `types` at a sink; the order of the lists is the order a person would look in.

mod publication;
mod server;
mod sink;
mod tables;
mod types;

use std::collections::BTreeSet;
use std::fmt;

use super::Wanted;
use super::wanted::Sink;
use crate::view::source::{SinkView, SourceView, TableName};

pub use publication::{Change, change as publication_change};
pub use server::left_slots;
pub use sink::creations as sink_creations;

/// How much a failed check matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Keeps the pipeline from starting.
    Block,
    Warn,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

crate::reasons! {
    /// The checks, as `status.preflight` names them.
    pub enum Check {
        /// The source has logical decoding by `pgoutput`: PostgreSQL 10 and later.
        Version,
        /// The source is a primary.
        Primary,
        /// `wal_level` is `logical`.
        WalLevel,
        /// The role may replicate.
        Replication,
        /// The slot is the pipeline's. (Whether it still has what it should have kept is the guard's question.)
        Slot,
        /// A replication slot is free.
        FreeSlot,
        /// A WAL sender is free.
        FreeSender,
        /// A reader whose network has gone is let go in time (`wal_sender_timeout`, F14).
        SenderTimeout,
        /// Something bounds the WAL that a slot may keep (F4, F5).
        WalLimit,
        /// No slot of a pipeline that is gone keeps WAL (F5).
        LeftSlots,
        /// The tables exist.
        TablesExist,
        /// They are ordinary tables.
        TableKind,
        /// They have a primary key, so that changes and deletions can be told (F13).
        TableKey,
        /// The role may read them.
        TableRights,
        /// No row is hidden from the role.
        RowSecurity,
        /// The rows that the tables had at the start were read.
        TableRows,
        /// An UPDATE carries all values of its row.
        LargeValues,
        /// Generated columns are not in the write-ahead log.
        GeneratedColumns,
        /// The publication holds the pipeline's tables and no others, or can be made to (F12).
        Publication,
        /// The heartbeat table can be written (F4).
        Heartbeat,
        /// Orders to read rows while changes flow can be given.
        Signals,
        /// The sink can be written.
        SinkWritable,
        /// The sink has the schema.
        SinkSchema,
        /// The role may make the tables that the sink lacks.
        SinkCreate,
        /// The sink has the tables, where Sluice may not make them.
        SinkTables,
        /// The role may write the sink's tables.
        SinkRights,
        /// The sink's tables have the source's key.
        SinkKey,
        /// The sink's tables have the source's columns.
        SinkColumns,
        /// The columns take every value that the source's may have.
        SinkTypes,
        /// The columns take a NULL where the source's may have one.
        SinkNulls,
    }
}

/// A check that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    pub check: Check,
    pub severity: Severity,
    /// `None`: the source.
    pub sink: Option<String>,
    pub message: String,
    pub mend: String,
}

impl Failed {
    fn block(check: Check, message: impl Into<String>) -> Self {
        Self { check, severity: Severity::Block, sink: None, message: message.into(), mend: String::new() }
    }

    fn warn(check: Check, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warn, ..Self::block(check, message) }
    }

    fn mend(mut self, mend: impl Into<String>) -> Self {
        self.mend = mend.into();
        self
    }

    /// One line: where, what is wrong, what mends it.
    pub fn text(&self) -> String {
        let place = self.sink.as_ref().map(|sink| format!("sink {sink}: ")).unwrap_or_default();
        let mend = if self.mend.is_empty() { String::new() } else { format!(". Mend: {}", self.mend) };
        format!("{place}{}{mend}", self.message)
    }
}

/// What a check of the source may look at.
pub struct Source<'a> {
    pub wanted: &'a Wanted,
    pub view: &'a SourceView,
    /// The pipeline's source connector exists: slot and sender may be its own.
    pub running: bool,
    /// It was started before: the slot is its own.
    pub started: bool,
    /// Tables that were added after the rows of the others had been read.
    pub unloaded: &'a BTreeSet<TableName>,
    /// Publications whose comment names a pipeline that is not there.
    pub left: &'a BTreeSet<String>,
}

/// What a check of a sink may look at.
pub struct Target<'a> {
    pub wanted: &'a Wanted,
    pub sink: &'a Sink,
    pub view: &'a SinkView,
    pub source: &'a SourceView,
    /// The pipeline was started before: what went well so far may go on to.
    pub started: bool,
}

type SourceCheck = fn(&Source<'_>) -> Option<Failed>;
type SinkCheck = fn(&Target<'_>) -> Option<Failed>;

const SOURCE: &[SourceCheck] = &[
    server::version_has_pgoutput,
    server::is_primary,
    server::wal_level_is_logical,
    server::role_may_replicate,
    server::slot_is_ours,
    server::slots_are_free,
    server::senders_are_free,
    server::readers_are_let_go,
    server::wal_is_bounded,
    server::no_slot_is_left,
    tables::exist,
    tables::are_tables,
    tables::have_keys,
    tables::can_be_read,
    tables::show_all_rows,
    tables::have_whole_updates,
    tables::have_no_generated_columns,
    publication::can_be_made,
    publication::heartbeat_can_be_written,
    publication::heartbeat_is_on,
    publication::signals_can_be_given,
];

const SINK: &[SinkCheck] = &[
    sink::can_be_written,
    sink::has_the_schema,
    sink::tables_can_be_made,
    sink::has_the_tables,
    sink::tables_can_be_written,
    sink::tables_have_the_key,
    sink::tables_have_the_columns,
    types::columns_are_wide_enough,
    types::columns_can_be_left_out,
    types::columns_take_nulls,
];

/// All checks of the source that fail.
pub fn source(facts: &Source<'_>) -> Vec<Failed> {
    SOURCE.iter().filter_map(|check| check(facts)).chain(tables::rows(facts)).collect()
}

/// All checks of a sink that fail.
pub fn sink(facts: &Target<'_>) -> Vec<Failed> {
    let named = |failed| Failed { sink: Some(facts.sink.name.clone()), ..failed };
    SINK.iter().filter_map(|check| check(facts)).map(named).collect()
}

/// `a, b and 3 more`
pub(super) fn list<T: fmt::Display>(items: &[T]) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<String> = items.iter().take(SHOWN).map(ToString::to_string).collect();
    match items.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Statements, a line of them.
fn statements(items: impl IntoIterator<Item = String>) -> String {
    items.into_iter().map(|statement| format!("{statement};")).collect::<Vec<_>>().join(" ")
}
