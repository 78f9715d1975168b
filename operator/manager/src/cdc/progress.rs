use sluice_clients::kafka::{Error, SnapshotRows, snapshot_rows};
use sluice_core::cdc::Wanted;
use sluice_core::cdc::snapshot::{self, Tally};
use sluice_core::view::source::Lsn;
use sluice_crds::CdcPipeline;
use tracing::debug;

use super::look::Found;
use crate::context::Context;
use crate::scope::chain;

/// By how many milliseconds the clocks of Sluice and of the Connect workers may differ.
pub const CLOCKS: i64 = 60_000;

/// What the snapshot has brought, while status asks for that.
pub async fn look(
    context: &Context,
    pipeline: &CdcPipeline,
    wanted: &Wanted,
    found: &Found,
    completed: bool,
) -> Option<Tally> {
    let status = pipeline.status.as_ref()?;
    let snapshot = status.snapshot.as_ref().filter(|snapshot| snapshot::is_watched(snapshot))?;
    if status.resnapshot.is_some() {
        // what there was is given up
        return None;
    }
    let world = found.cluster.as_ref().and_then(|cluster| context.kafka.get(cluster))?;
    let client = world.client.within(super::gauges::DEADLINE);
    let lsn = |text: &Option<String>| text.as_ref().and_then(|text| text.parse::<Lsn>().ok());
    let sought = SnapshotRows {
        tables: wanted.tables.iter().map(|table| (wanted.topic(table), table.clone())).collect(),
        since: snapshot.since.as_ref().map_or(0, |since| since.0.as_millisecond() - CLOCKS),
        floor: lsn(&snapshot.from_lsn).unwrap_or_default(),
        told: lsn(&snapshot.lsn),
        completed,
    };
    let mut known = context.cdc.rows(&found.key);
    let tally = snapshot_rows(&client, &sought, &mut known).await;
    context.cdc.rows_known(&found.key, known);
    tally.unwrap_or_else(|error: Error| {
        debug!(pipeline = %found.key, error = %chain(&error), "the snapshot's rows were not looked for");
        None
    })
}
