use std::sync::Arc;

use proptest::prelude::*;
use sluice_crds::cdc_pipeline::Remembered;
use sluice_crds::common::RunState;

use super::world::{World, fine, ordered, prepare, sink, source, wanted};
use crate::cdc::guard::{Facts, Gap, Memory, Stored, judge};
use crate::cdc::{CdcReason, Phase, Plan, Wanted};
use crate::condition::VerdictKind;
use crate::view::Sight;
use crate::view::source::{Identity, Lag, Lsn, Slot, SlotReader, SourceView};

const SLOT: &str = "sluice_prod_shop";

/// A server at 1000 whose slot was read to 500.
fn view(change: impl FnOnce(&mut SourceView)) -> SourceView {
    let mut view = source();
    view.position = Lsn(1000);
    view.identity = Some(Identity { system_identifier: "7".into(), timeline: 1 });
    let slot = Slot {
        plugin: Some("pgoutput".into()),
        database: Some("shop".into()),
        restart_lsn: Some(Lsn(400)),
        confirmed_flush_lsn: Some(Lsn(500)),
        wal_status: Some("reserved".into()),
        ..Default::default()
    };
    view.slots.insert(SLOT.into(), slot);
    change(&mut view);
    view
}

fn slot(view: &mut SourceView) -> &mut Slot {
    view.slots.get_mut(SLOT).unwrap()
}

fn known() -> Memory {
    let remembered = Remembered { system_identifier: Some("7".into()), timeline: Some(1), slot_seen: true };
    Memory { remembered: Some(remembered), ..Default::default() }
}

fn gap(view: &SourceView, stored: Stored, stopped: bool) -> Option<Gap> {
    judge(&Facts { view, slot: SLOT, stored, memory: &known(), stopped }).gap
}

#[test]
fn a_slot_where_it_was_left_is_fine() {
    for stored in [500, 501, 900] {
        assert_eq!(gap(&view(|_| {}), Stored::At(Lsn(stored)), true), None, "{stored}");
    }
    for unknown in [Stored::Unknown, Stored::Nothing, Stored::Snapshotting] {
        assert_eq!(gap(&view(|v| slot(v).confirmed_flush_lsn = Some(Lsn(900))), unknown, true), None);
    }
}

#[test]
fn a_slot_that_was_advanced_is_a_gap_of_so_many_bytes() {
    let gap =
        gap(&view(|v| slot(v).confirmed_flush_lsn = Some(Lsn(900))), Stored::At(Lsn(500)), true).unwrap();
    assert_eq!((gap.reason, gap.bytes(), gap.passable), (CdcReason::SlotAhead, Some(400), true));
    assert!(gap.what.contains("was moved 400 B past the stored offset (0/1F4 to 0/384)"), "{}", gap.what);
}

#[test]
fn a_slot_that_was_made_again_keeps_nothing_from_before() {
    let made_again = |active| {
        view(|v| {
            let slot = slot(v);
            (slot.restart_lsn, slot.confirmed_flush_lsn, slot.active) =
                (Some(Lsn(900)), Some(Lsn(950)), active);
        })
    };
    let found = gap(&made_again(false), Stored::At(Lsn(500)), false).unwrap();
    assert_eq!((found.reason, found.bytes(), found.passable), (CdcReason::SlotAhead, Some(450), false));
    // Debezium would not have begun; it has read on since its offset was asked for
    assert_eq!(gap(&made_again(true), Stored::At(Lsn(500)), false), None);
}

#[test]
fn what_the_reader_itself_confirmed_is_no_gap_after_a_crash() {
    let crashed = |read_to, ended_at| {
        view(|v| {
            slot(v).confirmed_flush_lsn = Some(Lsn(600));
            let lag = Lag { read_to: Some(Lsn(read_to)), ended_at, ..Default::default() };
            v.lags.insert(SLOT.into(), lag);
        })
    };
    let stored = Stored::At(Lsn(500));
    assert_eq!(gap(&crashed(600, None), stored, false), None, "seen while it read");
    assert_eq!(gap(&crashed(550, Some(Lsn(600))), stored, false), None, "seen when it had just gone");
    assert_eq!(
        gap(&crashed(550, Some(Lsn(600))), stored, true).unwrap().reason,
        CdcReason::SlotAhead,
        "who is stopped by order stores all that was delivered"
    );
    assert!(
        gap(&crashed(550, Some(Lsn(590))), stored, false).is_some(),
        "it moved after its reader had gone"
    );
    let mut reading = crashed(550, None);
    slot(&mut reading).active = true;
    assert_eq!(gap(&reading, stored, false), None, "a slot in use cannot be moved by others");
    slot(&mut reading).reader = Some(SlotReader { application: Some("psql".into()), replied: None });
    let told = gap(&reading, stored, false).unwrap();
    assert_eq!(told.reason, CdcReason::SlotAhead, "what another has read is not in Kafka");
}

