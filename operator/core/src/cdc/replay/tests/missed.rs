//! Letters that are older than what never came to Kafka.

use serde_json::json;
use sluice_crds::CdcPipelineStatus;

use super::left::{ground, letter, message, seen};
use super::*;

fn missed(status: serde_json::Value) -> Missed {
    let status: CdcPipelineStatus = serde_json::from_value(status).unwrap();
    Missed::of(&crate::cdc::tests::world::wanted(|_| {}), Some(&status))
}

#[test]
fn what_is_older_than_the_last_gap_or_snapshot_is_left_out() {
    let gap = json!({"reason": "SlotAhead", "toLsn": "0/64", "at": "1970-01-01T00:00:05Z"});
    let gap = json!({"guard": {"verdict": "Gap", "accepted": gap}});
    let anew = json!({"snapshot": {"since": "1970-01-01T00:00:05Z", "fromLsn": "0/50", "lsn": "0/64"}});
    let begins = json!({"snapshot": {"since": "1970-01-01T00:00:05Z", "fromLsn": "0/64"}});
    let lsn = |lsn| Some(crate::view::source::Lsn(lsn));
    let first = letter(&seen(3, 1, 0));
    let of = |at, made| Letter { lsn: at, made, ..first.clone() };
    let copied =
        |at| Letter { copied: Some(Copied { rank: 1, run: "copy/before@1".into() }), ..of(at, Some(9000)) };
    let (before, since) = (lsn(0x63), lsn(0x64));
    for (status, name) in [(&gap, "gap"), (&anew, "anew"), (&begins, "begins")] {
        for (letter, left) in [
            (of(since, Some(5000)), false),
            (of(since, None), false),
            (of(None, Some(5000)), false),
            (of(before, Some(9000)), true),
            (of(since, Some(4999)), true), // the positions of another server say nothing
            (of(None, Some(4999)), true),
            (of(before, None), true),
            (of(None, None), true),
            (copied(since), false),
            (copied(before), true),
            (Letter { made: Some(4999), ..copied(since) }, true), // and what it is a copy of is older still
            (copied(None), true),                                 // its time is that of the copy
        ] {
            let missed = missed(status.clone());
            let ground = Ground { missed, ..ground(&[(place(), 0, 4)]) };
            let batch = Batch::new(RUN, std::slice::from_ref(&letter), &ground);
            assert_eq!(message(&batch).contains("never came to Kafka"), left, "{name} {letter:?}");
        }
    }
}

#[test]
fn the_last_of_them_counts_and_without_any_no_letter_is_too_old() {
    let all = json!({
        "guard": {"verdict": "Gap", "accepted": {"reason": "SlotAhead", "toLsn": "0/64", "at": "1970-01-01T00:00:05Z"}},
        "snapshot": {"since": "1970-01-01T00:00:03Z", "lsn": "0/50"},
        "snapshots": [
            {"id": "all", "type": "Initial", "at": "1970-01-01T00:00:07Z"},
            {"id": "some", "type": "Incremental", "at": "1970-01-01T00:00:09Z"},
        ],
    });
    let one = json!({
        "snapshot": {"since": "1970-01-01T00:00:07Z", "lsn": "0/64"},
    });
    assert_eq!(missed(all), missed(one));
    let silent = Letter { made: None, ..letter(&seen(3, 1, 0)) };
    assert!(!Missed::default().covers(&silent) && !missed(json!({})).covers(&silent));
}

#[test]
fn of_a_table_that_was_away_what_is_older_than_its_rows_is_left_out() {
    let run = |id: &str, filter: serde_json::Value| json!({"id": id, "type": "Incremental", "tables": ["public.orders"], "at": "1970-01-01T00:00:05Z", "where": filter});
    let of = |run: serde_json::Value| missed(json!({"snapshots": [run]}));
    let topic = "shop.public.orders";
    let made = |topic: &str, made| {
        let letter = letter(&seen(3, 1, 0));
        let from =
            letter.from.clone().map(|(place, offset)| (Place { topic: topic.into(), ..place }, offset));
        Letter { from, made, lsn: Some(crate::view::source::Lsn(1)), ..letter }
    };
    let added = of(run("added/public.orders", json!(null)));
    for (letter, left) in [
        (made(topic, Some(4999)), true),
        (made(topic, Some(5000)), false),
        (made(topic, None), true),
        (made("shop.public.others", Some(4999)), false),
    ] {
        assert_eq!(added.covers(&letter), left, "{letter:?}");
    }
    assert!(!of(run("some", json!("id > 5"))).covers(&made(topic, Some(4999))), "the others were not read");
}
