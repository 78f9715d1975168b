//! Where a sink, or the source, goes on: set on request.

use jiff::Timestamp;
use serde_json::{Value, json};
use sluice_crds::cdc_pipeline::{OffsetReason, OffsetRun, OffsetTarget};
use sluice_crds::common::RunState;

use super::plan::{carry_out, streaming};
use super::world::{World, fine, wanted};
use crate::cdc::Wanted;
use crate::cdc::guard::Stored;
use crate::cdc::offsets::{Asked, ByPartition, Place, Positions, Set, sink_asked, stored_at};
use crate::cdc::plan::Plan;
use crate::view::source::Lsn;

pub(super) fn asking(offsets: &Value) -> Wanted {
    wanted(|spec| spec["offsets"] = offsets.clone())
}

/// A pipeline that streams, whose slot has confirmed what is stored.
pub(super) fn world() -> World {
    let mut world = streaming(&wanted(|_| {}));
    world.now = Timestamp::from_second(1000).unwrap();
    world.source_turns(|view| {
        let slot = view.slots.entry(wanted(|_| {}).source.slot).or_default();
        (slot.plugin, slot.database) = (Some("pgoutput".into()), Some("shop".into()));
        slot.confirmed_flush_lsn = Some(Lsn(0x4000));
        slot.restart_lsn = Some(Lsn(0x3000));
    });
    world.stored = Stored::At(Lsn(0x4000));
    world
}

pub(super) fn pass(world: &mut World, wanted: &Wanted) -> Plan {
    let plan = world.plan(wanted);
    carry_out(world, wanted, &plan);
    plan
}

pub(super) fn run(plan: &Plan) -> &OffsetRun {
    plan.memory.offsets.last().unwrap()
}

/// What the plan makes of a connector.
pub(super) fn declared(plan: &Plan, name: &str) -> RunState {
    if let Some(resume) = plan.resume.as_ref().filter(|resume| resume.connector == name) {
        return resume.state;
    }
    let named = |one: &&sluice_crds::Connector| one.metadata.name.as_deref() == Some(name);
    plan.connectors.iter().find(named).unwrap().spec.state
}

/// Where the topics and the sink's group are, as looked at for the request `a`.
pub(super) fn positions(begins: ByPartition, committed: ByPartition, targets: ByPartition) -> Positions {
    Positions { request: "a".into(), begins, committed, targets }
}

fn asked(connector: &str, place: Place) -> Asked {
    Asked { request: "a".into(), connector: connector.into(), place }
}

pub(super) fn at(offset: i64) -> ByPartition {
    [(("shop.public.orders".to_owned(), 0), offset)].into()
}

pub(super) fn sink(to: &str) -> Wanted {
    asking(&json!([{"id": "a", "sink": "warehouse", "to": to}]))
}

#[test]
fn a_sink_is_stopped_set_and_goes_on_once() {
    let mut world = world();
    let wanted = sink("Earliest");
    let name = wanted.sink_connector(&wanted.sinks[0]);
    let plan = pass(&mut world, &wanted);
    assert_eq!((plan.memory.offsets.len(), declared(&plan, &name)), (0, RunState::Running));
    assert!(plan.verdict.message.contains("Kafka to say where the topics"), "{}", plan.verdict.message);
    assert_eq!(sink_asked(&wanted, &world.memory.offsets), Some(asked(&name, Place::Beginning)));

    world.positions = Some(positions(at(10), at(40), at(10)));
    let plan = pass(&mut world, &wanted);
    assert_eq!(
        (run(&plan).state.as_str(), declared(&plan, &name), &plan.set),
        ("Stopping", RunState::Stopped, &None)
    );
    assert_eq!(declared(&plan, &wanted.source_connector()), RunState::Running, "the source goes on");
    assert_eq!(plan.verdict.reason, "SettingOffsets");
    world.positions = None;
    assert_eq!(pass(&mut world, &wanted).set, None, "where it rests was not seen yet");
    assert_eq!(sink_asked(&wanted, &world.memory.offsets), Some(asked(&name, Place::Known)));

    world.positions = Some(positions(at(10), at(50), ByPartition::new()));
    let set = Some(Set::Sink { connector: name.clone(), offsets: at(10) });
    for _ in 0..2 {
        let plan = pass(&mut world, &wanted);
        assert_eq!((&plan.set, run(&plan).state.as_str()), (&set, "Setting"), "as often as it takes");
        assert_eq!((run(&plan).repeated_records, run(&plan).skipped_records), (Some(40), Some(0)));
    }
    world.positions = Some(positions(at(10), at(10), at(10)));
    let plan = pass(&mut world, &wanted);
    assert_eq!(
        (run(&plan).state.as_str(), declared(&plan, &name), &plan.set),
        ("Resuming", RunState::Running, &None)
    );
    assert_eq!((run(&plan).repeated_records, &run(&plan).targets), (Some(40), &vec![]));
    assert!(plan.verdict.message.ends_with("shop-warehouse is let go on"), "{}", plan.verdict.message);
    let plan = pass(&mut world, &wanted);
    assert_eq!((run(&plan).state.as_str(), declared(&plan, &name)), ("Done", RunState::Running));
    assert_eq!((plan.verdict.reason, sink_asked(&wanted, &world.memory.offsets)), ("Streaming", None));
    for _ in 0..10 {
        let plan = pass(&mut world, &wanted);
        assert_eq!(
            (plan.memory.offsets.len(), declared(&plan, &name)),
            (1, RunState::Running),
            "applied is applied"
        );
    }
}

