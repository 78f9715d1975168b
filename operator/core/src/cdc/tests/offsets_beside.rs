//! Offsets that are set while something else happens to the pipeline: the connector goes on whatever it is, and is not stopped for nothing.

use serde_json::json;
use sluice_crds::cdc_pipeline::{OffsetReason, Remembered, SnapshotRun, SnapshotType};
use sluice_crds::common::RunState;

use super::offsets::{asking, at, declared, pass, positions, run, sink, source, world};
use super::plan::{nothing_is_made, resume};
use super::world::{self as parts, World, child, prepare, wanted};
use crate::cdc::Wanted;
use crate::cdc::guard::Stored;
use crate::cdc::plan::Plan;
use crate::condition::VerdictKind;
use crate::view::source::{Identity, Lsn, Slot};

/// A sink that is being set, and has been, or the source.
pub(super) fn being_set(world: &mut World, wanted: &Wanted) {
    if wanted.offsets[0].lsn.is_none() {
        world.positions = Some(positions(at(10), at(50), at(10)));
    }
    pass(world, wanted);
    let plan = pass(world, wanted);
    assert!(plan.set.is_some() && run(&plan).state == "Setting", "{:?}", run(&plan));
}

fn has_been_set(world: &mut World, wanted: &Wanted) {
    match wanted.offsets[0].lsn {
        Some(lsn) => world.stored = Stored::At(lsn),
        None => world.positions.as_mut().unwrap().committed = at(10),
    }
}

/// The same with a table that no sink can take: a check blocks.
fn blocked(world: &mut World, before: &Wanted) -> Wanted {
    world.source_turns(|view| {
        let log = parts::table(&[("a", "integer")], &[]);
        view.tables.insert("public.log".parse().unwrap(), log);
    });
    let more = wanted(|spec| spec["tables"].as_array_mut().unwrap().push("public.log".into()));
    Wanted { offsets: before.offsets.clone(), ..more }
}

fn slot(world: &mut World, change: impl FnOnce(&mut Slot)) {
    world.source_turns(|view| change(view.slots.get_mut("sluice_prod_shop").unwrap()));
}

#[test]
fn a_connector_goes_on_though_a_check_blocks_the_pipeline_by_then() {
    for (wanted, refused) in [
        (sink("Earliest"), false),
        (source("0/4800"), false),
        (sink("Earliest"), true),
        (source("0/4800"), true),
    ] {
        let mut world = world();
        being_set(&mut world, &wanted);
        let mut more = blocked(&mut world, &wanted);
        if refused {
            more.offsets.clear();
        } else {
            has_been_set(&mut world, &wanted);
        }
        let name = match wanted.offsets[0].lsn {
            Some(_) => wanted.source_connector(),
            None => wanted.sink_connector(&wanted.sinks[0]),
        };
        world.fresh = false;
        if wanted.offsets[0].lsn.is_some() {
            assert!(world.plan(&more).unsure, "the source is looked at before it begins");
        }
        world.fresh = true;
        let plan = pass(&mut world, &more);
        assert_eq!(
            (plan.verdict.reason, plan.connectors.len()),
            ("PreflightFailed", 0),
            "it goes on as it was"
        );
        assert!(plan.verdict.message.ends_with("is let go on"), "{}", plan.verdict.message);
        assert_eq!((declared(&plan, &name), run(&plan).state.as_str()), (RunState::Running, "Resuming"));
        let plan = pass(&mut world, &more);
        let end = if refused { "Failed" } else { "Done" };
        assert_eq!((run(&plan).state.as_str(), &plan.resume), (end, &None));
    }
}

#[test]
fn a_connector_goes_on_and_is_set_though_a_statement_is_refused_in_every_pass() {
    for wanted in [sink("Earliest"), source("0/4800")] {
        let mut world = world();
        being_set(&mut world, &wanted);
        world.source_turns(|view| view.publications.clear());
        // nothing but what is done first
        let pass = |world: &mut World| {
            let plan = world.plan(&wanted);
            assert!(!plan.work.is_empty());
            resume(world, &plan);
            world.memory = plan.memory.clone();
            plan
        };
        assert!(pass(&mut world).set.is_some());
        has_been_set(&mut world, &wanted);
        let plan = pass(&mut world);
        let resumed = plan.resume.as_ref().map(|resume| resume.state);
        assert_eq!((run(&plan).state.as_str(), resumed), ("Resuming", Some(RunState::Running)));
        assert_eq!(run(&pass(&mut world)).state, "Done");
    }
}

#[test]
fn while_a_check_blocks_nothing_is_stopped_that_was_not_yet() {
    let mut world = world();
    let wanted = sink("Earliest");
    let more = blocked(&mut world, &wanted);
    for _ in 0..3 {
        let plan = pass(&mut world, &more);
        assert!(nothing_is_made(&plan) && plan.memory.offsets.is_empty());
    }
    // it was begun, and then its connector was not stopped
    let mut world = self::world();
    world.positions = Some(positions(at(10), at(50), at(10)));
    let plan = world.plan(&wanted);
    world.memory = plan.memory;
    let more = blocked(&mut world, &wanted);
    let plan = pass(&mut world, &more);
    assert!(nothing_is_made(&plan) && run(&plan).state == "Stopping");
    assert!(
        plan.verdict.message.contains("once nothing else holds the pipeline up"),
        "{}",
        plan.verdict.message
    );
}

