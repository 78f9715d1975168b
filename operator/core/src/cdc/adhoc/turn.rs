use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use sluice_crds::cdc_pipeline::{SnapshotRun, SnapshotType};

use super::{ASKED, DONE, FAILED, READING, blocking, captures, has_read, is_under_way, signal};
use crate::cdc::compile::Compiled;
use crate::cdc::plan::{Phase, Plan, Seen, Work};
use crate::cdc::wanted::Read;
use crate::cdc::{CdcReason, Child, Wanted, missed, offsets, sql};
use crate::condition::{VerdictKind, whole_seconds};
use crate::finding::and_then;
use crate::reason::Reason as _;
use crate::view::source::{Lsn, TableName};

/// Seconds after which an order that was not answered is worth a word.
const PATIENCE: i64 = 60;
/// Seconds after which the source was surely looked at again.
const SEEN: i64 = 20;
/// Begins the ids of runs for tables that were added: no request can be called so.
const ADDED: &str = "added/";

/// Follows the order that is under way, or gives the next one.
pub fn turn(wanted: &Wanted, compiled: &Compiled, seen: &Seen<'_>, mut plan: Plan) -> Plan {
    let Some(table) = &wanted.signals else { return plan };
    // a table that left and comes back is read again
    let here = |run: &SnapshotRun| {
        let added = run.id.strip_prefix(ADDED);
        added.is_none_or(|name| wanted.has_table(name))
    };
    plan.memory.runs.retain(here);
    let runs = &mut plan.memory.runs;
    if let Some(run) = runs.iter_mut().find(|run| is_under_way(run)) {
        if run.type_ == SnapshotType::Blocking {
            let still = is_wanted(run, wanted);
            plan.unsure |= blocking::turn(run, wanted, seen, still);
        } else if is_wanted(run, wanted) && !is_stopping(run) {
            follow(run, wanted, seen);
        } else {
            let doing = format!("stop the reading of {}", run.tables.join(", "));
            let statements = vec![sql::stop(table, &signal(run), &run.tables)];
            plan.orders.push(Work { sink: None, doing, statements });
            stop(run, wanted, seen);
        }
    }
    let connector = seen.connectors.get(&wanted.source_connector());
    let knows = |child: &Child| child.is_ready() && child.captures == captures(&compiled.source);
    let ready = connector.is_some_and(knows)
        && plan.phase == Phase::Streaming
        && (plan.verdict.kind == VerdictKind::Ready || plan.verdict.reason == CdcReason::SinkGap.as_str());
    if !ready {
        return plan;
    }
    // a source that is being set elsewhere reads nothing meanwhile
    if !runs.iter().any(is_under_way)
        && !offsets::holds_source(&plan.memory.offsets)
        && let Some(next) = next(wanted, seen, runs)
    {
        let at = Some(Time(whole_seconds(seen.now)));
        runs.push(SnapshotRun { at, state: ASKED.into(), ..next });
    }
    let ran = |id: &str| runs.iter().any(|run| run.id == id);
    if let Some(read) = wanted.reads.iter().find(|read| !ran(&read.id) && waits_for_counting(read, seen)) {
        let sentence = format!(
            "The request {} of spec.snapshots waits until the rows of the first snapshot have been counted, see status.snapshot",
            read.id
        );
        plan.verdict.message = and_then(plan.verdict.message, &sentence);
    }
    if let Some(run) = runs.iter().find(|run| run.state == ASKED && !is_stopping(run)) {
        let doing = format!("order the rows of {} to be read", run.tables.join(", "));
        let (tables, filter) = (&run.tables, run.where_.as_deref());
        let order = match run.type_ {
            SnapshotType::Blocking => sql::order_blocking,
            SnapshotType::Incremental | SnapshotType::Initial => sql::order,
        };
        let statements = vec![order(table, &signal(run), tables, filter)];
        plan.orders.push(Work { sink: None, doing, statements });
    }
    plan
}

/// What Sluice orders by itself is no request.
fn is_wanted(run: &SnapshotRun, wanted: &Wanted) -> bool {
    let own = run.id.starts_with(ADDED) || run.id.starts_with(missed::ORDERED);
    own || wanted.reads.iter().any(|read| read.id == run.id)
}

/// The tables whose rows were read: `read`, and those whose rows the runs have brought since `before`.
pub fn read_since(
    read: &[String],
    wanted: &Wanted,
    before: &[SnapshotRun],
    now: &[SnapshotRun],
) -> Vec<String> {
    let known = |run: &SnapshotRun| before.iter().any(|old| old.id == run.id && !is_under_way(old));
    let since = |table: &str| now.iter().any(|run| has_read(run, table) && !known(run));
    let all = wanted.tables.iter().map(ToString::to_string);
    all.filter(|table| read.contains(table) || since(table)).collect()
}

