use std::sync::Arc;

use jiff::Timestamp;
use proptest::prelude::*;
use sluice_crds::Connector;

use super::world::{World, child, fine, ordered, prepare, sink, source, wanted};
use crate::cdc::offsets::Resume;
use crate::cdc::snapshot::Snapshot;
use crate::cdc::{self, Child, Phase, Plan, Wanted};
use crate::condition::VerdictKind;
use crate::referent::Referent;
use crate::view::Sight;
use crate::view::source::{SinkView, SourceView, Trouble};

pub fn nothing_is_made(plan: &Plan) -> bool {
    plan.work.is_empty() && plan.topics.is_empty() && plan.connectors.is_empty() && plan.removals.is_empty()
}

/// What a database is after the plan's work.
pub fn carry_out(world: &mut World, wanted: &Wanted, plan: &Plan) {
    resume(world, plan);
    if !plan.work.is_empty() {
        let mut view = SourceView::clone(world.source.current().unwrap());
        if plan.work.iter().any(|work| work.sink.is_none()) {
            prepare(&mut view, wanted);
        }
        if plan.work.iter().any(|work| work.sink.is_some()) {
            let mut target = SinkView::clone(world.sink.current().unwrap());
            for (name, table) in &view.tables {
                target.tables.insert(name.name.clone(), table.clone());
            }
            world.sink = Sight::Clear(Arc::new(target));
        }
        world.source = Sight::Clear(Arc::new(view));
    }
    for topic in &plan.topics {
        world.topics.insert(topic.metadata.name.clone().unwrap(), fine());
    }
    for connector in &plan.connectors {
        world.connectors.insert(connector.metadata.name.clone().unwrap(), captured(connector));
    }
    world.memory = plan.memory.clone();
    for removal in &plan.removals {
        world.topics.remove(&removal.name);
        world.connectors.remove(&removal.name);
    }
}

/// What is done first, whatever is refused after it.
pub fn resume(world: &mut World, plan: &Plan) {
    if let Some(Resume { connector, state }) = &plan.resume {
        let known = world.connectors.get_mut(connector).unwrap();
        *known = Child { captures: known.captures.clone(), ..ordered(*state) };
    }
}

/// What is seen of a Connector that was applied.
fn captured(connector: &Connector) -> Child {
    Child { captures: Child::connector(connector, "").captures, ..ordered(connector.spec.state) }
}

pub fn streaming(wanted: &Wanted) -> World {
    let mut world = World::new(source(), sink());
    for _ in 0..5 {
        let plan = world.plan(wanted);
        carry_out(&mut world, wanted, &plan);
    }
    world.snapshot = Snapshot::Completed;
    world
}

#[test]
fn a_failing_preflight_creates_nothing_and_heals_by_itself() {
    let wanted = wanted(|_| {});
    let mut broken = source();
    broken.server.wal_level = "replica".into();
    broken.role.replication = false;
    let plan = World::new(broken, sink()).plan(&wanted);
    assert!(nothing_is_made(&plan));
    assert_eq!(
        (plan.phase, plan.verdict.kind, plan.verdict.reason),
        (Phase::Preflight, VerdictKind::Stalled, "PreflightFailed")
    );
    let message = plan.verdict.message;
    assert!(
        message.contains("ALTER SYSTEM SET wal_level") && message.contains("ALTER ROLE sluice REPLICATION"),
        "{message}"
    );
    assert_eq!(plan.checks.unwrap().len(), 2);
    assert!(!World::new(source(), sink()).plan(&wanted).work.is_empty());
}

