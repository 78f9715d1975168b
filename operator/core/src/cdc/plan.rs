use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use sluice_crds::cdc_pipeline::{MissedRecords, OnGap, SnapshotMode};
use sluice_crds::common::RunState;
use sluice_crds::{Connector, Topic};

use super::adhoc::{self, Heard};
use super::budget::{self, Budget};
use super::child::{Child, Says};
use super::claim::Claim;
use super::compile::Compiled;
use super::guard::{self, Around, Facts, Guarded, Healing, Memory, Stored, Turn};
use super::offsets::{self, Positions, Resume, Set};
use super::preflight::{self, Failed, Severity};
use super::removals::{Removal, removals};
use super::snapshot::Snapshot;
use super::start::{self, Start};
use super::{CdcReason, Wanted, prepare, told};
use crate::condition::{Verdict, VerdictKind};
use crate::referent::Referent;
use crate::view::Sight;
use crate::view::source::{SinkView, SourceView, TableName, Trouble};

/// A database as its observer sees it.
pub struct Look<'a, V> {
    pub sight: &'a Sight<V>,
    /// Why the newest look failed, where it did.
    pub trouble: Option<Trouble>,
}

/// What a pass knows of the world.
pub struct Seen<'a> {
    /// The ConnectCluster.
    pub connect: Referent,
    /// The KafkaCluster that the ConnectCluster uses; `None`: there is no such ConnectCluster, or it cannot be read.
    pub cluster: Option<&'a str>,
    pub source: Look<'a, SourceView>,
    /// By the sink's name; one for each wanted sink.
    pub sinks: BTreeMap<String, Look<'a, SinkView>>,
    /// Those we want by their names, whoever made them, and those that the pipeline owns.
    pub topics: BTreeMap<String, Child>,
    pub connectors: BTreeMap<String, Child>,
    /// From the offset that the source connector has stored.
    pub snapshot: Snapshot,
    /// Status says that the first snapshot was completed.
    pub snapshot_completed: bool,
    pub stored: Stored,
    /// What status keeps for the guard.
    pub memory: Memory,
    /// The source was looked at after `stored` was read.
    pub fresh: bool,
    /// Status says already that there is a gap.
    pub gap_told: bool,
    /// Status says already that the budget is exceeded.
    pub budget_told: bool,
    pub now: Timestamp,
    /// What status says of records that sinks will never read.
    pub missed: Vec<(String, MissedRecords)>,
    /// What Debezium has told of the rows that it was ordered to read last.
    pub heard: Option<&'a Heard>,
    /// Of the sink that is being set, or is next.
    pub positions: Option<Positions>,
    /// Rows of the first snapshot are still looked for in the topics.
    pub counting: bool,
    /// See [`super::snapshot::unloaded`].
    pub unloaded: BTreeSet<TableName>,
    /// Publications in the source whose comment names a pipeline that is not there.
    pub left: BTreeSet<String>,
    /// Status says that the source connector was started.
    pub started: bool,
    /// Another pipeline has the slot.
    pub claimed: Option<Claim>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Preflight,
    Preparing,
    Snapshot,
    Streaming,
    Paused,
    Stopped,
    /// The guard keeps the source connector from running.
    Halted,
    Failed,
    /// The source, or its connector, cannot be seen.
    Unknown,
    Deleting,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// Statements for one database, carried out as one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    /// `None`: the source.
    pub sink: Option<String>,
    /// For errors: `create publication sluice_shop`.
    pub doing: String,
    pub statements: Vec<String>,
}

/// What happens now. All of it is quiet: nothing that runs is disturbed before what it needs is there.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub phase: Phase,
    pub verdict: Verdict,
    /// `None`: the databases could not be looked at, so what is known of them stays.
    pub checks: Option<Vec<Failed>>,
    pub work: Vec<Work>,
    pub topics: Vec<Topic>,
    pub connectors: Vec<Connector>,
    pub removals: Vec<Removal>,
    pub snapshot_completed: bool,
    /// What must be in status before any of this is done.
    pub memory: Memory,
    /// What the guard compared; `None`: it could not see.
    pub guarded: Option<Guarded>,
    /// Rows for the signal table, once all else is as it should be.
    pub orders: Vec<Work>,
    /// Have Connect forget the offsets of the source connector.
    pub forget: bool,
    /// Before all else, and whatever comes of that: a connector was stopped for what has ended.
    pub resume: Option<Resume>,
    /// Have Connect store these offsets.
    pub set: Option<Set>,
    /// None of this may be done before the source has been looked at once more: the plan is made anew with what is seen then.
    pub unsure: bool,
    pub budget: Option<Budget>,
}