#[test]
fn a_slot_whose_making_was_cut_short_was_never_there() {
    let reason = |seen: &SourceView| {
        let mut memory = Memory::default();
        memory.remember(seen, SLOT);
        let gone = view(|v| v.slots.clear());
        let facts =
            Facts { view: &gone, slot: SLOT, stored: Stored::Nothing, memory: &memory, stopped: false };
        judge(&facts).gap.map(|gap| gap.reason)
    };
    // the snapshot that begins again makes it anew
    assert_eq!(reason(&view(|v| slot(v).confirmed_flush_lsn = None)), None);
    assert_eq!(reason(&view(|_| {})), Some(CdcReason::SlotMissing));
}

#[test]
fn rows_that_are_read_before_the_slot_is_made_are_a_gap() {
    let making = view(|v| slot(v).confirmed_flush_lsn = None);
    let of = |memory: &Memory, stored| {
        judge(&Facts { view: &making, slot: SLOT, stored, memory, stopped: false }).gap.map(|gap| gap.reason)
    };
    let first = Memory::default();
    assert_eq!(of(&first, Stored::At(Lsn(500))), Some(CdcReason::SlotAhead));
    assert_eq!(of(&first, Stored::Snapshotting), Some(CdcReason::SlotAhead));
    assert_eq!(of(&first, Stored::Nothing), None, "Debezium makes it, and reads after that");
    assert_eq!(of(&known(), Stored::Snapshotting), None, "the slot went, and the snapshot begins again");
    assert_eq!(of(&known(), Stored::At(Lsn(500))), Some(CdcReason::SlotAhead));
}

#[test]
fn each_other_gap_has_its_reason() {
    let stored = Stored::At(Lsn(500));
    let reason = |view: &SourceView, stored| gap(view, stored, true).map(|gap| gap.reason);
    assert_eq!(reason(&view(|v| v.slots.clear()), stored), Some(CdcReason::SlotMissing));
    assert_eq!(reason(&view(|v| v.slots.clear()), Stored::Nothing), Some(CdcReason::SlotMissing));
    assert_eq!(reason(&view(|v| v.slots.clear()), Stored::Snapshotting), None, "it begins again anyway");
    assert_eq!(reason(&view(|v| v.slots.clear()), Stored::Unknown), None, "Connect is asked first");
    let lost = |v: &mut SourceView| slot(v).wal_status = Some("lost".into());
    assert_eq!(reason(&view(lost), stored), Some(CdcReason::SlotLost));
    assert_eq!(reason(&view(|v| v.position = Lsn(450)), stored), Some(CdcReason::ServerWentBack));
    let other = |v: &mut SourceView| v.identity.as_mut().unwrap().system_identifier = "8".into();
    assert_eq!(reason(&view(other), stored), Some(CdcReason::OtherServer));
    assert_eq!(reason(&view(|_| {}), Stored::Unreadable), Some(CdcReason::OffsetUnreadable));
    let failed_over = |v: &mut SourceView| {
        v.slots.clear();
        v.identity.as_mut().unwrap().timeline = 2;
    };
    let gap = gap(&view(failed_over), stored, true).unwrap();
    assert!(gap.what.contains("has failed over"), "{}", gap.what);
}

#[test]
fn without_the_right_to_ask_who_the_server_is_the_rest_is_compared() {
    let blind = view(|v| {
        v.identity = None;
        slot(v).confirmed_flush_lsn = Some(Lsn(900));
    });
    assert_eq!(gap(&blind, Stored::At(Lsn(500)), true).unwrap().reason, CdcReason::SlotAhead);
}

/// A pipeline that streams, and its source as it is now.
fn streaming(wanted: &Wanted, mut source: SourceView) -> World {
    prepare(&mut source, wanted);
    let mut target = sink();
    for (name, table) in &source.tables {
        target.tables.insert(name.name.clone(), table.clone());
    }
    let mut world = World::new(source, target);
    let compiled = world.compiled(wanted).unwrap();
    for topic in &compiled.topics {
        world.topics.insert(topic.metadata.name.clone().unwrap(), fine());
    }
    for connector in compiled.connectors() {
        world.connectors.insert(connector.metadata.name.clone().unwrap(), ordered(RunState::Running));
    }
    (world.memory, world.stored) = (known(), Stored::At(Lsn(500)));
    world.snapshot = crate::cdc::snapshot::Snapshot::Completed;
    world
}

