//! How far the first snapshot is: whether it is done, from what the source connector has stored in Kafka; how many rows have come
//! (`hunt`, from single records of the topics; `tally`, summed up); whether they are as many as the source has (`judge`); and what of it
//! stands in status (`told`).
//!
//! Debezium 3.6 for PostgreSQL stores with each position, while a snapshot runs: `snapshot` (its type), `last_snapshot_record` and
//! `snapshot_completed`. All three go with the first streamed record (`PostgresOffsetContext.getOffset`).

mod hunt;
mod judge;
mod mark;
mod tally;
mod told;

use std::collections::BTreeSet;

use serde_json::Value;
use sluice_crds::cdc_pipeline::{SnapshotMode, SourceStatus};

use super::Wanted;
use crate::view::source::TableName;

pub use hunt::{Floor, Hunt, Run, Spot};
pub use judge::{Counted, Counts};
pub use mark::{Mark, Opens};
pub use tally::{Part, Rows, Tally};
pub use told::{COMPLETE, COUNTING, is_read, is_watched, turned};
pub(super) use told::{next, tell};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Snapshot {
    /// Nothing is stored yet: it has not begun, or not reached Connect's first flush of offsets.
    Unknown,
    Running,
    Completed,
}

/// What the stored offset of the connector says; `None`: there is none.
pub fn of_offset(offset: Option<&Value>) -> Snapshot {
    let Some(offset) = offset.and_then(Value::as_object) else { return Snapshot::Unknown };
    let is = |key: &str| offset.get(key).is_some_and(|value| *value == Value::Bool(true));
    match offset.get("snapshot") {
        None | Some(Value::Null) => Snapshot::Completed,
        // rows that are read between changes, or while they wait: the first snapshot is long over, and the position is a streaming one. A
        // blocking one that was cut short leaves its mark until the next one ends
        Some(kind) if kind == "INCREMENTAL" || kind == "BLOCKING" => Snapshot::Completed,
        Some(_) if is("snapshot_completed") || is("last_snapshot_record") => Snapshot::Completed,
        Some(_) => Snapshot::Running,
    }
}

/// Tables whose rows the snapshot did not read, because they came after it. `before`: what status says.
pub fn unloaded(wanted: &Wanted, before: Option<&SourceStatus>) -> BTreeSet<TableName> {
    let Some(read) =
        before.filter(|source| source.snapshot_completed).and_then(|source| source.snapshot_tables.as_ref())
    else {
        return BTreeSet::new();
    };
    if wanted.snapshot == SnapshotMode::Never {
        return BTreeSet::new();
    }
    wanted.tables.iter().filter(|table| !read.contains(&table.to_string())).cloned().collect()
}

/// What status is to remember for [`unloaded`]: the tables that the connector was told of (`told`: it is now) while the snapshot was
/// not completed yet. One that leaves is forgotten: what happens to its rows meanwhile is not read either.
pub fn tables(
    wanted: &Wanted,
    before: Option<&SourceStatus>,
    completed: bool,
    told: bool,
) -> Option<Vec<String>> {
    let known = before.and_then(|source| source.snapshot_tables.as_ref());
    let all = || wanted.tables.iter().map(ToString::to_string);
    match known {
        _ if wanted.snapshot == SnapshotMode::Never => None,
        _ if told && !completed => Some(all().collect()),
        Some(known) => Some(all().filter(|table| known.contains(table)).collect()),
        // written before this was remembered
        None => completed.then(|| all().collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_marks_of_a_snapshot_are_understood() {
        let running = json!({"lsn": 1, "snapshot": "INITIAL", "last_snapshot_record": false, "snapshot_completed": false});
        let last = json!({"lsn": 1, "snapshot": "INITIAL", "last_snapshot_record": true, "snapshot_completed": false});
        let streaming = json!({"lsn": 27_599_904, "lsn_proc": 27_599_904, "messageType": "UPDATE"});
        let incremental = json!({"lsn": 1, "snapshot": "INCREMENTAL", "last_snapshot_record": false, "snapshot_completed": false});
        let blocking = json!({"lsn": 1, "snapshot": "BLOCKING", "last_snapshot_record": false, "snapshot_completed": false});
        assert_eq!(of_offset(Some(&incremental)), Snapshot::Completed);
        assert_eq!(of_offset(Some(&blocking)), Snapshot::Completed);
        assert_eq!(of_offset(None), Snapshot::Unknown);
        assert_eq!(of_offset(Some(&running)), Snapshot::Running);
        assert_eq!(of_offset(Some(&last)), Snapshot::Completed);
        assert_eq!(of_offset(Some(&streaming)), Snapshot::Completed);
    }
}
