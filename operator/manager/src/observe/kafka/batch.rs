use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};
use std::time::Duration;

use sluice_clients::kafka::{Code, ConfigChange, ConfigTarget, Error, ItemError, Items, NewTopic, Topics};
use sluice_core::view::kafka::{KafkaUuid, TopicView};
use thiserror::Error as ThisError;
use tokio::sync::oneshot;

use super::gather::{Gathering, Wish, Wishes};
use super::world::World;
use crate::context::Context;
use crate::observe::survived;
use crate::scope::chain;

/// How often we ask whether the brokers know a new topic, and for how long, before we leave it to the observer.
const VISIBLE: (Duration, u32) = (Duration::from_millis(40), 50);

/// What a Topic wants done in Kafka.
#[derive(Clone, Debug)]
pub enum Change {
    Create(NewTopic),
    Grow { name: String, partitions: i32 },
    Configure { name: String, set: BTreeMap<String, String>, remove: BTreeSet<String> },
    Delete { name: String, id: KafkaUuid },
}

/// Why a change was not made.
#[derive(Clone, Debug, ThisError)]
pub enum Refusal {
    /// Kafka said no to this item.
    #[error(transparent)]
    Item(#[from] ItemError),
    /// The whole request failed: whether it was carried out is known at the next look.
    #[error("{0}")]
    Call(String),
    /// Done, but the brokers do not show it yet.
    #[error("the brokers do not show the topic yet")]
    NotVisible,
}

/// Where Topics hand in their changes.
pub type Batches = Wishes<Change, Result<(), Refusal>>;

/// Carries out what they want, for ever.
pub async fn run(
    world: Arc<World>,
    context: Weak<Context>,
    mut wanted: Gathering<Change, Result<(), Refusal>>,
) {
    while let Some(wishes) = wanted.next().await {
        let before = world.sight();
        let mut batch = Batch::sort(wishes);
        // whoever gets no answer looks again
        survived("changes of topics", &world.key, batch.carry_out(&world)).await;
        let Some(context) = context.upgrade() else { return };
        context.kafka_seen(&world.key, &before, &world.sight());
    }
}

type Answers<T> = Vec<(T, oneshot::Sender<Result<(), Refusal>>)>;

#[derive(Default)]
struct Batch {
    create: Answers<NewTopic>,
    grow: Answers<(String, i32)>,
    configure: Answers<ConfigChange>,
    delete: Answers<(String, KafkaUuid)>,
}

impl Batch {
    fn sort(wishes: Vec<Wish<Change, Result<(), Refusal>>>) -> Self {
        let mut batch = Self::default();
        for Wish { change, done } in wishes {
            match change {
                Change::Create(topic) => batch.create.push((topic, done)),
                Change::Grow { name, partitions } => batch.grow.push(((name, partitions), done)),
                Change::Configure { name, set, remove } => {
                    let change = ConfigChange { target: ConfigTarget::Topic(name), set, delete: remove };
                    batch.configure.push((change, done));
                }
                Change::Delete { name, id } => batch.delete.push(((name, id), done)),
            }
        }
        batch
    }