impl Plan {
    /// The Connector of this name, if it is applied.
    pub(super) fn connector(&self, name: &str) -> Option<&Connector> {
        self.connectors.iter().find(|one| one.metadata.name.as_deref() == Some(name))
    }
}

/// What happens next to a pipeline. `compiled` is `None` exactly where `seen.cluster` is.
pub fn plan(wanted: &Wanted, compiled: Option<&Compiled>, seen: &Seen<'_>) -> Plan {
    offsets::turn(wanted, seen, flow(wanted, compiled, seen))
}

/// The same, without what `spec.offsets` asks for.
fn flow(wanted: &Wanted, compiled: Option<&Compiled>, seen: &Seen<'_>) -> Plan {
    let connector = seen.connectors.get(&wanted.source_connector()).filter(|child| child.owned);
    let running = connector.is_some();
    let rest = if running { resting(wanted, seen) } else { Phase::Preflight };
    let nothing = |verdict| Plan {
        phase: rest,
        verdict,
        checks: None,
        work: Vec::new(),
        orders: Vec::new(),
        topics: Vec::new(),
        connectors: Vec::new(),
        removals: Vec::new(),
        snapshot_completed: seen.snapshot_completed || seen.snapshot == Snapshot::Completed,
        memory: seen.memory.clone(),
        guarded: None,
        forget: false,
        resume: None,
        set: None,
        unsure: false,
        budget: None,
    };
    let Some(compiled) = compiled else {
        return nothing(match seen.connect {
            Referent::Unparsable => told::connect_unparsable(&wanted.connect, "What runs goes on as it is"),
            Referent::Missing | Referent::There => told::connect_missing(&wanted.connect),
        });
    };
    if let Some(verdict) = told::name_taken(compiled, seen) {
        return nothing(verdict);
    }
    if let Some(other) = &seen.claimed {
        return nothing(told::slot_claimed(wanted, other));
    }
    let Some(source) = seen.source.sight.current() else {
        let plan = nothing(told::source_unseen(wanted, &seen.source));
        let phase = if running && wanted.state == RunState::Running { Phase::Unknown } else { plan.phase };
        let plan = Plan { phase, ..plan };
        return if running && !wanted.paused { kept(wanted, compiled, seen, plan) } else { plan };
    };
    let stopped = connector.is_some_and(|child| child.declared == RunState::Stopped);
    let (slot, stored, memory) = (&wanted.source.slot, seen.stored, &seen.memory);
    let guarded = guard::judge(&Facts { view: source, slot, stored, memory, stopped });
    let budget = budget::judge(wanted, source, seen.budget_told);
    let over_budget = budget.as_ref().is_some_and(Budget::is_over);
    let (started, unloaded, left) = (seen.started, &seen.unloaded, &seen.left);
    let facts = preflight::Source { wanted, view: source, running, started, unloaded, left };
    let mut checks = preflight::source(&facts);
    let mut unseen = None;
    for sink in &wanted.sinks {
        let Some(look) = seen.sinks.get(&sink.name) else { continue };
        match look.sight.current() {
            Some(view) => {
                checks.extend(preflight::sink(&preflight::Target { wanted, sink, view, source, started }));
            }
            None => unseen = unseen.or_else(|| Some(told::sink_unseen(sink, look))),
        }
    }
    let blocking: Vec<Failed> =
        checks.iter().filter(|check| check.severity == Severity::Block).cloned().collect();
    let looked = |plan: Plan| Plan { checks: Some(checks), guarded: Some(guarded.clone()), budget, ..plan };
    if wanted.paused {
        let verdict = match &guarded.gap {
            Some(gap) => told::paused_with(&gap.what),
            None => told::paused(&blocking),
        };
        return looked(nothing(verdict));
    }
    let around =
        Around { wanted, view: source, stored, memory, source: connector, over_budget, now: seen.now };
    let memory = match guard::heal(&guarded, &around) {
        Turn::GoOn(memory) => memory,
        Turn::Halt(gap) => {
            let verdict = guard::halted(&gap, wanted, connector.is_none_or(Child::is_stopped));
            let unsure = !seen.fresh && !seen.gap_told;
            let plan = Plan { phase: Phase::Halted, unsure, ..nothing(verdict) };
            return looked(start::stopped(wanted, compiled, running, plan));
        }
        Turn::Heal(step, memory) => {
            let begins = seen.memory.resnapshot.is_none();
            let plan =
                Plan { unsure: begins && !seen.fresh, ..nothing(Verdict::ready(CdcReason::Streaming, "")) };
            return looked(healing(wanted, compiled, step, Plan { memory, ..plan }));
        }
    };
    // what was given up is read anew
    let anew = seen.memory.resnapshot.is_some();
    let nothing = |verdict| {
        let plan = nothing(verdict);
        let snapshot_completed = plan.snapshot_completed && !anew;
        Plan { memory: memory.clone(), snapshot_completed, ..plan }
    };
    if !blocking.is_empty() {
        return looked(blocked(wanted, compiled, seen, &blocking, nothing));
    }
    if let Some(verdict) = unseen {
        let plan = nothing(verdict);
        return looked(if running { kept(wanted, compiled, seen, plan) } else { plan });
    }
    let work = prepare::work(wanted, source, seen);
    looked(go_on(wanted, compiled, seen, running, work, nothing))
}

