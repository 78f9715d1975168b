//! Many topics at once, through sixteen connections to the API server.

use std::time::Instant;

use anyhow::Result;
use futures::future::try_join_all;
use kube::api::PostParams;
use kube::runtime::watcher::Config;
use serde_json::json;
use sluice_crds::Topic;

use super::{Bench, cluster};
use crate::kubernetes;
use crate::kubernetes::conditions::ready;
use crate::kubernetes::objects::Space;
use crate::wait::seconds;

const CONNECTIONS: usize = 16;

/// One round of requests and what they should lead to.
enum Phase {
    Create,
    Change,
    Delete,
}

/// How often the small round is made. The brokers' classes are new to them in the first one.
const ROUNDS: usize = 3;

/// Creates `count` topics of replication factor 3, changes each, deletes each, and so again; medians, and the sum of the
/// three of the first round.
pub async fn lifecycle(bench: &mut Bench<'_>, count: usize) -> Result<()> {
    let lanes = lanes().await?;
    let phases = [(Phase::Create, "create"), (Phase::Change, "change"), (Phase::Delete, "delete")];
    let mut rounds: Vec<Vec<f64>> = Vec::new();
    for _ in 0..ROUNDS {
        let mut round = Vec::new();
        for (phase, _) in &phases {
            round.push(run(&lanes, "a", count, phase).await?);
        }
        bench.ui.say(format!("  {round:.2?}"));
        rounds.push(round);
    }
    for (place, (_, name)) in phases.iter().enumerate() {
        bench.note(&format!("topics_{count}_{name}_s"), median(rounds.iter().map(|round| round[place])));
    }
    bench.note(&format!("topics_{count}_first_lifecycle_s"), rounds[0].iter().sum());
    bench.note(&format!("topics_{count}_lifecycle_s"), median(rounds.iter().map(|round| round.iter().sum())));
    Ok(())
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// Creates `count` topics, looks at how Sluice rests with them, and deletes them.
pub async fn many<'b>(
    bench: &mut Bench<'b>,
    count: usize,
    meanwhile: impl AsyncFnOnce(&mut Bench<'b>) -> Result<()>,
) -> Result<()> {
    let lanes = lanes().await?;
    let took = run(&lanes, "b", count, &Phase::Create).await?;
    bench.note(&format!("topics_{count}_create_s"), took);
    meanwhile(bench).await?;
    let took = run(&lanes, "b", count, &Phase::Delete).await?;
    bench.note(&format!("topics_{count}_delete_s"), took);
    Ok(())
}

/// Clients with connections of their own; a client's requests share its connection pool.
pub async fn lanes() -> Result<Vec<Space>> {
    let mut lanes = Vec::new();
    for _ in 0..CONNECTIONS {
        lanes.push(Space::new(kubernetes::connect().await?, super::NAMESPACE));
    }
    Ok(lanes)
}

/// One request for each of `count` names, a lane's one after the other.
pub async fn each(
    lanes: &[Space],
    prefix: &str,
    count: usize,
    request: impl AsyncFn(&Space, String) -> Result<(), kube::Error>,
) -> Result<()> {
    let request = &request;
    try_join_all(lanes.iter().enumerate().map(|(lane, space)| async move {
        for n in (lane..count).step_by(lanes.len()) {
            request(space, format!("{prefix}-{n}")).await?;
        }
        anyhow::Ok(())
    }))
    .await
    .map(drop)
}

/// Seconds from the first request until every topic is Ready at its generation, or gone.
async fn run(lanes: &[Space], prefix: &str, count: usize, phase: &Phase) -> Result<f64> {
    let watched = Space::new(kubernetes::connect().await?, super::NAMESPACE);
    let digest = |topic: &Topic| (topic.metadata.generation.unwrap_or(0), ready(topic).is_ok());
    let met = |seen: &super::watch::Seen<(i64, bool)>| match phase {
        Phase::Create => seen.len() == count && seen.values().all(|(_, ready)| *ready),
        Phase::Change => seen.values().all(|(generation, ready)| *generation > 1 && *ready),
        Phase::Delete => seen.is_empty(),
    };
    let began = Instant::now();
    let requests = each(lanes, prefix, count, async |space, name| one(space, &name, phase).await);
    let reached = super::watch::until(watched.api(), Config::default(), seconds(900), digest, met);
    // the watch may begin on an empty namespace and find "gone" before anything was asked
    match phase {
        Phase::Delete => {
            requests.await?;
            reached.await?;
        }
        Phase::Create | Phase::Change => drop(tokio::try_join!(requests, reached)?),
    }
    Ok(began.elapsed().as_secs_f64())
}

async fn one(space: &Space, name: &str, phase: &Phase) -> Result<(), kube::Error> {
    let spec = json!({
        "clusterRef": {"name": cluster::NAME}, "partitions": 1, "replicationFactor": 3, "deletionPolicy": "Delete",
    });
    match phase {
        Phase::Create => {
            let topic: Topic = Topic::new(name, serde_json::from_value(spec).expect("a spec by its shape"));
            space.api().create(&PostParams::default(), &topic).await.map(drop)
        }
        Phase::Change => {
            space.merge::<Topic>(name, json!({"spec": {"retention": {"time": "1h"}}})).await.map(drop)
        }
        Phase::Delete => space.delete::<Topic>(name).await,
    }
}
