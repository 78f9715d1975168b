//! Rows that are read while changes wait.

use serde_json::{Value, json};
use sluice_crds::CdcPipelineStatus;
use sluice_crds::cdc_pipeline::{SnapshotRun, SnapshotType, SourceStatus};
use sluice_crds::common::RunState;

use super::plan::streaming;
use super::world::{World, wanted};
use crate::cdc::adhoc::{self, Heard, signal};
use crate::cdc::guard::Stored;
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
    heard.whole = true;
    world.heard = Some(heard);
    let run = until(&mut world, |run| run.state == "Done");
    assert_eq!((run.rows, run.message.as_str(), run.lsn), (Some(7), "", None));
    world.heard = None;
    let plan = pass(&mut world, request(&["a"]));
    assert_eq!((plan.memory.runs.len(), plan.orders.len()), (1, 0), "once");
}

/// The connector goes on until the run is so.
fn until(world: &mut World, so: impl Fn(&SnapshotRun) -> bool) -> SnapshotRun {
    for _ in 0..6 {
        pass(world, request(&["a"]));
        if so(&world.memory.runs[0]) {
            return world.memory.runs[0].clone();
        }
        go_by(world);
    }
    panic!("{:?}", world.memory.runs)
}

/// One that was ordered and heard: what was told then.
fn heard(run: &SnapshotRun, telling: &[(&str, Value)]) -> Heard {
    let mut heard = Heard::of(run);
    heard.note(&signal(run), &row(&signal(run)));
    for (kind, data) in telling {
        heard.note(&signal(run), &told(kind, data));
    }
    Heard { whole: true, ..heard }
}

fn all_read() -> Vec<(&'static str, Value)> {
    vec![("STARTED", json!({})), ("TABLE_SCAN_COMPLETED", scanned(7)), ("COMPLETED", json!({}))]
}

#[test]
fn rows_that_were_read_are_done_once_they_are_known_to_be_in_kafka() {
    let mut world = world();
    let (run, _) = ordered(&mut world);
    world.heard = Some(heard(&run, &all_read()));
    world.fresh = false;
    let plan = pass(&mut world, request(&["a"]));
    assert!(plan.unsure && plan.memory.runs[0].lsn.is_none(), "the place must be one behind the rows");
    world.fresh = true;
    let position = world.source.current().unwrap().position.to_string();
    for _ in 0..3 {
        let run = pass(&mut world, request(&["a"])).memory.runs.remove(0);
        assert_eq!(
            (run.state.as_str(), run.rows, run.lsn.as_deref()),
            ("Reading", Some(7), Some(&*position))
        );
        assert!(run.message.starts_with("All rows were read"), "{}", run.message);
    }
    // the worker dies before that: its rows may have died with it
    let mut lost = all_read();
    lost.push(("SKIPPED", json!({})));
    world.heard = Some(heard(&run, &lost));
    world.now = jiff::Timestamp::from_second(100).unwrap();
    let again = until(&mut world, |run| run.state == "Asked");
    assert!(signal(&again) != signal(&run) && again.failures.is_none(), "{again:?}");
    world.heard = Some(heard(&again, &all_read()));
    assert_eq!(until(&mut world, |run| run.state == "Done").rows, Some(7));
}

#[test]
fn one_that_was_cut_short_is_ordered_again_once_it_was_passed_by() {
    let nothing = json!({});
    let cases = [
        (vec!["STARTED", "SKIPPED"], false),
        (vec!["STARTED", "ABORTED", "SKIPPED"], false),
        (vec!["SKIPPED"], false),
        (vec!["STARTED", "SKIPPED"], true),
    ];
    for (kinds, by_itself) in cases {
        let mut world = world();
        let (first, _) = ordered(&mut world);
        let telling: Vec<_> = kinds.iter().map(|kind| (*kind, nothing.clone())).collect();
        let mut heard = heard(&first, &telling);
        world.heard = Some(heard.clone());
        world.now = jiff::Timestamp::from_second(100).unwrap();
        let plan = pass(&mut world, request(&["a"]));
        let run = &plan.memory.runs[0];
        assert_eq!((run.state.as_str(), plan.orders.len()), ("Reading", 0), "it may begin again by itself");
        assert!(run.message.contains("restarted"), "{}", run.message);
        // a worker that died before it had stored that it read the order
        if by_itself {
            heard.note(&signal(&first), &row(&signal(&first)));
            heard.note(&signal(&first), &told("STARTED", &nothing));
            world.heard = Some(heard);
            let run = pass(&mut world, request(&["a"])).memory.runs.remove(0);
            assert_eq!((run.message.as_str(), signal(&run)), ("", signal(&first)));
            continue;
        }
        let run = until(&mut world, |run| run.state == "Asked");
        assert!(signal(&run) != signal(&first) && run.failures.is_none(), "{run:?}");
        let plan = pass(&mut world, request(&["a"]));
        assert_eq!(plan.memory.runs.len(), 1);
    }
}