#[test]
fn latest_is_where_the_topics_ended_when_it_was_begun() {
    let mut world = world();
    let wanted = sink("Latest");
    let name = wanted.sink_connector(&wanted.sinks[0]);
    assert_eq!(sink_asked(&wanted, &world.memory.offsets), Some(asked(&name, Place::End)));
    world.positions = Some(positions(at(10), at(3), at(90)));
    let plan = pass(&mut world, &wanted);
    assert_eq!((run(&plan).state.as_str(), &plan.set, run(&plan).skipped_records), ("Stopping", &None, None));
    let targets = [OffsetTarget { topic: "shop.public.orders".into(), offsets: vec![90] }];
    assert_eq!(run(&plan).targets, targets, "in the status that says it is being stopped");
    // it goes on until Connect has stopped it
    for state in ["Running", "Stopped"] {
        let connector = world.connectors.get_mut(&name).unwrap();
        connector.state = Some(state.into());
        // of before it was to be stopped
        connector.says = None;
        let plan = world.plan(&wanted);
        assert_eq!(
            (run(&plan).state.as_str(), &plan.set, &run(&plan).targets[..]),
            ("Stopping", &None, &targets[..])
        );
    }
    world.connectors.get_mut(&name).unwrap().says = fine().says;
    for targets in [ByPartition::new(), at(200)] {
        world.positions = Some(positions(at(10), at(5), targets));
        let plan = pass(&mut world, &wanted);
        assert_eq!(
            plan.set,
            Some(Set::Sink { connector: name.clone(), offsets: at(90) }),
            "what came since stays"
        );
        assert_eq!(run(&plan).skipped_records, Some(80), "what retention has removed was not skipped");
    }
}

#[test]
fn what_topics_lose_and_get_meanwhile_changes_where_to_only_where_it_must() {
    let mut world = world();
    let wanted = sink("Earliest");
    let name = wanted.sink_connector(&wanted.sinks[0]);
    world.positions = Some(positions(at(10), at(50), at(10)));
    pass(&mut world, &wanted);
    pass(&mut world, &wanted);
    // retention, and a partition more
    let grown = ((String::from("shop.public.orders"), 1), 0);
    let with = |offset| at(offset).into_iter().chain([grown.clone()]).collect::<ByPartition>();
    world.positions = Some(positions(with(20), at(10), ByPartition::new()));
    let plan = pass(&mut world, &wanted);
    assert_eq!(plan.set, Some(Set::Sink { connector: name, offsets: with(20) }));
    assert_eq!(run(&plan).repeated_records, Some(40), "as it was told before the step");
    world.positions = Some(positions(with(20), with(20), ByPartition::new()));
    assert_eq!(run(&pass(&mut world, &wanted)).state, "Resuming");
}

#[test]
fn more_partitions_than_status_can_hold_are_refused() {
    let mut world = world();
    let wanted = sink("Latest");
    let targets = (0..10_001).map(|partition| (("shop.public.orders".to_owned(), partition), 7)).collect();
    world.positions = Some(positions(ByPartition::new(), ByPartition::new(), targets));
    let plan = pass(&mut world, &wanted);
    assert_eq!(
        (run(&plan).state.as_str(), run(&plan).reason),
        ("Failed", Some(OffsetReason::ManyPartitions))
    );
    assert!(run(&plan).message.contains("Nothing was changed"), "{}", run(&plan).message);
    assert_eq!(declared(&plan, &wanted.sink_connector(&wanted.sinks[0])), RunState::Running);
}

