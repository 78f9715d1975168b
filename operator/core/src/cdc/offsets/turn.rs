use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use sluice_crds::cdc_pipeline::OffsetRun;
use sluice_crds::common::RunState;

use super::told::{self, Cause, Refusal};
use super::{DONE, FAILED, RESUMING, Resume, STOPPING, Set, begin, connector, is_under_way, set, under_way};
use crate::cdc::guard::Stored;
use crate::cdc::plan::{Phase, Plan, Seen};
use crate::cdc::start::{self, Start};
use crate::cdc::{CdcReason, Child, Wanted};
use crate::condition::{Verdict, VerdictKind, whole_seconds};
use crate::reason::Reason as _;

/// What a request that is under way does next.
pub(super) enum Next {
    /// Something is still to happen, or to be seen.
    Wait(Cause),
    /// Nothing may be concluded before the source has been looked at once more.
    LookAgain,
    Set(Set),
    Done,
    Refused(Refusal),
}

/// Follows the request that is under way, or begins the next one: in what the plan would do anyway its connector is stopped meanwhile.
pub fn turn(wanted: &Wanted, seen: &Seen<'_>, mut plan: Plan) -> Plan {
    if wanted.paused {
        plan.verdict = left(wanted, seen, plan.verdict);
        return plan;
    }
    begin::at_first_start(wanted, seen, &mut plan);
    // one ends, and others are refused, before one is under way
    for _ in 0..=wanted.offsets.len() {
        if under_way(&plan.memory.offsets).is_none() && !begin::begin(wanted, seen, &mut plan) {
            break;
        }
        plan = go_on(wanted, seen, plan);
        if under_way(&plan.memory.offsets).is_some() {
            break;
        }
    }
    plan.verdict = told::with_refused(plan.verdict, wanted, &plan.memory.offsets);
    plan
}

/// A pipeline that is paused leaves its connectors as they are.
fn left(wanted: &Wanted, seen: &Seen<'_>, verdict: Verdict) -> Verdict {
    let Some(run) = under_way(&seen.memory.offsets) else { return verdict };
    let Some(name) = connector(wanted, run) else { return verdict };
    let stopped = seen.connectors.get(&name).is_some_and(|child| child.declared == RunState::Stopped);
    if stopped && wanted.state != RunState::Stopped {
        told::left(verdict, run, &name, "spec.paused is false")
    } else {
        verdict
    }
}

fn go_on(wanted: &Wanted, seen: &Seen<'_>, mut plan: Plan) -> Plan {
    let Some(at) = plan.memory.offsets.iter().position(is_under_way) else { return plan };
    let mut run = plan.memory.offsets[at].clone();
    // all is read anew: the source is stopped for that, and begins without an offset after it
    if run.sink.is_none() && plan.memory.resnapshot.is_some() {
        return plan;
    }
    if run.state != RESUMING {
        match next(wanted, seen, &mut plan, &mut run) {
            Next::Done => resume(&mut run),
            Next::Refused(refusal) => {
                if run.sink.is_none() {
                    set::forget_accepted(&mut plan.memory, &run);
                }
                refuse(&mut run, &refusal);
                resume(&mut run);
            }
            Next::Wait(cause) => hold(wanted, &mut plan, &run, Some(&cause)),
            Next::LookAgain => {
                plan.unsure = true;
                hold(wanted, &mut plan, &run, None);
            }
            Next::Set(set) => {
                plan.set = Some(set);
                hold(wanted, &mut plan, &run, None);
            }
        }
    }
    if run.state == RESUMING {
        if goes_on(wanted, seen, &run, &mut plan) {
            let how = if run.reason.is_some() { FAILED } else { DONE };
            end(&mut run, how, seen.now);
        } else if let Some(name) = connector(wanted, &run) {
            let ours = plan.verdict.kind == VerdictKind::Ready;
            plan.verdict = told::under_way(plan.verdict, ours, &run, &name, None);
        }
    }
    plan.memory.offsets[at] = run;
    plan
}

/// The connector rests, or is being stopped.
fn hold(wanted: &Wanted, plan: &mut Plan, run: &OffsetRun, cause: Option<&Cause>) {
    let name = connector(wanted, run).unwrap_or_default();
    for one in &mut plan.connectors {
        if one.metadata.name.as_ref() == Some(&name) {
            one.spec.state = RunState::Stopped;
        }
    }
    if run.sink.is_none() {
        plan.orders.clear();
    }
    let ours = is_ours(plan, run);
    plan.verdict = told::under_way(plan.verdict.clone(), ours, run, &name, cause);
}

