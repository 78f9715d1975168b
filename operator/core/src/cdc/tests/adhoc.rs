use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::json;
use sluice_crds::CdcPipelineStatus;
use sluice_crds::cdc_pipeline::{SnapshotRun, SourceStatus};

use super::plan::{carry_out, streaming};
use super::world::{World, pipeline, spec, table, wanted};
use crate::cdc::adhoc::{self, Heard, signal};
use crate::cdc::snapshot::Snapshot;
use crate::cdc::{self, CdcReason, Plan, Wanted};
use crate::view::source::{Lsn, SourceView};

const ADDED: &str = "added/public.notes";

/// The words of Debezium 3.6 in the topic of the signal table.
fn told(id: &str, kind: &str, data: &serde_json::Value) -> Vec<u8> {
    let payload = json!({
        "id": id, "aggregate_type": "Incremental Snapshot", "type": kind, "additional_data": data, "timestamp": 1,
    });
    json!({"schema": {}, "payload": payload}).to_string().into_bytes()
}

/// A pipeline whose snapshot is done, and the table `notes` beside those it has.
fn world() -> (World, CdcPipelineStatus) {
    let before = wanted(|_| {});
    let mut world = streaming(&before);
    world.snapshot = Snapshot::Completed;
    let read = before.tables.iter().map(ToString::to_string).collect();
    let source = SourceStatus {
        snapshot_completed: true,
        snapshot_tables: Some(read),
        started: true,
        ..Default::default()
    };
    let notes = table(&[("id", "bigint")], &["id"]);
    world.source_turns(|view| drop(view.tables.insert("public.notes".parse().unwrap(), notes)));
    world.status = Some(source.clone());
    (world, CdcPipelineStatus { source: Some(source), ..Default::default() })
}

/// One pass: what is planned is written and carried out.
fn pass(world: &mut World, status: &mut CdcPipelineStatus, wanted: &mut Wanted) -> Plan {
    let view = SourceView::clone(world.source.current().unwrap());
    wanted.signals = adhoc::channel(wanted, Some(status), Some(&view));
    let plan = world.plan(wanted);
    let mut pipeline = pipeline(&spec());
    pipeline.status = Some(status.clone());
    *status = cdc::status(&pipeline, wanted, &plan, &cdc::Gauges::default(), Timestamp::UNIX_EPOCH);
    world.status.clone_from(&status.source);
    world.memory = plan.memory.clone();
    carry_out(world, wanted, &plan);
    plan
}

/// The reader has confirmed up to here.
fn confirm(world: &mut World, lsn: Lsn) {
    world.source_turns(|view| {
        let slot = view.slots.entry(with_notes().source.slot).or_default();
        (slot.plugin, slot.database) = (Some("pgoutput".into()), Some("shop".into()));
        slot.confirmed_flush_lsn = Some(lsn);
    });
}

fn with_notes() -> Wanted {
    wanted(|spec| spec["tables"].as_array_mut().unwrap().push("public.notes".into()))
}

