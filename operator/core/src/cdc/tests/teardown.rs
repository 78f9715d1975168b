use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use sluice_crds::common::{DeletionPolicy, RunState};
use sluice_crds::{Connector, Topic};

use super::world::{fine, source, wanted};
use crate::cdc::{self, Child, ChildKind, Teardown, TeardownSeen, Wanted, teardown};
use crate::condition::VerdictKind;
use crate::referent::Referent;
use crate::view::Sight;
use crate::view::source::{Publication, Slot, SourceView};

struct World {
    connect: Referent,
    connectors: BTreeMap<String, (Connector, Child)>,
    topics: BTreeMap<String, (Topic, Child)>,
    source: Sight<SourceView>,
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
                source: &self.source,
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
            Teardown::Forget(removals, _) | Teardown::Remove(removals) => {
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
            Teardown::Wait(_) | Teardown::Release => {}
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
        Teardown::Release => "release",
    }
}

fn all(wanted: &Wanted, mut world: World) -> Vec<&'static str> {
    let mut steps = Vec::new();
    while steps.last() != Some(&"release") && steps.last() != Some(&"wait") {
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
