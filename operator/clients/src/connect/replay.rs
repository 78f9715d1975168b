//! Dead letters as they are sent again.

use serde_json::Value;
use sluice_core::cdc::replay::{Copied, HEADER, Key, Letter, Place, Seen};

use crate::kafka::{NewRecord, Record};

/// What Connect's headers begin with.
const ERRORS: &str = "__connect.errors.";

/// A record of a dead-letter topic.
pub fn addressed(record: &Record) -> Letter {
    let text = |name: &str| std::str::from_utf8(record.header(&format!("{ERRORS}{name}"))?).ok();
    let from = || {
        let place = Place { topic: text("topic")?.to_owned(), partition: text("partition")?.parse().ok()? };
        Some((place, text("offset")?.parse().ok()?))
    };
    Letter { from: from(), key: Key::of(record.key.as_deref()), copied: copied(record) }
}

/// The same without the words of its error, which are most of it.
pub fn bare(mut record: Record) -> Record {
    record.headers.retain(|(name, _)| !name.starts_with(ERRORS));
    record
}

/// A record of a table's topic.
pub fn seen(record: &Record) -> Seen {
    Seen {
        offset: record.offset,
        key: Key::of(record.key.as_deref()),
        copied: copied(record),
        truncates: record.key.is_none() && record.value.as_deref().is_some_and(truncates),
    }
}

/// The same record once more.
pub fn copy(record: &Record, copied: &Copied) -> NewRecord {
    let mut headers: Vec<_> = record.headers.iter().filter(|(name, _)| name != HEADER).cloned().collect();
    headers.push((HEADER.to_owned(), copied.write()));
    NewRecord { key: record.key.clone(), value: record.value.clone(), headers }
}

/// What a sink takes for the end of a row.
pub fn tombstone(record: &Record, copied: &Copied) -> NewRecord {
    let headers = vec![(HEADER.to_owned(), copied.write())];
    NewRecord { key: record.key.clone(), value: None, headers }
}

fn copied(record: &Record) -> Option<Copied> {
    record.header(HEADER).and_then(Copied::read)
}

fn truncates(value: &[u8]) -> bool {
    let change = serde_json::from_slice::<Value>(value).ok();
    change.is_some_and(|change| change.pointer("/payload/op").and_then(Value::as_str) == Some("t"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(headers: &[(&str, &str)]) -> Record {
        let headers =
            headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
        let (key, value) = (Some(br#"{"payload":{"id":7}}"#.to_vec()), Some(b"a change".to_vec()));
        Record { offset: 3, timestamp: 1000, key, value, headers }
    }

    #[test]
    fn a_letter_goes_back_to_where_it_was_read_as_it_was() {
        let letter = record(&[
            ("__debezium.newkey", "k"),
            ("__sluice.replay", "12 copy/first@7"),
            ("__connect.errors.topic", "shop.public.orders"),
            ("__connect.errors.partition", "2"),
            ("__connect.errors.offset", "17"),
            ("__connect.errors.exception.message", "no"),
        ]);
        let place = Place { topic: "shop.public.orders".into(), partition: 2 };
        let copied = Copied { rank: 12, run: "copy/first@7".into() };
        let key = Key::of(Some(br#"{"payload":{"id":7}}"#));
        assert_eq!(addressed(&letter), Letter { from: Some((place, 17)), key, copied: Some(copied) });
        let again = copy(&bare(letter.clone()), &Copied { rank: 12, run: "copy/second@9".into() });
        let headers: Vec<_> =
            again.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
        assert_eq!(headers, [("__debezium.newkey", &b"k"[..]), ("__sluice.replay", b"12 copy/second@9")]);
        assert_eq!((again.key, again.value), (letter.key, letter.value));
        assert_eq!(addressed(&record(&[("__connect.errors.topic", "t")])).from, None);
    }

    #[test]
    fn a_truncate_has_no_key() {
        let truncate = br#"{"schema":{},"payload":{"op":"t"}}"#.to_vec();
        let of = |key: Option<Vec<u8>>, value: &[u8]| {
            seen(&Record { key, value: Some(value.to_vec()), ..record(&[]) }).truncates
        };
        assert!(of(None, &truncate));
        assert!(!of(Some(vec![1]), &truncate) && !of(None, b"junk"));
    }
}