#[test]
fn the_rows_of_a_table_that_was_added_are_ordered_and_followed_to_their_end() {
    let (mut world, mut status) = world();
    let mut wanted = with_notes();
    let order = (0..8).find_map(|_| pass(&mut world, &mut status, &mut wanted).orders.pop()).unwrap();
    let run = world.memory.runs[0].clone();
    assert_eq!((run.id.as_str(), run.state.as_str()), (ADDED, "Asked"));
    let statement = &order.statements[0];
    assert!(
        statement.contains("ON CONFLICT (id) DO NOTHING") && statement.contains(&signal(&run)),
        "{statement}"
    );
    assert!(statement.contains(r#""public\\\\.notes""#), "{statement}");

    let mut heard = Heard::default();
    heard.note(&signal(&run), &told("somebody's", "COMPLETED", &json!({})));
    heard.note(&signal(&run), br#"{"schema": {}, "payload": {"op": "c", "after": {"id": "x"}}}"#);
    assert_eq!(heard, Heard::default());
    heard.note(&signal(&run), &told(&signal(&run), "STARTED", &json!({"data_collections": "public.notes"})));
    world.heard = Some(heard.clone());
    let plan = pass(&mut world, &mut status, &mut wanted);
    assert_eq!((plan.memory.runs[0].state.as_str(), plan.orders.len()), ("Reading", 0));
    assert!(plan.verdict.message.contains("are being read"), "{}", plan.verdict.message);

    let done =
        json!({"scanned_collection": "public.notes", "total_rows_scanned": "7", "status": "SUCCEEDED"});
    heard.note(&signal(&run), &told(&signal(&run), "TABLE_SCAN_COMPLETED", &done));
    heard.note(&signal(&run), &told(&signal(&run), "COMPLETED", &json!({})));
    world.heard = Some(heard);
    let plan = pass(&mut world, &mut status, &mut wanted);
    let run = &plan.memory.runs[0];
    assert_eq!((run.state.as_str(), run.rows, run.message.as_str()), ("Done", Some(7), ""));
    assert!(
        status.source.as_ref().unwrap().snapshot_tables.as_ref().unwrap().contains(&"public.notes".into())
    );
    let plan = pass(&mut world, &mut status, &mut wanted);
    assert_eq!((plan.checks, plan.orders, plan.memory.runs.len()), (Some(vec![]), vec![], 1));
    assert!(wanted.signals.is_some(), "the connector is not told otherwise");
}

#[test]
fn an_order_that_nobody_heard_is_given_again_once_it_was_passed_by() {
    let (mut world, mut status) = world();
    let mut wanted = with_notes();
    (0..8).find_map(|_| pass(&mut world, &mut status, &mut wanted).orders.pop()).unwrap();
    let first = signal(&world.memory.runs[0]);
    confirm(&mut world, "0/4000".parse().unwrap());
    world.heard = Some(Heard::default());
    world.now = Timestamp::from_second(30).unwrap();
    let whole = Heard { whole: true, ..Default::default() };
    for _ in 0..3 {
        let plan = pass(&mut world, &mut status, &mut wanted);
        assert!(plan.orders[0].statements[0].contains(&first), "the same, as often as it is tried");
        assert_eq!(plan.memory.runs[0].lsn.as_deref(), Some("0/5000"), "where the source was behind it");
    }
    confirm(&mut world, "0/5001".parse().unwrap());
    let plan = pass(&mut world, &mut status, &mut wanted);
    assert!(plan.orders[0].statements[0].contains(&first), "the answer may be in what was not read yet");
    world.heard = Some(whole);
    let plan = pass(&mut world, &mut status, &mut wanted);
    assert_eq!((plan.memory.runs.len(), plan.memory.runs[0].lsn.as_deref()), (1, None));
    let second = signal(&plan.memory.runs[0]);
    assert!(second != first && plan.orders[0].statements[0].contains(&second), "{second}");
}

#[test]
fn a_table_that_could_not_be_read_is_named_and_not_tried_again() {
    let (mut world, mut status) = world();
    let mut wanted = with_notes();
    (0..8).find_map(|_| pass(&mut world, &mut status, &mut wanted).orders.pop()).unwrap();
    let signal = signal(&world.memory.runs[0]);
    let mut heard = Heard::default();
    let failed =
        json!({"scanned_collection": "public.notes", "total_rows_scanned": "0", "status": "SQL_EXCEPTION"});
    heard.note(&signal, &told(&signal, "TABLE_SCAN_COMPLETED", &failed));
    heard.note(&signal, &told(&signal, "COMPLETED", &json!({})));
    world.heard = Some(heard);
    pass(&mut world, &mut status, &mut wanted);
    let plan = pass(&mut world, &mut status, &mut wanted);
    let run = &plan.memory.runs[0];
    assert_eq!(run.state, "Failed");
    assert!(run.message.starts_with("public.notes: the database refused"), "{}", run.message);
    assert!(plan.orders.is_empty());
    assert!(plan.verdict.message.contains("could not be read"), "{}", plan.verdict.message);
    assert!(!status.source.unwrap().snapshot_tables.unwrap().contains(&"public.notes".into()));
    assert!(plan.checks.unwrap()[0].mend.contains("type: Incremental"));
}

#[test]
fn requests_run_once_each_and_one_after_the_other() {
    let (mut world, mut status) = world();
    let mut wanted = wanted(|spec| {
        spec["snapshots"] = json!([
            {"id": "eu", "type": "Incremental", "tables": ["public.orders"], "where": "region = 'eu'"},
            {"id": "all", "type": "Incremental"},
        ]);
    });
    let order = (0..8).find_map(|_| pass(&mut world, &mut status, &mut wanted).orders.pop()).unwrap();
    assert!(order.statements[0].contains("(region = ''eu'')"), "{}", order.statements[0]);
    for id in ["eu", "all"] {
        let run = adhoc::under_way(&world.memory.runs).unwrap();
        assert_eq!(run.id, id);
        let signal = signal(run);
        let mut heard = Heard::default();
        for table in &run.tables {
            let done = json!({"scanned_collection": table, "total_rows_scanned": "1", "status": "SUCCEEDED"});
            heard.note(&signal, &told(&signal, "TABLE_SCAN_COMPLETED", &done));
        }
        heard.note(&signal, &told(&signal, "COMPLETED", &json!({})));
        world.heard = Some(heard);
        pass(&mut world, &mut status, &mut wanted);
        world.heard = None;
    }
    let plan = pass(&mut world, &mut status, &mut wanted);
    assert_eq!((ends(&plan), plan.orders.len()), (vec![("eu", "Done"), ("all", "Done")], 0));
}

fn request(id: &str) -> Wanted {
    wanted(|spec| {
        spec["snapshots"] = json!([{"id": id, "type": "Incremental", "tables": ["public.orders"]}]);
    })
}

fn ends(plan: &Plan) -> Vec<(&str, &str)> {
    plan.memory.runs.iter().map(|run| (run.id.as_str(), run.state.as_str())).collect()
}

fn statement(plan: &Plan) -> &str {
    &plan.orders.last().unwrap().statements[0]
}

#[test]
fn a_request_that_is_taken_out_of_the_spec_stops_and_lets_the_next_one_begin() {
    for begun in [false, true] {
        let (mut world, mut status) = world();
        (0..8).find_map(|_| pass(&mut world, &mut status, &mut request("first")).orders.pop()).unwrap();
        let first = signal(&world.memory.runs[0]);
        world.heard = Some(Heard { started: begun, ..Default::default() });
        if begun {
            let plan = pass(&mut world, &mut status, &mut request("first"));
            assert_eq!((ends(&plan), plan.orders.len()), (vec![("first", "Reading")], 0));
        }
        for again in 0..3 {
            // also when it is put back meanwhile
            let id = if again == 1 { "first" } else { "second" };
            let plan = pass(&mut world, &mut status, &mut request(id));
            assert_eq!((plan.memory.runs.len(), plan.orders.len()), (1, 1), "one after the other");
            let stop = format!("'stop {first}'");
            assert!(statement(&plan).contains("'stop-snapshot'") && statement(&plan).contains(&stop));
        }
        // Debezium's words when the last table is stopped, the abortion itself comes under another id
        world.heard = Some(Heard { started: true, completed: true, ..Default::default() });
        let plan = pass(&mut world, &mut status, &mut request("second"));
        assert_eq!(ends(&plan), [("first", "Failed"), ("second", "Asked")]);
        assert!(statement(&plan).contains("'execute-snapshot'"));
    }
}

#[test]
fn a_run_that_nobody_carries_out_any_more_ends_when_it_is_taken_out() {
    let (mut world, mut status) = world();
    (0..8).find_map(|_| pass(&mut world, &mut status, &mut request("first")).orders.pop()).unwrap();
    world.heard = Some(Heard { started: true, whole: true, ..Default::default() });
    pass(&mut world, &mut status, &mut request("first"));
    let mut passes = 0;
    let plan = loop {
        passes += 1;
        let position = world.source.current().unwrap().position;
        confirm(&mut world, position);
        world.source_turns(|view| view.position = Lsn(position.0 + 1));
        let plan = pass(&mut world, &mut status, &mut request("second"));
        if plan.memory.runs.len() > 1 {
            break plan;
        }
        assert!(passes < 20, "{:?}", plan.memory.runs);
    };
    assert!(passes > 4, "the connector went by twice: {passes}");
    assert_eq!(ends(&plan), [("first", "Failed"), ("second", "Asked")]);
}

#[test]
fn what_ends_before_all_tables_were_read_is_not_done() {
    let (mut world, mut status) = world();
    (0..8).find_map(|_| pass(&mut world, &mut status, &mut request("first")).orders.pop()).unwrap();
    world.heard = Some(Heard { started: true, completed: true, ..Default::default() });
    assert_eq!(ends(&pass(&mut world, &mut status, &mut request("first"))), [("first", "Failed")]);
}

#[test]
fn without_the_right_to_make_a_signal_table_all_else_goes_on() {
    without_signals(|view| view.heartbeat.creatable = false);
    let foreign = |view: &mut SourceView| {
        view.signals.insert("signal_sluice_prod_shop".into(), false);
    };
    without_signals(foreign);
}

fn without_signals(how: impl FnOnce(&mut SourceView)) {
    let (mut world, mut status) = world();
    world.source_turns(how);
    let mut wanted = with_notes();
    for _ in 0..6 {
        assert!(pass(&mut world, &mut status, &mut wanted).orders.is_empty());
    }
    let plan = pass(&mut world, &mut status, &mut wanted);
    let checks = plan.checks.unwrap();
    let signals = checks.iter().find(|check| check.check == cdc::preflight::Check::Signals).unwrap();
    assert!(
        signals.mend.contains("CREATE TABLE IF NOT EXISTS sluice.signal_sluice_prod_shop"),
        "{}",
        signals.mend
    );
    assert_eq!(plan.verdict.reason, "Streaming");
}

#[test]
fn a_condition_that_reaches_beyond_itself_is_refused_at_its_field() {
    for bad in ["id = 1; DROP TABLE orders", "id = 1 -- all", "id = 1 /* */", "id = 1) OR (true", "(id = 1"] {
        let mut spec = spec();
        spec["snapshots"] =
            json!([{"id": "a", "type": "Incremental", "tables": ["public.orders"], "where": bad}]);
        let findings = cdc::validate(&pipeline(&spec)).unwrap_err();
        assert_eq!(findings.len(), 1, "{bad}");
    }
}

#[test]
fn a_request_that_was_carried_out_may_name_a_table_that_has_left_since() {
    let mut spec = spec();
    spec["snapshots"] = json!([{"id": "a", "type": "Incremental", "tables": ["public.gone"]}]);
    let mut pipeline = pipeline(&spec);
    assert_eq!(
        cdc::validate(&pipeline).unwrap_err().first().map(|f| f.reason),
        Some(CdcReason::TableUnknown)
    );
    let completed_at = Some(Time(Timestamp::UNIX_EPOCH));
    let run = SnapshotRun { id: "a".into(), completed_at, ..Default::default() };
    pipeline.status = Some(CdcPipelineStatus { snapshots: vec![run], ..Default::default() });
    cdc::validate(&pipeline).unwrap();
}
