use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use sluice_clients::kafka::{Client, Error};
use sluice_core::view::Sight;
use sluice_core::view::kafka::{ClusterView, Look, TopicConfigs};
use tracing::{debug, info};

use super::world::{Pace, World};
use crate::context::Context;
use crate::metrics::ClusterLabels;
use crate::scope::chain;

/// Time between looks. Steady: a change behind our back is seen within 10 s (twice this and a request), at less
/// than one request a second.
const BRISK: Duration = Duration::from_millis(700);
const STEADY: Duration = Duration::from_secs(4);
/// A look that takes longer has failed.
const DEADLINE: Duration = Duration::from_secs(5);
/// Topics whose configs are described per round.
const SLICE: usize = 1000;

/// Looks at the cluster for ever.
pub async fn observe(world: Arc<World>, context: Weak<Context>) {
    let client = world.client.within(DEADLINE);
    let mut round = Round::default();
    loop {
        let before = world.sight();
        look(&world, &client, &mut round).await;
        let after = world.sight();
        {
            let Some(context) = context.upgrade() else { return };
            count(&context, &world, round.requests);
            context.kafka_seen(&world.key, &before, &after);
        }
        round.requests = 0;
        let pause = match (world.pace(), after.as_ref()) {
            (Pace::Steady, Sight::Clear(_)) => STEADY,
            _ => BRISK,
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = world.nudged() => {}
        }
    }
}

#[derive(Default)]
struct Round {
    number: u64,
    /// The topic after which the next slice begins.
    cursor: Option<String>,
    requests: u64,
}

async fn look(world: &World, client: &Client, round: &mut Round) {
    round.number += 1;
    let began = Instant::now();
    let was_clear = world.sight().current().is_some();
    match seen(world, client, round).await {
        Ok(look) => {
            world.looked(look, began);
            if !was_clear {
                info!(cluster = %world.key, "Kafka answers");
            }
            describe(world, client, round).await;
        }
        Err(error) => {
            let text = chain(&error);
            if was_clear {
                info!(cluster = %world.key, reason = error.reason(), error = %text, "lost sight of Kafka");
            } else {
                debug!(cluster = %world.key, reason = error.reason(), error = %text, "Kafka does not answer");
            }
            world.failed(Timestamp::now(), text);
        }
    }
}

async fn seen(world: &World, client: &Client, round: &mut Round) -> Result<Look, Error> {
    let mut look = client.look().await?;
    round.requests += 2;
    // the quorum moves rarely; while something is under way we want to know at once
    if world.pace() == Pace::Brisk || round.number % 2 == 1 {
        look.quorum = Some(client.describe_quorum().await?);
        round.requests += 1;
    }
    Ok(look)
}

/// Describes the next slice of topics, those never described first.
async fn describe(world: &World, client: &Client, round: &mut Round) {
    let sight = world.sight();
    let Some(view) = sight.current() else { return };
    let slice = slice(view, &mut round.cursor);
    if slice.is_empty() {
        return;
    }
    let began = Instant::now();
    let names: Vec<&str> = slice.iter().map(String::as_str).collect();
    match client.describe_topic_configs(&names).await {
        Ok(items) => {
            round.requests += 1;
            let configs: Vec<(String, TopicConfigs)> =
                items.into_iter().filter_map(|(name, item)| Some((name, item.ok()?))).collect();
            world.described(configs, began);
        }
        // the look succeeded a moment ago; if this lasts the next look fails too
        Err(error) => debug!(cluster = %world.key, error = %chain(&error), "topic configs not described"),
    }
}

fn slice(view: &ClusterView, cursor: &mut Option<String>) -> Vec<String> {
    let mut names: Vec<String> = view
        .topics
        .iter()
        .filter(|(_, topic)| topic.configs.is_none())
        .map(|(name, _)| name.clone())
        .take(SLICE)
        .collect();
    let from = cursor.take();
    let mut known = view
        .topics
        .iter()
        .filter(|(name, topic)| topic.configs.is_some() && from.as_ref().is_none_or(|from| *name > from))
        .map(|(name, _)| name);
    while names.len() < SLICE {
        let Some(name) = known.next() else { return names };
        names.push(name.clone());
        *cursor = Some(name.clone());
    }
    names
}

fn count(context: &Context, world: &World, requests: u64) {
    let labels = ClusterLabels { namespace: world.key.namespace.clone(), cluster: world.key.name.clone() };
    context.shared.metrics.kafka_requests.get_or_create(&labels).inc_by(requests);
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_core::view::kafka::TopicView;
    use std::collections::BTreeMap;

    fn view(described: usize, fresh: usize) -> ClusterView {
        let topic = |described: bool| {
            Arc::new(TopicView { configs: described.then(BTreeMap::new), ..TopicView::default() })
        };
        let topics = (0..described)
            .map(|n| (format!("a{n:05}"), topic(true)))
            .chain((0..fresh).map(|n| (format!("b{n:05}"), topic(false))))
            .collect();
        ClusterView { topics, ..ClusterView::default() }
    }

    #[test]
    fn slices_go_round_all_topics() {
        let view = view(2500, 0);
        let mut cursor = None;
        let sizes: Vec<usize> = (0..4).map(|_| slice(&view, &mut cursor).len()).collect();
        assert_eq!(sizes, [1000, 1000, 500, 1000]);
    }

    #[test]
    fn topics_never_described_come_first() {
        let view = view(2500, 10);
        let mut cursor = None;
        let names = slice(&view, &mut cursor);
        assert_eq!((names.len(), names[0].as_str(), names[9].as_str()), (1000, "b00000", "b00009"));
    }
}