/// All rows are read anew: one step of it. Preflight has no say; nothing is read yet.
fn healing(wanted: &Wanted, compiled: &Compiled, step: Healing, plan: Plan) -> Plan {
    let why = plan.memory.resnapshot.as_ref().map_or("", |resnapshot| resnapshot.reason.as_str());
    let verdict = guard::resnapshotting(&step, why, wanted);
    let plan = start::stopped(wanted, compiled, true, Plan { phase: Phase::Preparing, verdict, ..plan });
    match step {
        Healing::Stop | Healing::Ask | Healing::InUse(_) => plan,
        Healing::Forget => Plan { forget: true, ..plan },
        Healing::Drop(work) => Plan { work: vec![work], ..plan },
    }
}

/// Everything can be seen and nothing blocks.
fn go_on(
    wanted: &Wanted,
    compiled: &Compiled,
    seen: &Seen<'_>,
    running: bool,
    work: Vec<Work>,
    nothing: impl Fn(Verdict) -> Plan,
) -> Plan {
    let preparing = |verdict, work| Plan {
        phase: if running { resting(wanted, seen) } else { Phase::Preparing },
        work,
        topics: compiled.topics.clone(),
        ..nothing(verdict)
    };
    if !work.is_empty() {
        let verdict = told::preparing(&work);
        return preparing(verdict, work);
    }
    if let Some(verdict) = told::topics(compiled, seen) {
        return preparing(verdict, Vec::new());
    }
    let plan = Plan {
        topics: compiled.topics.clone(),
        connectors: compiled.connectors().cloned().collect(),
        removals: removals(compiled, seen),
        ..nothing(Verdict::ready(CdcReason::Streaming, ""))
    };
    match start::start(wanted, seen) {
        Start::Hold(state, verdict) => {
            let connectors = start::with_source(compiled, state);
            Plan { phase: Phase::Preparing, verdict, connectors, ..plan }
        }
        Start::Begin => {
            let (phase, verdict) = flowing(wanted, compiled, seen, plan.snapshot_completed);
            Plan {
                phase,
                verdict,
                unsure: !seen.fresh,
                memory: start::remembered(wanted, seen, plan.memory),
                ..plan
            }
        }
        Start::AsItIs => {
            let (phase, verdict) = flowing(wanted, compiled, seen, plan.snapshot_completed);
            let known = wanted.state == RunState::Running;
            let memory = if known { start::remembered(wanted, seen, plan.memory) } else { plan.memory };
            adhoc::turn(wanted, compiled, seen, Plan { phase, verdict, memory, ..plan })
        }
    }
}

