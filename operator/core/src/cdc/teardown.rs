use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use sluice_crds::common::{DeletionPolicy, RunState};
use sluice_crds::{Connector, Topic};

use super::child::Child;
use super::plan::{Look, Work};
use super::removals::{ChildKind, Removal};
use super::{CdcReason, Wanted, claim, names, sql, told};
use crate::condition::Verdict;
use crate::connect::names::Internal;
use crate::referent::{Referent, text};
use crate::view::source::{SourceView, Trouble};

/// How long a database that goes with its namespace may still be about to answer.
const GOING: SignedDuration = SignedDuration::from_secs(20);
/// After how long a name without an address is a database that is gone.
const NAMELESS: SignedDuration = SignedDuration::from_mins(5);

/// What is known when a pipeline is being deleted.
pub struct TeardownSeen<'a> {
    /// The `ConnectCluster`: without it nobody forgets offsets. They stay in its topic, which outlives it.
    pub connect: Referent,
    /// Those that the pipeline owns, with their specs.
    pub connectors: &'a BTreeMap<String, (Connector, Child)>,
    pub topics: &'a BTreeMap<String, (Topic, Child)>,
    pub source: Look<'a, SourceView>,
    /// The source connector is, or was, there: the slot is the pipeline's.
    pub started: bool,
    /// The namespace is being deleted: nothing can be made in it any more.
    pub namespace_going: bool,
    /// The spec cannot be meant: a database that is not found may be a mistake.
    pub refused: bool,
    /// Since when the pipeline is being deleted.
    pub since: Timestamp,
    pub now: Timestamp,
}

/// What is left to do before a deleted pipeline may go. One kind of thing at a time, in this order.
#[derive(Clone, Debug, PartialEq)]
pub enum Teardown {
    /// These Connectors must be stopped, so that their offsets can be forgotten.
    Stop(Vec<String>),
    /// Have Connect forget the offsets of these connectors, and delete each whose offsets are forgotten. Connect refuses until a
    /// connector has stopped; then the verdict holds.
    Forget(Vec<Removal>, Verdict),
    /// Delete these objects.
    Remove(Vec<Removal>),
    /// Delete these Connectors, whose offsets stay; what to warn of.
    Abandon(Vec<Removal>, String),
    /// Statements for the source.
    Clean(Work),
    /// These Topics must learn that their topics stay, before they go with the pipeline.
    Keep(Vec<String>),
    /// Nothing to do but to wait.
    Wait(Verdict),
    /// Nothing of ours is left: let the object go.
    Release,
    /// What is left cannot be reached, and will not be: let the object go; what to warn of.
    Leave(String),
}

/// With `Retain`, connectors and objects go with the pipeline, by their owner references; slot, publication, topics and offsets
/// stay, and a pipeline of the same name goes on where this one was. With `Delete` everything goes, connectors first: nobody may
/// read a slot that is being dropped.
pub fn teardown(wanted: &Wanted, seen: &TeardownSeen<'_>) -> Teardown {
    if wanted.deletion == DeletionPolicy::Retain {
        return retain(seen);
    }
    match seen.connect {
        Referent::Missing => {}
        Referent::There => {
            if let Some(step) = offsets(seen) {
                return step;
            }
        }
        Referent::Unparsable if seen.connectors.is_empty() => {}
        Referent::Unparsable => {
            let then = "The offsets of the connectors cannot be forgotten yet; to let this object go and keep them, set \
                        spec.deletionPolicy: Retain";
            return Teardown::Wait(told::connect_unparsable(&wanted.connect, then));
        }
    }
    if !seen.connectors.is_empty() {
        let removals =
            removals(ChildKind::Connector, seen.connectors.iter().map(|(name, (_, child))| (name, child)));
        return match (removals.is_empty(), seen.connect) {
            (true, _) => gone("Connectors", seen.connectors.keys()),
            (false, Referent::There) => Teardown::Remove(removals),
            (false, Referent::Missing | Referent::Unparsable) => {
                let warning = offsets_stay(wanted, &removals);
                Teardown::Abandon(removals, warning)
            }
        };
    }
    if let Some(step) = source(wanted, seen) {
        return step;
    }
    if !seen.topics.is_empty() {
        let removals = removals(ChildKind::Topic, seen.topics.iter().map(|(name, (_, child))| (name, child)));
        return if removals.is_empty() {
            gone("Topics", seen.topics.keys())
        } else {
            Teardown::Remove(removals)
        };
    }
    Teardown::Release
}

