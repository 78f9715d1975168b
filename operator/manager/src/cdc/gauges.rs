use std::sync::Arc;
use std::time::Duration;

use std::collections::BTreeMap;

use sluice_clients::connect::letter;
use sluice_clients::kafka::{At, Client, Committed, Error, Offsets, Peeked, Peeks, TopicPartition};
use sluice_core::cdc::missed::{self, Gone};
use sluice_core::cdc::replay;
use sluice_core::cdc::snapshot::{self, Mark};
use sluice_core::cdc::verify::VERIFIED;
use sluice_core::cdc::{Gauges, Letter, Newest, Plan, SinkGauge, Wanted, delivery, names};
use sluice_core::view::source::{Lag, TableName};
use sluice_crds::{CdcPipeline, CdcPipelineStatus};
use tracing::debug;

use super::look::Found;
use super::progress;
use crate::context::Context;
use crate::metrics::ObjectLabels;
use crate::scope::chain;

/// How old a measurement of sinks may be. A pipeline that is behind is measured more often than one at rest.
const FRESH: Duration = Duration::from_secs(8);
const FRESH_AT_REST: Duration = Duration::from_secs(18);
/// All questions of one measurement together.
pub const DEADLINE: Duration = Duration::from_secs(3);

/// Measures what can be measured now; what cannot stays as it was.
pub async fn measure(
    context: &Arc<Context>,
    pipeline: &CdcPipeline,
    wanted: &Wanted,
    found: &Found,
    plan: &Plan,
) -> Gauges {
    let view = found.seen_source.sight.current();
    let lag = view.and_then(|view| view.lags.get(&wanted.source.slot).copied());
    let sinks = sinks(context, wanted, found).await;
    let slot = view.and_then(|view| view.slots.get(&wanted.source.slot));
    let confirmed = slot.and_then(|slot| slot.confirmed_flush_lsn);
    let tally = progress::look(context, pipeline, wanted, found, plan.snapshot_completed).await;
    let estimates = view.map(|view| view.estimates(&wanted.tables)).unwrap_or_default();
    let counted = context.cdc.counting.turn(context, pipeline, wanted, found);
    let connect = context.connect.get(&found.connect).map(|world| world.sight());
    let connect = connect.as_ref().and_then(|sight| sight.current());
    let delivery = connect.and_then(|view| delivery::of(wanted, view));
    let gauges = Gauges { lag, confirmed, sinks, tally, estimates, counted, delivery };
    export(context, found, &gauges);
    gauges
}

async fn sinks(context: &Context, wanted: &Wanted, found: &Found) -> Vec<SinkGauge> {
    let before = context.cdc.gauges(&found.key, FRESH_AT_REST);
    let behind = |gauges: &Gauges| gauges.sinks.iter().any(|sink| sink.lag_records != Some(0));
    match before {
        Some(gauges) if !behind(&gauges) || context.cdc.gauges(&found.key, FRESH).is_some() => {
            return gauges.sinks;
        }
        _ => {}
    }
    let world = found.cluster.as_ref().and_then(|cluster| context.kafka.get(cluster));
    let Some(world) = world.filter(|_| !found.connectors.is_empty() && !wanted.sinks.is_empty()) else {
        return Vec::new();
    };
    let known = context.cdc.gauges(&found.key, Duration::MAX).unwrap_or_default().sinks;
    match ask(&world.client.within(DEADLINE), wanted, &known).await {
        Ok(sinks) => {
            context.cdc.measured(&found.key, &Gauges { sinks: sinks.clone(), ..Default::default() });
            sinks
        }
        Err(error) => {
            debug!(pipeline = %found.key, error = %chain(&error), "sinks not measured");
            Vec::new()
        }
    }
}

