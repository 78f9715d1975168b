use std::collections::BTreeMap;

use serde::Deserialize;

/// What Debezium has told of one order (`IncrementalSnapshotNotificationService`, 3.6).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    pub started: bool,
    /// Rows of each table that is done, and how that ended.
    pub tables: BTreeMap<String, (i64, String)>,
    pub completed: bool,
    pub aborted: bool,
    /// Nothing that was told is missing here: the topic was read to its end.
    pub whole: bool,
}

/// As `JsonConverter` writes it with its schema.
#[derive(Deserialize)]
struct Envelope {
    payload: Notification,
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
    /// A record of the signal table's topic. Rows of the table itself, and what is told of other orders, say nothing.
    pub fn note(&mut self, signal: &str, value: &[u8]) {
        let Ok(Envelope { payload: told }) = serde_json::from_slice(value) else { return };
        if told.aggregate_type != "Incremental Snapshot" || told.id != signal {
            return;
        }
        self.started = true;
        match told.kind.as_str() {
            "TABLE_SCAN_COMPLETED" => {
                let of = |key: &str| told.additional_data.get(key).cloned();
                let rows = of("total_rows_scanned").and_then(|rows| rows.parse().ok()).unwrap_or_default();
                if let Some(table) = of("scanned_collection") {
                    self.tables.insert(table, (rows, of("status").unwrap_or_default()));
                }
            }
            "COMPLETED" => self.completed = true,
            "ABORTED" => self.aborted = true,
            _ => {}
        }
    }

    pub(super) fn rows(&self) -> Option<i64> {
        (!self.tables.is_empty()).then(|| self.tables.values().map(|(rows, _)| rows).sum())
    }

    /// Tables that were not read, and why.
    pub(super) fn failures(&self) -> Vec<String> {
        let failed = self.tables.iter().filter(|(_, (_, how))| how != "SUCCEEDED" && how != "EMPTY");
        let told = |how: &str| match how {
            "NO_PRIMARY_KEY" => "it has no primary key to read it in chunks by".to_owned(),
            "SQL_EXCEPTION" => {
                "the database refused the query; the log of the Connect worker has its words".to_owned()
            }
            "UNKNOWN_SCHEMA" => "the connector does not know its columns".to_owned(),
            other => other.to_lowercase(),
        };
        failed.map(|(table, (_, how))| format!("{table}: {}", told(how))).collect()
    }
}
