//! Rows that are read while changes wait (Debezium's blocking snapshots).
//!
//! Debezium tells of them as of the first snapshot, and not whose order it carries out; so what counts is what stands behind the order's row in
//! the topic. It does not go on with one after a restart, and says then that it has skipped the first snapshot: that is how a restart is
//! seen. Nothing stops one but a restart, for the signals wait as the changes do.

use sluice_crds::cdc_pipeline::SnapshotRun;

use super::turn::{STOPPED, end, follow, passed};
use super::{ASKED, FAILED, READING};
use crate::cdc::Wanted;
use crate::cdc::plan::Seen;
use crate::condition::whole_seconds;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

const CUT_SHORT: &str = "The source connector was restarted, or stopped, before all rows were read. The changes go on, and the rows are ordered \
                         again, all of them, once it has read up to where the source was";
pub(super) const LEAVING: &str = "Its request was taken out of spec.snapshots, but a blocking snapshot cannot be stopped by an order: it goes on \
                                  to its end, and the changes after it. To end it at once, set spec.restartedAt to the current time";

/// `wanted_still`: the request is in the spec.
pub(super) fn turn(run: &mut SnapshotRun, wanted: &Wanted, seen: &Seen<'_>, wanted_still: bool) {
    let (mut ended, mut begun, mut cut_short) = (false, false, false);
    if let Some(heard) = seen.heard {
        (ended, begun) = (heard.completed || heard.aborted, heard.started);
        cut_short = heard.cut_short && !ended;
    }
    if wanted_still {
        if run.message == LEAVING {
            run.message.clear();
        }
        if begun && cut_short { again(run, wanted, seen) } else { follow(run, wanted, seen) }
    } else if ended {
        follow(run, wanted, seen);
    } else if cut_short || (!begun && passed(run, wanted, seen)) {
        end(run, FAILED, STOPPED, seen.now);
    } else {
        LEAVING.clone_into(&mut run.message);
    }
}

/// A worker that has died may read the order once more by itself: it is given again only where it went by.
fn again(run: &mut SnapshotRun, wanted: &Wanted, seen: &Seen<'_>) {
    READING.clone_into(&mut run.state);
    if run.message != CUT_SHORT {
        (run.message, run.lsn) = (CUT_SHORT.into(), None);
    }
    if passed(run, wanted, seen) {
        let at = Some(Time(whole_seconds(seen.now)));
        (run.at, run.lsn, run.rows) = (at, None, None);
        (run.state, run.message) = (ASKED.into(), String::new());
    }
}
