//! Where a sink, or the source, goes on, set on request (`spec.offsets`), once for each id.
//!
//! `requests` (what the spec can mean) → `begin` (the next one, or why it is refused or waits while nothing is stopped yet) → [`turn`] (one at a
//! time: its connector is stopped; `set`; it is let go on), with what is said of it in `told`.
//! What was asked for, and what it costs, is in status before the step. That it is done is seen: by what Connect has stored for the source, by what
//! the sink's group has committed. So a Sluice that dies at any moment sets the same once more: where a sink is to go on is written down when its
//! request is begun. A request has ended once its connector is seen to be what the pipeline wants again, whatever else holds the pipeline up.

mod begin;
mod requests;
mod set;
mod told;
mod turn;

use std::collections::BTreeMap;

use serde_json::Value;
use sluice_crds::cdc_pipeline::{OffsetRun, OffsetTo};
use sluice_crds::common::RunState;

use super::guard::Memory;
use super::{Wanted, names};
use crate::view::source::Lsn;

pub use requests::Request;
pub(super) use requests::requests;
pub use set::SET;
pub use told::{not_set, turned, while_invalid};
pub use turn::turn;

const STOPPING: &str = "Stopping";
const SETTING: &str = "Setting";
const RESUMING: &str = "Resuming";
const DONE: &str = "Done";
const FAILED: &str = "Failed";

/// Offsets by topic and partition.
pub type ByPartition = BTreeMap<(String, i32), i64>;

/// Where a sink's group is, and where it shall be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Positions {
    /// The id of the request that they were looked at for.
    pub request: String,
    pub begins: ByPartition,
    pub committed: ByPartition,
    /// Of [`Place`]; empty where they are written down already.
    pub targets: ByPartition,
}

/// What Connect is asked to store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Set {
    Sink { connector: String, offsets: ByPartition },
    Source { connector: String, lsn: Lsn },
}

/// A connector that goes on, or stays, as it is but for its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resume {
    pub connector: String,
    pub state: RunState,
}

/// A sink whose group and topics have to be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub request: String,
    pub connector: String,
    pub place: Place,
}

/// Where in its topics a sink shall go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Beginning,
    /// Where they end now. Clocks have no say: producers have their own.
    End,
    /// With what came since, in milliseconds since 1970.
    Since(i64),
    /// As status says.
    Known,
}

/// The request that is under way.
pub fn under_way(runs: &[OffsetRun]) -> Option<&OffsetRun> {
    runs.iter().find(|run| is_under_way(run))
}

/// The source's offset is being set, or its connector is let go on after that: it is given no orders.
pub(super) fn holds_source(runs: &[OffsetRun]) -> bool {
    under_way(runs).is_some_and(|run| run.sink.is_none())
}

/// The sink that is being set, or is next: where that one shall go on is known before it is stopped.
pub fn sink_asked(wanted: &Wanted, runs: &[OffsetRun]) -> Option<Asked> {
    let (request, name, place) = if let Some(run) = under_way(runs) {
        (&run.id, run.sink.as_ref().filter(|_| run.state != RESUMING)?, Place::Known)
    } else {
        let next = begin::next(wanted, runs)?;
        let place = match (&next.time, next.to) {
            (Some(time), _) => Place::Since(time.0.as_millisecond()),
            (None, Some(OffsetTo::Latest)) => Place::End,
            (None, Some(OffsetTo::Earliest) | None) => Place::Beginning,
        };
        (&next.id, next.sink.as_ref()?, place)
    };
    let sink = wanted.sinks.iter().find(|sink| sink.name == *name)?;
    Some(Asked { request: request.clone(), connector: wanted.sink_connector(sink), place })
}

/// Whether it matters now what Connect has stored for the source: it is being set, or could be next.
pub fn asks_for_stored(wanted: &Wanted, memory: &Memory) -> bool {
    if let Some(run) = under_way(&memory.offsets) {
        return run.sink.is_none();
    }
    begin::next(wanted, &memory.offsets).is_some_and(|request| request.lsn.is_some())
}

/// Debezium's offset of a position up to which all was read (`PostgresOffsetContext.Loader`, 3.6), made of the one that is `stored`. As after a
/// commit: what begins exactly there is read (`WalPositionLocator.resumeFromLsn`). Connect puts it in the place of the whole offset, and in
/// that stands how far an incremental snapshot is (`incremental_snapshot_…`): without it the rows would never come.
pub fn stored_at(lsn: Lsn, stored: &Value) -> Value {
    let of_the_place = |key: &str| {
        let one = ["last_snapshot_record", "lsn_events_processed", "txId"].contains(&key);
        one || key.starts_with("snapshot") || key.starts_with("transaction_")
    };
    let mut offset = stored.as_object().cloned().unwrap_or_default();
    offset.retain(|key, _| !of_the_place(key));
    for key in ["lsn", "lsn_proc", "lsn_commit"] {
        offset.insert(key.into(), lsn.0.cast_signed().into());
    }
    offset.insert("messageType".into(), "COMMIT".into());
    offset.insert("ts_usec".into(), 0.into());
    Value::Object(offset)
}

fn is_under_way(run: &OffsetRun) -> bool {
    [STOPPING, SETTING, RESUMING].contains(&run.state.as_str())
}

/// `None`: there is no such sink any more.
fn connector(wanted: &Wanted, run: &OffsetRun) -> Option<String> {
    match &run.sink {
        None => Some(wanted.source_connector()),
        Some(name) => Some(names::sink_connector(
            &wanted.owner.name,
            &wanted.sinks.iter().find(|sink| sink.name == *name)?.name,
        )),
    }
}
