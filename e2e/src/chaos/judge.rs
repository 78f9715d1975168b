//! What has to be so whatever was done.

use anyhow::{Result, ensure};
use sluice_crds::Topic;

use super::{Arena, TOPIC};
use crate::agent::records::Produced;
use crate::kubernetes::conditions::ready;
use crate::wait::{chain, seconds};

pub async fn every_acknowledged_record_is_there(arena: &Arena, produced: &Produced) -> Result<()> {
    ensure!(produced.acked > 0, "no record was acknowledged: {produced:?}");
    let read = arena.agent.consume_numbered(&arena.kafka.bootstrap, TOPIC, produced).await?;
    ensure!(
        read.missing == 0,
        "{} records that were acknowledged are not there, the first: {:?}; {} are",
        read.missing,
        read.first_missing,
        read.distinct
    );
    Ok(())
}

/// Of brokers and of topics; also none that somebody set for a moment.
pub async fn no_throttle_is_left(arena: &Arena) -> Result<()> {
    let place = &arena.kafka.bootstrap;
    let is_set = |value: &String| !value.is_empty() && *value != i64::MAX.to_string();
    let throttles = |configs: &std::collections::BTreeMap<String, String>| {
        let mut all: Vec<_> =
            configs.iter().filter(|(key, value)| key.contains(".throttled.") && is_set(value)).collect();
        all.sort();
        format!("{all:?}")
    };
    for broker in 0..3 {
        let left = throttles(&arena.agent.broker_configs(place, broker).await?);
        ensure!(left == "[]", "broker {broker} is still throttled: {left}");
    }
    for topic in arena.agent.topics(place).await? {
        let left = throttles(&arena.agent.topic_configs(place, &topic.name).await?);
        ensure!(left == "[]", "topic {} is still throttled: {left}", topic.name);
    }
    Ok(())
}

/// Counts of partitions, voters, and each Topic that says it is as declared.
pub async fn status_says_what_kafka_says(arena: &Arena) -> Result<()> {
    arena
        .place
        .eventually("status to say what Kafka says", seconds(20), async || {
            let status = arena.cluster().await.map_err(|e| chain(e.as_ref()))?.status.unwrap_or_default();
            let topics = arena.agent.topics(&arena.kafka.bootstrap).await.map_err(|e| chain(e.as_ref()))?;
            let all = || topics.iter().flat_map(|topic| &topic.partitions);
            let kafka = (
                all().count(),
                all().filter(|p| p.leader < 0).count(),
                all().filter(|p| p.is_behind()).count(),
            );
            let said = status.partitions.unwrap_or_default();
            let number = |n: i32| usize::try_from(n).unwrap_or(usize::MAX);
            let said = (number(said.total), number(said.offline), number(said.under_replicated));
            if said != kafka {
                return Err(format!(
                    "(all, offline, under-replicated): status has {said:?}, Kafka {kafka:?}"
                ));
            }
            let mut voters = status.quorum.unwrap_or_default().voters;
            voters.sort_unstable();
            if voters != [0, 1, 2] {
                return Err(format!("voters {voters:?}"));
            }
            for topic in arena.place.space.list::<Topic>("").await.map_err(crate::wait::said)? {
                let name = topic.metadata.name.clone().unwrap_or_default();
                ready(&topic)?;
                let found =
                    topics.iter().find(|found| found.name == name).map(|found| found.partitions.len());
                if found.and_then(|n| i32::try_from(n).ok()) != Some(topic.spec.partitions) {
                    return Err(format!("Topic {name} is Ready, and Kafka has {found:?} partitions"));
                }
            }
            Ok(())
        })
        .await
}
