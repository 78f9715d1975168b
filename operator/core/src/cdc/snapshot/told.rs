//! What status says of the snapshot, and the condition `SnapshotComplete`.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use sluice_crds::CdcPipelineStatus;
use sluice_crds::cdc_pipeline::{SnapshotMode, SnapshotStatus, TableSnapshot};
use sluice_crds::common::RunState;

use super::judge::{Counted, Judged, judge};
use super::tally::Tally;
use crate::cdc::plan::Plan;
use crate::cdc::{CdcReason, Gauges, Wanted, lag};
use crate::condition::{self, whole_seconds};
use crate::reason::Reason as _;

/// Whether the rows that the tables had are in the topics.
pub const COMPLETE: &str = "SnapshotComplete";
const READING: &str = "Reading";
/// Rows of the source are to be counted.
pub const COUNTING: &str = "Counting";
const DONE: &str = "Done";

/// Tables that status has.
const TABLES: usize = 50;
/// Seconds below which a pace says nothing.
const PACE: i64 = 10;

/// A condition's status, reason and message.
type Said = (Option<bool>, CdcReason, String);

/// Whether rows are being read.
pub fn is_read(snapshot: &SnapshotStatus) -> bool {
    snapshot.state == READING
}

/// Whether it is still to be looked for what the snapshot has brought.
pub fn is_watched(snapshot: &SnapshotStatus) -> bool {
    snapshot.state != DONE
}

/// What status says next. `None` of the second: what it said last holds.
pub(in crate::cdc) fn next(
    wanted: &Wanted,
    plan: &Plan,
    gauges: &Gauges,
    before: Option<&SnapshotStatus>,
    now: Timestamp,
) -> (Option<SnapshotStatus>, Option<Said>) {
    if wanted.snapshot == SnapshotMode::Never {
        return (None, None);
    }
    let Some(mut next) = known(wanted, plan, before, now) else { return (None, None) };
    if next.state == DONE {
        return (Some(next), None);
    }
    if let Some(tally) = &gauges.tally {
        note(&mut next, tally, gauges, now);
    }
    // what is about to be given up was completed, too
    if next.state == READING && plan.snapshot_completed && plan.memory.resnapshot.is_none() {
        next.state = COUNTING.into();
        next.completed_at = Some(Time(whole_seconds(now)));
    }
    if next.state == READING {
        let said = (Some(false), CdcReason::Snapshotting, reading(&next));
        return (Some(next), Some(said));
    }
    (next.percent, next.seconds_left) = (None, None);
    let said = counted(&mut next, gauges);
    (Some(next), Some(said))
}

/// What is known of the snapshot that runs or ran last; `None`: there was none that was watched.
fn known(
    wanted: &Wanted,
    plan: &Plan,
    before: Option<&SnapshotStatus>,
    now: Timestamp,
) -> Option<SnapshotStatus> {
    let anew = plan.memory.resnapshot.as_ref().map(|anew| anew.since.clone());
    if let Some(before) = before
        && anew.as_ref().is_none_or(|since| before.since >= *since)
    {
        return Some(before.clone());
    }
    let name = wanted.source_connector();
    let begins = !plan.snapshot_completed
        && plan.connectors.iter().any(|connector| {
            connector.metadata.name.as_ref() == Some(&name) && connector.spec.state == RunState::Running
        });
    (anew.is_some() || begins).then(|| SnapshotStatus {
        state: READING.into(),
        since: anew.flatten().or_else(|| Some(Time(whole_seconds(now)))),
        from_lsn: plan.guarded.as_ref().map(|guarded| guarded.server.to_string()),
        ..Default::default()
    })
}

fn note(next: &mut SnapshotStatus, tally: &Tally, gauges: &Gauges, now: Timestamp) {
    let began = tally.began.and_then(|at| Timestamp::from_millisecond(at).ok());
    let began = began.map(|at| Time(whole_seconds(at)));
    if began.is_some() {
        let lsn = Some(tally.lsn.to_string());
        if next.lsn != lsn || next.started_at != began {
            next.attempts += 1;
            (next.lsn, next.started_at) = (lsn, began);
        }
    }
    let rows = tally.rows();
    next.rows = Some(rows);
    let table = |(name, rows): (&crate::view::source::TableName, &super::tally::Rows)| TableSnapshot {
        table: name.to_string(),
        rows: rows.rows,
        estimated_rows: gauges.estimates.get(name).copied(),
    };
    let mut tables: Vec<TableSnapshot> = tally.tables.iter().map(table).collect();
    let estimated: Option<i64> = tables.iter().map(|table| table.estimated_rows).sum();
    let left: Option<i64> =
        tables.iter().map(|table| table.estimated_rows.map(|all| (all - table.rows).max(0))).sum();
    next.estimated_rows = estimated;
    next.percent = estimated.filter(|all| *all > 0).map(|all| {
        // an estimate may be too low, and is never the end
        i32::try_from(rows.saturating_mul(100) / all).unwrap_or(99).min(99)
    });
    let elapsed = next.started_at.as_ref().map_or(0, |at| now.as_second() - at.0.as_second());
    next.seconds_left = left.filter(|left| *left > 0 && rows > 0 && elapsed >= PACE).map(|left| {
        let seconds =
            i64::try_from(i128::from(left) * i128::from(elapsed) / i128::from(rows)).unwrap_or(i64::MAX);
        if seconds < 600 { seconds / 10 * 10 } else { lag::coarse(seconds) }
    });
    tables.sort_by_key(|table| std::cmp::Reverse(table.estimated_rows.max(Some(table.rows))));
    tables.truncate(TABLES);
    next.tables = tables;
}