    async fn carry_out(&mut self, world: &World) {
        delete(world, std::mem::take(&mut self.delete)).await;
        create(world, std::mem::take(&mut self.create)).await;
        grow(world, std::mem::take(&mut self.grow)).await;
        configure(world, std::mem::take(&mut self.configure)).await;
    }
}

async fn create(world: &World, wishes: Answers<NewTopic>) {
    if wishes.is_empty() {
        return;
    }
    let topics: Vec<NewTopic> = wishes.iter().map(|(topic, _)| topic.clone()).collect();
    let mut results = outcomes(world.client.create_topics(&topics, false).await);
    let created: BTreeMap<String, i32> = topics
        .iter()
        .filter(|topic| matches!(results.of(&topic.name), Ok(())))
        .map(|topic| (topic.name.clone(), topic.partitions.unwrap_or(1)))
        .collect();
    let mut seen = visible(world, &created).await;
    for topic in &topics {
        if created.contains_key(&topic.name) {
            match seen.get_mut(&topic.name) {
                // what we asked for is what is set: there is no need to read it back
                Some(view) => view.configs = Some(topic.configs.clone()),
                None => results.set(&topic.name, Err(Refusal::NotVisible)),
            }
        }
    }
    world.changed(seen.into_iter().map(|(name, view)| (name, Some(view))).collect());
    answer(wishes, &results, |topic| topic.name.as_str());
}

async fn grow(world: &World, wishes: Answers<(String, i32)>) {
    if wishes.is_empty() {
        return;
    }
    let totals: Vec<(&str, i32)> = wishes.iter().map(|((name, total), _)| (name.as_str(), *total)).collect();
    let mut results = outcomes(world.client.create_partitions(&totals).await);
    let grown: BTreeMap<String, i32> = totals
        .iter()
        .filter(|(name, _)| matches!(results.of(name), Ok(())))
        .map(|(name, total)| ((*name).to_owned(), *total))
        .collect();
    let mut seen = visible(world, &grown).await;
    let sight = world.sight();
    for name in grown.keys() {
        match seen.get_mut(name) {
            Some(view) => {
                let before = sight.latest().and_then(|cluster| cluster.topics.get(name));
                view.configs = before.and_then(|topic| topic.configs.clone());
                view.min_isr = before.and_then(|topic| topic.min_isr);
            }
            None => results.set(name, Err(Refusal::NotVisible)),
        }
    }
    world.changed(seen.into_iter().map(|(name, view)| (name, Some(view))).collect());
    answer(wishes, &results, |(name, _)| name.as_str());
}

async fn configure(world: &World, wishes: Answers<ConfigChange>) {
    if wishes.is_empty() {
        return;
    }
    let changes: Vec<ConfigChange> = wishes.iter().map(|(change, _)| change.clone()).collect();
    let results = outcomes(world.client.alter_configs(&changes, false).await.map(|items| {
        items.into_iter().map(|(target, item)| (target_name(&target).to_owned(), item)).collect()
    }));
    let sight = world.sight();
    let shown = changes
        .iter()
        .filter(|change| matches!(results.of(target_name(&change.target)), Ok(())))
        .filter_map(|change| {
            let name = target_name(&change.target);
            let mut topic = TopicView::clone(sight.latest()?.topics.get(name)?);
            let mut configs = topic.configs.take().unwrap_or_default();
            configs.extend(change.set.clone());
            configs.retain(|key, _| !change.delete.contains(key));
            topic.configs = Some(configs);
            Some((name.to_owned(), Some(topic)))
        })
        .collect();
    world.changed(shown);
    answer(wishes, &results, |change| target_name(&change.target));
}

async fn delete(world: &World, wishes: Answers<(String, KafkaUuid)>) {
    if wishes.is_empty() {
        return;
    }
    let ids: Vec<KafkaUuid> = wishes.iter().map(|((_, id), _)| *id).collect();
    let mut results = outcomes(
        world
            .client
            .delete_topics(&ids)
            .await
            .map(|items| items.into_iter().map(|(id, item)| (id.to_string(), item)).collect()),
    );
    for id in &ids {
        // gone already is gone
        let id = id.to_string();
        if let Err(Refusal::Item(error)) = results.of(&id)
            && [Code::UNKNOWN_TOPIC_ID, Code::UNKNOWN_TOPIC_OR_PARTITION].contains(&error.code)
        {
            results.set(&id, Ok(()));
        }
    }
    let gone = wishes
        .iter()
        .filter(|((_, id), _)| results.of(&id.to_string()).is_ok())
        .map(|((name, _), _)| (name.clone(), None))
        .collect();
    world.changed(gone);
    let wishes = wishes.into_iter().map(|((_, id), done)| (id.to_string(), done)).collect();
    answer(wishes, &results, String::as_str);
}

/// The topics as the brokers show them, once they show as many partitions as we made. A controller answers before
/// every broker has read the metadata log; usually that takes a few milliseconds.
async fn visible(world: &World, made: &BTreeMap<String, i32>) -> BTreeMap<String, TopicView> {
    let mut seen = BTreeMap::new();
    for _ in 0..VISIBLE.1 {
        let missing: Vec<&str> =
            made.keys().filter(|name| !seen.contains_key(*name)).map(String::as_str).collect();
        if missing.is_empty() {
            break;
        }
        match world.client.metadata(Topics::Named(&missing)).await {
            Ok(items) => seen.extend(items.into_iter().filter_map(|(name, topic)| {
                let topic = topic.ok()?;
                let all = i32::try_from(topic.partitions.len()).ok()? >= *made.get(&name)?;
                // a partition has no leader in a broker's metadata until it has been placed
                let led = topic.partitions.iter().all(|partition| partition.leader.is_some());
                (all && led).then_some((name, topic))
            })),
            Err(error) => {
                tracing::debug!(cluster = %world.key, error = %chain(&error), "new topics not looked at");
                break;
            }
        }
        if seen.len() < made.len() {
            tokio::time::sleep(VISIBLE.0).await;
        }
    }
    seen
}

fn target_name(target: &ConfigTarget) -> &str {
    match target {
        ConfigTarget::Topic(name) => name,
        ConfigTarget::Broker(_) | ConfigTarget::ClusterDefault => "",
    }
}

/// Results by name.
struct Results {
    items: BTreeMap<String, Result<(), Refusal>>,
    /// Of an item that Kafka did not mention, or of all when the call failed.
    rest: Refusal,
}

impl Results {
    fn of(&self, name: &str) -> Result<(), Refusal> {
        self.items.get(name).cloned().unwrap_or_else(|| Err(self.rest.clone()))
    }
    fn set(&mut self, name: &str, result: Result<(), Refusal>) {
        self.items.insert(name.to_owned(), result);
    }
}

fn outcomes<T>(called: Result<Items<T>, Error>) -> Results {
    match called {
        Ok(items) => Results {
            items: items
                .into_iter()
                .map(|(name, item)| (name, item.map(drop).map_err(Refusal::Item)))
                .collect(),
            rest: Refusal::Call("Kafka's answer does not mention it".into()),
        },
        Err(error) => Results { items: BTreeMap::new(), rest: Refusal::Call(chain(&error)) },
    }
}

fn answer<T>(wishes: Answers<T>, results: &Results, name: impl Fn(&T) -> &str) {
    for (wish, done) in wishes {
        // a pass that went away needs no answer: its next one looks
        let _ = done.send(results.of(name(&wish)));
    }
}
