use serde::Deserialize;

use crate::view::source::Lsn;

/// What a record in a table's topic says of where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Of a row: where the server was when its snapshot began. Of a change: where the change is, which is before its transaction was
    /// committed. So both grow along a partition, but for changes of transactions that went on while the snapshot began.
    pub lsn: Lsn,
    /// Milliseconds since 1970 by the server's clock. All rows of a table that one snapshot has read have the same.
    pub ts: i64,
    /// A row that a snapshot has read, and no change.
    pub row: bool,
    pub opens: Opens,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Opens {
    #[default]
    Nothing,
    /// The first row of its table.
    Table,
    /// The first row of all.
    Snapshot,
}

/// Debezium's envelope (`io.debezium.connector.postgresql.Source`), as `JsonConverter` writes it with its schema.
#[derive(Deserialize)]
struct Envelope {
    payload: Payload,
}

#[derive(Deserialize)]
struct Payload {
    source: Source,
}

#[derive(Deserialize)]
struct Source {
    lsn: i64,
    ts_ms: i64,
    /// `SnapshotRecord`, in lower case.
    snapshot: Option<String>,
}

impl Mark {
    /// `None`: it is none of Debezium's.
    pub fn of(value: &[u8]) -> Option<Self> {
        let Envelope { payload: Payload { source } } = serde_json::from_slice(value).ok()?;
        let (row, opens) = match source.snapshot.as_deref() {
            // `incremental` reads between changes, and says nothing of the first snapshot
            None | Some("false" | "incremental") => (false, Opens::Nothing),
            Some("first") => (true, Opens::Snapshot),
            Some("first_in_data_collection") => (true, Opens::Table),
            Some(_) => (true, Opens::Nothing),
        };
        Some(Self { lsn: Lsn(source.lsn.cast_unsigned()), ts: source.ts_ms, row, opens })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(snapshot: &str) -> Option<Mark> {
        let source =
            json!({"lsn": 77, "ts_ms": 5, "snapshot": snapshot, "table": "orders", "schema": "public"});
        let payload = json!({"before": null, "after": {"id": 1}, "op": "r", "source": source, "ts_ms": 9});
        Mark::of(json!({"schema": {"type": "struct"}, "payload": payload}).to_string().as_bytes())
    }

    #[test]
    fn rows_and_changes_are_told_apart() {
        let mark = |row, opens| Some(Mark { lsn: Lsn(77), ts: 5, row, opens });
        for (snapshot, row, opens) in [
            ("first", true, Opens::Snapshot),
            ("first_in_data_collection", true, Opens::Table),
            ("true", true, Opens::Nothing),
            ("last_in_data_collection", true, Opens::Nothing),
            ("last", true, Opens::Nothing),
            ("false", false, Opens::Nothing),
            ("incremental", false, Opens::Nothing),
        ] {
            assert_eq!(record(snapshot), mark(row, opens), "{snapshot}");
        }
        for foreign in
            ["", "null", "this is no change event", "{\"payload\": null}", "{\"payload\": {\"source\": {}}}"]
        {
            assert_eq!(Mark::of(foreign.as_bytes()), None, "{foreign}");
        }
    }
}
