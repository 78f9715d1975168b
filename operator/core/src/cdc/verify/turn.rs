//! What is compared when. Each step is in status before it is taken, so that a request runs once and a restart loses nothing.

use std::collections::BTreeSet;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use sluice_crds::cdc_pipeline::{Repair, Resnapshot, TableDifferences, Verification, VerifyMode};

use super::compare::{Difference, Kind};
use super::pair::Pair;
use super::{Outcome, Schedule, TableOutcome};
use crate::cdc::CdcReason;
use crate::condition::whole_seconds;
use crate::reason::Reason as _;
use crate::view::source::TableName;

const WAITING: &str = "Waiting";
const RUNNING: &str = "Running";
const DONE: &str = "Done";
pub(super) const SAME: &str = "Same";
pub(super) const DIFFERENT: &str = "Different";
pub(super) const UNKNOWN: &str = "Unknown";

/// Tables that status has.
const TABLES: usize = 20;
/// The most characters of a key: it may be a long text.
const KEY: usize = 120;

/// An entry of `spec.verify`, understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    pub id: String,
    pub schedule: Option<Schedule>,
    pub tables: BTreeSet<TableName>,
    pub mode: VerifyMode,
}

/// What status is to say of all requests before any of them runs: those that are new wait, those that are asked for no more go.
pub fn kept(requests: &[Request], before: &[Verification], now: Timestamp) -> Vec<Verification> {
    let one = |request: &Request| {
        let known = before.iter().find(|run| run.id == request.id).cloned();
        let mut run = known.unwrap_or_else(|| Verification {
            id: request.id.clone(),
            state: WAITING.into(),
            ..Default::default()
        });
        let valid = |at: &Time| request.schedule.as_ref().is_some_and(|schedule| schedule.has(at.0));
        run.next_at = run.next_at.filter(valid).or_else(|| next(request, now));
        if run.state == WAITING {
            run.message.clear();
        }
        run
    };
    requests.iter().map(one).collect()
}

fn next(request: &Request, now: Timestamp) -> Option<Time> {
    request.schedule.as_ref()?.next(now).map(Time)
}

/// The request that runs, or is to run now. One at a time.
pub fn due<'a>(requests: &'a [Request], runs: &[Verification], now: Timestamp) -> Option<&'a Request> {
    let run = |request: &&Request| runs.iter().find(|run| run.id == request.id);
    let is_due = |request: &&Request| {
        run(request).is_some_and(|run| match &run.next_at {
            Some(at) => at.0 <= now,
            None => run.state == WAITING,
        })
    };
    let running = requests.iter().find(|request| run(request).is_some_and(|run| run.state == RUNNING));
    running.or_else(|| requests.iter().find(is_due))
}

fn change(runs: &mut [Verification], id: &str, change: impl FnOnce(&mut Verification)) {
    if let Some(run) = runs.iter_mut().find(|run| run.id == id) {
        change(run);
    }
}

/// It cannot begin yet.
pub fn waits(runs: &mut [Verification], id: &str, what: &str) {
    change(runs, id, |run| what.clone_into(&mut run.message));
}

/// It begins. What begins anew after a restart of ours began when status says.
pub fn began(runs: &mut [Verification], request: &Request, now: Timestamp) {
    change(runs, &request.id, |run| {
        run.message.clear();
        if run.state == RUNNING {
            return;
        }
        run.state = RUNNING.into();
        run.started_at = Some(Time(whole_seconds(now)));
        run.progress_rows = Some(0);
        run.next_at = next(request, now);
    });
}

pub fn progress(runs: &mut [Verification], id: &str, rows: i64) {
    change(runs, id, |run| run.progress_rows = Some(rows));
}

/// It came to its end.
pub fn finished(runs: &mut [Verification], id: &str, outcome: &Outcome, now: Timestamp) {
    change(runs, id, |run| {
        let [missing, extra, different] =
            [outcome.sum(|t| t.missing), outcome.sum(|t| t.extra), outcome.sum(|t| t.different)];
        let unsure = |table: &&TableOutcome| table.differences() > 0 || !remarks(table).is_empty();
        let result = if missing + extra + different > 0 {
            DIFFERENT
        } else if outcome.tables.is_empty() || outcome.tables.iter().any(|table| table.unknown.is_some()) {
            UNKNOWN
        } else {
            SAME
        };
        *run = Verification {
            id: id.to_owned(),
            state: DONE.into(),
            message: String::new(),
            started_at: run.started_at.clone(),
            next_at: run.next_at.clone(),
            progress_rows: None,
            result: Some(result.into()),
            finished_at: Some(Time(whole_seconds(now))),
            tables: i32::try_from(outcome.tables.len()).ok(),
            rows: Some(outcome.sum(|table| table.rows)),
            missing: Some(missing),
            extra: Some(extra),
            different: Some(different),
            differences: outcome.tables.iter().filter(unsure).take(TABLES).map(told).collect(),
            // of the run before: one that repaired nothing is not answered by the same again
            repaired_at: run.repaired_at.take().filter(|_| result == DIFFERENT),
        };
    });
}

/// Whether the run that has just ended has all rows read anew, which it then says. Not twice in a row: what one snapshot did not mend
/// the next will not either. Not for rows that only a sink has.
pub fn repair(runs: &mut [Verification], id: &str, repair: Repair, now: Timestamp) -> bool {
    let mut repairs = false;
    change(runs, id, |run| {
        let mends = run.missing.unwrap_or(0) + run.different.unwrap_or(0) > 0;
        if repair == Repair::Resnapshot && mends && run.repaired_at.is_none() {
            run.repaired_at = Some(Time(whole_seconds(now)));
            repairs = true;
        }
    });
    repairs
}

/// What status says of the repair.
pub fn resnapshot(now: Timestamp) -> Resnapshot {
    Resnapshot {
        reason: CdcReason::RowsDiffer.as_str().into(),
        ids: Vec::new(),
        since: Some(Time(whole_seconds(now))),
    }
}

fn told(table: &TableOutcome) -> TableDifferences {
    TableDifferences {
        table: table.table.clone(),
        sink: table.sink.clone(),
        missing: table.missing,
        extra: table.extra,
        different: table.different,
        at_least: table.at_least,
        keys: table.first.iter().map(|difference| named(table, difference)).collect(),
        message: remarks(table),
    }
}

fn named(table: &TableOutcome, difference: &Difference) -> String {
    let kind = match difference.kind {
        Kind::Missing => "missing",
        Kind::Extra => "extra",
        Kind::Different => "different",
    };
    let columns = table.key.iter().zip(&difference.key).map(|(name, value)| format!("{name}={value}"));
    let text = format!("{kind}: {}", columns.collect::<Vec<_>>().join(", "));
    if text.chars().count() <= KEY { text } else { text.chars().take(KEY - 1).chain(['…']).collect() }
}

fn remarks(table: &TableOutcome) -> String {
    let mut remarks: Vec<String> = table.unknown.iter().cloned().collect();
    if table.restless > 0 {
        remarks.push(format!("{} rows changed at every look", table.restless));
    }
    if !table.skipped.is_empty() {
        remarks.push(format!("columns not compared: {}", table.skipped.join(", ")));
    }
    remarks.join("; ")
}

impl TableOutcome {
    /// Of a pair that is about to be compared.
    pub fn of(pair: &Pair, sink: &str) -> Self {
        Self {
            table: pair.source.table.to_string(),
            sink: sink.to_owned(),
            key: pair.source.key.iter().map(|(name, _)| name.clone()).collect(),
            skipped: pair.skipped.clone(),
            ..Default::default()
        }
    }
}