/// Whether what the plan says is fine, or comes of the connector that is stopped, or is what the request mends: else it stays to be read.
fn is_ours(plan: &Plan, run: &OffsetRun) -> bool {
    let follows = [CdcReason::Starting, CdcReason::SourceNotReady, CdcReason::SinkNotReady]
        .iter()
        .any(|reason| reason.as_str() == plan.verdict.reason);
    match plan.verdict.kind {
        VerdictKind::Ready => true,
        VerdictKind::Reconciling if follows => true,
        _ => run.sink.is_none() && plan.phase == Phase::Halted,
    }
}

fn next(wanted: &Wanted, seen: &Seen<'_>, plan: &mut Plan, run: &mut OffsetRun) -> Next {
    let Some(name) = connector(wanted, run) else { return Next::Refused(Refusal::SinkGone) };
    let asked = wanted.offsets.iter().any(|request| request.id == run.id);
    if !asked && run.state == STOPPING {
        return Next::Refused(Refusal::TakenOut);
    }
    let next = follow(wanted, seen, plan, run, name);
    match next {
        // that it was set already is still seen; nothing is waited for
        Next::Wait(_) | Next::Set(_) if !asked => Next::Refused(Refusal::TakenOut),
        next => next,
    }
}

fn follow(wanted: &Wanted, seen: &Seen<'_>, plan: &mut Plan, run: &mut OffsetRun, name: String) -> Next {
    // what was seen may have been asked for another one
    let positions = seen.positions.as_ref().filter(|positions| positions.request == run.id);
    let planned = plan.connector(&name).is_some();
    let child = seen.connectors.get(&name);
    let stopped = child.is_some_and(|child| child.declared == RunState::Stopped);
    let newest = |child: &Child| child.says.is_some() && child.state.as_deref() == Some("Stopped");
    let rests = stopped && child.is_some_and(newest);
    if !rests || !is_known(seen, run, None) {
        if !planned && !stopped {
            return Next::Wait(Cause::Unplanned);
        }
        let says = child.and_then(|child| child.says.as_ref());
        let trouble = says.filter(|says| stopped && says.kind != VerdictKind::Ready);
        return Next::Wait(Cause::Stopping(trouble.map(|says| format!("{}: {}", says.reason, says.message))));
    }
    match run.lsn.as_ref().and_then(|lsn| lsn.parse().ok()) {
        Some(lsn) => {
            let guarded = plan.guarded.as_ref();
            set::source(wanted, seen, guarded, &mut plan.memory, run, lsn)
        }
        None => match positions {
            Some(positions) => set::sink(run, positions, name),
            None => Next::Wait(Cause::PositionsUnseen),
        },
    }
}

/// Whether status has the run, in this state.
fn is_known(seen: &Seen<'_>, run: &OffsetRun, state: Option<&str>) -> bool {
    let mut known = seen.memory.offsets.iter();
    known.any(|known| known.id == run.id && state.is_none_or(|state| known.state == state))
}

fn resume(run: &mut OffsetRun) {
    RESUMING.clone_into(&mut run.state);
    run.targets.clear();
}

/// Whether the connector is as the pipeline wants it again, or is held by what is not this request's. Nobody else may let it go on: a check
/// fails, or something is being prepared. Then it goes on as it was, as do those that were not stopped.
fn goes_on(wanted: &Wanted, seen: &Seen<'_>, run: &OffsetRun, plan: &mut Plan) -> bool {
    let Some(name) = connector(wanted, run) else { return true };
    let Some(child) = seen.connectors.get(&name).filter(|child| child.owned) else { return true };
    // the guard's, until the gap is mended
    if run.sink.is_none() && plan.phase == Phase::Halted {
        return true;
    }
    // what was seen before may be of before it was stopped
    if child.declared == wanted.state && is_known(seen, run, Some(RESUMING)) {
        return true;
    }
    let mut state = wanted.state;
    if let Some(planned) = plan.connector(&name) {
        state = planned.spec.state;
    } else if run.sink.is_none() {
        // the source only where the guard has compared, and has nothing against it
        if plan.guarded.is_none() || seen.stored == Stored::Unknown {
            return false;
        }
        // it begins as for the first time: that is not for this to decide
        if seen.stored.lsn().is_none() {
            return true;
        }
        match start::start(wanted, seen) {
            Start::AsItIs => {}
            Start::Begin => plan.unsure |= !seen.fresh,
            Start::Hold(held, _) => state = held,
        }
    }
    plan.resume = Some(Resume { connector: name, state });
    false
}

/// What is told depends on how far it had come.
pub(super) fn refuse(run: &mut OffsetRun, refusal: &Refusal) {
    let (reason, message) = refusal.told(run);
    (run.reason, run.message) = (Some(reason), message);
}

pub(super) fn end(run: &mut OffsetRun, how: &str, now: Timestamp) {
    how.clone_into(&mut run.state);
    run.completed_at = Some(Time(whole_seconds(now)));
}
