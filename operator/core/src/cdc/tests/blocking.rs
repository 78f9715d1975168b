//! Rows that are read while changes wait.

use serde_json::{Value, json};
use sluice_crds::CdcPipelineStatus;
use sluice_crds::cdc_pipeline::{SnapshotRun, SnapshotType, SourceStatus};

use super::plan::streaming;
use super::world::{World, wanted};
use crate::cdc::adhoc::{self, Heard, signal};
use crate::cdc::plan::Plan;
use crate::cdc::snapshot::Snapshot;
use crate::cdc::{Wanted, tests::plan::carry_out};
use crate::view::source::{Lsn, SourceView};

const TABLE: &str = "public.orders";

fn request(ids: &[&str]) -> Wanted {
    wanted(|spec| {
        let one = |id: &&str| json!({"id": id, "type": "Blocking", "tables": [TABLE], "where": "id > 5"});
        spec["snapshots"] = ids.iter().map(one).collect();
    })
}

/// A pipeline whose snapshot is done.
fn world() -> World {
    let before = wanted(|_| {});
    let mut world = streaming(&before);
    world.snapshot = Snapshot::Completed;
    let read = before.tables.iter().map(ToString::to_string).collect();
    world.status =
        Some(SourceStatus { snapshot_completed: true, snapshot_tables: Some(read), ..Default::default() });
    world
}

fn pass(world: &mut World, mut wanted: Wanted) -> Plan {
    let status = CdcPipelineStatus {
        source: world.status.clone(),
        snapshots: world.memory.runs.clone(),
        ..Default::default()
    };
    let view = SourceView::clone(world.source.current().unwrap());
    wanted.signals = adhoc::channel(&wanted, Some(&status), Some(&view));
    if wanted.signals.is_some() {
        let source = world.status.as_mut().unwrap();
        source.signal_table = wanted.signals.as_ref().map(ToString::to_string);
    }
    let plan = world.plan(&wanted);
    carry_out(world, &wanted, &plan);
    plan
}