/// What holds once everything is applied.
fn flowing(wanted: &Wanted, compiled: &Compiled, seen: &Seen<'_>, completed: bool) -> (Phase, Verdict) {
    let running = wanted.state == RunState::Running;
    if let Some(verdict) = told::slot_waits(wanted, seen).filter(|_| running) {
        return (Phase::Preparing, verdict);
    }
    let connectors = told::connectors(wanted, compiled, seen);
    // what needs somebody is told first
    let held = told::slot_held(wanted, seen).filter(|_| running);
    let held = held.filter(|_| connectors.as_ref().is_none_or(|told| told.kind != VerdictKind::Stalled));
    if let Some(verdict) = held {
        return (Phase::Preparing, verdict);
    }
    if let Some(verdict) = connectors {
        let started =
            seen.connectors.get(&wanted.source_connector()).is_some_and(|child| child.says.is_some());
        let phase = match verdict.kind {
            VerdictKind::Stalled => Phase::Failed,
            _ if started => resting(wanted, seen),
            _ => Phase::Preparing,
        };
        return (phase, verdict);
    }
    match wanted.state {
        RunState::Paused => (Phase::Paused, told::at_rest(CdcReason::PipelinePaused, "Paused")),
        RunState::Stopped => (Phase::Stopped, told::at_rest(CdcReason::PipelineStopped, "Stopped")),
        RunState::Running
            if completed && !seen.missed.is_empty() && wanted.source.on_gap != OnGap::Continue =>
        {
            (Phase::Streaming, told::sink_gap(wanted, &seen.missed))
        }
        RunState::Running if completed || wanted.snapshot == SnapshotMode::Never => {
            (Phase::Streaming, told::streaming(wanted, &seen.unloaded, &seen.memory.runs))
        }
        RunState::Running => (Phase::Snapshot, told::snapshotting(wanted)),
    }
}

/// The phase of a pipeline whose connectors exist.
fn resting(wanted: &Wanted, seen: &Seen<'_>) -> Phase {
    let source = seen.connectors.get(&wanted.source_connector()).and_then(|child| child.says.as_ref());
    match wanted.state {
        RunState::Paused => Phase::Paused,
        RunState::Stopped => Phase::Stopped,
        RunState::Running if source.is_some_and(Says::failed) => Phase::Failed,
        RunState::Running if source.is_some_and(|says| says.kind == VerdictKind::Unknown) => Phase::Unknown,
        RunState::Running if seen.snapshot_completed || seen.snapshot == Snapshot::Completed => {
            Phase::Streaming
        }
        RunState::Running => Phase::Snapshot,
    }
}

/// A running pipeline whose databases cannot be seen: its children stay as declared, so that it goes on by itself.
fn kept(wanted: &Wanted, compiled: &Compiled, seen: &Seen<'_>, plan: Plan) -> Plan {
    // a table that was added has no publication yet; its topic and connector wait for the database
    let known = compiled
        .topics
        .iter()
        .all(|topic| topic.metadata.name.as_ref().is_some_and(|name| seen.topics.contains_key(name)));
    if known || wanted.state != RunState::Running {
        let connectors = start::with_source(compiled, start::unguarded(wanted, seen));
        Plan { topics: compiled.topics.clone(), connectors, ..plan }
    } else {
        plan
    }
}

/// A check blocks. What does not run is not started; what runs goes on as it was, and can still be paused or stopped.
fn blocked(
    wanted: &Wanted,
    compiled: &Compiled,
    seen: &Seen<'_>,
    blocking: &[Failed],
    nothing: impl Fn(Verdict) -> Plan,
) -> Plan {
    let running = seen.connectors.contains_key(&wanted.source_connector());
    let plan = nothing(told::blocked(blocking, running));
    if running && wanted.state != RunState::Running {
        return Plan { connectors: compiled.connectors().cloned().collect(), ..plan };
    }
    plan
}
