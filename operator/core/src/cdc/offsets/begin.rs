//! Which request is begun next. What can be refused, or must wait, is told while nothing is stopped yet.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use sluice_crds::cdc_pipeline::{OffsetRun, SnapshotMode};
use sluice_crds::common::RunState;

use super::set::{self, Hindrance};
use super::told::{self, Cause, Refusal};
use super::turn::{end, refuse};
use super::{FAILED, Request, STOPPING, connector};
use crate::cdc::child::Says;
use crate::cdc::plan::{Plan, Seen};
use crate::cdc::{Wanted, adhoc};
use crate::condition::whole_seconds;

/// Runs that are remembered. Older ones whose request is gone from the spec are forgotten.
const RUNS: usize = 64;

/// The oldest request that was not begun yet.
pub(super) fn next<'a>(wanted: &'a Wanted, runs: &[OffsetRun]) -> Option<&'a Request> {
    wanted.offsets.iter().find(|request| !runs.iter().any(|run| run.id == request.id))
}

/// What a pipeline already asks for when it is started for the first time was carried out by one that was there before, or means nothing: all is read
/// from the beginning. Who makes a pipeline anew from its manifest would otherwise skip, or get again, what was asked for long ago.
pub(super) fn at_first_start(wanted: &Wanted, seen: &Seen<'_>, plan: &mut Plan) {
    let source = wanted.source_connector();
    if plan.connector(&source).is_none()
        || seen.connectors.contains_key(&source)
        || seen.memory.remembered.is_some()
    {
        return;
    }
    while let Some(request) = next(wanted, &plan.memory.offsets) {
        let mut run = begun(request, seen.now);
        refuse(&mut run, &Refusal::BeforeStart);
        end(&mut run, FAILED, seen.now);
        plan.memory.offsets.push(run);
    }
    forget(wanted, &mut plan.memory.offsets);
}

/// What can be done about a request while nothing is stopped yet.
enum May {
    Begin,
    /// The plan does not have its connector, and says why.
    NotNow,
    Wait(Cause),
    /// Nothing may be concluded before the source has been looked at once more.
    LookAgain,
    Refuse(Refusal),
}

/// Begins the next request, or refuses it. `false`: none was taken up.
pub(super) fn begin(wanted: &Wanted, seen: &Seen<'_>, plan: &mut Plan) -> bool {
    // all is read anew first
    if plan.memory.resnapshot.is_some() {
        return false;
    }
    let Some(request) = next(wanted, &plan.memory.offsets) else { return false };
    let mut run = begun(request, seen.now);
    match may(wanted, seen, plan, request, &run) {
        May::Begin => {
            if let Some(positions) = seen.positions.as_ref().filter(|_| request.sink.is_some()) {
                set::aim(&mut run, positions);
            }
        }
        May::NotNow => return false,
        May::Wait(cause) => {
            plan.verdict = told::waits(plan.verdict.clone(), &run, &cause);
            return false;
        }
        May::LookAgain => {
            plan.unsure = true;
            return false;
        }
        May::Refuse(refusal) => {
            refuse(&mut run, &refusal);
            end(&mut run, FAILED, seen.now);
        }
    }
    plan.memory.offsets.push(run);
    forget(wanted, &mut plan.memory.offsets);
    true
}

fn may(wanted: &Wanted, seen: &Seen<'_>, plan: &Plan, request: &Request, run: &OffsetRun) -> May {
    let Some(name) = connector(wanted, run) else { return May::NotNow };
    let child = seen.connectors.get(&name).filter(|child| child.owned);
    let (Some(planned), Some(child)) = (plan.connector(&name), child) else { return May::NotNow };
    if request.time.as_ref().is_some_and(|time| time.0 > seen.now) {
        return May::Refuse(Refusal::TimeAhead);
    }
    let Some(lsn) = request.lsn else {
        return match seen.positions.as_ref().filter(|positions| positions.request == request.id) {
            None => May::Wait(Cause::PositionsUnseen),
            Some(positions) if positions.targets.len() > set::PARTITIONS => {
                May::Refuse(Refusal::ManyPartitions)
            }
            Some(_) => May::Begin,
        };
    };
    // rows that are being read would be begun anew, or be waited for longer. Where nothing reads they wait for this
    let reads = planned.spec.state != RunState::Stopped && !child.says.as_ref().is_some_and(Says::failed);
    if let Some(rows) = adhoc::under_way(&plan.memory.runs).filter(|_| reads) {
        return May::Wait(Cause::Rows(rows.id.clone()));
    }
    let place = match set::place(wanted, seen, plan.guarded.as_ref()) {
        Ok(place) => place,
        Err(Hindrance::Refused(refusal)) => return May::Refuse(refusal),
        Err(Hindrance::Unseen(cause)) => return May::Wait(cause),
    };
    // a first snapshot is not stopped for it
    if !plan.snapshot_completed && wanted.snapshot != SnapshotMode::Never {
        return May::Refuse(Refusal::NothingStored);
    }
    match place.refuses(lsn) {
        // it goes on all the time
        Some(Refusal::Ahead { .. }) if !seen.fresh => May::LookAgain,
        Some(refusal) => May::Refuse(refusal),
        None => May::Begin,
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

fn forget(wanted: &Wanted, runs: &mut Vec<OffsetRun>) {
    while runs.len() > RUNS
        && let Some(old) =
            runs.iter().position(|run| !wanted.offsets.iter().any(|request| request.id == run.id))
    {
        runs.remove(old);
    }
}