/// Until the order is given.
fn ordered(world: &mut World) -> (SnapshotRun, Heard) {
    let order = (0..8).find_map(|_| pass(world, request(&["a"])).orders.pop()).unwrap();
    let text = &order.statements[0];
    assert!(text.contains(r#""type":"BLOCKING""#) && text.contains("execute-snapshot"), "{text}");
    let query = r#""data-collection":"public.orders","filter":"SELECT * FROM public.orders WHERE (id > 5)""#;
    assert!(text.contains(query), "{text}");
    let run = world.memory.runs[0].clone();
    assert_eq!((run.type_, run.state.as_str()), (SnapshotType::Blocking, "Asked"));
    let heard = Heard::of(&run);
    (run, heard)
}

fn row(id: &str) -> Vec<u8> {
    json!({"schema": {}, "payload": {"op": "c", "after": {"id": id, "type": "execute-snapshot"}}})
        .to_string()
        .into_bytes()
}

/// The words of Debezium 3.6: under a name that nobody knows.
fn told(kind: &str, data: &Value) -> Vec<u8> {
    let payload = json!({
        "id": "3f1c", "aggregate_type": "Initial Snapshot", "type": kind, "additional_data": data, "timestamp": 1,
    });
    json!({"schema": {}, "payload": payload}).to_string().into_bytes()
}

fn scanned(rows: i64) -> Value {
    json!({"scanned_collection": TABLE, "total_rows_scanned": rows.to_string(), "status": "SUCCEEDED"})
}

/// The connector goes by everything that the source has.
fn go_by(world: &mut World) {
    let position = world.source.current().unwrap().position;
    world.source_turns(|view| {
        let slot = view.slots.entry(wanted(|_| {}).source.slot).or_default();
        (slot.plugin, slot.database) = (Some("pgoutput".into()), Some("shop".into()));
        slot.confirmed_flush_lsn = Some(position);
        view.position = Lsn(position.0 + 1);
    });
}

#[test]
fn what_stands_behind_the_order_is_its_answer() {
    let mut world = world();
    let (run, mut heard) = ordered(&mut world);
    // somebody else's, or of a start of the connector before
    for kind in ["STARTED", "COMPLETED", "SKIPPED"] {
        heard.note(&signal(&run), &told(kind, &json!({})));
    }
    heard.note(&signal(&run), &row("another"));
    heard.note(&signal(&run), &told("STARTED", &json!({})));
    assert_eq!(heard, Heard::of(&run));
    heard.note(&signal(&run), &row(&signal(&run)));
    heard.note(&signal(&run), &told("STARTED", &json!({})));
    world.heard = Some(heard.clone());
    let plan = pass(&mut world, request(&["a"]));
    assert_eq!((plan.memory.runs[0].state.as_str(), plan.orders.len()), ("Reading", 0));
    heard.note(&signal(&run), &told("TABLE_SCAN_COMPLETED", &scanned(7)));
    heard.note(&signal(&run), &told("COMPLETED", &json!({})));
    world.heard = Some(heard);
    let run = pass(&mut world, request(&["a"])).memory.runs.remove(0);
    assert_eq!((run.state.as_str(), run.rows, run.message.as_str()), ("Done", Some(7), ""));
    world.heard = None;
    let plan = pass(&mut world, request(&["a"]));
    assert_eq!((plan.memory.runs.len(), plan.orders.len()), (1, 0), "once");
}

#[test]
fn one_that_was_cut_short_is_ordered_again_once_it_was_passed_by() {
    for (kind, by_itself) in [("SKIPPED", false), ("ABORTED", false), ("SKIPPED", true)] {
        let mut world = world();
        let (first, mut heard) = ordered(&mut world);
        heard.note(&signal(&first), &row(&signal(&first)));
        heard.note(&signal(&first), &told("STARTED", &json!({})));
        heard.note(&signal(&first), &told(kind, &json!({})));
        heard.whole = true;
        world.heard = Some(heard.clone());
        world.now = jiff::Timestamp::from_second(100).unwrap();
        let plan = pass(&mut world, request(&["a"]));
        let run = &plan.memory.runs[0];
        assert_eq!((run.state.as_str(), plan.orders.len()), ("Reading", 0), "it may begin again by itself");
        assert!(run.message.contains("restarted"), "{}", run.message);
        // a worker that died before it had stored that it read the order
        if by_itself {
            heard.note(&signal(&first), &row(&signal(&first)));
            heard.note(&signal(&first), &told("STARTED", &json!({})));
            world.heard = Some(heard);
            let run = pass(&mut world, request(&["a"])).memory.runs.remove(0);
            assert_eq!((run.message.as_str(), signal(&run)), ("", signal(&first)));
            continue;
        }
        let plan = (0..5)
            .map(|_| {
                go_by(&mut world);
                pass(&mut world, request(&["a"]))
            })
            .find(|plan| !plan.orders.is_empty())
            .unwrap();
        let run = &plan.memory.runs[0];
        assert_eq!((run.state.as_str(), plan.memory.runs.len()), ("Asked", 1));
        assert!(signal(run) != signal(&first) && plan.orders[0].statements[0].contains(&signal(run)));
    }
}

#[test]
fn a_query_that_the_database_refuses_ends_it() {
    let mut world = world();
    let (run, mut heard) = ordered(&mut world);
    heard.note(&signal(&run), &row(&signal(&run)));
    heard.note(&signal(&run), &told("STARTED", &json!({})));
    let failed = json!({"scanned_collection": TABLE, "status": "SQL_EXCEPTION"});
    heard.note(&signal(&run), &told("TABLE_SCAN_COMPLETED", &failed));
    heard.note(&signal(&run), &told("ABORTED", &json!({})));
    world.heard = Some(heard);
    let run = pass(&mut world, request(&["a"])).memory.runs.remove(0);
    assert_eq!(run.state, "Failed");
    assert!(run.message.starts_with("public.orders: the database refused"), "{}", run.message);
}

#[test]
fn one_that_is_taken_out_goes_on_to_its_end_and_says_so() {
    for (kind, state) in [("COMPLETED", "Done"), ("SKIPPED", "Failed")] {
        let mut world = world();
        let (run, mut heard) = ordered(&mut world);
        heard.note(&signal(&run), &row(&signal(&run)));
        heard.note(&signal(&run), &told("STARTED", &json!({})));
        world.heard = Some(heard.clone());
        pass(&mut world, request(&["a"]));
        let plan = pass(&mut world, request(&["b"]));
        let left = &plan.memory.runs[0];
        assert!(left.message.contains("cannot be stopped by an order"), "{}", left.message);
        assert_eq!((left.state.as_str(), plan.orders.len(), plan.memory.runs.len()), ("Reading", 0, 1));
        heard.note(&signal(&run), &told("TABLE_SCAN_COMPLETED", &scanned(1)));
        heard.note(&signal(&run), &told(kind, &json!({})));
        world.heard = Some(heard);
        let plan = pass(&mut world, request(&["b"]));
        assert_eq!(
            (plan.memory.runs[0].state.as_str(), plan.memory.runs[1].state.as_str()),
            (state, "Asked")
        );
        assert_eq!(plan.orders.len(), 1);
    }
}

#[test]
fn an_order_that_was_taken_out_before_anybody_heard_it_is_not_given_any_more() {
    let mut world = world();
    ordered(&mut world);
    world.heard = Some(Heard { whole: true, ..Heard::of(&world.memory.runs[0]) });
    for _ in 0..4 {
        let plan = pass(&mut world, request(&[]));
        assert_eq!(plan.orders, []);
        go_by(&mut world);
    }
    assert_eq!(world.memory.runs[0].state, "Failed");
}

#[test]
fn it_waits_until_the_rows_of_the_first_snapshot_were_counted() {
    let mut world = world();
    world.counting = true;
    for _ in 0..8 {
        assert_eq!(pass(&mut world, request(&["a"])).orders, []);
    }
    world.counting = false;
    ordered(&mut world);
}