async fn ask(client: &Client, wanted: &Wanted, known: &[SinkGauge]) -> Result<Vec<SinkGauge>, Error> {
    let groups: Vec<String> =
        wanted.sinks.iter().map(|sink| names::consumer_group(&wanted.sink_connector(sink))).collect();
    let tables: Vec<String> = wanted.tables.iter().map(|table| wanted.topic(table)).collect();
    let letters: Vec<&str> = wanted.sinks.iter().filter_map(|sink| sink.dead_letter.as_deref()).collect();
    let topics: Vec<&str> = tables.iter().map(String::as_str).chain(letters).collect();
    let ends = client.list_offsets(&topics, At::Latest).await?;
    let begins = client.list_offsets(&topics, At::Earliest).await?;
    let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
    let committed = client.offset_fetch(&groups).await?;
    let of = |group: &str| {
        committed.iter().find(|(name, _)| name == group).and_then(|(_, item)| item.as_ref().ok())
    };
    // what was committed since the ends were asked for is not gone
    let ahead = |(at, offset): (&TopicPartition, &i64)| matches!(ends.get(at), Some(Ok(end)) if offset > end);
    let suspect = groups.iter().filter_map(|group| of(group)).any(|committed| committed.iter().any(ahead));
    let since = if suspect { Some(client.list_offsets(&topics, At::Latest).await?) } else { None };
    let ends_since = since.as_ref().unwrap_or(&ends);
    let mut gauges = Vec::new();
    for (sink, group) in wanted.sinks.iter().zip(&groups) {
        let waiting = of(group).and_then(|committed| waiting(&tables, &begins, &ends, committed));
        let peeks = match &waiting {
            Some(waiting) if !waiting.first.is_empty() => Some(client.peek(&waiting.first).await?),
            _ => None,
        };
        // what ends a transaction has an offset, and is no record
        let ends_only = |peeks: &Peeks| peeks.values().all(|peeked| matches!(peeked, Ok(Peeked::Nothing)));
        let nothing = peeks.as_ref().is_some_and(ends_only);
        let letters = sink.dead_letter.as_ref().and_then(|topic| Some((topic, held(topic, &begins, &ends)?)));
        let newest = match letters {
            Some((topic, held)) if held > 0 => newest(client, topic, &begins, &ends, known).await,
            _ => None,
        };
        gauges.push(SinkGauge {
            lag_records: waiting.as_ref().map(|waiting| if nothing { 0 } else { waiting.records }),
            gone: of(group).map(|committed| gone(wanted, &begins, ends_since, committed)).unwrap_or_default(),
            oldest: peeks.and_then(oldest),
            dead_letters: letters.map(|(_, held)| held),
            newest,
        });
    }
    Ok(gauges)
}

/// Partitions of a dead-letter topic that are looked at; Connect makes it with one.
const LETTER_PARTITIONS: usize = 8;

/// The newest dead letter: what is known of it, where nothing came since. `None`: it cannot be asked for now.
async fn newest(
    client: &Client,
    topic: &str,
    begins: &Offsets,
    ends: &Offsets,
    known: &[SinkGauge],
) -> Option<Newest> {
    let filled: Vec<_> = ends
        .iter()
        .filter(|(at, _)| at.topic == topic)
        .filter_map(|(at, end)| Some((at, begin(begins, at)?, *end.as_ref().ok()?)))
        .collect();
    let of = (topic.to_owned(), filled.iter().map(|(_, _, end)| end).sum());
    if let Some(known) = known.iter().filter_map(|sink| sink.newest.as_ref()).find(|known| known.of == of) {
        return Some(known.clone());
    }
    let filled = filled.into_iter().filter(|(_, begin, end)| begin < end).take(LETTER_PARTITIONS);
    let last: BTreeMap<_, _> = filled.map(|(at, _, end)| (at.clone(), end - 1)).collect();
    let peeks = client.peek(&last).await.ok().filter(|peeks| peeks.len() == last.len())?;
    let mut found: Option<Letter> = None;
    for peeked in peeks.into_values() {
        let Peeked::Record(record) = peeked.ok()? else { continue };
        let last = letter(&record);
        if last.as_ref().map(|last| last.at) > found.as_ref().map(|found| found.at) {
            found = last;
        }
    }
    Some(Newest { of, letter: found })
}

/// What a sink has not read, and cannot read any more.
fn gone(wanted: &Wanted, begins: &Offsets, ends: &Offsets, committed: &Committed) -> Gone {
    let tables: BTreeMap<_, _> = wanted.tables.iter().map(|table| (wanted.topic(table), table)).collect();
    let mut gone = Gone::new();
    for (at, offset) in committed {
        let Some(table) = tables.get(&at.topic) else { continue };
        let (Some(begin), Some(Ok(end))) = (begin(begins, at), ends.get(at)) else { continue };
        if let Some(records) = missed::gone(*offset, begin, *end) {
            let sum = gone.entry(TableName::clone(table)).or_insert(Some(0));
            *sum = sum.zip(records).map(|(sum, records)| sum + records);
        }
    }
    gone
}

/// What a sink has not committed.
struct Waiting {
    records: i64,
    /// The first of them in each partition that has some.
    first: BTreeMap<TopicPartition, i64>,
}

/// `None` where a partition's end is not known, or its beginning was lost: half a sum would be a lie.
fn waiting(tables: &[String], begins: &Offsets, ends: &Offsets, committed: &Committed) -> Option<Waiting> {
    let mut waiting = Waiting { records: 0, first: BTreeMap::new() };
    for (at, end) in ends.iter().filter(|(at, _)| tables.contains(&at.topic)) {
        let end = *end.as_ref().ok()?;
        let begin = begin(begins, at)?;
        let from = committed.get(at).copied().unwrap_or(begin);
        // retention has removed what was never read: nobody can say how far behind that is, and it is not nothing
        if from < begin {
            return None;
        }
        if from < end {
            waiting.records += end - from;
            waiting.first.insert(at.clone(), from);
        }
    }
    Some(waiting)
}