pub(super) fn follow(run: &mut SnapshotRun, wanted: &Wanted, seen: &Seen<'_>) {
    let Some(heard) = seen.heard.filter(|heard| heard.started) else {
        if run.state == ASKED {
            ask_again(run, wanted, seen);
            let since = run.at.as_ref().map_or(0, |at| seen.now.as_second() - at.0.as_second());
            if since >= PATIENCE {
                run.message =
                    "The source connector has not answered yet: it does once it has read up to the order"
                        .into();
            }
        }
        return;
    };
    run.message.clear();
    run.lsn = None;
    run.state = READING.into();
    run.rows = heard.rows();
    if heard.aborted {
        let failures = heard.failures();
        let foreign = "it was stopped by a signal that Sluice did not send".to_owned();
        let why = if failures.is_empty() { foreign } else { failures.join("; ") };
        end(run, FAILED, &why, seen.now);
    } else if heard.completed {
        let mut failures = heard.failures();
        // the end of the last table that is stopped looks like the end of all
        if heard.tables.len() < run.tables.len() {
            failures.push("the connector ended before it had read all tables".into());
        }
        let how = if failures.is_empty() { DONE } else { FAILED };
        end(run, how, &failures.join("; "), seen.now);
    }
}

const STOPPING: &str = "Its request was taken out of spec.snapshots: it is being stopped";
const UNHEARD: &str =
    "Its request was taken out of spec.snapshots: it is being stopped, and the connector has not said so yet";
pub(super) const STOPPED: &str = "Its request was taken out of spec.snapshots before it was done";

fn is_stopping(run: &SnapshotRun) -> bool {
    [STOPPING, UNHEARD, blocking::LEAVING].contains(&run.message.as_str())
}

/// The next order waits for the end of this one: what is stopped is the table, whoever ordered it. A connector that passed by the order
/// and, long after that, by another place is not reading.
fn stop(run: &mut SnapshotRun, wanted: &Wanted, seen: &Seen<'_>) {
    if seen.heard.is_some_and(|heard| heard.aborted || heard.completed) {
        return end(run, FAILED, STOPPED, seen.now);
    }
    if !is_stopping(run) {
        (run.message, run.lsn) = (STOPPING.into(), None);
    } else if passed(run, wanted, seen) {
        if run.message == STOPPING {
            (run.message, run.lsn) = (UNHEARD.into(), None);
        } else {
            end(run, FAILED, STOPPED, seen.now);
        }
    }
}

/// What is confirmed is in Kafka, and the answer with it: without one the order was read by a connector that was told of neither the
/// signals nor the table, as it is while it is being restarted. A new one has another key.
fn ask_again(run: &mut SnapshotRun, wanted: &Wanted, seen: &Seen<'_>) {
    // what is seen of the source may be a little older than the order
    let since = run.at.as_ref().map_or(0, |at| seen.now.as_second() - at.0.as_second());
    if since >= SEEN && passed(run, wanted, seen) {
        (run.at, run.lsn) = (Some(Time(whole_seconds(seen.now))), None);
    }
}

/// Whether the source connector went by the order that the pass before gave, and all that it said on its way was heard.
pub(super) fn passed(run: &mut SnapshotRun, wanted: &Wanted, seen: &Seen<'_>) -> bool {
    let Some(view) = seen.source.sight.current() else { return false };
    let confirmed = view.slots.get(&wanted.source.slot).and_then(|slot| slot.confirmed_flush_lsn);
    let Some(behind) = run.lsn.as_ref().and_then(|lsn| lsn.parse::<Lsn>().ok()) else {
        run.lsn = Some(view.position.to_string());
        return false;
    };
    seen.heard.is_some_and(|heard| heard.whole) && confirmed.is_some_and(|confirmed| confirmed > behind)
}

/// All rows are read anew: also those of a run that was under way.
pub fn superseded(run: &mut SnapshotRun, now: Timestamp) {
    if is_under_way(run) {
        end(run, DONE, "All rows were read anew meanwhile", now);
    }
}

pub(super) fn end(run: &mut SnapshotRun, how: &str, message: &str, now: Timestamp) {
    how.clone_into(&mut run.state);
    message.clone_into(&mut run.message);
    run.completed_at = Some(Time(whole_seconds(now)));
}

/// Its rows would look like those of the first snapshot, which are still being told apart and counted.
fn waits_for_counting(read: &Read, seen: &Seen<'_>) -> bool {
    read.type_ == SnapshotType::Blocking && seen.counting
}

/// Tables that were added come first: nothing of them is anywhere yet.
fn next(wanted: &Wanted, seen: &Seen<'_>, runs: &[SnapshotRun]) -> Option<SnapshotRun> {
    let ran = |id: &str| runs.iter().any(|run| run.id == id);
    let id = |table: &TableName| format!("{ADDED}{table}");
    let type_ = SnapshotType::Incremental;
    if let Some((id, table)) = missed::orders(wanted, &seen.missed).into_iter().find(|(id, _)| !ran(id)) {
        return Some(SnapshotRun { id, type_, tables: vec![table], ..Default::default() });
    }
    if let Some(table) = seen.unloaded.iter().find(|table| !ran(&id(table))) {
        let tables = vec![table.to_string()];
        return Some(SnapshotRun { id: id(table), type_, tables, ..Default::default() });
    }
    let may = |read: &&Read| !ran(&read.id) && !waits_for_counting(read, seen);
    let Read { id, type_, tables, filter } = wanted.reads.iter().find(may)?;
    let tables = tables.iter().map(ToString::to_string).collect();
    Some(SnapshotRun { id: id.clone(), type_: *type_, tables, where_: filter.clone(), ..Default::default() })
}
