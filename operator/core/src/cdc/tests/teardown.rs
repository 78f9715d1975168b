use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use sluice_crds::common::{DeletionPolicy, RunState};
use sluice_crds::{Connector, Topic};

use super::world::{fine, source, wanted};
use crate::cdc::{self, Child, ChildKind, Look, Teardown, TeardownSeen, Wanted, teardown};
use crate::condition::VerdictKind;
use crate::referent::Referent;
use crate::view::Sight;
use crate::view::source::{Publication, Slot, SourceView, Trouble};

struct World {
    connect: Referent,
    connectors: BTreeMap<String, (Connector, Child)>,
    topics: BTreeMap<String, (Topic, Child)>,
    source: Sight<SourceView>,
    trouble: Option<Trouble>,
    started: bool,
    namespace_going: bool,
    refused: bool,
    /// Seconds since the deletion.
    now: i64,
}

fn deleting(policy: &str) -> Wanted {
    wanted(|spec| spec["deletionPolicy"] = policy.into())
}

fn full(wanted: &Wanted) -> World {
    let compiled = cdc::compile(wanted, "kafka");
    let mut view = source();
    let slot = Slot { plugin: Some("pgoutput".into()), database: Some("shop".into()), ..Default::default() };
    view.slots.insert(wanted.source.slot.clone(), slot);
    let publication = Publication { comment: Some(wanted.comment()), owned: true, ..Default::default() };
    view.publications.insert(wanted.source.publication.clone(), publication);
    let named = |name: &Option<String>| name.clone().unwrap();
    World {
        connect: Referent::There,
        connectors: compiled.connectors().map(|c| (named(&c.metadata.name), (c.clone(), fine()))).collect(),
        topics: compiled.topics.iter().map(|t| (named(&t.metadata.name), (t.clone(), fine()))).collect(),
        source: Sight::Clear(Arc::new(view)),
        trouble: None,
        started: true,
        namespace_going: false,
        refused: false,
        now: 0,
    }
}

impl World {
    fn next(&self, wanted: &Wanted) -> Teardown {
        teardown(
            wanted,
            &TeardownSeen {
                connect: self.connect,
                connectors: &self.connectors,
                topics: &self.topics,
                source: Look { sight: &self.source, trouble: self.trouble },
                started: self.started,
                namespace_going: self.namespace_going,
                refused: self.refused,
                since: Timestamp::UNIX_EPOCH,
                now: Timestamp::from_second(self.now).unwrap(),
            },
        )
    }

    /// What the world is after the step.
    fn carry_out(&mut self, step: &Teardown) {
        let mut view = self.source.current().map(|view| SourceView::clone(view)).unwrap_or_default();
        match step {
            Teardown::Stop(connectors) => {
                for name in connectors {
                    self.connectors.get_mut(name).unwrap().0.spec.state = RunState::Stopped;
                }
            }
            Teardown::Forget(removals, _) | Teardown::Remove(removals) | Teardown::Abandon(removals, _) => {
                for removal in removals {
                    match removal.kind {
                        ChildKind::Connector => drop(self.connectors.remove(&removal.name)),
                        ChildKind::Topic => drop(self.topics.remove(&removal.name)),
                    }
                }
            }
            Teardown::Clean(work) if work.doing.contains("slot") => view.slots.clear(),
            Teardown::Clean(_) => view.publications.clear(),
            Teardown::Keep(topics) => {
                for name in topics {
                    self.topics.get_mut(name).unwrap().0.spec.deletion_policy = DeletionPolicy::Retain;
                }
            }
            Teardown::Wait(_) | Teardown::Release | Teardown::Leave(_) => {}
        }
        if self.source.current().is_some() {
            self.source = Sight::Clear(Arc::new(view));
        }
    }
}

fn name(step: &Teardown) -> &'static str {
    match step {
        Teardown::Stop(_) => "stop",
        Teardown::Forget(..) => "forget",
        Teardown::Remove(removals) if removals[0].kind == ChildKind::Connector => "remove connectors",
        Teardown::Remove(_) => "remove topics",
        Teardown::Clean(work) if work.doing.contains("slot") => "drop slot",
        Teardown::Clean(_) => "drop publication",
        Teardown::Keep(_) => "keep topics",
        Teardown::Wait(_) => "wait",
        Teardown::Abandon(..) => "abandon",
        Teardown::Release => "release",
        Teardown::Leave(_) => "leave",
    }
}