fn advanced(v: &mut SourceView) {
    slot(v).confirmed_flush_lsn = Some(Lsn(900));
}

fn state_of_source(plan: &Plan) -> Option<RunState> {
    let source = plan.connectors.iter().find(|c| c.metadata.name.as_deref() == Some("shop-source"));
    source.map(|connector| connector.spec.state)
}

#[test]
fn a_gap_stops_the_source_and_says_how_many_bytes_and_what_helps() {
    let wanted = wanted(|_| {});
    let mut world = streaming(&wanted, view(advanced));
    world.fresh = false;
    assert!(world.plan(&wanted).unsure, "a gap is believed when the slot was looked at after the offset");
    world.fresh = true;
    let plan = world.plan(&wanted);
    assert!(!plan.unsure);
    assert_eq!(
        (plan.phase, plan.verdict.kind, plan.verdict.reason),
        (Phase::Halted, VerdictKind::Stalled, "SlotAhead")
    );
    assert_eq!((plan.connectors.len(), state_of_source(&plan)), (1, Some(RunState::Stopped)), "sinks go on");
    for said in ["400 B", "spec.snapshots", "onGap: Resnapshot", "onGap: Continue"] {
        assert!(plan.verdict.message.contains(said), "{}", plan.verdict.message);
    }
    let mut stopped = super::world::wanted(|spec| spec["state"] = "Stopped".into());
    stopped.tables.clone_from(&wanted.tables);
    assert_eq!(world.plan(&stopped).connectors.len(), 2, "stopping is always possible");
    let paused = super::world::wanted(|spec| spec["paused"] = true.into());
    let plan = world.plan(&paused);
    assert!(plan.connectors.is_empty() && plan.verdict.message.contains("400 B"), "{}", plan.verdict.message);
}

/// Carries plans out until they rest; the states that the source was ordered, and what was done between.
fn play(world: &mut World, wanted: &Wanted) -> (Vec<&'static str>, Plan) {
    let mut done = Vec::new();
    for _ in 0..12 {
        let plan = world.plan(wanted);
        let before = world.connectors["shop-source"].declared;
        world.memory = plan.memory.clone();
        let mut changed = false;
        if let Some(state) = state_of_source(&plan).filter(|state| *state != before) {
            world.connectors.insert("shop-source".into(), ordered(state));
            done.push(if state == RunState::Running { "begin" } else { "stop" });
            changed = true;
        }
        if plan.forget {
            assert_eq!(before, RunState::Stopped, "Connect forgets only what is stopped");
            world.stored = Stored::Nothing;
            done.push("forget");
            changed = true;
        }
        if plan.work.iter().any(|work| work.doing.contains("drop the slot")) {
            assert_eq!(world.stored, Stored::Nothing, "an offset without its slot would be a gap");
            let mut view = SourceView::clone(world.source.current().unwrap());
            view.slots.clear();
            world.source = Sight::Clear(Arc::new(view));
            done.push("drop");
            changed = true;
        }
        if !changed {
            return (done, plan);
        }
    }
    panic!("no rest: {done:?}");
}

const ANEW: [&str; 4] = ["stop", "forget", "drop", "begin"];

#[test]
fn a_request_heals_a_halt_once_and_only_once() {
    let halted = wanted(|_| {});
    let mut world = streaming(&halted, view(advanced));
    let told = world.plan(&halted).verdict.message;
    assert!(told.contains("The source connector is being stopped"), "{told}");
    let (done, plan) = play(&mut world, &halted);
    assert_eq!(done, ["stop"]);
    assert!(plan.verdict.message.contains("The source connector is stopped"), "{}", plan.verdict.message);
    let asked = wanted(|spec| spec["snapshots"] = serde_json::json!([{"id": "a"}]));
    assert_eq!(play(&mut world, &asked).0, ["forget", "drop", "begin"]);
    assert_eq!(world.memory.runs.iter().map(|run| run.id.as_str()).collect::<Vec<_>>(), ["a"]);
    world.source =
        Sight::Clear(Arc::new(streaming(&asked, view(|_| {})).source.current().unwrap().as_ref().clone()));
    world.stored = Stored::At(Lsn(500));
    for _ in 0..10 {
        assert!(play(&mut world, &asked).0.is_empty(), "the same id again does nothing");
    }
    let more = wanted(|spec| spec["snapshots"] = serde_json::json!([{"id": "a"}, {"id": "b"}]));
    assert_eq!(play(&mut world, &more).0, ANEW, "another id reads all again, also where nothing is wrong");
}