fn reading(next: &SnapshotStatus) -> String {
    let again = match next.attempts {
        0 | 1 => String::new(),
        times => format!(". It was cut short and has begun again with all rows, {} times by now", times - 1),
    };
    format!("The rows of the tables are being read; status.snapshot says how many have come{again}")
}

/// All rows were read.
fn counted(next: &mut SnapshotStatus, gauges: &Gauges) -> Said {
    let counting = || {
        let message =
            "All rows were read, and are being counted in the source to be compared with those that came";
        (None, CdcReason::Counting, message.to_owned())
    };
    let counts = match &gauges.counted {
        Counted::NotYet => return counting(),
        Counted::Failed(why) => {
            let message =
                format!("All rows were read, but cannot be counted in the source: {why}. Sluice tries again");
            return (None, CdcReason::NotCounted, message);
        }
        Counted::GivenUp(why) => {
            next.state = DONE.into();
            let message = format!(
                "All rows were read, but cannot be counted in the source: {why}. It is not tried again. An id in spec.verify compares \
                 source and sinks by parts"
            );
            return (None, CdcReason::NotCounted, message);
        }
        Counted::Done(counts) => counts,
    };
    let Some(tally) = &gauges.tally else { return counting() };
    let said = match judge(tally, counts, gauges.confirmed) {
        Judged::Waits => return counting(),
        Judged::Agree { same } => {
            let again = match next.attempts {
                0 | 1 => String::new(),
                times => format!(
                    ". It was cut short {} times and began again; a row that was deleted before it did may be left in sinks, which an \
                     id in spec.verify would find",
                    times - 1
                ),
            };
            let (rows, tables) = (tally.rows(), tally.tables.len());
            let compared = if same {
                "as many as the source had".to_owned()
            } else {
                let changes: i64 = tally.tables.values().map(|rows| rows.changes).sum();
                let counted: i64 = counts.rows.values().sum();
                format!("the source has {counted}, and {changes} changes since explain the difference")
            };
            let message = format!("{rows} rows of {tables} tables came: {compared}{again}");
            (Some(true), CdcReason::RowsArrived, message)
        }
        Judged::Differ(what) => {
            let message = format!(
                "{what}. An id in spec.verify finds by key what differs in sinks, and one in spec.snapshots reads all rows anew. More \
                 than there are may be rows that came twice, or a TRUNCATE since then"
            );
            (Some(false), CdcReason::CountsDiffer, message)
        }
        Judged::Unsure(tables) => {
            let message = format!(
                "All rows were read, but those that came of {tables} cannot be counted: retention has removed some already, the topics \
                 are compressed otherwise than with LZ4, or older changes stand around them. An id in spec.verify compares source and sinks"
            );
            (None, CdcReason::NotCounted, message)
        }
    };
    next.state = DONE.into();
    said
}

/// Writes the condition into a status. `said` is `None` where what it said last holds.
pub(in crate::cdc) fn tell(
    conditions: &mut Vec<Condition>,
    snapshot: Option<&SnapshotStatus>,
    said: Option<Said>,
    generation: Option<i64>,
    now: Timestamp,
) {
    let at = conditions.iter().position(|condition| condition.type_ == COMPLETE);
    let before: Vec<Condition> = at.map(|at| conditions.remove(at)).into_iter().collect();
    if let Some((holds, reason, message)) = said {
        conditions.push(condition::further(COMPLETE, holds, reason, message, generation, now, &before));
    } else if snapshot.is_some() {
        conditions
            .extend(before.into_iter().map(|last| Condition { observed_generation: generation, ..last }));
    }
}

/// The condition where it has come to an end, and whether it holds.
pub fn turned<'a>(
    before: Option<&CdcPipelineStatus>,
    after: &'a CdcPipelineStatus,
) -> Option<(bool, &'a Condition)> {
    fn of(status: &CdcPipelineStatus) -> Option<&Condition> {
        status.conditions.iter().find(|condition| condition.type_ == COMPLETE)
    }
    let ends = [CdcReason::RowsArrived, CdcReason::CountsDiffer].map(CdcReason::as_str);
    let now = of(after).filter(|now| ends.contains(&now.reason.as_str()))?;
    let same = before.and_then(of).is_some_and(|then| then.reason == now.reason);
    (!same).then_some((now.status == "True", now))
}