#[test]
fn the_order_is_database_then_topics_then_connectors() {
    let wanted = wanted(|_| {});
    let mut world = World::new(source(), sink());
    let first = world.plan(&wanted);
    let doing: Vec<_> = first.work.iter().map(|work| work.doing.as_str()).collect();
    assert_eq!(
        doing,
        [
            "create the heartbeat table sluice.heartbeat",
            "create the publication sluice_prod_shop",
            "create tables in sink warehouse",
        ]
    );
    assert!(first.connectors.is_empty() && first.phase == Phase::Preparing);
    carry_out(&mut world, &wanted, &first);
    world
        .topics
        .insert("shop-public-orders".into(), child(VerdictKind::Reconciling, "Creating", "on its way"));
    let second = world.plan(&wanted);
    assert!(second.work.is_empty() && second.connectors.is_empty());
    assert!(
        second.verdict.message.contains("shop-public-orders (Creating): on its way"),
        "{}",
        second.verdict.message
    );
    world.topics.insert("shop-public-orders".into(), fine());
    let third = world.plan(&wanted);
    assert_eq!((third.connectors.len(), third.verdict.reason), (2, "Starting"));
    carry_out(&mut world, &wanted, &third);
    let fourth = world.plan(&wanted);
    assert_eq!((fourth.phase, fourth.verdict.reason), (Phase::Snapshot, "Snapshotting"));
    world.snapshot = Snapshot::Completed;
    let last = world.plan(&wanted);
    assert_eq!((last.phase, last.verdict.kind), (Phase::Streaming, VerdictKind::Ready));
    assert_eq!(last.verdict.message, "Changes of 2 tables to 1 sink stream");
}

#[test]
fn the_first_child_in_trouble_is_named_with_its_words() {
    let wanted = wanted(|_| {});
    let mut world = streaming(&wanted);
    let words = "PSQLException: ERROR: value too long";
    world.connectors.insert("shop-warehouse".into(), child(VerdictKind::Stalled, "TaskFailed", words));
    let plan = world.plan(&wanted);
    assert_eq!((plan.phase, plan.verdict.reason), (Phase::Failed, "SinkNotReady"));
    assert!(
        plan.verdict.message.contains("Connector shop-warehouse (TaskFailed): PSQLException"),
        "{}",
        plan.verdict.message
    );
    world
        .topics
        .insert("shop-public-orders".into(), child(VerdictKind::Stalled, "NotEnoughBrokers", "3 of 1"));
    assert_eq!(world.plan(&wanted).verdict.reason, "TopicNotReady");
}

#[test]
fn a_source_that_is_away_is_unknown_and_what_runs_stays_as_declared() {
    let wanted = wanted(|_| {});
    let mut world = streaming(&wanted);
    world.source = world.source.failed(Timestamp::UNIX_EPOCH, "connection refused".into());
    world.source_trouble = Some(Trouble::Unreachable);
    let plan = world.plan(&wanted);
    assert_eq!(
        (plan.phase, plan.verdict.kind, plan.verdict.reason),
        (Phase::Unknown, VerdictKind::Unknown, "SourceUnreachable")
    );
    assert!(plan.verdict.message.contains("since 1970-01-01T00:00:00Z"), "{}", plan.verdict.message);
    assert_eq!((plan.connectors.len(), plan.checks, plan.work.len()), (2, None, 0));
    world.source_trouble = Some(Trouble::PasswordRefused);
    assert_eq!(world.plan(&wanted).verdict.reason, "SourceDenied");
    let mut fresh = World::new(source(), sink());
    fresh.source = Sight::Never { since: Timestamp::UNIX_EPOCH, error: Some("no".into()) };
    assert!(nothing_is_made(&fresh.plan(&wanted)), "and nothing is begun blindly");
}

#[test]
fn a_pipeline_does_not_start_towards_a_sink_it_cannot_see() {
    let wanted = wanted(|_| {});
    let mut world = World::new(source(), sink());
    world.sink = Sight::Never { since: Timestamp::UNIX_EPOCH, error: Some("connection refused".into()) };
    let plan = world.plan(&wanted);
    assert!(nothing_is_made(&plan));
    assert_eq!(plan.verdict.reason, "SinkUnreachable");
}

