//! When the source connector may begin: after the guard has compared what it has stored with a slot that was looked at since.

use sluice_crds::Connector;
use sluice_crds::common::RunState;

use super::compile::Compiled;
use super::guard::{Memory, Stored};
use super::plan::{Plan, Seen};
use super::{CdcReason, Wanted, told};
use crate::condition::Verdict;
use crate::view::source::Slot;

/// Whether the source's Connector may be ordered to run.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Start {
    /// It runs already, or should not: its state is the pipeline's.
    AsItIs,
    /// It is let begin.
    Begin,
    /// It must not begin yet: this state, and why.
    Hold(RunState, Verdict),
}

pub(super) fn start(wanted: &Wanted, seen: &Seen<'_>) -> Start {
    if wanted.state != RunState::Running {
        return Start::AsItIs;
    }
    let slot = seen.source.sight.current().and_then(|view| view.slots.get(&wanted.source.slot));
    // what that one confirms is compared once it has gone, and before ours goes on behind it
    if let Some(verdict) = slot.and_then(Slot::foreign_reader).and_then(|_| told::slot_held(wanted, seen)) {
        return Start::Hold(RunState::Stopped, verdict);
    }
    let connector = seen.connectors.get(&wanted.source_connector());
    if connector.is_some_and(|child| child.declared == RunState::Running) {
        return Start::AsItIs;
    }
    // by a reader that was told to stop: it goes on until the slot is made or the server ends it
    if slot.is_some_and(Slot::is_being_made) {
        let waits =
            "The slot is still being made for a reader that was stopped, and the next one begins after that";
        let verdict = told::slot_waits(wanted, seen).unwrap_or_else(|| comparing(waits));
        return Start::Hold(RunState::Stopped, verdict);
    }
    let Some(connector) = connector else {
        // nothing was ever read: Debezium makes the slot and begins with a snapshot
        if slot.is_none() && seen.memory.remembered.is_none() {
            return Start::Begin;
        }
        // offsets outlive their connector (F11), and Connect tells them only of connectors that are there
        return Start::Hold(RunState::Stopped, comparing("Its connector is being made, stopped"));
    };
    match seen.stored {
        Stored::Unknown => Start::Hold(
            connector.declared,
            comparing("Sluice waits for Connect to say what offset its connector has stored"),
        ),
        _ => Start::Begin,
    }
}

fn comparing(now: &str) -> Verdict {
    let message = format!("Before the source is read, what was read is compared with the slot. {now}");
    Verdict::reconciling(CdcReason::Starting, message)
}

/// The state of the source's Connector where nothing can be compared: it is never let begin.
pub(super) fn unguarded(wanted: &Wanted, seen: &Seen<'_>) -> RunState {
    let declared = seen.connectors.get(&wanted.source_connector()).map(|child| child.declared);
    match (wanted.state, declared) {
        (RunState::Running, declared) => declared.unwrap_or(RunState::Stopped),
        (state, _) => state,
    }
}

/// What is known of server and slot once nothing stands against reading them.
pub(super) fn remembered(wanted: &Wanted, seen: &Seen<'_>, mut memory: Memory) -> Memory {
    if let Some(view) = seen.source.sight.current() {
        memory.remember(view, &wanted.source.slot);
    }
    // a first start reads all rows anyway
    let pending = memory.pending(&wanted.snapshots);
    memory.ran(&pending, &wanted.requested(), seen.now);
    memory
}

/// All connectors, the source's in this state.
pub(super) fn with_source(compiled: &Compiled, state: RunState) -> Vec<Connector> {
    let mut source = compiled.source.clone();
    source.spec.state = state;
    std::iter::once(source).chain(compiled.sinks.iter().cloned()).collect()
}

/// The source's Connector is stopped, and made if `make` says so. Sinks go on with what is in the topics, or are stopped too.
pub(super) fn stopped(wanted: &Wanted, compiled: &Compiled, make: bool, plan: Plan) -> Plan {
    if !make {
        return plan;
    }
    let sinks = if wanted.state == RunState::Running { 0 } else { compiled.sinks.len() };
    let connectors = with_source(compiled, RunState::Stopped).into_iter().take(1 + sinks).collect();
    Plan { connectors, ..plan }
}