#[test]
fn the_policy_decides_what_a_gap_does() {
    let on_gap = |policy: &str| wanted(|spec| spec["source"]["onGap"] = policy.into());
    let resnapshot = on_gap("Resnapshot");
    let missing = |v: &mut SourceView| v.slots.clear();
    assert_eq!(play(&mut streaming(&resnapshot, view(advanced)), &resnapshot).0, ANEW);
    assert_eq!(play(&mut streaming(&resnapshot, view(missing)), &resnapshot).0, ["stop", "forget", "begin"]);
    let go_on = on_gap("Continue");
    let mut world = streaming(&go_on, view(advanced));
    let (done, plan) = play(&mut world, &go_on);
    assert_eq!((done.len(), plan.phase), (0, Phase::Streaming));
    let accepted = world.memory.accepted.unwrap();
    assert_eq!((accepted.reason.as_str(), accepted.to_lsn.as_deref()), ("SlotAhead", Some("0/384")));
    let (done, plan) = play(&mut streaming(&go_on, view(missing)), &go_on);
    assert_eq!(
        (done, plan.phase),
        (vec!["stop"], Phase::Halted),
        "a slot that is gone comes back only with all rows"
    );
    assert!(plan.verdict.message.contains("Continue cannot go over"), "{}", plan.verdict.message);
}

#[test]
fn the_source_does_not_begin_before_offset_and_slot_were_compared() {
    let wanted = wanted(|_| {});
    let mut world = streaming(&wanted, view(|_| {}));
    // F11: a pipeline of the same name was here before
    world.connectors.clear();
    (world.memory, world.stored) = (Memory::default(), Stored::Unknown);
    let plan = world.plan(&wanted);
    assert_eq!((state_of_source(&plan), plan.verdict.reason), (Some(RunState::Stopped), "Starting"));
    world.connectors.insert("shop-source".into(), ordered(RunState::Stopped));
    let plan = world.plan(&wanted);
    assert_eq!(state_of_source(&plan), Some(RunState::Stopped), "Connect has not said what is stored");
    world.stored = Stored::At(Lsn(100));
    assert_eq!(world.plan(&wanted).verdict.reason, "SlotAhead");
    world.stored = Stored::At(Lsn(500));
    world.fresh = false;
    let plan = world.plan(&wanted);
    assert!(plan.unsure && state_of_source(&plan) == Some(RunState::Running));
    world.fresh = true;
    let plan = world.plan(&wanted);
    assert!(!plan.unsure && plan.memory.remembered == known().remembered);
    // nor while nothing can be compared
    world.source = world.source.failed(jiff::Timestamp::UNIX_EPOCH, "away".into());
    assert_eq!(state_of_source(&world.plan(&wanted)), Some(RunState::Stopped));
}

#[test]
fn a_request_of_a_new_pipeline_is_answered_by_its_first_start() {
    let asked = wanted(|spec| spec["snapshots"] = serde_json::json!([{"id": "a"}]));
    let mut world = streaming(&asked, view(|v| v.slots.clear()));
    world.connectors.clear();
    (world.memory, world.stored) = (Memory::default(), Stored::Unknown);
    let plan = world.plan(&asked);
    assert_eq!(state_of_source(&plan), Some(RunState::Running));
    assert_eq!(plan.memory.runs.len(), 1);
}

proptest! {
    /// Whatever is stored and wherever the slot is: the source is only ever let begin where nothing lies between the two.
    #[test]
    fn the_source_never_begins_over_a_gap(
        stored in 1u64..2000, confirmed in 1u64..2000, behind in 0u64..500, position in 1u64..2000,
        read_to in proptest::option::of(1u64..2000), active in any::<bool>(), state in 0u8..3,
    ) {
        let wanted = wanted(|_| {});
        let mut world = streaming(&wanted, view(|v| {
            v.position = Lsn(position);
            let lag = Lag { read_to: read_to.map(Lsn), ..Default::default() };
            v.lags.insert(SLOT.into(), lag);
            let slot = slot(v);
            slot.confirmed_flush_lsn = Some(Lsn(confirmed));
            slot.restart_lsn = Some(Lsn(confirmed.saturating_sub(behind)));
            slot.active = active;
        }));
        let before = [RunState::Running, RunState::Paused, RunState::Stopped][usize::from(state)];
        world.connectors.insert("shop-source".into(), ordered(before));
        world.stored = Stored::At(Lsn(stored));
        let plan = world.plan(&wanted);
        if before != RunState::Running && state_of_source(&plan) == Some(RunState::Running) && !active {
            prop_assert!(confirmed <= stored.max(read_to.unwrap_or(0)), "{plan:?}");
            prop_assert!(position >= stored);
        }
    }
}
