//! Six brokers: a roll compared with the restarts of the same nodes one by one, and what a producer notices of it and of replicas that
//! move.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};
use sluice_crds::{KafkaCluster, Topic};

use super::Bench;
use crate::agent::records::Produced;
use crate::kubernetes::conditions::ready;
use crate::kubernetes::operator::is_ready;
use crate::scene::{Kafka, Place, kafka};
use crate::wait::{chain, said, seconds};

const NAME: &str = "six";
const TOPIC: &str = "load";
/// How long the producer is left alone.
const REST: Duration = seconds(30);
/// How long it may take until a node that was restarted, or all of them, have caught up.
const UP: Duration = seconds(600);
/// So that moving takes a while: 400 MB with all replicas.
const RECORDS: u64 = 13_000;
const BYTES: usize = 10_000;
const THROTTLE: &str = "10Mi";

/// Three nodes that are both, and `brokers` more.
fn spec(brokers: i32) -> Value {
    let mut spec = kafka::spec(3);
    let mut more = spec["pools"][0].clone();
    spec["pools"][0]["firstNodeId"] = 0.into();
    more["name"] = "brokers".into();
    more["roles"] = json!(["broker"]);
    more["firstNodeId"] = 3.into();
    more["replicas"] = brokers.into();
    spec["pools"] = json!([spec["pools"][0], more]);
    spec["rebalance"] = json!({"throttle": THROTTLE});
    spec
}

pub async fn six(bench: &mut Bench<'_>) -> Result<()> {
    let kafka = kafka::bring_up(&bench.place, NAME, spec(3)).await?;
    let topic = json!({
        "clusterRef": {"name": NAME}, "partitions": 24, "replicationFactor": 3, "deletionPolicy": "Delete",
        "config": {"min.insync.replicas": 2},
    });
    bench.place.apply::<Topic>(TOPIC, topic).await?;
    bench.place.ready::<Topic>(TOPIC, seconds(30)).await?;
    bench.agent.fill(&kafka.bootstrap, TOPIC, RECORDS, BYTES).await?;
    in_sync(bench, &kafka).await?;

    let alone = async || {
        let rest = async {
            tokio::time::sleep(REST).await;
            Ok(())
        };
        under_load(bench, &kafka, rest).await.map(|((), produced)| produced)
    };
    // the brokers' code is new to them
    alone().await?;
    let rest = alone().await?;
    bench.note("produce_p99_rest_ms", rest.p99_ms);
    let (single, _) = under_load(bench, &kafka, one_by_one(bench, &kafka)).await?;
    let (rolled, roll) = under_load(bench, &kafka, all(bench, &kafka)).await?;
    bench.note("restart_s", single.as_secs_f64() / 6.0);
    bench.note("roll_s", rolled.as_secs_f64());
    bench.note("roll_ratio", rolled.as_secs_f64() / single.as_secs_f64());
    bench.note("produce_p99_roll_ms", roll.p99_ms);
    let (moved, moving) = under_load(bench, &kafka, grown(bench)).await?;
    bench.note("rebalance_s", moved.as_secs_f64());
    bench.note("produce_p99_rebalance_ms", moving.p99_ms);
    bench.note(
        "produce_failed",
        f64::from(u32::try_from(rest.failed + roll.failed + moving.failed).unwrap_or(u32::MAX)),
    );
    bench.place.remove::<KafkaCluster>(NAME, seconds(120)).await
}

/// What a producer of 100 records a second, each confirmed by all replicas in sync, notices meanwhile.
async fn under_load<T>(
    bench: &Bench<'_>,
    kafka: &Kafka,
    work: impl Future<Output = Result<T>>,
) -> Result<(T, Produced)> {
    let producing = bench.agent.start_producing(&kafka.bootstrap, TOPIC, "load").await?;
    let done = work.await;
    let produced = producing.finish().await?;
    Ok((done?, produced))
}

/// Each node is stopped by hand, and the next once it has caught up: what no roll can do faster, one node at a time.
async fn one_by_one(bench: &Bench<'_>, kafka: &Kafka) -> Result<Duration> {
    let mut sum = Duration::ZERO;
    for (pod, uid) in kafka::uids(&bench.place, NAME).await? {
        let began = Instant::now();
        bench.place.space.delete::<Pod>(&pod).await?;
        bench
            .place
            .eventually(&format!("another {pod} to be ready"), UP, async || {
                let now: Pod = bench.place.space.get(&pod).await.map_err(said)?;
                let there = is_ready(&now) && now.metadata.uid.as_ref() != Some(&uid);
                if there { Ok(()) } else { Err("not yet".to_owned()) }
            })
            .await?;
        in_sync(bench, kafka).await?;
        sum += began.elapsed();
        // Sluice sees it, too, before anything else is done
        bench.place.ready::<KafkaCluster>(NAME, UP).await?;
    }
    Ok(sum)
}

async fn in_sync(bench: &Bench<'_>, kafka: &Kafka) -> Result<()> {
    bench
        .place
        .eventually("all replicas to be in sync", UP, async || {
            let topics = bench.agent.topics(&kafka.bootstrap).await.map_err(|e| chain(e.as_ref()))?;
            let all = topics.iter().flat_map(|topic| &topic.partitions);
            match all.filter(|partition| partition.is_behind()).count() {
                0 => Ok(()),
                behind => Err(format!("{behind} partitions are not")),
            }
        })
        .await
}

/// From the request until each node was restarted and all have caught up.
async fn all(bench: &Bench<'_>, kafka: &Kafka) -> Result<Duration> {
    let place = &bench.place;
    let before: BTreeMap<_, _> = kafka::uids(place, NAME).await?.into_iter().collect();
    let began = Instant::now();
    let spec = json!({"spec": {"restartedAt": jiff::Timestamp::now().to_string()}});
    place.merge::<KafkaCluster>(NAME, spec).await?;
    place
        .eventually("every node to be another one", UP, async || {
            let now = kafka::uids(place, NAME).await.map_err(|e| chain(e.as_ref()))?;
            let new = now.iter().filter(|(pod, uid)| before.get(pod).is_some_and(|old| old != uid)).count();
            let cluster: KafkaCluster = place.space.get(NAME).await.map_err(said)?;
            ready(&cluster)?;
            if new == 6 { Ok(()) } else { Err(format!("{new} of 6")) }
        })
        .await?;
    in_sync(bench, kafka).await?;
    Ok(began.elapsed())
}

/// A seventh broker comes, and gets its share.
async fn grown(bench: &Bench<'_>) -> Result<Duration> {
    let place: &Place = &bench.place;
    place.merge::<KafkaCluster>(NAME, json!({"spec": {"pools": spec(4)["pools"]}})).await?;
    let phase = async || -> Result<String, String> {
        let cluster: KafkaCluster = place.space.get(NAME).await.map_err(said)?;
        Ok(cluster.status.and_then(|status| status.rebalance).map(|it| it.phase).unwrap_or_default())
    };
    place
        .eventually("replicas to move", UP, async || {
            let phase = phase().await?;
            if phase == "Moving" { Ok(()) } else { Err(phase) }
        })
        .await?;
    let began = Instant::now();
    place
        .eventually("all to be balanced", UP, async || {
            let phase = phase().await?;
            if phase == "Balanced" { Ok(()) } else { Err(phase) }
        })
        .await
        .context("after a broker came")?;
    Ok(began.elapsed())
}
