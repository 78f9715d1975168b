//! Rows that are read while changes wait (Debezium's blocking snapshots).
//!
//! Debezium tells of them as of the first snapshot, and not whose order it carries out; so what counts is what stands behind the order's row in
//! the topic. It does not go on with one after a restart, and says then that it has skipped the first snapshot: that is how a restart is
//! seen. Nothing stops one but a restart, for the signals wait as the changes do.
//!
//! What it tells goes another way than the rows: these may still be on theirs to Kafka, and are lost with the worker, when the end of all was told.
//! Once the connector has confirmed a place behind them they are there, for it confirms in the order in which it has read.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use sluice_crds::cdc_pipeline::SnapshotRun;

use super::turn::{STOPPED, end, follow, passed};
use super::{ASKED, DONE, FAILED, Heard, READING};
use crate::cdc::Wanted;
use crate::cdc::plan::Seen;
use crate::condition::whole_seconds;
use crate::finding::and_then;

/// How often one is ordered that comes to a bad end. A database that was restarted meanwhile refuses a query once, a query that cannot be meant
/// always.
const TRIES: i32 = 3;
const READ: &str = "All rows were read. It is done once the connector has confirmed that it has gone on behind them, and so that they are in Kafka";
const CUT_SHORT: &str = "The source connector was restarted, or stopped, before all rows were in Kafka. The changes go on, and the rows are ordered \
                         again, all of them, once it has read up to where the source was";
const AGAIN: &str =
    "They are ordered again, all of them, once the connector has read up to where the source was";
const GIVEN_UP: &str = "They were ordered three times. Mend the cause, and add the request under another id";
pub(super) const LEAVING: &str = "Its request was taken out of spec.snapshots, but a blocking snapshot cannot be stopped by an order: it goes on \
                                  to its end, and the changes after it";

/// How far an order is, by what was heard of it.
enum Course {
    /// Nobody has begun with it yet.
    Unheard,
    Reading,
    /// All rows were read.
    Read,
    /// By a restart of the connector, or nobody remembers it.
    CutShort,
    /// By what is no restart.
    Failed(String),
}

fn course(run: &SnapshotRun, heard: Option<&Heard>) -> Course {
    let Some(heard) = heard else { return Course::Unheard };
    let mut failures = heard.failures();
    let ended = heard.completed || heard.aborted || heard.cut_short;
    if heard.completed && heard.tables.len() < run.tables.len() {
        failures.push("the connector ended before it had read all tables".into());
    }
    // a query that is refused may end the connector, and would do so again for ever
    if ended && !failures.is_empty() {
        return Course::Failed(failures.join("; "));
    }
    match (heard.started, heard.cut_short) {
        (_, true) => Course::CutShort,
        (true, false) if heard.aborted => {
            Course::Failed("the connector gave up; the log of the Connect worker has its words".into())
        }
        (true, false) if heard.completed => Course::Read,
        (true, false) => Course::Reading,
        // its row is in the topic, and it was not begun: Debezium tells of what it does not understand only in its log
        (false, false) if heard.ordered => Course::Failed(
            "the connector has not begun with it; the log of the Connect worker has its words".into(),
        ),
        // it was begun once, and its row is not in the topic any more
        (false, false) if run.state == READING && heard.whole => Course::CutShort,
        (false, false) => Course::Unheard,
    }
}

/// `wanted_still`: the request is in the spec. Whether nothing may be concluded before the source has been looked at once more.
pub(super) fn turn(run: &mut SnapshotRun, wanted: &Wanted, seen: &Seen<'_>, wanted_still: bool) -> bool {
    if wanted_still && run.message == LEAVING {
        run.message.clear();
    }
    match course(run, seen.heard) {
        Course::Unheard if wanted_still => follow(run, wanted, seen),
        Course::Unheard if passed(run, wanted, seen) => end(run, FAILED, STOPPED, seen.now),
        Course::Unheard => LEAVING.clone_into(&mut run.message),
        Course::Reading => {
            reading(run, seen);
            run.lsn = None;
            let message = if wanted_still { "" } else { LEAVING };
            message.clone_into(&mut run.message);
        }
        Course::Read => {
            reading(run, seen);
            match went_by(run, wanted, seen, READ) {
                By::Passed => {
                    run.lsn = None;
                    end(run, DONE, "", seen.now);
                }
                By::NotYet => {}
                By::LookAgain => return true,
            }
        }
        Course::CutShort if !wanted_still => end(run, FAILED, STOPPED, seen.now),
        Course::CutShort => match went_by(run, wanted, seen, CUT_SHORT) {
            // a worker that has died may read the order once more by itself: it is given again only where it went by
            By::Passed => order_again(run, seen),
            By::NotYet => READING.clone_into(&mut run.state),
            By::LookAgain => return true,
        },
        Course::Failed(why) if !wanted_still => end(run, FAILED, &why, seen.now),
        // that it was a restart is told only when the connector begins again
        Course::Failed(why) => match went_by(run, wanted, seen, &and_then(why.clone(), AGAIN)) {
            By::Passed => {
                let failures = run.failures.unwrap_or_default() + 1;
                run.failures = Some(failures);
                if failures < TRIES {
                    order_again(run, seen);
                } else {
                    run.lsn = None;
                    end(run, FAILED, &and_then(why, GIVEN_UP), seen.now);
                }
            }
            By::NotYet => READING.clone_into(&mut run.state),
            By::LookAgain => return true,
        },
    }
    false
}

fn reading(run: &mut SnapshotRun, seen: &Seen<'_>) {
    READING.clone_into(&mut run.state);
    run.rows = seen.heard.and_then(Heard::rows);
}

fn order_again(run: &mut SnapshotRun, seen: &Seen<'_>) {
    let at = Some(Time(whole_seconds(seen.now)));
    (run.at, run.lsn, run.rows) = (at, None, None);
    (run.state, run.message) = (ASKED.into(), String::new());
}

/// Whether the connector has gone by where the source was when this began to be waited for.
enum By {
    Passed,
    NotYet,
    /// The place must not be one from before that.
    LookAgain,
}

fn went_by(run: &mut SnapshotRun, wanted: &Wanted, seen: &Seen<'_>, waiting: &str) -> By {
    if run.message != waiting {
        (run.message, run.lsn) = (waiting.into(), None);
    }
    if run.lsn.is_none() && !seen.fresh {
        return By::LookAgain;
    }
    if passed(run, wanted, seen) { By::Passed } else { By::NotYet }
}
