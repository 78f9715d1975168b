use std::collections::BTreeMap;

use serde::Deserialize;
use sluice_crds::cdc_pipeline::{SnapshotRun, SnapshotType};

/// What Debezium has told of one order (`IncrementalSnapshotNotificationService` and `InitialSnapshotNotificationService`, 3.6).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    pub started: bool,
    /// Rows of each table that is done, and how that ended.
    pub tables: BTreeMap<String, (i64, String)>,
    pub completed: bool,
    pub aborted: bool,
    /// Nothing that was told is missing here: the topic was read to its end.
    pub whole: bool,
    /// The connector was started again behind the order.
    pub cut_short: bool,
    /// What is told of a blocking snapshot carries no name.
    pub blocking: bool,
    /// The order itself was heard.
    pub ordered: bool,
}

/// As `JsonConverter` writes it with its schema.
#[derive(Deserialize)]
struct Envelope<T> {
    payload: T,
}

/// A row of the signal table.
#[derive(Deserialize)]
struct Change {
    after: Signal,
}

#[derive(Deserialize)]
struct Signal {
    id: String,
}

#[derive(Deserialize)]
struct Notification {
    id: String,
    aggregate_type: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    additional_data: BTreeMap<String, String>,
}

impl Heard {
    /// Nothing yet.
    pub fn of(run: &SnapshotRun) -> Self {
        Self { blocking: run.type_ == SnapshotType::Blocking, ..Self::default() }
    }

    /// A record of the signal table's topic. Other rows of the table itself, and what is told of other orders, say nothing.
    pub fn note(&mut self, signal: &str, value: &[u8]) {
        if self.blocking {
            return self.note_blocking(signal, value);
        }
        let Ok(Envelope::<Notification> { payload: told }) = serde_json::from_slice(value) else { return };
        if told.aggregate_type != "Incremental Snapshot" || told.id != signal {
            return;
        }
        self.started = true;
        match told.kind.as_str() {
            "TABLE_SCAN_COMPLETED" => self.scanned(&told),
            "COMPLETED" => self.completed = true,
            "ABORTED" => self.aborted = true,
            _ => {}
        }
    }

    fn note_blocking(&mut self, signal: &str, value: &[u8]) {
        if let Ok(Envelope::<Change> { payload }) = serde_json::from_slice(value) {
            // a connector that was started again may read it once more
            if payload.after.id == signal {
                *self = Self { blocking: true, ordered: true, ..Self::default() };
            }
            return;
        }
        let Ok(Envelope::<Notification> { payload: told }) = serde_json::from_slice(value) else { return };
        if told.aggregate_type != "Initial Snapshot" || !self.ordered {
            return;
        }
        match told.kind.as_str() {
            // behind the order's row there is one of it: another one is somebody else's
            "STARTED" => self.started = true,
            // also behind the end of all: what it had read may not have come to Kafka
            "SKIPPED" => self.cut_short = true,
            _ if !self.started || self.completed || self.cut_short => {}
            "TABLE_SCAN_COMPLETED" => self.scanned(&told),
            "COMPLETED" => self.completed = true,
            // by an error, or because the connector ends
            "ABORTED" => self.aborted = true,
            _ => {}
        }
    }

    fn scanned(&mut self, told: &Notification) {
        let of = |key: &str| told.additional_data.get(key).cloned();
        let rows = of("total_rows_scanned").and_then(|rows| rows.parse().ok()).unwrap_or_default();
        if let Some(table) = of("scanned_collection") {
            self.tables.insert(table, (rows, of("status").unwrap_or_default()));
        }
    }

    pub(super) fn rows(&self) -> Option<i64> {
        (!self.tables.is_empty()).then(|| self.tables.values().map(|(rows, _)| rows).sum())
    }

    /// Tables that were not read, and why.
    pub(super) fn failures(&self) -> Vec<String> {
        let failed = self.tables.iter().filter(|(_, (_, how))| how != "SUCCEEDED" && how != "EMPTY");
        let told = |how: &str| match how {
            "NO_PRIMARY_KEY" => {
                "it has no primary key to read it in chunks by; type: Blocking reads it at once".to_owned()
            }
            "SQL_EXCEPTION" => {
                "the database refused the query; the log of the Connect worker has its words".to_owned()
            }
            "UNKNOWN_SCHEMA" => "the connector does not know its columns".to_owned(),
            other => other.to_lowercase(),
        };
        failed.map(|(table, (_, how))| format!("{table}: {}", told(how))).collect()
    }
}
