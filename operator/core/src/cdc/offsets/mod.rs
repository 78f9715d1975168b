//! Where a sink, or the source, goes on, set on request (`spec.offsets`), once for each id.
//!
//! `requests` (what the spec can mean) → [`turn`] (one request at a time: stop its connector, set, let it go on), with what it says in `told`.
//! What was asked for, and what it costs, is in status before the step. That it is done is seen: by what Connect has stored for the source, by what
//! the sink's group has committed. So a Sluice that dies at any moment sets the same once more, and `Latest` means the moment at which the request
//! was begun.

mod requests;
mod told;
mod turn;

use std::collections::BTreeMap;

use sluice_crds::cdc_pipeline::{OffsetRun, OffsetTo};

use super::{Wanted, names};
use crate::view::source::Lsn;

pub use requests::Request;
pub(super) use requests::requests;
pub use told::not_set;
pub use turn::{SET, turn};

const STOPPING: &str = "Stopping";
const SETTING: &str = "Setting";
const DONE: &str = "Done";
const FAILED: &str = "Failed";

/// Offsets by topic and partition.
pub type ByPartition = BTreeMap<(String, i32), i64>;

/// Where a sink's group is, and where it shall be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Positions {
    pub begins: ByPartition,
    pub committed: ByPartition,
    pub targets: ByPartition,
}

/// What Connect is asked to store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Set {
    Sink { connector: String, offsets: ByPartition },
    Source { connector: String, lsn: Lsn },
}

/// Where in its topics a sink shall go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Beginning,
    /// With what came since, in milliseconds since 1970.
    Since(i64),
}

/// The request that is under way.
pub fn under_way(runs: &[OffsetRun]) -> Option<&OffsetRun> {
    runs.iter().find(|run| is_under_way(run))
}

/// The connector of the sink that is being set, and where to.
pub fn sink_under_way(wanted: &Wanted, runs: &[OffsetRun]) -> Option<(String, Place)> {
    let run = under_way(runs)?;
    let name = run.sink.as_ref()?;
    let sink = wanted.sinks.iter().find(|sink| sink.name == *name)?;
    // what comes while it is being set is not skipped
    let since = run.at.as_ref().map_or(0, |at| at.0.as_millisecond());
    let place = match (&run.time, run.to) {
        (Some(time), _) => Place::Since(time.0.as_millisecond()),
        (None, Some(OffsetTo::Latest)) => Place::Since(since),
        (None, Some(OffsetTo::Earliest) | None) => Place::Beginning,
    };
    Some((wanted.sink_connector(sink), place))
}

/// Debezium's offset of a position up to which all was read (`PostgresOffsetContext.Loader`, 3.6). As after a commit: what begins exactly there is
/// read (`WalPositionLocator.resumeFromLsn`).
pub fn stored_at(lsn: Lsn) -> serde_json::Value {
    let lsn = lsn.0.cast_signed();
    serde_json::json!({"lsn": lsn, "lsn_proc": lsn, "lsn_commit": lsn, "messageType": "COMMIT", "ts_usec": 0})
}

fn is_under_way(run: &OffsetRun) -> bool {
    [STOPPING, SETTING].contains(&run.state.as_str())
}

fn connector(wanted: &Wanted, run: &OffsetRun) -> Option<String> {
    match &run.sink {
        None => Some(wanted.source_connector()),
        Some(name) => Some(names::sink_connector(
            &wanted.owner.name,
            &wanted.sinks.iter().find(|sink| sink.name == *name)?.name,
        )),
    }
}
