use std::collections::BTreeMap;

use serde_json::json;
use sluice_clients::connect::Offset;
use sluice_clients::kafka::{At, Client, Error, Offsets};
use sluice_core::cdc::guard::Memory;
use sluice_core::cdc::offsets::{self, Asked, ByPartition, Place, Positions, Set};
use sluice_core::cdc::{Child, Wanted, names};
use tracing::{debug, info};

use super::look::Found;
use crate::context::Context;
use crate::scope::{Key, chain};

/// Where the sink that is being set is, once its connector rests; where the next one shall be, before it is stopped.
pub async fn look(
    context: &Context,
    cluster: Option<&Key>,
    wanted: &Wanted,
    memory: &Memory,
    child: impl Fn(&str) -> Option<Child>,
) -> Option<Positions> {
    let asked = offsets::sink_asked(wanted, &memory.offsets)?;
    let connector = &asked.connector;
    let rests = child(connector).is_some_and(|child| child.state.as_deref() == Some("Stopped"));
    if asked.place == Place::Known && !rests {
        return None;
    }
    let world = context.kafka.get(cluster?)?;
    let sight = world.sight();
    // what is not there yet is read from its beginning once it is
    let there = &sight.current()?.topics;
    let topics: Vec<String> = wanted.tables.iter().map(|table| wanted.topic(table)).collect();
    let topics: Vec<&str> =
        topics.iter().map(String::as_str).filter(|topic| there.contains_key(*topic)).collect();
    match ask(&world.client.within(super::gauges::DEADLINE), &topics, &asked).await {
        Ok(positions) => positions,
        Err(error) => {
            debug!(connector, error = %chain(&error), "where the sink is was not seen");
            None
        }
    }
}

async fn ask(client: &Client, topics: &[&str], asked: &Asked) -> Result<Option<Positions>, Error> {
    let group = names::consumer_group(&asked.connector);
    let begins = client.list_offsets(topics, At::Earliest).await?;
    let targets = match asked.place {
        Place::Known => Offsets::new(),
        Place::Beginning => begins.clone(),
        Place::End => client.list_offsets(topics, At::Latest).await?,
        Place::Since(millis) => {
            let ends = client.list_offsets(topics, At::Latest).await?;
            since(client.list_offsets(topics, At::Time(millis)).await?, &ends)
        }
    };
    let committed = client.offset_fetch(&[&group]).await?;
    let Some(Ok(committed)) = committed.into_iter().map(|(_, item)| item).next() else { return Ok(None) };
    let committed: ByPartition =
        committed.into_iter().map(|(at, offset)| ((at.topic, at.partition), offset)).collect();
    let (Some(begins), Some(targets)) = (whole(begins), whole(targets)) else { return Ok(None) };
    Ok(Some(Positions { request: asked.request.clone(), begins, committed, targets }))
}

/// Where nothing came since, the end.
fn since(mut found: Offsets, ends: &Offsets) -> Offsets {
    for (at, offset) in &mut found {
        if matches!(offset, Ok(-1)) {
            offset.clone_from(ends.get(at).unwrap_or(&Ok(-1)));
        }
    }
    found
}

/// `None` where a partition did not answer: half of them are not set.
fn whole(offsets: Offsets) -> Option<ByPartition> {
    let one = |(at, offset): (_, Result<i64, _>)| {
        let at: sluice_clients::kafka::TopicPartition = at;
        Some(((at.topic, at.partition), offset.ok().filter(|offset| *offset >= 0)?))
    };
    offsets.into_iter().map(one).collect::<Option<BTreeMap<_, _>>>()
}

/// Has Connect store offsets. The words are Connect's.
pub async fn set(context: &Context, found: &Found, set: &Set) -> Result<(), String> {
    let Some(world) = context.connect.get(&found.connect) else {
        return Err("Connect is not seen yet".into());
    };
    let (connector, entries) = match set {
        Set::Sink { connector, offsets } => {
            let one = |((topic, partition), offset): (&(String, i32), &i64)| Offset {
                partition: json!({"kafka_topic": topic, "kafka_partition": partition}),
                offset: json!({"kafka_offset": offset}),
            };
            (connector, offsets.iter().map(one).collect())
        }
        Set::Source { connector, lsn } => {
            let known = world.client.offsets(connector).await.map_err(|error| chain(&error))?;
            let Some(Offset { partition, offset }) = known.into_iter().next() else {
                return Err("it has no offset for the connector any more".into());
            };
            (connector, vec![Offset { partition, offset: offsets::stored_at(*lsn, &offset) }])
        }
    };
    world.client.set_offsets(connector, &entries).await.map_err(|error| chain(&error))?;
    info!(pipeline = %found.key, connector, "set offsets");
    Ok(())
}