#[test]
fn a_sink_goes_on_while_the_source_is_halted_and_a_halted_source_holds_nothing_up() {
    let mut world = world();
    let wanted = sink("Earliest");
    let name = wanted.sink_connector(&wanted.sinks[0]);
    being_set(&mut world, &wanted);
    world.stored = Stored::At(Lsn(0x2000));
    has_been_set(&mut world, &wanted);
    let plan = pass(&mut world, &wanted);
    assert_eq!((plan.verdict.reason, declared(&plan, &name)), ("SlotAhead", RunState::Running));
    assert_eq!(declared(&plan, &wanted.source_connector()), RunState::Stopped);
    assert_eq!(run(&pass(&mut world, &wanted)).state, "Done");

    // a request for the source that is refused leaves it to the guard, and the next one is taken up
    let mut world = self::world();
    let wanted = asking(&json!([{"id": "a", "lsn": "0/4800"}, {"id": "b", "lsn": "0/4400"}]));
    being_set(&mut world, &wanted);
    slot(&mut world, |slot| slot.confirmed_flush_lsn = Some(Lsn(0x4900)));
    slot(&mut world, |slot| slot.restart_lsn = Some(Lsn(0x4900)));
    let plan = pass(&mut world, &wanted);
    let reasons: Vec<_> = plan.memory.offsets.iter().map(|run| (run.state.as_str(), run.reason)).collect();
    let behind = ("Failed", Some(OffsetReason::LsnBehind));
    assert_eq!((plan.verdict.reason, reasons), ("SlotAhead", vec![behind, behind]));
    assert!(
        plan.memory.offsets[0].message.contains("may have been set"),
        "{}",
        plan.memory.offsets[0].message
    );
}

#[test]
fn a_sink_goes_on_though_all_is_being_read_anew_by_then() {
    let mut world = world();
    let wanted = sink("Earliest");
    being_set(&mut world, &wanted);
    has_been_set(&mut world, &wanted);
    world.memory.begin("Requested", Vec::new(), world.now);
    let plan = pass(&mut world, &wanted);
    let name = wanted.sink_connector(&wanted.sinks[0]);
    assert_eq!((plan.verdict.reason, declared(&plan, &name)), ("Resnapshotting", RunState::Running));
    assert_eq!(run(&pass(&mut world, &wanted)).state, "Done");
}

#[test]
fn positions_that_cannot_be_compared_set_nothing() {
    let known = |system: &str| Some(system.to_owned());
    for (request, told) in [("0/4800", OffsetReason::OtherServer), ("0/10", OffsetReason::OtherServer)] {
        let mut world = world();
        let remembered = Remembered { system_identifier: known("7"), timeline: Some(1), slot_seen: true };
        world.memory.remembered = Some(remembered);
        world.source_turns(|view| {
            view.identity = Some(Identity { system_identifier: "8".into(), timeline: 1 });
        });
        let wanted = source(request);
        let plan = pass(&mut world, &wanted);
        assert_eq!((plan.verdict.reason, run(&plan).reason), ("OtherServer", Some(told)));
        assert!(run(&plan).message.contains("another database cluster"), "{}", run(&plan).message);
    }
    for (stored, lost, told) in [
        (Stored::At(Lsn(0x4000)), true, OffsetReason::SlotLost),
        (Stored::Unreadable, false, OffsetReason::OffsetUnreadable),
    ] {
        let mut world = world();
        world.stored = stored;
        slot(&mut world, |slot| slot.wal_status = lost.then(|| "lost".into()));
        let plan = pass(&mut world, &source("0/4800"));
        assert_eq!((run(&plan).state.as_str(), run(&plan).reason, &plan.set), ("Failed", Some(told), &None));
        assert!(run(&plan).message.contains("spec.snapshots"), "{}", run(&plan).message);
    }
}

#[test]
fn rows_that_are_being_read_come_first_and_where_nothing_reads_they_wait() {
    for type_ in [SnapshotType::Incremental, SnapshotType::Blocking] {
        let rows = SnapshotRun { id: "eu".into(), type_, state: "Reading".into(), ..Default::default() };
        let wanted = source("0/4800");
        let name = wanted.source_connector();
        let mut world = world();
        world.memory.runs = vec![rows];
        for _ in 0..3 {
            let plan = pass(&mut world, &wanted);
            assert_eq!((plan.memory.offsets.len(), declared(&plan, &name)), (0, RunState::Running));
            assert!(
                plan.verdict.message.contains("until the rows of eu have been read"),
                "{}",
                plan.verdict.message
            );
        }
        // the change that it cannot read is what is skipped, and the rows come after it
        let mut stuck = self::world();
        stuck.memory.runs.clone_from(&world.memory.runs);
        let failed = child(VerdictKind::Reconciling, "TaskFailed", "a change that nobody can read");
        let known = stuck.connectors.get_mut(&name).unwrap();
        known.says = failed.says;
        assert_eq!(run(&pass(&mut stuck, &wanted)).state, "Stopping");
        let mut halted = self::world();
        halted.memory.runs.clone_from(&world.memory.runs);
        halted.stored = Stored::At(Lsn(0x2000));
        pass(&mut halted, &wanted);
        assert_eq!(halted.memory.offsets[0].state, "Stopping", "the rows cannot be read before that");
        world.memory.runs[0].state = "Done".into();
        assert_eq!(run(&pass(&mut world, &wanted)).state, "Stopping");
    }
}

