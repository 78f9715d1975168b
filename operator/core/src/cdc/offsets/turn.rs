use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use sluice_crds::cdc_pipeline::{Accepted, OffsetRun};
use sluice_crds::common::RunState;

use super::told::{self, Refusal};
use super::{DONE, FAILED, Positions, Request, SETTING, STOPPING, Set, connector, is_under_way};
use crate::cdc::Wanted;
use crate::cdc::guard::{Memory, Stored};
use crate::cdc::plan::{Plan, Seen};
use crate::condition::{VerdictKind, whole_seconds};
use crate::view::source::Lsn;

/// Runs that are remembered. Older ones whose request is gone from the spec are forgotten.
const RUNS: usize = 64;
/// `status.guard.accepted.reason` of changes that were skipped on request.
pub const SET: &str = "OffsetSet";

/// What a request that is under way does next.
enum Next {
    /// The connector rests, and something is still to be seen.
    Wait,
    /// Nothing may be concluded before the source has been looked at once more.
    LookAgain,
    Set(Set),
    Done,
    Refused(Refusal),
}

/// Follows the request that is under way, or begins the next one: in what the plan would do anyway its connector is stopped meanwhile.
pub fn turn(wanted: &Wanted, seen: &Seen<'_>, mut plan: Plan) -> Plan {
    // all is read anew first: what was to be set is given up there
    if plan.memory.resnapshot.is_none() && !wanted.paused {
        // nothing is let go on between two requests
        for _ in 0..=wanted.offsets.len() {
            begin(wanted, seen, &mut plan);
            plan = go_on(wanted, seen, plan);
            if plan.memory.offsets.iter().any(is_under_way) {
                break;
            }
        }
    }
    plan.verdict = told::with_refused(plan.verdict, wanted, &plan.memory.offsets);
    plan
}

fn begin(wanted: &Wanted, seen: &Seen<'_>, plan: &mut Plan) {
    let runs = &mut plan.memory.offsets;
    if runs.iter().any(is_under_way) {
        return;
    }
    let Some(request) = wanted.offsets.iter().find(|request| !runs.iter().any(|run| run.id == request.id))
    else {
        return;
    };
    let mut run = begun(request, seen.now);
    let there = connector(wanted, &run).is_some_and(|name| {
        let planned = plan.connectors.iter().any(|one| one.metadata.name.as_ref() == Some(&name));
        planned && seen.connectors.get(&name).is_some_and(|child| child.owned)
    });
    if !there {
        return;
    }
    if let Some(refusal) = impossible(wanted, seen, request) {
        refuse(&mut run, &refusal, seen.now);
    }
    runs.push(run);
    while runs.len() > RUNS
        && let Some(old) =
            runs.iter().position(|run| !wanted.offsets.iter().any(|request| request.id == run.id))
    {
        runs.remove(old);
    }
}

fn begun(request: &Request, now: Timestamp) -> OffsetRun {
    OffsetRun {
        id: request.id.clone(),
        sink: request.sink.clone(),
        to: request.to,
        time: request.time.clone(),
        lsn: request.lsn.map(|lsn| lsn.to_string()),
        state: STOPPING.into(),
        at: Some(Time(whole_seconds(now))),
        ..Default::default()
    }
}

/// What can be told without stopping anything. What a slot has confirmed only grows.
fn impossible(wanted: &Wanted, seen: &Seen<'_>, request: &Request) -> Option<Refusal> {
    if request.time.as_ref().is_some_and(|time| time.0 > seen.now) {
        return Some(Refusal::TimeAhead);
    }
    let lsn = request.lsn?;
    let slot = seen.source.sight.current()?.slots.get(&wanted.source.slot)?;
    let at = slot.confirmed_flush_lsn.filter(|confirmed| lsn < *confirmed)?;
    Some(Refusal::Behind { lsn, at, what: CONFIRMED })
}

const CONFIRMED: &str = "before which the slot gives nothing any more";

fn go_on(wanted: &Wanted, seen: &Seen<'_>, mut plan: Plan) -> Plan {
    let Some(at) = plan.memory.offsets.iter().position(is_under_way) else { return plan };
    let mut run = plan.memory.offsets[at].clone();
    let next = next(wanted, seen, &mut plan.memory, &mut run);
    match next {
        Next::Done => end(&mut run, DONE, seen.now),
        Next::Refused(refusal) => {
            if run.sink.is_none() {
                forget_accepted(&mut plan.memory, &run);
            }
            refuse(&mut run, &refusal, seen.now);
        }
        Next::Wait | Next::LookAgain | Next::Set(_) => {
            let name = connector(wanted, &run).unwrap_or_default();
            for one in &mut plan.connectors {
                if one.metadata.name.as_ref() == Some(&name) {
                    one.spec.state = RunState::Stopped;
                }
            }
            plan.orders.clear();
            // a halted source is what such a request may be made for
            if plan.verdict.kind != VerdictKind::Stalled || run.sink.is_none() {
                plan.verdict = told::under_way(&run, &name);
            }
            match next {
                Next::LookAgain => plan.unsure = true,
                Next::Set(set) => plan.set = Some(set),
                _ => {}
            }
        }
    }
    plan.memory.offsets[at] = run;
    plan
}

