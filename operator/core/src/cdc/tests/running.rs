//! Pipelines that run, or ran: what has changed around them is told.

use std::sync::Arc;

use jiff::Timestamp;
use sluice_crds::cdc_pipeline::SourceStatus;
use sluice_crds::common::RunState;

use super::plan::{carry_out, nothing_is_made, streaming};
use super::world::{World, child, ordered, pipeline, sink, source, spec, table, wanted};
use crate::cdc::guard::Stored;
use crate::cdc::preflight::Check;
use crate::cdc::snapshot::Snapshot;
use crate::cdc::{self, Phase, Wanted};
use crate::condition::VerdictKind;
use crate::view::Sight;
use crate::view::source::{Holder, Lsn, Slot, SlotReader, SourceView};

#[test]
fn a_table_that_comes_after_the_snapshot_is_told_by_name_until_its_rows_are_read() {
    let before = wanted(|_| {});
    let mut world = streaming(&before);
    let status = |wanted: &Wanted, world: &World| {
        let mut pipeline = pipeline(&spec());
        pipeline.status.get_or_insert_default().source.clone_from(&world.status);
        let plan = world.plan(wanted);
        cdc::status(&pipeline, wanted, &plan, &cdc::Gauges::default(), Timestamp::UNIX_EPOCH).source
    };
    world.snapshot = Snapshot::Running;
    world.status = status(&before, &world);
    world.snapshot = Snapshot::Completed;
    world.status = status(&before, &world);
    let known = world.status.as_ref().unwrap().snapshot_tables.clone().unwrap();
    assert_eq!(known, ["public.order_items", "public.orders"]);
    assert_eq!(world.plan(&before).checks, Some(vec![]));

    let mut view = SourceView::clone(world.source.current().unwrap());
    view.tables.insert("public.notes".parse().unwrap(), table(&[("id", "bigint")], &["id"]));
    world.source = Sight::Clear(Arc::new(view));
    let more = wanted(|spec| spec["tables"].as_array_mut().unwrap().push("public.notes".into()));
    for _ in 0..4 {
        let plan = world.plan(&more);
        world.status = status(&more, &world);
        carry_out(&mut world, &more, &plan);
    }
    let plan = world.plan(&more);
    // nobody ordered its rows: this world has no signal table
    let [rows, signals] = [Check::TableRows, Check::Signals];
    let mut checks = plan.checks.unwrap();
    checks.sort_by_key(|check| check.check != rows);
    assert_eq!(checks.iter().map(|check| check.check).collect::<Vec<_>>(), [rows, signals], "{checks:#?}");
    assert!(checks[0].message.contains("public.notes"), "{}", checks[0].message);
    assert!(checks[0].mend.contains("UPDATE public.notes SET id = id;"), "{}", checks[0].mend);
    assert_eq!((plan.verdict.reason, plan.verdict.kind), ("Streaming", VerdictKind::Ready));
    assert!(plan.verdict.message.ends_with("see status.preflight: public.notes"), "{}", plan.verdict.message);
    assert_eq!(world.status.unwrap().snapshot_tables.unwrap(), known, "it stays so");
}

#[test]
fn a_table_that_the_connector_was_not_told_of_before_the_snapshot_ended_is_not_read() {
    let before = wanted(|_| {});
    let more = wanted(|spec| spec["tables"].as_array_mut().unwrap().push("public.notes".into()));
    let first = cdc::snapshot::tables(&before, None, false, true);
    let running = SourceStatus { snapshot_tables: first.clone(), ..Default::default() };
    // a check blocks, so that the connector goes on with what it knows
    assert_eq!(cdc::snapshot::tables(&more, Some(&running), false, false), first);
    assert_eq!(cdc::snapshot::tables(&more, Some(&running), true, true), first);
    let told = cdc::snapshot::tables(&more, Some(&running), false, true).unwrap();
    assert!(told.contains(&"public.notes".to_owned()), "it begins its snapshot again with it");
    assert_eq!(cdc::snapshot::tables(&before, None, false, false), None, "nothing was begun");
}

#[test]
fn tables_of_a_status_from_before_they_were_remembered_count_as_read() {
    let wanted = wanted(|_| {});
    let old = SourceStatus { snapshot_completed: true, ..Default::default() };
    assert!(cdc::snapshot::unloaded(&wanted, Some(&old)).is_empty());
    assert_eq!(cdc::snapshot::tables(&wanted, Some(&old), true, true).unwrap().len(), 2);
}

#[test]
fn a_slot_of_another_pipeline_is_not_read() {
    let wanted = wanted(|_| {});
    let mut world = World::new(source(), sink());
    let mut other = pipeline(&spec());
    other.metadata.namespace = Some("other".into());
    world.claimed = cdc::Claim::of(&other);
    let plan = world.plan(&wanted);
    assert!(nothing_is_made(&plan));
    assert_eq!((plan.verdict.kind, plan.verdict.reason), (VerdictKind::Stalled, "SlotClaimed"));
    assert!(plan.verdict.message.contains("other/shop"), "{}", plan.verdict.message);
}