/// Who changes `Delete` to `Retain` while the pipeline is being deleted means its topics too.
fn retain(seen: &TeardownSeen<'_>) -> Teardown {
    let doomed = seen.topics.iter().filter(|(_, (topic, child))| {
        topic.spec.deletion_policy == DeletionPolicy::Delete && !child.deleting
    });
    let kept: Vec<String> = doomed.map(|(name, _)| name.clone()).collect();
    if kept.is_empty() { Teardown::Release } else { Teardown::Keep(kept) }
}

/// Stop every connector, then forget its offsets.
fn offsets(seen: &TeardownSeen<'_>) -> Option<Teardown> {
    let left: Vec<_> = seen.connectors.iter().filter(|(_, (_, child))| !child.deleting).collect();
    if left.is_empty() {
        return None;
    }
    let to_stop: Vec<String> = left
        .iter()
        .filter(|(_, (connector, _))| connector.spec.state != RunState::Stopped)
        .map(|(name, _)| (*name).clone())
        .collect();
    if !to_stop.is_empty() {
        return Some(Teardown::Stop(to_stop));
    }
    let names = left.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
    let verdict = Verdict::reconciling(
        CdcReason::Deleting,
        format!(
            "The connectors {names} are being stopped, so that Connect forgets their offsets. If Connect is gone for good, set \
             spec.deletionPolicy: Retain to let go at once"
        ),
    );
    let removals = removals(ChildKind::Connector, left.into_iter().map(|(name, (_, child))| (name, child)));
    Some(Teardown::Forget(removals, verdict))
}

fn removals<'a>(kind: ChildKind, children: impl Iterator<Item = (&'a String, &'a Child)>) -> Vec<Removal> {
    children
        .filter(|(_, child)| !child.deleting)
        .map(|(name, child)| Removal { kind, name: name.clone(), uid: child.uid.clone() })
        .collect()
}

fn gone<'a>(what: &str, names: impl Iterator<Item = &'a String>) -> Teardown {
    let names = names.map(String::as_str).collect::<Vec<_>>().join(", ");
    Teardown::Wait(Verdict::reconciling(CdcReason::Deleting, format!("Waiting for the {what} {names} to go")))
}

/// Who creates the pipeline again must know: its connectors would go on from there, and the slot is gone.
fn offsets_stay(wanted: &Wanted, connectors: &[Removal]) -> String {
    let names = connectors.iter().map(|removal| removal.name.as_str()).collect::<Vec<_>>().join(", ");
    format!(
        "The ConnectCluster {connect} is gone, so nobody could make it forget the offsets of {names}: they stay in the topic {topic}. A new \
         pipeline of this name finds an offset without a slot, and is halted (SlotMissing) until an id is added to its spec.snapshots",
        connect = wanted.connect,
        topic = Internal::Offsets.topic(&wanted.connect),
    )
}

/// Whether a database that cannot be seen will not come back before this object goes.
fn is_gone(wanted: &Wanted, seen: &TeardownSeen<'_>) -> bool {
    let Some((blind, _)) = seen.source.sight.blind() else { return false };
    let lasted = seen.now.duration_since(blind.max(seen.since));
    let host = &wanted.source.connection.host;
    match seen.source.trouble {
        // nobody can bring it back
        Some(Trouble::SecretMissing) if seen.namespace_going => true,
        Some(_) if seen.namespace_going && claim::lives_in(&wanted.owner.namespace, host) => lasted >= GOING,
        Some(Trouble::NameUnknown) => lasted >= NAMELESS && !seen.refused,
        _ => false,
    }
}