#[test]
fn a_reader_that_has_not_gone_could_store_something_else() {
    let mut world = world();
    let wanted = source("0/4800");
    let reads =
        |active: bool| move |slot: &mut Slot| (slot.active, slot.active_pid) = (active, active.then_some(77));
    pass(&mut world, &wanted);
    slot(&mut world, reads(true));
    let plan = pass(&mut world, &wanted);
    assert_eq!((&plan.set, run(&plan).state.as_str()), (&None, "Stopping"));
    assert!(plan.verdict.message.contains("by the process 77"), "{}", plan.verdict.message);
    slot(&mut world, reads(false));
    assert!(pass(&mut world, &wanted).set.is_some());
    world.stored = Stored::At(Lsn(0x4800));
    slot(&mut world, reads(true));
    assert_eq!(run(&pass(&mut world, &wanted)).state, "Setting");
    slot(&mut world, reads(false));
    assert_eq!(run(&pass(&mut world, &wanted)).state, "Resuming");
}

#[test]
fn a_pipeline_that_was_stopped_stays_so() {
    for state in [RunState::Stopped, RunState::Paused] {
        let mut world = world();
        let wanted = Wanted { state, ..sink("Earliest") };
        pass(&mut world, &Wanted { offsets: Vec::new(), ..wanted.clone() });
        being_set(&mut world, &wanted);
        has_been_set(&mut world, &wanted);
        pass(&mut world, &wanted);
        let plan = pass(&mut world, &wanted);
        let name = wanted.sink_connector(&wanted.sinks[0]);
        assert_eq!((run(&plan).state.as_str(), declared(&plan, &name)), ("Done", state));
    }
}

#[test]
fn a_sink_that_is_taken_out_meanwhile_ends_its_request() {
    let mut world = world();
    let wanted = sink("Earliest");
    being_set(&mut world, &wanted);
    let plan = pass(&mut world, &Wanted { sinks: Vec::new(), ..wanted.clone() });
    assert_eq!((run(&plan).state.as_str(), run(&plan).reason), ("Failed", Some(OffsetReason::SinkGone)));
    assert!(run(&plan).message.contains("may have been set"), "{}", run(&plan).message);
    assert_eq!(plan.removals[0].name, "shop-warehouse");
}

/// From nothing to a pipeline that reads.
fn started(world: &mut World, wanted: &Wanted) -> Plan {
    for _ in 0..6 {
        assert_eq!(world.plan(wanted).set, None);
        pass(world, wanted);
    }
    pass(world, wanted)
}

#[test]
fn what_a_pipeline_that_is_made_anew_asks_for_was_asked_long_ago() {
    let ids = json!([{"id": "old", "sink": "warehouse", "to": "Latest"}, {"id": "older", "lsn": "0/10"}]);
    for left in [false, true] {
        let wanted = asking(&ids);
        let mut world = World::new(parts::source(), parts::sink());
        if left {
            // what the one before has left: its slot, and what its connector has stored
            world.source_turns(|view| {
                prepare(view, &wanted);
                let kept = Slot {
                    plugin: Some("pgoutput".into()),
                    database: Some("shop".into()),
                    restart_lsn: Some(Lsn(0x3000)),
                    confirmed_flush_lsn: Some(Lsn(0x4000)),
                    ..Default::default()
                };
                view.slots.insert("sluice_prod_shop".into(), kept);
            });
            world.stored = Stored::At(Lsn(0x4000));
            world.snapshot = crate::cdc::snapshot::Snapshot::Completed;
        }
        let plan = started(&mut world, &wanted);
        let reasons: Vec<_> =
            plan.memory.offsets.iter().map(|run| (run.state.as_str(), run.reason)).collect();
        assert_eq!(reasons, [("Failed", Some(OffsetReason::BeforeStart)); 2], "{left}");
        assert!(!plan.verdict.message.contains("refused"), "{}", plan.verdict.message);
        for name in [wanted.source_connector(), wanted.sink_connector(&wanted.sinks[0])] {
            assert_eq!(declared(&plan, &name), RunState::Running);
        }
        let new = sink("Latest");
        world.positions = Some(positions(at(10), at(50), at(90)));
        assert_eq!(run(&pass(&mut world, &new)).state, "Stopping", "what is asked for later is done");
    }
}
