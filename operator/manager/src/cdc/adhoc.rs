use sluice_clients::kafka::{Tail, TopicPartition};
use sluice_core::cdc::adhoc::{self, Heard};
use sluice_core::cdc::guard::Memory;
use sluice_core::cdc::{Wanted, names};
use tracing::debug;

use super::progress::CLOCKS;
use crate::context::Context;
use crate::scope::{Key, chain};

/// How far reading the answers to one order is.
#[derive(Clone, Debug, Default)]
pub struct Listening {
    signal: String,
    /// Where to go on.
    next: Option<i64>,
    heard: Heard,
}

/// What Debezium has told of the order that is under way.
pub async fn listen(
    context: &Context,
    pipeline: &Key,
    cluster: Option<&Key>,
    wanted: &Wanted,
    memory: &Memory,
) -> Option<Heard> {
    let run = adhoc::under_way(&memory.runs)?;
    let topic = wanted.topic(&names::signal_table(&wanted.source.slot));
    let world = context.kafka.get(cluster?)?;
    let client = world.client.within(super::gauges::DEADLINE);
    let signal = adhoc::signal(run);
    let mut listening = context.cdc.listening(pipeline);
    if listening.signal != signal {
        listening = Listening { signal, heard: Heard::of(run), ..Default::default() };
    }
    let since = run.at.as_ref().map_or(0, |at| at.0.as_millisecond() - CLOCKS);
    listening.heard.whole = false;
    match client.tail(&TopicPartition { topic, partition: 0 }, listening.next, since).await {
        Ok(Some(Tail { records, next, end, .. })) => {
            for value in records.iter().filter_map(|record| record.value.as_deref()) {
                listening.heard.note(&listening.signal, value);
            }
            listening.next = Some(next);
            listening.heard.whole = next >= end;
        }
        // from its beginning again
        Ok(None) => listening.next = None,
        Err(error) => debug!(%pipeline, error = %chain(&error), "the answers to an order were not read"),
    }
    let heard = listening.heard.clone();
    context.cdc.listened(pipeline, listening);
    Some(heard)
}
