use jiff::Timestamp;
use serde_json::json;
use sluice_crds::cdc_pipeline::{Repair, Verification, VerifyMode};

use super::compare::{Row, Rows, Suspects};
use super::pair::{Described, pair};
use super::sql::{self, Range};
use super::{Outcome, Request, TableOutcome, began, due, finished, kept, repair};
use crate::cdc::tests::world::{pipeline, spec, wanted};
use crate::cdc::{CdcReason, validate};
use crate::reason::Reason as _;
use crate::view::source::TableName;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn requests(verify: serde_json::Value) -> Vec<Request> {
    wanted(|spec| spec["verify"] = verify).verify
}

fn described(columns: &[(&str, &str)], key: &[&str]) -> Described {
    let columns: Vec<_> = columns
        .iter()
        .map(|(name, kind)| json!({"name": name, "type": kind, "plain": true, "generated": false, "collation": null}))
        .collect();
    serde_json::from_value(json!({"columns": columns, "key": key})).unwrap()
}

fn compared(from: &Described, to: &Described) -> Result<super::pair::Pair, String> {
    let (source, sink) = (TableName::new("public", "orders"), TableName::new("copy", "orders"));
    pair(VerifyMode::Checksum, (&source, from), (&sink, to))
}

#[test]
fn a_request_without_a_schedule_runs_once() {
    let requests = requests(json!([{"id": "a"}]));
    let mut runs = kept(&requests, &[], at(0));
    assert_eq!(due(&requests, &runs, at(0)).unwrap().id, "a");
    began(&mut runs, &requests[0], at(5));
    assert_eq!(due(&requests, &kept(&requests, &runs, at(6)), at(6)).unwrap().id, "a", "it runs");
    // a restart: it begins anew, and is the same run
    began(&mut runs, &requests[0], at(9));
    assert_eq!(runs[0].started_at.as_ref().unwrap().0, at(5));
    finished(&mut runs, "a", &Outcome { tables: vec![TableOutcome::default()] }, at(10));
    for second in 11..20 {
        runs = kept(&requests, &runs, at(second));
        assert_eq!(due(&requests, &runs, at(second)), None);
    }
    assert_eq!(runs[0].result.as_deref(), Some("Same"));
}

#[test]
fn a_schedule_runs_at_its_times_and_keeps_the_result_meanwhile() {
    let requests = requests(json!([{"id": "hourly", "schedule": "0 * * * *"}]));
    let mut runs = kept(&requests, &[], at(10));
    assert_eq!((runs[0].next_at.as_ref().unwrap().0, due(&requests, &runs, at(10))), (at(3600), None));
    assert!(due(&requests, &runs, at(3600)).is_some());
    began(&mut runs, &requests[0], at(3601));
    finished(&mut runs, "hourly", &Outcome { tables: vec![TableOutcome::default()] }, at(3700));
    let mut runs = kept(&requests, &runs, at(3800));
    assert_eq!((runs[0].next_at.as_ref().unwrap().0, due(&requests, &runs, at(3800))), (at(7200), None));
    began(&mut runs, &requests[0], at(7200));
    assert_eq!(runs[0].result.as_deref(), Some("Same"), "the one before still holds");
    // another schedule: its own time
    let daily = self::requests(json!([{"id": "hourly", "schedule": "30 3 * * *"}]));
    let runs = kept(&daily, &runs, at(7300));
    assert_eq!(runs[0].next_at.as_ref().unwrap().0, at(3 * 3600 + 1800));
}

#[test]
fn what_is_asked_for_no_more_is_forgotten() {
    let runs = kept(&requests(json!([{"id": "a"}, {"id": "b"}])), &[], at(0));
    assert_eq!(kept(&requests(json!([{"id": "b"}])), &runs, at(0)), runs[1..]);
}

#[test]
fn a_schedule_and_a_table_that_cannot_be_meant_are_refused_at_their_field() {
    for (verify, reason, field) in [
        (
            json!([{"id": "a", "schedule": "every now and then"}]),
            CdcReason::ScheduleInvalid,
            "spec.verify[0].schedule",
        ),
        (
            json!([{"id": "a"}, {"id": "b", "schedule": "0 0 30 2 *"}]),
            CdcReason::ScheduleInvalid,
            "spec.verify[1].schedule",
        ),
        (
            json!([{"id": "a", "tables": ["public.nothing"]}]),
            CdcReason::TableUnknown,
            "spec.verify[0].tables[0]",
        ),
    ] {
        let mut spec = spec();
        spec["verify"] = verify;
        let findings = validate(&pipeline(&spec)).unwrap_err();
        assert_eq!((findings[0].reason, findings[0].field.as_deref()), (reason, Some(field)));
    }
}