/// The statements that would have cleaned up, for who has to.
fn source_gone(wanted: &Wanted, why: &str) -> String {
    let (slot, publication) = (&wanted.source.slot, &wanted.source.publication);
    let connection = &wanted.source.connection;
    format!(
        "The source {}:{}/{} is gone{why}, and this object goes without it. If the database still is somewhere, its slot keeps \
         write-ahead log until you run: {}; {};",
        connection.host,
        connection.port,
        connection.database,
        sql::drop_slot(slot),
        sql::drop_publication(publication),
    )
}

fn source(wanted: &Wanted, seen: &TeardownSeen<'_>) -> Option<Teardown> {
    let sight = seen.source.sight;
    let Some(view) = sight.current() else {
        let error = sight.blind().and_then(|(_, error)| error.map(str::to_owned));
        let why = error.map(|error| format!(" ({error})")).unwrap_or_default();
        if is_gone(wanted, seen) {
            return seen.topics.is_empty().then(|| Teardown::Leave(source_gone(wanted, &why)));
        }
        return Some(Teardown::Wait(Verdict::unknown(
            CdcReason::DeletionBlocked,
            format!(
                "The source does not answer{why}, so the slot {slot} and the publication {publication} cannot be dropped, and the \
                 slot keeps the database's write-ahead log. Sluice keeps trying. To let this object go and leave them, set \
                 spec.deletionPolicy: Retain and later run: {drop};",
                slot = wanted.source.slot,
                publication = wanted.source.publication,
                drop = sql::drop_slot(&wanted.source.slot),
            ),
        )));
    };
    let (slot, publication) = (&wanted.source.slot, &wanted.source.publication);
    let made_here = wanted.is_marked_in(view);
    if let Some(present) = view.slots.get(slot) {
        let here = present.database.as_ref().is_none_or(|of| *of == view.server.database);
        let ours = here && (made_here || seen.started);
        if present.active && ours {
            let pid = present.active_pid.map(|pid| format!(" by the process {pid}")).unwrap_or_default();
            return Some(Teardown::Wait(Verdict::reconciling(
                CdcReason::DeletionBlocked,
                format!(
                    "The slot {slot} is still in use{pid}. It is dropped once it is free; a reader whose network has gone is let \
                     go after wal_sender_timeout. To leave the slot, set spec.deletionPolicy: Retain"
                ),
            )));
        }
        if ours {
            return Some(clean(format!("drop the slot {slot}"), vec![sql::drop_slot(slot)]));
        }
    }
    if made_here {
        let statements = vec![
            sql::drop_publication(publication),
            sql::drop_signals(&names::signal_table(slot)),
            sql::drop_heartbeat(slot),
        ];
        return Some(clean(format!("drop the publication {publication} and the heartbeat"), statements));
    }
    None
}

fn clean(doing: String, statements: Vec<String>) -> Teardown {
    Teardown::Clean(Work { sink: None, doing, statements })
}

/// What an object that does not parse leaves behind when it goes without its teardown.
pub fn left_behind(raw: &serde_json::Value) -> String {
    let meta = |field: &str| text(raw, &format!("/metadata/{field}")).unwrap_or_default();
    let declared = |field: &str| text(raw, &format!("/spec/source/postgres/{field}")).map(str::to_owned);
    let slot = declared("slotName").unwrap_or_else(|| names::slot(meta("namespace"), meta("name")));
    let publication = declared("publicationName").unwrap_or_else(|| slot.clone());
    format!(
        "The slot {slot} and the publication {publication} stay in the source, and the slot keeps the database's write-ahead log. \
         To drop it: {};",
        sql::drop_slot(&slot)
    )
}

#[cfg(test)]
mod tests {
    use super::left_behind;
    use serde_json::json;

    #[test]
    fn a_slot_that_stays_is_named_with_what_drops_it() {
        let mut raw = json!({ "metadata": { "name": "shop", "namespace": "prod" }, "spec": { "tables": 7 } });
        let told = left_behind(&raw);
        assert!(
            told.contains("The slot sluice_prod_shop and the publication sluice_prod_shop stay"),
            "{told}"
        );
        assert!(told.contains("pg_drop_replication_slot"), "{told}");
        raw["spec"]["source"]["postgres"]["slotName"] = "mine".into();
        assert!(left_behind(&raw).contains("The slot mine "));
    }
}