#[test]
fn what_one_request_saw_says_nothing_of_the_next() {
    let mut world = world();
    let wanted = asking(&json!([
        {"id": "a", "sink": "warehouse", "to": "Earliest"},
        {"id": "b", "sink": "warehouse", "time": "1970-01-01T00:00:01Z"},
    ]));
    let name = wanted.sink_connector(&wanted.sinks[0]);
    world.positions = Some(positions(at(0), at(0), at(0)));
    for _ in 0..4 {
        let plan = pass(&mut world, &wanted);
        assert!(plan.memory.offsets.iter().all(|run| run.id == "a"));
    }
    assert_eq!(world.memory.offsets[0].state, "Done");
    let next = Asked { request: "b".into(), connector: name, place: Place::Since(1000) };
    assert_eq!(sink_asked(&wanted, &world.memory.offsets), Some(next));
    world.positions.as_mut().unwrap().request = "b".into();
    assert_eq!(run(&pass(&mut world, &wanted)).state, "Stopping");
}

pub(super) fn source(lsn: &str) -> Wanted {
    asking(&json!([{"id": "skip", "lsn": lsn}]))
}

#[test]
fn the_source_is_set_forward_and_what_is_skipped_is_accepted_first() {
    let mut world = world();
    let wanted = source("0/4800");
    let name = wanted.source_connector();
    let plan = pass(&mut world, &wanted);
    assert_eq!((run(&plan).state.as_str(), declared(&plan, &name)), ("Stopping", RunState::Stopped));
    world.fresh = false;
    let plan = world.plan(&wanted);
    assert_eq!((plan.unsure, plan.set), (true, None), "not by an old look");
    world.fresh = true;
    for _ in 0..2 {
        let plan = pass(&mut world, &wanted);
        assert_eq!(plan.set, Some(Set::Source { connector: name.clone(), lsn: Lsn(0x4800) }));
        assert_eq!(declared(&plan, &name), RunState::Stopped);
        let accepted = plan.memory.accepted.clone().unwrap();
        assert_eq!((accepted.reason.as_str(), accepted.bytes), ("OffsetSet", Some(0x800)));
        assert_eq!((run(&plan).from_lsn.as_deref(), run(&plan).skipped_bytes), (Some("0/4000"), Some(0x800)));
    }
    world.stored = Stored::of(Some(&stored_at(Lsn(0x4800), &Value::Null)));
    assert_eq!(world.stored, Stored::At(Lsn(0x4800)));
    let plan = pass(&mut world, &wanted);
    assert_eq!((run(&plan).state.as_str(), declared(&plan, &name)), ("Resuming", RunState::Running));
    let plan = pass(&mut world, &wanted);
    assert_eq!((run(&plan).state.as_str(), declared(&plan, &name)), ("Done", RunState::Running));
    assert_eq!(plan.guarded.clone().unwrap().gap, None, "the guard agrees");
    assert_eq!((pass(&mut world, &wanted).memory.offsets.len(), plan.verdict.reason), (1, "Streaming"));
}

#[test]
fn a_source_that_is_halted_behind_its_slot_can_be_set_to_what_the_slot_gives() {
    let mut world = world();
    let halted = wanted(|_| {});
    world.stored = Stored::At(Lsn(0x2000));
    assert_eq!(pass(&mut world, &halted).verdict.reason, "SlotAhead");
    let wanted = source("0/4000");
    for _ in 0..3 {
        let plan = pass(&mut world, &wanted);
        if plan.set.is_some() {
            world.stored = Stored::At(Lsn(0x4000));
        }
    }
    let plan = pass(&mut world, &wanted);
    assert_eq!((run(&plan).state.as_str(), run(&plan).skipped_bytes), ("Done", Some(0x2000)));
    assert_eq!(declared(&plan, &wanted.source_connector()), RunState::Running);
}

#[test]
fn what_connect_has_stored_beside_the_position_stays() {
    let stored = json!({
        "lsn": 5, "lsn_proc": 5, "lsn_commit": 4, "messageType": "INSERT", "ts_usec": 9, "txId": 7, "xmin": 3,
        "snapshot": "INCREMENTAL", "snapshot_completed": false, "last_snapshot_record": false,
        "lsn_events_processed": 2, "transaction_id": "7:5",
        "incremental_snapshot_collections": "[{}]", "incremental_snapshot_primary_key": "aced",
        "incremental_snapshot_maximum_key": "acee", "incremental_snapshot_correlation_id": "eu@1",
    });
    let set = json!({
        "lsn": 0x4800, "lsn_proc": 0x4800, "lsn_commit": 0x4800, "messageType": "COMMIT", "ts_usec": 0, "xmin": 3,
        "incremental_snapshot_collections": "[{}]", "incremental_snapshot_primary_key": "aced",
        "incremental_snapshot_maximum_key": "acee", "incremental_snapshot_correlation_id": "eu@1",
    });
    assert_eq!(stored_at(Lsn(0x4800), &stored), set);
}