fn rows(rows: &[(&str, &str, &str)]) -> Rows {
    rows.iter()
        .map(|(key, hash, version)| {
            (vec![(*key).to_owned()], Row { hash: (*hash).into(), version: (*version).into() })
        })
        .collect()
}

#[test]
fn only_what_stays_different_while_the_source_rests_counts() {
    let mut suspects = Suspects::default();
    suspects.add(
        &rows(&[
            ("rests", "a", "1"),
            ("moves", "a", "1"),
            ("there and back", "a", "1"),
            ("late", "b", "1"),
            ("gone", "c", "1"),
            ("same", "d", "1"),
        ]),
        &rows(&[
            ("rests", "x", "7"),
            ("moves", "x", "7"),
            ("there and back", "x", "7"),
            ("only here", "y", "7"),
            ("same", "d", "7"),
        ]),
    );
    assert_eq!(suspects.len(), 6);
    let found = suspects.look_again(
        &rows(&[
            ("rests", "a", "1"),
            ("moves", "b", "2"),
            ("there and back", "a", "3"),
            ("late", "b", "1"),
            ("gone", "c", "1"),
        ]),
        &rows(&[
            ("rests", "x", "7"),
            ("moves", "c", "7"),
            ("there and back", "x", "7"),
            ("late", "b", "8"),
            ("only here", "y", "7"),
        ]),
    );
    let found: Vec<_> = found.iter().map(|d| format!("{:?} {}", d.kind, d.key[0])).collect();
    assert_eq!(found, ["Missing gone", "Extra only here", "Different rests"]);
    let left: Vec<_> = suspects.keys().map(|key| key[0].as_str()).collect();
    assert_eq!(left, ["moves", "there and back"]);
}

#[test]
fn columns_are_compared_in_one_form() {
    let from = described(
        &[("id", "integer"), ("amount", "numeric(10,2)"), ("doc", "json"), ("note", "text")],
        &["id"],
    );
    let to = described(&[("id", "bigint"), ("amount", "numeric"), ("doc", "jsonb")], &["id"]);
    let pair = compared(&from, &to).unwrap();
    assert_eq!(
        pair.source.columns,
        ["trim_scale(\"id\"::numeric)", "trim_scale(\"amount\"::numeric)", "\"doc\"::jsonb"]
    );
    assert_eq!(
        pair.sink.columns,
        ["trim_scale(\"id\"::numeric)", "trim_scale(\"amount\"::numeric)", "\"doc\""]
    );
    assert_eq!(pair.skipped, ["note (not in the sink)"]);
    let pair = compared(&from, &from).unwrap();
    assert_eq!(pair.source.columns, ["\"id\"", "\"amount\"", "\"doc\"", "\"note\""]);
}

#[test]
fn tables_without_one_order_are_not_compared() {
    let by = |kind: &str| described(&[("id", kind)], &["id"]);
    assert!(
        compared(&described(&[("id", "integer")], &[]), &by("integer"))
            .unwrap_err()
            .contains("no primary key")
    );
    assert!(
        compared(&by("integer"), &described(&[("no", "integer")], &[])).unwrap_err().contains("no column id")
    );
    assert!(
        compared(&by("uuid"), &by("text")).unwrap_err().contains("uuid in the source and text in the sink")
    );
    let sorted = |collation: &str| {
        let mut table = by("text");
        table.columns[0].collation = Some(collation.into());
        table
    };
    assert!(compared(&sorted("C"), &sorted("C")).is_ok());
    assert!(compared(&sorted("C"), &sorted("en_US.utf8")).unwrap_err().contains("the sink by en_US.utf8"));
}