fn all(wanted: &Wanted, mut world: World) -> Vec<&'static str> {
    let mut steps = Vec::new();
    while !steps.last().is_some_and(|last| ["release", "wait", "leave"].contains(last)) {
        let step = world.next(wanted);
        steps.push(name(&step));
        world.carry_out(&step);
    }
    steps
}

#[test]
fn delete_takes_everything_and_readers_go_before_what_they_read() {
    let wanted = deleting("Delete");
    let steps = all(&wanted, full(&wanted));
    assert_eq!(steps, ["stop", "forget", "drop slot", "drop publication", "remove topics", "release"]);
}

#[test]
fn retain_needs_neither_database_nor_connect() {
    let wanted = deleting("Retain");
    let mut world = full(&wanted);
    world.connect = Referent::Missing;
    world.source = Sight::Never { since: Timestamp::UNIX_EPOCH, error: Some("gone".into()) };
    assert_eq!(all(&wanted, world), ["release"], "the rest is Kubernetes' garbage collection");
    let mut changed = full(&deleting("Delete"));
    changed.source = Sight::Never { since: Timestamp::UNIX_EPOCH, error: Some("gone".into()) };
    assert_eq!(
        all(&wanted, changed),
        ["keep topics", "release"],
        "whoever changes to Retain means the topics too"
    );
}

#[test]
fn a_database_that_is_away_is_waited_for_and_the_way_out_is_told() {
    let wanted = deleting("Delete");
    let mut world = full(&wanted);
    world.source = world.source.failed(Timestamp::UNIX_EPOCH, "connection refused".into());
    assert_eq!(all(&wanted, full(&wanted)).len(), 6);
    world.connectors.clear();
    let Teardown::Wait(verdict) = world.next(&wanted) else { panic!("not waiting") };
    assert_eq!((verdict.kind, verdict.reason), (VerdictKind::Unknown, "DeletionBlocked"));
    for said in ["connection refused", "deletionPolicy: Retain", "pg_drop_replication_slot"] {
        assert!(verdict.message.contains(said), "{}", verdict.message);
    }
}

#[test]
fn a_connect_cluster_that_does_not_parse_is_waited_for_and_the_way_out_is_told() {
    let wanted = deleting("Delete");
    let mut world = full(&wanted);
    world.connect = Referent::Unparsable;
    let Teardown::Wait(verdict) = world.next(&wanted) else { panic!("offsets would stay behind") };
    assert_eq!((verdict.kind, verdict.reason), (VerdictKind::Unknown, "ConnectUnparsable"));
    assert!(verdict.message.contains("deletionPolicy: Retain"), "{}", verdict.message);
}

#[test]
fn a_slot_in_use_is_not_dropped_and_a_foreign_one_is_left() {
    let wanted = deleting("Delete");
    let mut world = full(&wanted);
    world.connectors.clear();
    let change = |world: &World, change: fn(&mut Slot)| {
        let mut view = SourceView::clone(world.source.current().unwrap());
        change(view.slots.get_mut(&wanted.source.slot).unwrap());
        Sight::Clear(Arc::new(view))
    };
    let free = world.source.clone();
    world.source = change(&world, |slot| slot.active = true);
    let Teardown::Wait(verdict) = world.next(&wanted) else { panic!("not waiting") };
    assert!(verdict.message.contains("wal_sender_timeout"), "{}", verdict.message);
    world.source = free;
    world.source = change(&world, |slot| slot.database = Some("other".into()));
    assert_eq!(all(&wanted, world), ["drop publication", "remove topics", "release"]);
}

