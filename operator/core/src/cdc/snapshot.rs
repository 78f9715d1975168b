//! How far the first snapshot is, from what the source connector has stored in Kafka.
//!
//! Debezium 3.6 for PostgreSQL stores with each position, while a snapshot runs: `snapshot` (its type), `last_snapshot_record` and
//! `snapshot_completed`. All three go with the first streamed record (`PostgresOffsetContext.getOffset`).

use serde_json::Value;

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
        Some(_) if is("snapshot_completed") || is("last_snapshot_record") => Snapshot::Completed,
        Some(_) => Snapshot::Running,
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
        assert_eq!(of_offset(None), Snapshot::Unknown);
        assert_eq!(of_offset(Some(&running)), Snapshot::Running);
        assert_eq!(of_offset(Some(&last)), Snapshot::Completed);
        assert_eq!(of_offset(Some(&streaming)), Snapshot::Completed);
    }
}