#[test]
fn the_phase_of_a_source_that_does_not_run_is_not_streaming() {
    let wanted = wanted(|_| {});
    let mut world = streaming(&wanted);
    let name = wanted.source_connector();
    for (kind, reason, phase) in [
        (VerdictKind::Reconciling, "TaskFailed", Phase::Failed),
        (VerdictKind::Stalled, "TaskFailed", Phase::Failed),
        (VerdictKind::Reconciling, "ConnectorFailed", Phase::Failed),
        (VerdictKind::Unknown, "ConnectUnreachable", Phase::Unknown),
        (VerdictKind::Reconciling, "Rebalancing", Phase::Streaming),
    ] {
        world.connectors.insert(name.clone(), child(kind, reason, "words"));
        assert_eq!(world.plan(&wanted).phase, phase, "{reason}");
        assert_eq!(blocked(&mut world, &wanted).phase, phase, "{reason}, and a check fails");
    }
}

/// The plan where a check fails too.
fn blocked(world: &mut World, wanted: &Wanted) -> cdc::Plan {
    let seen = world.source.clone();
    let mut view = SourceView::clone(seen.current().unwrap());
    view.role.replication = false;
    world.source = Sight::Clear(Arc::new(view));
    let plan = world.plan(wanted);
    world.source = seen;
    plan
}

#[test]
fn a_slot_that_is_being_made_is_waited_for_and_who_holds_it_up_is_named() {
    let wanted = wanted(|_| {});
    let mut world = streaming(&wanted);
    let name = &wanted.source.slot;
    let holder = Holder {
        pid: 844,
        user: Some("app".into()),
        database: Some("shop".into()),
        application: Some(String::new()),
        state: Some("idle in transaction".into()),
        since: None,
    };
    let making = |waits_for: Vec<Holder>| Slot {
        plugin: Some("pgoutput".into()),
        database: Some("shop".into()),
        active: true,
        active_pid: Some(7),
        waits_for,
        ..Default::default()
    };
    let see = |world: &mut World, slot: Slot| {
        world.source_turns(|view| drop(view.slots.insert(name.clone(), slot)));
    };
    see(&mut world, making(vec![holder, Holder { pid: 9, ..Default::default() }]));
    (world.stored, world.snapshot) = (Stored::Nothing, Snapshot::Unknown);
    let plan = world.plan(&wanted);
    assert_eq!((plan.phase, plan.verdict.reason), (Phase::Preparing, "SlotWaiting"));
    assert!(
        plan.verdict.message.contains("the process 844 (app in shop, idle in transaction) and 1 more. ")
            && plan.verdict.message.ends_with("SELECT pg_terminate_backend(844);"),
        "{}",
        plan.verdict.message
    );

    // nobody may begin with a slot that another is making
    let stopped = ordered(RunState::Stopped);
    world.connectors.insert(wanted.source_connector(), stopped);
    let plan = world.plan(&wanted);
    assert_eq!(plan.verdict.reason, "SlotWaiting");
    assert_eq!(plan.connectors[0].spec.state, RunState::Stopped);
    see(&mut world, making(vec![]));
    let plan = world.plan(&wanted);
    assert_eq!((plan.verdict.reason, plan.connectors[0].spec.state), ("Starting", RunState::Stopped));
    see(&mut world, Slot { confirmed_flush_lsn: Some(Lsn(5)), active: false, ..making(vec![]) });
    assert_eq!(world.plan(&wanted).connectors[0].spec.state, RunState::Running);
}

#[test]
fn a_slot_that_another_holds_is_no_stream() {
    let wanted = wanted(|_| {});
    let mut world = streaming(&wanted);
    let name = &wanted.source.slot;
    let see = |world: &mut World, application: &str, silent: i64, timeout: i64| {
        world.source_turns(|view| {
            view.server.wal_sender_timeout = timeout;
            let slot = Slot {
                plugin: Some("pgoutput".into()),
                confirmed_flush_lsn: Some(Lsn(5)),
                active: true,
                active_pid: Some(77),
                reader: Some(SlotReader { application: Some(application.into()), replied: None }),
                ..Default::default()
            };
            view.slots.insert(name.clone(), slot);
            view.lags.entry(name.clone()).or_default().silent = silent;
        });
        let plan = world.plan(&wanted);
        (plan.phase, plan.verdict.reason, plan.verdict.message)
    };
    let ours = "Debezium Streaming";
    assert_eq!(see(&mut world, ours, 39, 60_000).1, "Streaming");
    for (application, silent, timeout, words) in [
        (ours, 40, 60_000, ["after wal_sender_timeout (60 s)", "SELECT pg_terminate_backend(77);"]),
        (ours, 35, 0, ["wal_sender_timeout is 0", "SELECT pg_terminate_backend(77);"]),
        ("psql", 0, 60_000, ["by the process 77 (psql)", "SELECT pg_terminate_backend(77);"]),
    ] {
        let (phase, reason, message) = see(&mut world, application, silent, timeout);
        assert_eq!((phase, reason), (Phase::Preparing, "SlotHeld"));
        assert!(words.iter().all(|words| message.contains(words)), "{message}");
    }
}