#[test]
fn a_publication_that_somebody_else_made_stays() {
    let wanted = deleting("Delete");
    let mut world = full(&wanted);
    let mut view = SourceView::clone(world.source.current().unwrap());
    view.publications.get_mut(&wanted.source.publication).unwrap().comment = None;
    world.source = Sight::Clear(Arc::new(view));
    assert_eq!(all(&wanted, world), ["stop", "forget", "drop slot", "remove topics", "release"]);
}

#[test]
fn what_is_going_is_waited_for_by_name() {
    let wanted = deleting("Delete");
    let mut world = full(&wanted);
    for (_, child) in world.connectors.values_mut() {
        child.deleting = true;
    }
    let Teardown::Wait(verdict) = world.next(&wanted) else { panic!("not waiting") };
    assert!(verdict.message.contains("shop-source, shop-warehouse"), "{}", verdict.message);
}

#[test]
fn offsets_that_nobody_can_forget_are_told_of() {
    let wanted = deleting("Delete");
    let mut world = full(&wanted);
    world.connect = Referent::Missing;
    let Teardown::Abandon(removals, warning) = world.next(&wanted) else { panic!("not told") };
    assert_eq!(removals.len(), 2);
    for said in ["shop-source, shop-warehouse", "connect-connect-offsets"] {
        assert!(warning.contains(said), "{warning}");
    }
    let steps = all(&wanted, world);
    assert_eq!(steps, ["abandon", "drop slot", "drop publication", "remove topics", "release"]);
}

#[test]
fn a_slot_that_the_pipeline_never_read_is_not_dropped() {
    let wanted = deleting("Delete");
    let mut world = full(&wanted);
    let mut view = SourceView::clone(world.source.current().unwrap());
    view.publications.clear();
    world.source = Sight::Clear(Arc::new(view));
    world.started = false;
    assert_eq!(all(&wanted, world), ["stop", "forget", "remove topics", "release"]);
}

#[test]
fn a_database_that_is_gone_for_good_holds_nobody() {
    let wanted = deleting("Delete");
    let elsewhere = super::world::wanted(|spec| {
        spec["deletionPolicy"] = "Delete".into();
        spec["source"]["postgres"]["host"] = "db.example.com".into();
    });
    let blind = |wanted: &Wanted, trouble: Trouble, change: fn(&mut World)| {
        let mut world = full(wanted);
        world.connectors.clear();
        world.source = Sight::Never { since: Timestamp::UNIX_EPOCH, error: Some("no".into()) };
        world.trouble = Some(trouble);
        change(&mut world);
        all(wanted, world)
    };
    let going = |world: &mut World| (world.namespace_going, world.now) = (true, 30);
    let gone = ["remove topics", "leave"];
    assert_eq!(blind(&wanted, Trouble::Unreachable, going), gone, "it goes with the namespace");
    assert_eq!(blind(&elsewhere, Trouble::Unreachable, going), ["wait"], "it does not");
    assert_eq!(blind(&elsewhere, Trouble::SecretMissing, going), gone, "nobody can make the Secret again");
    assert_eq!(blind(&wanted, Trouble::SecretMissing, |_| {}), ["wait"], "somebody can");
    assert_eq!(blind(&wanted, Trouble::Unreachable, |world| world.now = 3000), ["wait"]);
    assert_eq!(blind(&elsewhere, Trouble::NameUnknown, |world| world.now = 200), ["wait"]);
    assert_eq!(blind(&elsewhere, Trouble::NameUnknown, |world| world.now = 400), gone);
    let mistaken = |world: &mut World| (world.refused, world.now) = (true, 400);
    assert_eq!(blind(&elsewhere, Trouble::NameUnknown, mistaken), ["wait"], "the name may be a mistake");

    let mut world = full(&wanted);
    (world.connectors, world.topics) = (BTreeMap::new(), BTreeMap::new());
    world.source = Sight::Never { since: Timestamp::UNIX_EPOCH, error: Some("no".into()) };
    world.trouble = Some(Trouble::NameUnknown);
    world.now = 400;
    let Teardown::Leave(warning) = world.next(&wanted) else { panic!("held") };
    for said in ["pg_drop_replication_slot", "DROP PUBLICATION IF EXISTS sluice_prod_shop;"] {
        assert!(warning.contains(said), "{warning}");
    }
}
