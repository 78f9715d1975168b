use std::collections::{BTreeMap, BTreeSet};

use sluice_clients::kafka::{At, Client, Offsets, TopicPartition, Topics};
use sluice_core::cdc::replay::{Ground, Keeps, Letter, Place};

use super::task::Stop;

/// What is known of the topics of letters.
pub struct Known {
    pub ground: Ground,
    topics: BTreeMap<String, Facts>,
}

/// What a topic is, whatever it holds.
#[derive(Debug, PartialEq, Eq)]
struct Facts {
    id: String,
    partitions: usize,
    keeps: Keeps,
}

impl Known {
    /// Bytes that a topic takes at once.
    pub fn room(&self, topic: &str) -> usize {
        self.topics.get(topic).map_or(usize::MAX, |facts| facts.keeps.room)
    }

    /// Whether a topic is still what it was when its letters were looked at: to read what came since may take hours.
    pub async fn holds(&self, client: &Client, topic: &str) -> Result<(), Stop> {
        if facts(client, &[topic]).await?.get(topic) == self.topics.get(topic) {
            return Ok(());
        }
        Err(Stop::Again(format!(
            "{topic} was made anew, or its partitions or configs were changed, while it was read"
        )))
    }
}

/// Where the partitions of letters begin and end, and what their topics take and keep. `ours`: topics of the pipeline's tables.
pub async fn look(client: &Client, ours: &BTreeSet<String>, letters: &[Letter]) -> Result<Known, Stop> {
    let of = |letter: &Letter| letter.from.as_ref().map(|(place, _)| place.topic.clone());
    let names: BTreeSet<String> =
        letters.iter().filter_map(of).filter(|topic| ours.contains(topic)).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut ground = Ground { ours: ours.clone(), ..Ground::default() };
    if names.is_empty() {
        return Ok(Known { ground, topics: BTreeMap::new() });
    }
    let topics = facts(client, &names).await?;
    let those = |which: fn(&Keeps) -> bool| {
        topics.iter().filter(move |(_, facts)| which(&facts.keeps)).map(|(name, _)| name.clone()).collect()
    };
    (ground.compacted, ground.packed) = (those(|keeps| keeps.compacts), those(|keeps| keeps.packs));
    let several = topics.iter().filter(|(_, facts)| facts.partitions > 1);
    ground.several = several.map(|(name, _)| name.clone()).collect();
    let begins = client.list_offsets(&names, At::Earliest).await?;
    let ends = client.list_offsets(&names, At::Latest).await?;
    for at in ends.keys() {
        let place = Place { topic: at.topic.clone(), partition: at.partition };
        ground.bounds.insert(place, (offset(&begins, at)?, offset(&ends, at)?));
    }
    Ok(Known { ground, topics })
}

async fn facts(client: &Client, names: &[&str]) -> Result<BTreeMap<String, Facts>, Stop> {
    let mut keeps = BTreeMap::new();
    for (topic, configs) in client.topic_configs_in_force(names).await? {
        let configs = configs.map_err(|error| Stop::Again(format!("{topic}: {error}")))?;
        keeps.insert(topic, Keeps::of(|name| configs.get(name).map(String::as_str)));
    }
    let mut facts = BTreeMap::new();
    for (name, topic) in client.metadata(Topics::Named(names)).await? {
        let topic = topic.map_err(|error| Stop::Again(format!("{name}: {error}")))?;
        if let Some(keeps) = keeps.remove(&name) {
            let (id, partitions) = (topic.id.to_string(), topic.partitions.len());
            facts.insert(name, Facts { id, partitions, keeps });
        }
    }
    match names.iter().find(|name| !facts.contains_key(**name)) {
        Some(missing) => Err(Stop::Again(format!("{missing} is not there"))),
        None => Ok(facts),
    }
}

pub fn offset(offsets: &Offsets, at: &TopicPartition) -> Result<i64, Stop> {
    match offsets.get(at) {
        Some(Ok(offset)) => Ok(*offset),
        Some(Err(error)) => Err(Stop::Again(format!("{}-{}: {error}", at.topic, at.partition))),
        None => Err(Stop::Again(format!("{}-{} is not there", at.topic, at.partition))),
    }
}