#[test]
fn a_new_table_without_a_key_does_not_reach_the_running_pipelines_publication() {
    let before = wanted(|_| {});
    let mut world = streaming(&before);
    let mut view = SourceView::clone(world.source.current().unwrap());
    let table = super::world::table(&[("a", "integer")], &[]);
    view.tables.insert("public.log".parse().unwrap(), table);
    world.source = Sight::Clear(Arc::new(view));
    let more = wanted(|spec| spec["tables"].as_array_mut().unwrap().push("public.log".into()));
    let plan = world.plan(&more);
    assert!(nothing_is_made(&plan));
    assert_eq!((plan.phase, plan.verdict.reason), (Phase::Streaming, "PreflightFailed"));
    assert!(plan.verdict.message.ends_with("What runs goes on as it was"), "{}", plan.verdict.message);
    let stop = wanted(|spec| {
        spec["tables"].as_array_mut().unwrap().push("public.log".into());
        spec["state"] = "Stopped".into();
    });
    assert_eq!(world.plan(&stop).connectors.len(), 2, "stopping is always possible");
}

#[test]
fn a_table_that_is_added_or_removed_changes_publication_topics_and_connectors_in_order() {
    let both = wanted(|_| {});
    let mut world = streaming(&both);
    let fewer = wanted(|spec| drop(spec["tables"].as_array_mut().unwrap().pop()));
    let first = world.plan(&fewer);
    assert_eq!(
        first.work[0].statements,
        ["ALTER PUBLICATION sluice_prod_shop SET TABLE public.orders, sluice.heartbeat"]
    );
    carry_out(&mut world, &fewer, &first);
    let second = world.plan(&fewer);
    assert_eq!(second.removals.len(), 1);
    assert!(second.removals[0].name.starts_with("shop-public-order-items-"));
    carry_out(&mut world, &fewer, &second);
    assert_eq!(world.plan(&fewer).verdict.reason, "Streaming");
    let again = world.plan(&both);
    assert!(again.work[0].statements[0].contains("public.order_items") && again.connectors.is_empty());
}

#[test]
fn names_of_others_are_left_alone() {
    let wanted = wanted(|_| {});
    let mut world = World::new(source(), sink());
    world.topics.insert("shop-public-orders".into(), crate::cdc::Child { owned: false, ..fine() });
    let plan = world.plan(&wanted);
    assert!(nothing_is_made(&plan));
    assert_eq!(plan.verdict.reason, "NameTaken");
}

#[test]
fn without_a_connect_cluster_nothing_is_made() {
    let mut world = World::new(source(), sink());
    (world.cluster, world.connect) = (None, Referent::Missing);
    let plan = world.plan(&wanted(|_| {}));
    assert!(nothing_is_made(&plan));
    assert_eq!(plan.verdict.reason, "ConnectMissing");
    world.connect = Referent::Unparsable;
    let plan = world.plan(&wanted(|_| {}));
    assert!(nothing_is_made(&plan));
    assert_eq!((plan.verdict.kind, plan.verdict.reason), (VerdictKind::Unknown, "ConnectUnparsable"));
}

#[test]
fn paused_is_seen_and_not_touched_and_a_paused_state_is_as_declared() {
    let plan = World::new(source(), sink()).plan(&wanted(|spec| spec["paused"] = true.into()));
    assert!(nothing_is_made(&plan));
    assert_eq!(plan.verdict.reason, "Paused");
    let resting = wanted(|spec| spec["state"] = "Paused".into());
    let plan = streaming(&resting).plan(&resting);
    assert_eq!(
        (plan.phase, plan.verdict.kind, plan.verdict.reason),
        (Phase::Paused, VerdictKind::Ready, "PipelinePaused")
    );
}