/// When the oldest of these changes was made: by the source's clock, where the record says it, else when it came to Kafka; of one that was
/// sent again, when that was. `None`: one of
/// them could not be seen.
fn oldest(peeks: Peeks) -> Option<i64> {
    let mut oldest: Option<i64> = None;
    for peeked in peeks.into_values() {
        let at = match peeked.ok()? {
            Peeked::Record(record) => {
                // one that was sent again waits since then: how old its change is says nothing of how far the sink is behind
                let again = record.header(replay::HEADER).is_some();
                let change = record.value.as_deref().filter(|_| !again).and_then(Mark::of);
                let change = change.filter(|mark| !mark.row);
                change.map_or(record.timestamp, |mark| mark.ts.min(record.timestamp))
            }
            Peeked::Sealed { newest } => newest,
            Peeked::Nothing => continue,
        };
        oldest = Some(oldest.map_or(at, |oldest| oldest.min(at)));
    }
    oldest
}

/// Records in a topic.
fn held(topic: &str, begins: &Offsets, ends: &Offsets) -> Option<i64> {
    let mut held = 0;
    for (at, end) in ends.iter().filter(|(at, _)| at.topic == topic) {
        held += (*end.as_ref().ok()? - begin(begins, at)?).max(0);
    }
    Some(held)
}

fn begin(begins: &Offsets, at: &TopicPartition) -> Option<i64> {
    begins.get(at)?.as_ref().ok().copied()
}

fn export(context: &Context, found: &Found, gauges: &Gauges) {
    let labels = ObjectLabels::of(&found.key);
    let metrics = &context.shared.metrics;
    if let Some(Lag { bytes, retained, .. }) = gauges.lag {
        metrics.pipeline_lag_bytes.get_or_create(&labels).set(bytes);
        metrics.pipeline_retained_wal_bytes.get_or_create(&labels).set(retained);
    }
    if let Some(behind) = gauges.sinks.iter().filter_map(|sink| sink.lag_records).max() {
        metrics.pipeline_sink_lag_records.get_or_create(&labels).set(behind);
    }
    if let Some(tally) = &gauges.tally {
        metrics.pipeline_snapshot_rows.get_or_create(&labels).set(tally.rows());
        let estimates: Option<i64> = tally.tables.keys().map(|table| gauges.estimates.get(table)).sum();
        if let Some(rows) = estimates {
            metrics.pipeline_snapshot_estimated_rows.get_or_create(&labels).set(rows);
        }
    }
    let letters: Vec<i64> = gauges.sinks.iter().filter_map(|sink| sink.dead_letters).collect();
    if !letters.is_empty() {
        metrics.pipeline_dead_letters.get_or_create(&labels).set(letters.iter().sum());
    }
}

/// What the guard and the budget say.
pub fn told(context: &Context, found: &Found, plan: &Plan) {
    let labels = ObjectLabels::of(&found.key);
    let metrics = &context.shared.metrics;
    if let Some(left) = found.left_slots() {
        metrics.pipeline_left_slots.get_or_create(&labels).set(i64::try_from(left).unwrap_or(i64::MAX));
    }
    if let Some(guarded) = &plan.guarded {
        metrics.pipeline_gap.get_or_create(&labels).set(guarded.gap.is_some().into());
    }
    if let Some(budget) = &plan.budget {
        metrics.pipeline_wal_growth.get_or_create(&labels).set(budget.growth);
        metrics.pipeline_wal_budget_exceeded.get_or_create(&labels).set(budget.is_exceeded().into());
        if let Some(bytes) = budget.budget {
            metrics.pipeline_wal_budget_bytes.get_or_create(&labels).set(bytes);
        }
    }
}

/// How far the pipeline is behind, as status says it; nothing while nobody can tell.
pub fn behind(context: &Context, found: &Found, gauges: &Gauges, status: &CdcPipelineStatus) {
    let labels = ObjectLabels::of(&found.key);
    let metrics = &context.shared.metrics;
    // while rows are being read nothing is confirmed: that is the snapshot's time, and no lag
    let reads = status.snapshot.as_ref().is_some_and(snapshot::is_read);
    let source = gauges.lag.and(status.source.as_ref()).and_then(|source| source.lag_seconds);
    let source = source.filter(|_| !reads);
    let sinks: Option<Vec<i64>> = status.sinks.iter().map(|sink| sink.lag_seconds).collect();
    let sinks = sinks.and_then(|seconds| seconds.into_iter().max()).filter(|_| !reads);
    for (gauge, seconds) in
        [(&metrics.pipeline_lag_seconds, source), (&metrics.pipeline_sink_lag_seconds, sinks)]
    {
        match seconds {
            Some(seconds) => drop(gauge.get_or_create(&labels).set(seconds)),
            None => drop(gauge.remove(&labels)),
        }
    }
}

