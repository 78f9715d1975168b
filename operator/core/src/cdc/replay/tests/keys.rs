//! Which records are of one row, and what is left out where that cannot be told.

use super::left::{ground, letter, message, seen};
use super::*;

/// A key of one field, as the JSON converter writes it.
fn of(kind: &str, name: Option<&str>, field: &str, value: &str) -> Option<Key> {
    let name = name.map(|name| format!(r#","name":"{name}""#)).unwrap_or_default();
    let text = format!(
        r#"{{"schema":{{"type":"struct","fields":[{{"type":"{kind}"{name},"field":"{field}"}}]}},"payload":{{"{field}":{value}}}}}"#
    );
    Key::of(Some(text.as_bytes()))
}

#[test]
fn a_key_is_its_fields_and_their_values() {
    let (millis, micros) = (Some("io.debezium.time.Timestamp"), Some("io.debezium.time.MicroTimestamp"));
    let seven = of("int32", None, "id", "7");
    let cases = [
        (of("int32", None, "id", "7"), true, true),
        (of("int64", None, "id", "7"), true, true), // the integers are written alike
        (of("int16", None, "id", "7"), true, true),
        (of("int32", None, "id", "8"), true, false),
        (of("bytes", Some("org.apache.kafka.connect.data.Decimal"), "id", r#""Bw==""#), false, false),
        (of("string", None, "id", r#""7""#), false, false),
        (of("int64", millis, "id", "7"), false, false),
        (of("int32", None, "no", "7"), false, false),
        (Key::of(Some(b"no JSON")), false, false),
    ];
    for (other, form, same) in cases {
        let forms = seven.as_ref().zip(other.as_ref()).map(|(one, other)| one.form() == other.form());
        assert_eq!((forms, seven == other), (Some(form), same), "{other:?}");
    }
    assert_ne!(of("int64", millis, "at", "7"), of("int64", micros, "at", "7"));
    assert_ne!(Key::of(Some(b"no JSON")), Key::of(Some(b"not either")));
    assert_eq!(Key::of(None), None);
    let two = |one: &str, other: &str| {
        let text = format!(r#"{{"schema":{{"fields":[{one},{other}]}},"payload":{{"a":1,"b":"x"}}}}"#);
        Key::of(Some(text.as_bytes()))
    };
    let (a, b) = (r#"{"type":"int32","field":"a"}"#, r#"{"type":"string","field":"b"}"#);
    assert_eq!(two(a, b), two(b, a), "columns have no order");
}

#[test]
fn a_letter_is_left_out_where_keys_of_other_fields_may_mean_its_row() {
    let id = |kind, value| of(kind, None, "id", value);
    let (int, long, text) = (id("int32", "7"), id("int64", "7"), id("string", r#""7""#));
    let at = |offset, key: &Option<Key>| Seen { key: key.clone(), ..seen(offset, 0, 0) };
    let copy = |offset, rank, key| Seen {
        copied: Some(Copied { rank, run: "copy/before@1".into() }),
        ..at(offset, key)
    };
    let other = id("string", r#""8""#);
    let cases = [
        // what stands in its partition, what is sent and what left out
        (vec![at(3, &int)], (1, 0)),
        (vec![at(3, &int), at(4, &long)], (0, 0)), // superseded
        (vec![at(3, &int), at(4, &text)], (0, 1)),
        (vec![at(3, &int), at(4, &other)], (0, 1)), // of another row, as it seems
        (vec![at(3, &int), copy(4, 1, &text)], (1, 0)), // of what is older
        (vec![at(3, &int), copy(4, 3, &text)], (1, 0)),
        (vec![at(2, &text), at(3, &int)], (1, 0)),
    ];
    for (here, (due, left)) in cases {
        let first = here.iter().find(|seen| seen.offset == 3).unwrap();
        let mut batch = Batch::new(RUN, &[letter(first)], &ground(&[(place(), 0, 5)]));
        for seen in &here {
            batch.saw(&place(), seen);
        }
        assert_eq!((batch.sends().len(), batch.sums().left_out), (due, left), "{here:?}");
        assert_eq!(message(&batch).contains("other columns"), left > 0);
    }
}

#[test]
fn a_key_that_changes_while_a_letter_is_written_is_told() {
    let mut log = Log::of(&[1]);
    let letters = [log.letter(0)];
    let mut batch = log.batch(RUN, &letters);
    log.show(&mut batch);
    let sends = batch.sends();
    log.write(&sends, &letters);
    log.show(&mut batch);
    let altered = Seen { key: of("int32", None, "id", "7"), ..seen(2, 0, 0) };
    batch.saw(&place(), &altered);
    assert_eq!((batch.sends(), counted(&batch.sums())), (vec![], (0, 0, 1, 0)));
    assert!(batch.doubtful().is_empty(), "it came behind the copy");
}
