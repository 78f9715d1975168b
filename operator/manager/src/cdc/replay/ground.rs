use std::collections::{BTreeMap, BTreeSet};

use sluice_clients::kafka::{At, Client, Offsets, TopicPartition};
use sluice_core::cdc::replay::{Ground, Keeps, Letter, Place};

use super::task::Stop;

/// What is known of the topics of letters.
pub struct Known {
    pub ground: Ground,
    /// Bytes that each takes at once (`max.message.bytes`).
    pub room: BTreeMap<String, usize>,
}

/// Where the partitions of letters begin and end, and what their topics take and keep. `ours`: topics of the pipeline's tables.
pub async fn look(client: &Client, ours: &BTreeSet<String>, letters: &[Letter]) -> Result<Known, Stop> {
    let of = |letter: &Letter| letter.from.as_ref().map(|(place, _)| place.topic.clone());
    let topics: BTreeSet<String> =
        letters.iter().filter_map(of).filter(|topic| ours.contains(topic)).collect();
    let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
    let mut known =
        Known { ground: Ground { ours: ours.clone(), ..Ground::default() }, room: BTreeMap::new() };
    if topics.is_empty() {
        return Ok(known);
    }
    for (topic, configs) in client.topic_configs_in_force(&topics).await? {
        let configs = configs.map_err(|error| Stop::Again(format!("{topic}: {error}")))?;
        let keeps = Keeps::of(|name| configs.get(name).map(String::as_str));
        if keeps.compacts {
            known.ground.compacted.insert(topic.clone());
        }
        if keeps.packs {
            known.ground.packed.insert(topic.clone());
        }
        known.room.insert(topic, keeps.room);
    }
    let begins = client.list_offsets(&topics, At::Earliest).await?;
    let ends = client.list_offsets(&topics, At::Latest).await?;
    for at in ends.keys() {
        let place = Place { topic: at.topic.clone(), partition: at.partition };
        known.ground.bounds.insert(place, (offset(&begins, at)?, offset(&ends, at)?));
    }
    Ok(known)
}

pub fn offset(offsets: &Offsets, at: &TopicPartition) -> Result<i64, Stop> {
    match offsets.get(at) {
        Some(Ok(offset)) => Ok(*offset),
        Some(Err(error)) => Err(Stop::Again(format!("{}-{}: {error}", at.topic, at.partition))),
        None => Err(Stop::Again(format!("{}-{} is not there", at.topic, at.partition))),
    }
}