#[test]
fn two_interruptions_or_a_topic_that_forgot_the_order_do_not_hold_it_up() {
    for expired in [false, true] {
        let mut world = world();
        let (first, mut heard) = ordered(&mut world);
        let tell = |heard: &mut Heard, kind: &str| heard.note(&signal(&first), &told(kind, &json!({})));
        heard.note(&signal(&first), &row(&signal(&first)));
        tell(&mut heard, "STARTED");
        world.heard = Some(heard.clone());
        assert_eq!(pass(&mut world, request(&["a"])).memory.runs[0].state, "Reading");
        if expired {
            heard = Heard::of(&first);
        } else {
            tell(&mut heard, "SKIPPED");
            heard.note(&signal(&first), &row(&signal(&first)));
            tell(&mut heard, "SKIPPED");
        }
        world.heard = Some(Heard { whole: true, ..heard });
        world.now = jiff::Timestamp::from_second(100).unwrap();
        let run = until(&mut world, |run| run.state == "Asked");
        assert!(signal(&run) != signal(&first), "{run:?}");
    }
}

#[test]
fn what_is_no_restart_is_tried_three_times() {
    let refused = json!({"scanned_collection": TABLE, "status": "SQL_EXCEPTION"});
    let nothing = json!({});
    let query =
        vec![("STARTED", nothing.clone()), ("TABLE_SCAN_COMPLETED", refused), ("ABORTED", nothing.clone())];
    // a query that ends the connector each time would otherwise be tried for ever
    let ending: Vec<_> = query.iter().cloned().chain([("SKIPPED", nothing.clone())]).collect();
    let other = vec![("STARTED", nothing.clone()), ("ABORTED", nothing.clone())];
    let early = vec![("STARTED", nothing.clone()), ("COMPLETED", nothing)];
    for (telling, words) in [
        (query, "public.orders: the database refused the query"),
        (ending, "public.orders: the database refused the query"),
        (other, "the connector gave up"),
        (early, "the connector ended before it had read all tables"),
        (vec![], "the connector has not begun with it"),
    ] {
        let mut world = world();
        ordered(&mut world);
        for again in 1..=3 {
            let run = world.memory.runs[0].clone();
            world.heard = Some(heard(&run, &telling));
            world.now = jiff::Timestamp::from_second(100 * again).unwrap();
            let run = until(&mut world, |run| run.failures == i32::try_from(again).ok());
            let state = if again < 3 { "Asked" } else { "Failed" };
            assert_eq!(run.state, state, "{run:?}");
        }
        let run = &world.memory.runs[0];
        assert!(run.message.starts_with(words) && run.message.contains("another id"), "{}", run.message);
        world.heard = None;
        assert_eq!(pass(&mut world, request(&["a"])).orders, []);
    }
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
        world.heard = Some(Heard { whole: true, ..heard });
        let mut passes = 0;
        let plan = loop {
            let plan = pass(&mut world, request(&["b"]));
            if plan.memory.runs.len() == 2 {
                break plan;
            }
            passes += 1;
            assert!(passes < 5, "{:?}", plan.memory.runs);
            go_by(&mut world);
        };
        assert_eq!(
            (plan.memory.runs[0].state.as_str(), plan.memory.runs[1].state.as_str()),
            (state, "Asked")
        );
        assert_eq!((plan.orders.len(), passes > 0), (1, kind == "COMPLETED"));
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
    let plans: Vec<_> = (0..8).map(|_| pass(&mut world, request(&["a"]))).collect();
    assert!(plans.iter().all(|plan| plan.orders.is_empty()));
    let words =
        "The request a of spec.snapshots waits until the rows of the first snapshot have been counted";
    let message = &plans[7].verdict.message;
    assert!(message.contains(words), "{message}");
    world.counting = false;
    ordered(&mut world);
}

#[test]
fn no_rows_are_ordered_of_a_source_that_is_about_to_be_set() {
    let mut world = world();
    go_by(&mut world);
    world.stored = Stored::At(Lsn(0x5000));
    let both = || Wanted { offsets: super::offsets::source("0/5001").offsets, ..request(&["a"]) };
    let source = both().source_connector();
    for _ in 0..8 {
        pass(&mut world, both());
        // that it was told to stop is not seen yet
        let child = world.connectors.get_mut(&source).unwrap();
        (child.declared, child.state) = (RunState::Running, Some("Running".into()));
    }
    assert_eq!((world.memory.offsets[0].state.as_str(), &world.memory.runs), ("Stopping", &vec![]));
}