#[test]
fn what_cannot_be_set_is_refused_with_its_reason_and_nothing_is_stopped() {
    use OffsetReason::{LsnAhead, LsnBehind, NothingStored, TimeAhead};
    let time = json!([{"id": "a", "sink": "warehouse", "time": "2099-01-01T00:00:00Z"}]);
    let lsn = |lsn: &str| json!([{"id": "a", "lsn": lsn}]);
    let stored = Stored::At(Lsn(0x4000));
    for (request, stored, reason, words) in [
        (time, stored, TimeAhead, "in the future"),
        (lsn("0/3FFF"), stored, LsnBehind, "everything was read"),
        (lsn("0/4100"), Stored::At(Lsn(0x4200)), LsnBehind, "everything was read"),
        (lsn("F/0"), stored, LsnAhead, "pg_current_wal_lsn()"),
        (lsn("0/4100"), Stored::Nothing, NothingStored, "first snapshot"),
        (lsn("0/4100"), Stored::Snapshotting, NothingStored, "first snapshot"),
    ] {
        let mut world = world();
        world.stored = stored;
        let wanted = asking(&request);
        for _ in 0..4 {
            let plan = pass(&mut world, &wanted);
            for name in [wanted.source_connector(), wanted.sink_connector(&wanted.sinks[0])] {
                assert_eq!(declared(&plan, &name), RunState::Running, "{request}");
            }
            let run = run(&plan);
            assert_eq!((run.state.as_str(), run.reason), ("Failed", Some(reason)), "{request}");
            assert!(
                run.message.contains(words) && run.message.contains("Nothing was changed"),
                "{}",
                run.message
            );
            assert_eq!((&plan.set, &plan.memory.accepted), (&None, &None));
            assert_eq!(plan.verdict.reason, "Streaming");
            assert!(plan.verdict.message.contains("refused, see status.offsets"), "{}", plan.verdict.message);
        }
    }
}

#[test]
fn a_first_snapshot_is_not_stopped_for_a_request_that_cannot_be_carried_out() {
    let mut world = world();
    // of its last record Connect says a position already
    world.snapshot = crate::cdc::snapshot::Snapshot::Running;
    let wanted = source("0/4800");
    let plan = pass(&mut world, &wanted);
    assert_eq!(run(&plan).reason, Some(OffsetReason::NothingStored));
    assert_eq!(declared(&plan, &wanted.source_connector()), RunState::Running);
}

#[test]
fn a_position_is_ahead_only_of_a_server_that_was_looked_at_now() {
    let mut world = world();
    let wanted = source("0/6000");
    world.fresh = false;
    let plan = world.plan(&wanted);
    assert_eq!((plan.unsure, plan.memory.offsets.len()), (true, 0));
    world.fresh = true;
    world.source_turns(|view| view.position = Lsn(0x7000));
    assert_eq!(run(&pass(&mut world, &wanted)).state, "Stopping");
}

#[test]
fn a_request_that_is_taken_out_lets_its_connector_go_on() {
    let none = wanted(|_| {});
    let wanted = source("0/4800");
    for (passes, words) in [(1, "Nothing was changed"), (2, "may have been set already")] {
        let mut world = world();
        for _ in 0..passes {
            pass(&mut world, &wanted);
        }
        assert_eq!(world.memory.accepted.is_some(), passes == 2);
        let plan = pass(&mut world, &none);
        assert_eq!((run(&plan).reason, &plan.memory.accepted), (Some(OffsetReason::TakenOut), &None));
        assert!(run(&plan).message.contains(words), "{}", run(&plan).message);
        let source = none.source_connector();
        assert_eq!((run(&plan).state.as_str(), declared(&plan, &source)), ("Resuming", RunState::Running));
        let plan = pass(&mut world, &none);
        assert_eq!((run(&plan).state.as_str(), declared(&plan, &source)), ("Failed", RunState::Running));
    }
    // one that Connect had stored already has been carried out
    let mut world = world();
    pass(&mut world, &wanted);
    pass(&mut world, &wanted);
    world.stored = Stored::At(Lsn(0x4800));
    assert_eq!(run(&pass(&mut world, &none)).state, "Resuming");
    let plan = pass(&mut world, &none);
    assert_eq!((run(&plan).state.as_str(), run(&plan).reason), ("Done", None));
    // and one of which nothing can be seen any more ends too
    let mut world = self::world();
    pass(&mut world, &wanted);
    pass(&mut world, &wanted);
    world.connectors.get_mut(&none.source_connector()).unwrap().state = None;
    assert_eq!(run(&pass(&mut world, &none)).reason, Some(OffsetReason::TakenOut));
}
