//! Dead letters as they are sent again.

use serde_json::Value;
use sluice_core::cdc::replay::{Copied, HEADER, Key, Letter, Place, Print, Seen};
use sluice_core::view::source::Lsn;

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
    Letter {
        from: from(),
        key: Key::of(record.key.as_deref()),
        copied: copied(record),
        print: print(record),
        made: made(record),
        lsn: record.value.as_deref().and_then(lsn),
    }
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
        empty: record.value.is_none(),
        print: print(record),
        made: made(record),
    }
}

/// The same record once more.
pub fn copy(record: &Record, copied: &Copied) -> NewRecord {
    let mut headers: Vec<_> = record.headers.iter().filter(|(name, _)| name != HEADER).cloned().collect();
    headers.push((HEADER.to_owned(), copied.write()));
    NewRecord { key: record.key.clone(), value: record.value.clone(), headers }
}

/// What ends a row for a sink: a delete of what the record holds. A tombstone would not: Debezium's sink finds the table by the field `source`
/// (`collection.name.format`), and passes over what has none. For the same reason what is no change of Debezium's is nothing to the sink; other
/// readers see a tombstone after it.
pub fn end(record: &Record, copied: &Copied) -> NewRecord {
    let headers = vec![(HEADER.to_owned(), copied.write())];
    NewRecord { key: record.key.clone(), value: record.value.as_deref().and_then(deleted), headers }
}

fn deleted(value: &[u8]) -> Option<Vec<u8>> {
    let mut change: Value = serde_json::from_slice(value).ok()?;
    let payload = change.get_mut("payload")?.as_object_mut()?;
    payload.get("source")?.get("table")?;
    payload.get("op").and_then(Value::as_str).filter(|op| ["c", "r", "u", "d"].contains(op))?;
    let row =
        ["after", "before"].iter().find_map(|side| payload.get(*side).filter(|row| !row.is_null()))?.clone();
    payload.insert("op".to_owned(), "d".into());
    payload.insert("before".to_owned(), row);
    payload.insert("after".to_owned(), Value::Null);
    serde_json::to_vec(&change).ok()
}

fn print(record: &Record) -> Print {
    Print::of(record.key.as_deref(), record.value.as_deref())
}

fn made(record: &Record) -> Option<i64> {
    (!record.append_time).then_some(record.timestamp)
}

fn lsn(value: &[u8]) -> Option<Lsn> {
    let change = serde_json::from_slice::<Value>(value).ok()?;
    change.pointer("/payload/source/lsn").and_then(Value::as_u64).map(Lsn)
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
        Record { offset: 3, timestamp: 1000, append_time: false, key, value, headers }
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
        let print = Print::of(letter.key.as_deref(), letter.value.as_deref());
        let from = Some((place, 17));
        let told = Letter { from, key, copied: Some(copied), print, made: Some(1000), lsn: None };
        assert_eq!(addressed(&letter), told);
        let again = copy(&bare(letter.clone()), &Copied { rank: 12, run: "copy/second@9".into() });
        let headers: Vec<_> =
            again.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
        assert_eq!(headers, [("__debezium.newkey", &b"k"[..]), ("__sluice.replay", b"12 copy/second@9")]);
        assert_eq!((again.key, again.value), (letter.key, letter.value));
        assert_eq!(addressed(&record(&[("__connect.errors.topic", "t")])).from, None);
    }

    #[test]
    fn a_letter_says_where_its_change_stands_in_the_source_s_log() {
        let of = |value: &str| addressed(&Record { value: Some(value.into()), ..record(&[]) }).lsn;
        assert_eq!(of(r#"{"schema":{},"payload":{"source":{"lsn":24023128}}}"#), Some(Lsn(24_023_128)));
        for silent in ["junk", "{}", r#"{"payload":null}"#, r#"{"payload":{"source":{"lsn":null}}}"#] {
            assert_eq!(of(silent), None, "{silent}");
        }
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

    #[test]
    fn a_row_ends_with_a_delete_of_it() {
        let schema = serde_json::json!({"type": "struct", "name": "shop.public.orders.Envelope"});
        let change = |op: &str, before: Value, after: Value| {
            let payload = serde_json::json!({
                "op": op, "before": before, "after": after, "source": {"table": "orders"}
            });
            serde_json::json!({"schema": schema, "payload": payload})
        };
        let row = serde_json::json!({"id": 7, "customer": "a"});
        let copied = Copied { rank: 12, run: "copy/first@7".into() };
        let of = |value: &[u8]| end(&Record { value: Some(value.to_vec()), ..record(&[]) }, &copied);
        let gone = change("d", row.clone(), Value::Null);
        for made in [
            change("c", Value::Null, row.clone()),
            change("r", Value::Null, row.clone()),
            change("u", serde_json::json!({"id": 7}), row.clone()),
            gone.clone(),
        ] {
            let ended = of(made.to_string().as_bytes());
            let value: Value = serde_json::from_slice(&ended.value.unwrap()).unwrap();
            assert_eq!(value, gone, "{made}");
            assert_eq!(ended.key, record(&[]).key);
            assert_eq!(ended.headers, [("__sluice.replay".to_owned(), b"12 copy/first@7".to_vec())]);
        }
        let truncate = change("t", Value::Null, Value::Null);
        for other in ["junk", "{}", "{\"payload\": null}", &truncate.to_string()] {
            assert_eq!(of(other.as_bytes()).value, None, "{other}");
        }
    }

    #[test]
    fn a_tombstone_is_told_from_a_change() {
        assert!(!seen(&record(&[])).empty);
        assert!(seen(&Record { value: None, ..record(&[]) }).empty);
    }
}
