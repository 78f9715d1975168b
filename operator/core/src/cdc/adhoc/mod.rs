//! Rows that are read of a pipeline that runs: requests of `spec.snapshots` with `type: Incremental` or `Blocking`, and tables that were
//! added to a pipeline whose first snapshot is done.
//!
//! Debezium reads them in chunks between changes (its incremental snapshots) when a row in a table of the source, the signal table, orders
//! it to; `channel` says from when on a pipeline has one. It tells how far it is in the topic of that table (`heard`). One order is
//! under way at a time: what Debezium tells carries the name of the newest only. `turn` gives the orders; `blocking`: what is
//! different where changes wait meanwhile.
//!
//! A run is in status before its row is in the table, and the row's key names the run: it is ordered once, however often it is tried.

mod blocking;
mod channel;
mod heard;
mod turn;

use sluice_crds::cdc_pipeline::{SnapshotRun, SnapshotType};
use sluice_crds::{Connector, Scalar};

pub use channel::channel;
pub use heard::Heard;
pub(super) use turn::{read_since, superseded, turn};

const ASKED: &str = "Asked";
const READING: &str = "Reading";
const DONE: &str = "Done";
const FAILED: &str = "Failed";

/// What a source's Connector captures, and whose orders it takes; `None`: nobody's. An order that a connector reads before it knows of
/// both is lost.
pub(super) fn captures(connector: &Connector) -> Option<String> {
    let of = |key: &str| connector.spec.config.get(key).map(Scalar::as_str);
    Some(format!("{} {}", of("signal.data.collection")?, of("table.include.list")?))
}

/// The run that is under way.
pub fn under_way(runs: &[SnapshotRun]) -> Option<&SnapshotRun> {
    runs.iter().find(|run| is_under_way(run))
}

/// The key of the row that orders a run.
pub fn signal(run: &SnapshotRun) -> String {
    format!("{}@{}", run.id, run.at.as_ref().map_or(0, |at| at.0.as_second()))
}

/// All rows of the table were read by this run.
pub(super) fn has_read(run: &SnapshotRun, table: &str) -> bool {
    let whole = run.type_ != SnapshotType::Initial && run.state == DONE && run.where_.is_none();
    whole && run.tables.iter().any(|read| read == table)
}

/// The newest run for the table came to a bad end.
pub(super) fn could_not_read(runs: &[SnapshotRun], table: &str) -> bool {
    let of = |run: &&SnapshotRun| {
        run.type_ != SnapshotType::Initial && run.tables.iter().any(|read| read == table)
    };
    runs.iter().rfind(of).is_some_and(|run| run.state == FAILED)
}

fn is_under_way(run: &SnapshotRun) -> bool {
    run.type_ != SnapshotType::Initial && [ASKED, READING].contains(&run.state.as_str())
}