fn next(wanted: &Wanted, seen: &Seen<'_>, memory: &mut Memory, run: &mut OffsetRun) -> Next {
    let Some(name) = connector(wanted, run) else { return Next::Refused(Refusal::SinkGone) };
    let rests = seen.connectors.get(&name).is_some_and(|child| {
        child.declared == RunState::Stopped && child.state.as_deref() == Some("Stopped")
    });
    let asked = wanted.offsets.iter().any(|request| request.id == run.id);
    // what was seen was asked for one that was begun before
    let known = seen.memory.offsets.iter().any(|known| known.id == run.id);
    if !rests || !known {
        // one that was set already is seen once it rests
        return if asked || run.state == SETTING { Next::Wait } else { Next::Refused(Refusal::TakenOut) };
    }
    let next = match run.lsn.as_ref().and_then(|lsn| lsn.parse().ok()) {
        Some(lsn) => source(wanted, seen, memory, run, lsn),
        None => match &seen.positions {
            Some(positions) => sink(run, positions, name),
            None => Next::Wait,
        },
    };
    match next {
        Next::Set(_) | Next::Wait | Next::LookAgain if !asked && run.state == STOPPING => {
            Next::Refused(Refusal::TakenOut)
        }
        Next::Set(_) if !asked => Next::Refused(Refusal::TakenOut),
        next => next,
    }
}

fn sink(run: &mut OffsetRun, positions: &Positions, connector: String) -> Next {
    let Positions { begins, committed, targets } = positions;
    if run.state == STOPPING {
        let (mut skipped, mut repeated) = (0, 0);
        for (partition, target) in targets {
            let begin = begins.get(partition).copied().unwrap_or_default();
            let from = committed.get(partition).copied().unwrap_or(begin);
            // what is gone comes not again, and is not skipped either
            skipped += (target - from.max(begin)).max(0);
            repeated += (from - target).max(0);
        }
        (run.skipped_records, run.repeated_records) = (Some(skipped), Some(repeated));
        SETTING.clone_into(&mut run.state);
    }
    let set = targets.iter().all(|(partition, target)| committed.get(partition) == Some(target));
    if set { Next::Done } else { Next::Set(Set::Sink { connector, offsets: targets.clone() }) }
}

fn source(wanted: &Wanted, seen: &Seen<'_>, memory: &mut Memory, run: &mut OffsetRun, lsn: Lsn) -> Next {
    let stored = match seen.stored {
        Stored::Unknown => return Next::Wait,
        Stored::Nothing | Stored::Snapshotting => return Next::Refused(Refusal::NothingStored),
        Stored::Unreadable => return Next::Refused(Refusal::Unreadable),
        Stored::At(stored) => stored,
    };
    if stored == lsn {
        return Next::Done;
    }
    let Some(view) = seen.source.sight.current() else { return Next::Wait };
    if !seen.fresh {
        return Next::LookAgain;
    }
    let confirmed = view.slots.get(&wanted.source.slot).and_then(|slot| slot.confirmed_flush_lsn);
    let Some(confirmed) = confirmed else { return Next::Refused(Refusal::NothingStored) };
    if lsn < stored {
        let what = "up to where everything was read";
        return Next::Refused(Refusal::Behind { lsn, at: stored, what });
    }
    if lsn < confirmed {
        return Next::Refused(Refusal::Behind { lsn, at: confirmed, what: CONFIRMED });
    }
    if lsn > view.position {
        return Next::Refused(Refusal::Ahead { lsn, position: view.position });
    }
    if run.state == STOPPING {
        let bytes = Some(lsn.since(stored));
        (run.from_lsn, run.skipped_bytes) = (Some(stored.to_string()), bytes);
        SETTING.clone_into(&mut run.state);
        memory.accepted = Some(Accepted {
            reason: SET.into(),
            from_lsn: run.from_lsn.clone(),
            to_lsn: run.lsn.clone(),
            bytes,
            at: Some(Time(whole_seconds(seen.now))),
        });
    }
    Next::Set(Set::Source { connector: wanted.source_connector(), lsn })
}

/// What was not skipped after all is missed again.
fn forget_accepted(memory: &mut Memory, run: &OffsetRun) {
    if memory.accepted.as_ref().is_some_and(|it| it.reason == SET && it.to_lsn == run.lsn) {
        memory.accepted = None;
    }
}

fn refuse(run: &mut OffsetRun, refusal: &Refusal, now: Timestamp) {
    let (reason, message) = refusal.told();
    (run.reason, run.message) = (Some(reason), message);
    end(run, FAILED, now);
}

fn end(run: &mut OffsetRun, how: &str, now: Timestamp) {
    how.clone_into(&mut run.state);
    run.completed_at = Some(Time(whole_seconds(now)));
}