/// What the comparisons say; nothing where they say nothing.
pub fn verified(context: &Context, found: &Found, status: &CdcPipelineStatus) {
    let (labels, gauge) = (ObjectLabels::of(&found.key), &context.shared.metrics.pipeline_verified);
    let condition = status.conditions.iter().find(|condition| condition.type_ == VERIFIED);
    match condition.map(|condition| condition.status.as_str()) {
        Some("True") => {
            gauge.get_or_create(&labels).set(1);
        }
        Some("False") => {
            gauge.get_or_create(&labels).set(0);
        }
        _ => {
            gauge.remove(&labels);
        }
    }
}

/// A pipeline that is gone has no figures.
pub fn forget(context: &Context, key: &crate::scope::Key) {
    let labels = ObjectLabels::of(key);
    for gauge in context.shared.metrics.of_pipelines() {
        gauge.remove(&labels);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_clients::kafka::{Code, ItemError, Record};

    fn at(topic: &str, partition: i32) -> TopicPartition {
        TopicPartition { topic: topic.into(), partition }
    }

    #[test]
    fn records_behind_are_counted_where_none_was_lost() {
        let tables = ["orders".to_owned()];
        let begins: Offsets =
            [(at("orders", 0), Ok(10)), (at("orders", 1), Ok(0)), (at("other", 0), Ok(0))].into();
        let mut ends: Offsets =
            [(at("orders", 0), Ok(50)), (at("orders", 1), Ok(5)), (at("other", 0), Ok(9))].into();
        let committed: Committed = [(at("orders", 0), 30)].into();
        let records = |ends: &Offsets, committed: &Committed| {
            waiting(&tables, &begins, ends, committed).map(|waiting| waiting.records)
        };
        assert_eq!(records(&ends, &committed), Some(20 + 5));
        assert_eq!(records(&ends, &Committed::new()), Some(40 + 5), "it has read nothing yet");
        assert_eq!(records(&ends, &[(at("orders", 0), 3)].into()), None, "retention was faster");
        let all = [(at("orders", 0), 50), (at("orders", 1), 4)].into();
        let first = waiting(&tables, &begins, &ends, &all).unwrap().first;
        assert_eq!(first, [(at("orders", 1), 4)].into(), "where nothing waits nothing is looked at");
        assert_eq!(held("other", &begins, &ends), Some(9));
        ends.insert(at("orders", 1), Err(ItemError { code: Code::LEADER_NOT_AVAILABLE, message: None }));
        assert_eq!(waiting(&tables, &begins, &ends, &committed).map(|waiting| waiting.records), None);
    }

    #[test]
    fn the_oldest_change_is_as_old_as_its_commit() {
        let record = |timestamp, value: Option<&str>| {
            let value = value.map(|text| text.as_bytes().to_vec());
            Ok(Peeked::Record(Record {
                offset: 0,
                timestamp,
                append_time: false,
                key: None,
                value,
                headers: vec![],
            }))
        };
        let source = |snapshot: &str| {
            format!(
                "{{\"payload\": {{\"source\": {{\"lsn\": 1, \"ts_ms\": 400, \"snapshot\": \"{snapshot}\"}}}}}}"
            )
        };
        let of =
            |peeks: Vec<_>| oldest((0..).zip(peeks).map(|(n, peeked)| (at("orders", n), peeked)).collect());
        assert_eq!(of(vec![record(900, Some(&source("false"))), record(700, None)]), Some(400));
        assert_eq!(
            of(vec![record(900, Some(&source("true")))]),
            Some(900),
            "a row is no change of that time"
        );
        let mut again = record(900, Some(&source("false")));
        if let Ok(Peeked::Record(record)) = &mut again {
            record.headers.push(("__sluice.replay".into(), b"12 copy/first@7".to_vec()));
        }
        assert_eq!(of(vec![again]), Some(900), "it was sent again at that time");
        assert_eq!(of(vec![Ok(Peeked::Sealed { newest: 800 }), Ok(Peeked::Nothing)]), Some(800));
        let lost = Err(ItemError { code: Code::LEADER_NOT_AVAILABLE, message: None });
        assert_eq!(of(vec![record(900, None), lost]), None, "what cannot be seen may be older");
    }
}