#[test]
fn a_state_holds_once_connectors_say_that_they_are_in_it_and_not_when_it_was_ordered() {
    let running = wanted(|_| {});
    let mut world = streaming(&running);
    for (state, doing, reason) in
        [("Stopped", "stopped", "PipelineStopped"), ("Paused", "paused", "PipelinePaused")]
    {
        let ordered = wanted(|spec| spec["state"] = state.into());
        // until now they are as they were, and say that they are well
        let plan = world.plan(&ordered);
        assert_eq!(
            (plan.verdict.kind, plan.verdict.reason),
            (VerdictKind::Reconciling, "Starting"),
            "{state}"
        );
        assert!(plan.verdict.message.contains(&format!("is being {doing}")), "{}", plan.verdict.message);
        carry_out(&mut world, &ordered, &plan);
        let plan = world.plan(&ordered);
        assert_eq!((plan.verdict.kind, plan.verdict.reason), (VerdictKind::Ready, reason), "{state}");
    }
}

#[test]
fn at_rest_status_does_not_move_with_the_figures() {
    use crate::cdc::{Gauges, SinkGauge, settled, status};
    use crate::view::source::Lag;
    let wanted = wanted(|_| {});
    let pipeline = super::world::pipeline(&super::world::spec());
    let plan = streaming(&wanted).plan(&wanted);
    let at = |bytes, seconds, records| {
        let lag = Some(Lag { bytes, seconds, retained: bytes, ..Default::default() });
        let sinks = vec![SinkGauge {
            lag_records: Some(records),
            oldest: Some(-95_000),
            dead_letters: Some(0),
            ..Default::default()
        }];
        status(&pipeline, &wanted, &plan, &Gauges { lag, sinks, ..Default::default() }, Timestamp::UNIX_EPOCH)
    };
    assert_eq!(at(100, 3, 0), at(90_000, 24, 0), "a heartbeat on its way is no lag");
    let (calm, busy) = (at(0, 0, 0), at(9 << 20, 80, 5));
    assert_eq!(settled(&calm, busy.clone(), false), calm, "figures wait for their turn");
    assert_eq!(settled(&calm, busy.clone(), true), busy);
    let mut phase = busy.clone();
    phase.phase = Some("Failed".into());
    assert_eq!(settled(&calm, phase.clone(), false), phase, "anything else does not");
    assert_eq!(busy.sinks[0].lag_seconds, Some(90), "of the change, though the topics are only 80 s behind");
    assert_eq!(busy.summary.unwrap().lag, "9.0 MiB, 90 s");
}

proptest! {
    /// From any half-made state, carrying plans out ends in a few passes, connectors never come before the publication and all
    /// topics, and a plan that has nothing left to change stays.
    #[test]
    fn plans_carried_out_end_streaming(
        made in 0u8..8, topics in 0usize..5, connectors in 0usize..3, blind in any::<bool>(),
    ) {
        let wanted = wanted(|_| {});
        let mut world = World::new(source(), sink());
        let full = cdc::compile(&wanted, "kafka");
        if made > 4 {
            let plan = world.plan(&wanted);
            carry_out(&mut world, &wanted, &Plan { topics: vec![], ..plan });
        }
        for topic in full.topics.iter().take(topics) {
            world.topics.insert(topic.metadata.name.clone().unwrap(), fine());
        }
        for connector in full.connectors().take(connectors) {
            world.connectors.insert(connector.metadata.name.clone().unwrap(), fine());
        }
        if blind {
            let seen = world.source.clone();
            world.source = seen.failed(Timestamp::UNIX_EPOCH, "away".into());
            let plan = world.plan(&wanted);
            prop_assert!(plan.work.is_empty());
            carry_out(&mut world, &wanted, &plan);
            world.source = seen;
        }
        world.snapshot = Snapshot::Completed;
        for pass in 0..6 {
            let plan = world.plan(&wanted);
            if !plan.connectors.is_empty() {
                prop_assert!(full.topics.iter().all(|t| world.topics.contains_key(t.metadata.name.as_ref().unwrap())));
                let source = world.source.current().unwrap();
                prop_assert!(source.publications.contains_key(&wanted.source.publication));
            }
            if plan.verdict.reason == "Streaming" {
                prop_assert!(pass < 6 && plan.work.is_empty() && plan.removals.is_empty());
                return Ok(());
            }
            carry_out(&mut world, &wanted, &plan);
        }
        prop_assert!(false, "not streaming after six passes");
    }
}
