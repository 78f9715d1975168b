use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use sluice_clients::kafka::{BrokerConfig, Client, ConfigSource, Error};
use sluice_core::cluster::DynamicConfigs;
use sluice_core::view::kafka::{ClusterView, Look, Sizes, TopicConfigs, UsersView};
use tracing::{debug, info};

use super::disks::Disks;
use super::world::{News, Pace, World};
use crate::context::Context;
use crate::metrics::ClusterLabels;
use crate::observe::survive::unending;
use crate::scope::chain;
use crate::user;

/// Time between looks. Steady: a change behind our back is seen within 10 s (twice this and a request, with 2,000
/// topics), at less than one request a second: three a round, and now and then one for each broker.
const BRISK: Duration = Duration::from_millis(700);
const STEADY: Duration = Duration::from_millis(4_700);
/// How often it is asked whether a connection to a broker has ended, which costs nothing; and how long we look briskly after one
/// did: Kafka fences a broker that is silent for nine seconds (`broker.session.timeout.ms`).
const GLANCE: Duration = Duration::from_secs(1);
const FENCING: Duration = Duration::from_secs(12);
/// A look that takes longer has failed.
const DEADLINE: Duration = Duration::from_secs(5);
/// In which rounds, one of so many, the settings, rules and users of the cluster are read.
const RARELY: u64 = 8;
/// Every how many rounds each broker's own configs are read: in none of the others.
const EACH_BROKER: u64 = 16;
/// Every how many rounds the brokers are asked how large partitions are.
const WEIGH: u64 = 32;
/// Topics whose configs are described per round.
const SLICE: usize = 1000;

/// Looks at the cluster for ever.
pub async fn observe(world: Arc<World>, context: Weak<Context>) {
    let blind = |why: &str| {
        let before = world.sight();
        world.failed(Timestamp::now(), why.to_owned());
        if let Some(context) = context.upgrade() {
            context.kafka_seen(&world.key, &before, &world.sight());
        }
    };
    unending("look at Kafka", &world.key, || rounds(&world, &context), blind).await;
}

async fn rounds(world: &Arc<World>, context: &Weak<Context>) {
    let client = world.client.within(DEADLINE);
    let mut round = Round::default();
    loop {
        let before = world.sight();
        look(world, &client, &mut round).await;
        let after = world.sight();
        {
            let Some(context) = context.upgrade() else { return };
            count(&context, world, round.requests);
            context.kafka_seen(&world.key, &before, &after);
            if std::mem::take(&mut round.dynamic_changed) {
                context.shelves.clusters.wake(&world.key);
            }
            match round.news.take() {
                Some(News { everybody: true, .. }) => user::wake_all_of(&context, &world.key),
                Some(news) => user::access_changed(&context, &world.key, &news.users),
                None => {}
            }
        }
        round.requests = 0;
        hold(world, &client, &mut round).await;
        let is_brisk = round.is_brisk(world, &client);
        let pause = if after.current().is_some() && !is_brisk { STEADY } else { BRISK };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = world.nudged() => {}
            () = lost(&client), if pause == STEADY => round.lost = Some(Instant::now()),
        }
    }
}

/// Sees to a connection to each broker, so that none goes unnoticed, until one cannot be had: then there is one to be missed.
async fn hold(world: &World, client: &Client, round: &mut Round) {
    if round.misses_a_broker(client) {
        return;
    }
    let sight = world.sight();
    for id in sight.current().iter().flat_map(|view| view.serving()) {
        if let Err(error) = client.hold(id).await {
            debug!(cluster = %world.key, broker = id, error = %chain(&error), "no connection");
            return;
        }
    }
}

/// Until a connection to a broker has ended.
async fn lost(client: &Client) {
    while !client.has_lost_a_broker() {
        tokio::time::sleep(GLANCE).await;
    }
}

#[derive(Default)]
struct Round {
    number: u64,
    /// The topic after which the next slice begins.
    cursor: Option<String>,
    /// When we last asked for the quorum.
    quorum: Option<Instant>,
    /// When a connection to a broker has ended, and whether that was not long ago when we asked last.
    lost: Option<Instant>,
    missed: bool,
    requests: u64,
    /// What the cluster's status shows has changed, other than by the view.
    dynamic_changed: bool,
    disks: Disks,
    /// About rules and users.
    news: Option<News>,
}

impl Round {
    /// A broker may be gone that Kafka has not fenced yet: to wait for its answers would keep us from seeing that Kafka does. Asked before
    /// each broker, because what one was asked in this round may be how it was noticed.
    fn misses_a_broker(&mut self, client: &Client) -> bool {
        if client.has_lost_a_broker() {
            self.lost = Some(Instant::now());
        }
        let misses = self.lost.is_some_and(|lost| lost.elapsed() < FENCING);
        if misses != std::mem::replace(&mut self.missed, misses) {
            debug!(misses, "a connection to a broker has ended, or none has for a while");
        }
        misses
    }

    fn is_brisk(&mut self, world: &World, client: &Client) -> bool {
        self.misses_a_broker(client) || world.pace() == Pace::Brisk
    }
}