#[test]
fn statements_walk_by_the_whole_key() {
    let table = described(&[("a", "integer"), ("B", "character varying(9)"), ("v", "text")], &["a", "B"]);
    let pair = compared(&table, &table).unwrap();
    let range =
        Range { after: Some(vec!["7".into(), "it's".into()]), to: Some(vec!["9".into(), "z".into()]) };
    assert_eq!(
        sql::digest(&pair.sink, &range, 9),
        "SELECT count(*)::text, coalesce(sum(('x' || left(hash, 16))::bit(64)::bigint), 0)::text FROM (SELECT \
         md5(convert_to(ROW(\"a\", \"B\", \"v\")::text, 'UTF8')) AS hash FROM \"copy\".\"orders\" WHERE (\"a\", \"B\") > ('7'::integer, \
         'it''s'::character varying(9)) AND (\"a\", \"B\") <= ('9'::integer, 'z'::character varying(9)) LIMIT 9) rows"
    );
    assert_eq!(
        sql::bound(&pair.source, &Range::default(), 500),
        "SELECT json_build_array(\"a\"::text, \"B\"::text)::text FROM \"public\".\"orders\" ORDER BY \"a\", \"B\" OFFSET 499 LIMIT 1"
    );
}

fn ran(id: &str, second: i64, outcome: &TableOutcome) -> Verification {
    let mut runs = [Verification { id: id.into(), state: "Running".into(), ..Default::default() }];
    finished(&mut runs, id, &Outcome { tables: vec![outcome.clone()] }, at(second));
    let [run] = runs;
    run
}

fn verified(requests: &[Request], runs: Vec<Verification>) -> (String, String, String) {
    let mut status = sluice_crds::CdcPipelineStatus::default();
    super::tell(&mut status, requests, runs, Some(1), at(0));
    let condition = status.conditions.remove(0);
    (condition.status, condition.reason, condition.message)
}

#[test]
fn the_condition_says_what_the_last_comparison_of_the_same_rows_found() {
    let requests = requests(json!([
        {"id": "orders", "tables": ["public.orders"]}, {"id": "all"}, {"id": "count", "mode": "Count"}
    ]));
    let same = TableOutcome { rows: 3, ..Default::default() };
    let mut other =
        TableOutcome { table: "public.orders".into(), sink: "w".into(), different: 1, ..Default::default() };
    other.key = vec!["id".into()];
    other.first =
        vec![super::compare::Difference { kind: super::compare::Kind::Different, key: vec!["7".into()] }];
    let unknown = TableOutcome { unknown: Some("no key".into()), ..Default::default() };

    assert_eq!(verified(&requests, kept(&requests, &[], at(0))).1, CdcReason::NotVerified.as_str());
    let (status, reason, message) = verified(&requests, vec![ran("orders", 1, &other)]);
    assert_eq!((status.as_str(), reason.as_str()), ("False", CdcReason::RowsDiffer.as_str()));
    assert!(
        message.contains("public.orders in sink w: 0 missing, 0 extra, 1 different (different: id=7)"),
        "{message}"
    );
    let runs = |later: &str, what: &TableOutcome| vec![ran("orders", 1, &other), ran(later, 2, what)];
    assert_eq!(verified(&requests, runs("all", &same)).0, "True");
    assert_eq!(verified(&requests, runs("count", &same)).0, "False", "counts say less than checksums");
    assert_eq!(verified(&requests, runs("all", &unknown)).0, "False", "nothing was found out since");
    assert_eq!(verified(&requests, vec![ran("all", 1, &unknown)]).0, "Unknown");
    let small = vec![ran("all", 1, &other), ran("orders", 2, &same)];
    assert_eq!(verified(&requests, small).0, "False", "the others were not looked at since");
}

#[test]
fn a_repair_is_not_made_twice_in_a_row_nor_for_what_it_does_not_mend() {
    let found = |missing, extra| TableOutcome { missing, extra, ..Default::default() };
    let mut runs = [ran("a", 1, &found(2, 0))];
    assert!(!repair(&mut runs, "a", Repair::None, at(2)));
    assert!(repair(&mut runs, "a", Repair::Resnapshot, at(2)));
    finished(&mut runs, "a", &Outcome { tables: vec![found(2, 0)] }, at(3));
    assert!(!repair(&mut runs, "a", Repair::Resnapshot, at(3)), "the last one did not mend it");
    finished(&mut runs, "a", &Outcome { tables: vec![found(0, 0)] }, at(4));
    finished(&mut runs, "a", &Outcome { tables: vec![found(0, 1)] }, at(5));
    assert!(!repair(&mut runs, "a", Repair::Resnapshot, at(5)), "a snapshot deletes nothing");
    finished(&mut runs, "a", &Outcome { tables: vec![found(1, 1)] }, at(6));
    assert!(repair(&mut runs, "a", Repair::Resnapshot, at(6)));
}