async fn look(world: &World, client: &Client, round: &mut Round) {
    round.number += 1;
    let began = Instant::now();
    let was_clear = world.sight().current().is_some();
    // what changes rarely takes turns
    let quorum = round.is_brisk(world, client)
        || !was_clear
        || round.quorum.is_none_or(|looked| world.stepped_since(looked))
        || round.number.is_multiple_of(2);
    match seen(world, client, round, quorum).await {
        Ok(look) => {
            world.looked(look, began);
            if !was_clear {
                info!(cluster = %world.key, "Kafka answers");
            }
            describe(world, client, round).await;
            if !round.misses_a_broker(client) {
                round.requests += round.disks.look(world, client).await;
            }
            round.dynamic_changed |= std::mem::take(&mut round.disks.news);
            match dynamic(world, client, round).await {
                Ok(changed) => round.dynamic_changed |= changed,
                Err(error) => debug!(cluster = %world.key, error = %chain(&error), "configs not described"),
            }
            weigh(world, client, round).await;
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

async fn seen(world: &World, client: &Client, round: &mut Round, quorum: bool) -> Result<Look, Error> {
    let sight = world.sight();
    let known = sight.current().filter(|_| world.pace() == Pace::Steady && round.number % RARELY != 1);
    // before the partitions: one that arrives in between is told as on its way, not as short of a replica
    let reassignments = if quorum { Some(client.list_reassignments().await?) } else { None };
    let (mut look, requests) = client.look(known.map(AsRef::as_ref)).await?;
    look.reassignments = reassignments;
    round.requests += requests;
    if round.number % RARELY == 1 || sight.current().is_none_or(|view| view.features.is_empty()) {
        look.features = Some(client.features().await?);
        round.requests += 1;
    }
    if quorum {
        round.quorum = Some(Instant::now());
        look.quorum = Some(client.describe_quorum().await?);
        round.requests += 2;
    }
    Ok(look)
}

/// What is set while the brokers run, rules of access included. The defaults of all brokers are what Sluice sets; a
/// single broker's are read now and then, for what somebody set by hand.
async fn dynamic(world: &World, client: &Client, round: &mut Round) -> Result<bool, Error> {
    let known = world.dynamic();
    let brisk = world.pace() == Pace::Brisk;
    if known.is_some() && !brisk && round.number % RARELY != 1 {
        return Ok(false);
    }
    let set = |configs: BTreeMap<String, BrokerConfig>, source: ConfigSource| {
        configs
            .into_iter()
            .filter(|(_, config)| config.source == source)
            .filter_map(|(key, config)| Some((key, config.value?)))
            .collect::<BTreeMap<_, _>>()
    };
    let began = Instant::now();
    let cluster = set(client.describe_cluster_defaults().await?, ConfigSource::ClusterDefault);
    round.requests += 1;
    let mut brokers = known.map(|known| known.brokers).unwrap_or_default();
    if let Some(view) = world.sight().current() {
        brokers.retain(|id, _| view.brokers.contains_key(id));
        let each = round.number % EACH_BROKER == 1;
        for id in view.serving() {
            if brokers.contains_key(&id) && (!each || round.misses_a_broker(client)) {
                continue;
            }
            round.requests += 1;
            match client.describe_broker_configs(id).await {
                Ok(configs) => drop(brokers.insert(id, set(configs, ConfigSource::Broker))),
                // what is known of it stays
                Err(error) => {
                    debug!(cluster = %world.key, broker = id, error = %chain(&error), "configs not described");
                }
            }
        }
    }
    let rules = client.describe_acls().await?;
    let users = UsersView {
        scram: client.describe_scram_users().await?,
        quotas: client.describe_user_quotas().await?,
    };
    round.requests += 3;
    let news = world.set_access(rules, users);
    let is_news = news.rules;
    round.news = Some(news);
    Ok(world.set_dynamic(DynamicConfigs { cluster, brokers }, began) || is_news)
}

/// How large partitions are, by every broker that serves.
async fn weigh(world: &World, client: &Client, round: &mut Round) {
    let due = round.number.is_multiple_of(WEIGH);
    if world.moves.sizes().is_some() && !due {
        return;
    }
    let sight = world.sight();
    let Some(view) = sight.current() else { return };
    let mut sizes = Sizes::new();
    let mut complete = view.brokers.values().all(|broker| !broker.fenced);
    for id in view.serving() {
        if world.moves.sizes().is_some() && round.misses_a_broker(client) {
            return;
        }
        round.requests += 1;
        match client.describe_log_dirs(id).await {
            Ok(dirs) => {
                for (topic, replicas) in dirs.into_iter().flat_map(|dir| dir.topics) {
                    let largest = sizes.entry(topic).or_default();
                    for replica in replicas.iter().filter(|replica| !replica.future) {
                        let known = largest.entry(replica.partition).or_insert(0);
                        *known = u64::try_from(replica.bytes).unwrap_or(0).max(*known);
                    }
                }
            }
            // others have replicas of the same partitions, or it is as it was
            Err(error) => {
                complete = false;
                debug!(cluster = %world.key, broker = id, error = %chain(&error), "disks not described");
            }
        }
    }
    if let Some(known) = world.moves.sizes().filter(|_| !complete) {
        for (topic, partitions) in known.iter().filter(|(topic, _)| view.topics.contains_key(*topic)) {
            let weighed = sizes.entry(topic.clone()).or_default();
            for (index, bytes) in partitions {
                weighed.entry(*index).or_insert(*bytes);
            }
        }
    }
    world.moves.weighed(sizes);
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
        let Some(name) = known.next() else {
            *cursor = None; // once round
            break;
        };
        names.push(name.clone());
        *cursor = Some(name.clone());
    }
    names
}

pub(super) fn count(context: &Context, world: &World, requests: u64) {
    let labels = ClusterLabels::of(&world.key);
    context.shared.metrics.kafka_requests.get_or_create(&labels).inc_by(requests);
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_core::view::kafka::TopicView;

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
