//! Sluice's own records: one now and then on each listener, by a client that has what clients mount.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use futures::future::join_all;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::api::Api;
use parking_lot::Mutex;
use sluice_clients::kafka::{Client, Credentials, NewRecord, Options, Peeked, TopicPartition, tls};
use sluice_core::cluster::canary::{Heard, TOPIC, topic_name, user_name};
use sluice_core::cluster::{Listener, Wanted};
use sluice_core::pki::{CERTIFICATE_FILE, KEY_FILE, TRUSTED_FILE};
use sluice_core::user::{secret, secret_name};
use sluice_crds::canary::CanaryStatus;
use tokio::sync::Notify;

use super::world::World;
use crate::act::apply::deadline;
use crate::context::Context;
use crate::metrics::ListenerLabels;
use crate::observe::survive::unending;
use crate::scope::{Child as _, Key, chain};

/// A record that takes longer did not get through.
const DEADLINE: Duration = Duration::from_secs(5);
/// At least so long it is waited for the topic.
const AGAIN: Duration = Duration::from_secs(5);
/// Requests for one record: who leads, the record, who leads, the record.
const REQUESTS: u64 = 4;

/// What is asked of the records, and what became of them.
#[derive(Default)]
pub struct Canary {
    wish: ArcSwapOption<Wish>,
    heard: Mutex<BTreeMap<String, Heard>>,
    news: Notify,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Wish {
    interval: Duration,
    doors: Vec<Door>,
}

/// How one listener is entered.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Door {
    listener: String,
    bootstrap: String,
    tls: bool,
    user: Option<String>,
}

impl Canary {
    /// What the spec asks for.
    pub fn ask(&self, wanted: &Wanted) {
        let door = |listener: &Listener| Door {
            listener: listener.name.clone(),
            bootstrap: wanted.bootstrap(listener.port),
            tls: listener.protocol().ends_with("SSL"),
            user: user_name(&wanted.owner.name, listener.authentication),
        };
        let wish = wanted
            .canary
            .map(|interval| Wish { interval, doors: wanted.listeners.iter().map(door).collect() });
        if self.wish.load().as_deref() == wish.as_ref() {
            return;
        }
        {
            let mut heard = self.heard.lock();
            let mut before = std::mem::take(&mut *heard);
            let names = wish.iter().flat_map(|wish| &wish.doors).map(|door| door.listener.clone());
            *heard = names.map(|name| (name.clone(), before.remove(&name).unwrap_or_default())).collect();
        }
        self.wish.store(wish.map(Arc::new));
        self.news.notify_one();
    }

    pub fn heard(&self) -> BTreeMap<String, Heard> {
        self.heard.lock().clone()
    }

    fn due(&self, listener: &str, partitions: i32) -> Vec<i32> {
        self.heard.lock().get_mut(listener).map(|heard| heard.due(partitions)).unwrap_or_default()
    }

    /// Of a listener that is asked for no more nothing is noted.
    fn note(&self, listener: &str, partition: i32, result: Result<Duration, String>) {
        if let Some(heard) = self.heard.lock().get_mut(listener) {
            heard.note(partition, result);
        }
    }
}

/// Writes and reads records for ever.
pub async fn observe(world: Arc<World>, context: Weak<Context>) {
    // what was heard before is a little older then, and no less true
    unending("write canary records", &world.key, || rounds(&world, &context), |_| {}).await;
}

async fn rounds(world: &Arc<World>, context: &Weak<Context>) {
    let mut clients = HashMap::new();
    let mut told = BTreeMap::new();
    let mut partitions = None;
    loop {
        let wish = world.canary.wish.load_full();
        let doors = wish.as_ref().map(|wish| wish.doors.as_slice()).unwrap_or_default();
        let stays = |listener: &String| doors.iter().any(|door| door.listener == *listener);
        clients.retain(|listener, _| stays(listener));
        {
            let Some(context) = context.upgrade() else { return };
            for (gone, _) in told.extract_if(.., |listener, _| !stays(listener)) {
                context.shared.metrics.forget_listener(&ListenerLabels::of(&world.key, &gone));
            }
            partitions = topic(world, &context).or(partitions);
        }
        let Some(wish) = wish else {
            world.canary.news.notified().await;
            continue;
        };
        let began = Instant::now();
        let heard = match partitions {
            None => Vec::new(),
            Some(0) => {
                let why = format!("Topic {} is not there yet: see its status", topic_name(&world.key.name));
                wish.doors.iter().map(|door| (door.listener.as_str(), 0, Err(why.clone()))).collect()
            }
            Some(partitions) => {
                let Some(heard) = records(world, context, &wish, partitions, &mut clients).await else {
                    return;
                };
                heard
            }
        };
        {
            let Some(context) = context.upgrade() else { return };
            hear(world, &context, heard, &mut told);
        }
        let is_there = partitions.is_some_and(|partitions| partitions > 0);
        let pause = if is_there { wish.interval } else { wish.interval.max(AGAIN) };
        tokio::select! {
            () = tokio::time::sleep(pause.saturating_sub(began.elapsed())) => {}
            () = world.canary.news.notified() => {}
        }
    }
}

/// What became of a record, by listener and partition.
type Outcome<'a> = (&'a str, i32, Result<Duration, String>);

/// A record through each listener, all at once. `None`: nobody wants to know any more.
async fn records<'a>(
    world: &World,
    context: &Weak<Context>,
    wish: &'a Wish,
    partitions: i32,
    clients: &mut HashMap<String, Known>,
) -> Option<Vec<Outcome<'a>>> {
    let (mut heard, mut due) = (Vec::new(), Vec::new());
    for door in &wish.doors {
        let partitions = world.canary.due(&door.listener, partitions);
        match enter(world, &*context.upgrade()?, door, clients).await {
            Ok(client) => {
                due.extend(partitions.into_iter().map(|at| (door.listener.as_str(), client.clone(), at)));
            }
            Err(why) => heard.push((door.listener.as_str(), 0, Err(why))),
        }
    }
    let sent = due.into_iter().map(async |(listener, client, at)| (listener, at, record(&client, at).await));
    heard.extend(join_all(sent).await);
    Some(heard)
}

/// How many partitions there are: of the topic that the Topic of this cluster owns, and of no other. `None`: nobody tells now, and it is as it
/// was.
fn topic(world: &World, context: &Context) -> Option<i32> {
    let sight = world.trusted();
    let view = sight.current()?;
    let ours = context.shelves.topics.get(&world.key.sibling(&topic_name(&world.key.name)));
    let id = ours.as_ref().and_then(|topic| topic.status.as_ref()?.topic_id.as_ref());
    let topic = view.topics.get(TOPIC).filter(|topic| id.is_some_and(|id| *id == topic.id.to_string()));
    Some(topic.and_then(|topic| i32::try_from(topic.partitions.len()).ok()).unwrap_or(0))
}

/// Takes in what became of records, and has it told where it is news.
fn hear(
    world: &World,
    context: &Context,
    heard: Vec<Outcome<'_>>,
    told: &mut BTreeMap<String, CanaryStatus>,
) {
    let metrics = &context.shared.metrics;
    let mut news = false;
    for (listener, partition, result) in heard {
        let labels = ListenerLabels::of(&world.key, listener);
        match &result {
            Ok(took) => metrics.canary_seconds.get_or_create(&labels).observe(took.as_secs_f64()),
            Err(_) => drop(metrics.canary_failures.get_or_create(&labels).inc()),
        }
        super::look::count(context, world, REQUESTS);
        world.canary.note(listener, partition, result);
    }
    for (listener, heard) in world.canary.heard() {
        let row = heard.told(&listener, told.get(&listener));
        news |= told.get(&listener) != Some(&row);
        told.insert(listener, row);
    }
    if news {
        context.shelves.clusters.wake(&world.key);
    }
}

/// A client of one listener.
struct Known {
    door: Door,
    /// Of the Secret from which it was made.
    version: Option<String>,
    client: Client,
}

/// A client for a listener, and another one once the listener or the Secret is another; or why there is none.
async fn enter(
    world: &World,
    context: &Context,
    door: &Door,
    clients: &mut HashMap<String, Known>,
) -> Result<Client, String> {
    let secret = door.user.as_ref().map(|user| (user, world.key.sibling(&secret_name(user))));
    let version = match &secret {
        None => None,
        Some((user, key)) => {
            let seen = Secret::seen(&context.children, key).and_then(|meta| meta.resource_version);
            Some(seen.ok_or_else(|| format!("there is no Secret {} yet: see User {user}", key.name))?)
        }
    };
    if let Some(known) = clients.get(&door.listener)
        && known.door == *door
        && known.version == version
    {
        return Ok(known.client.clone());
    }
    clients.remove(&door.listener);
    let (tls, credentials) = match &secret {
        None => (world.client.options().tls.clone().filter(|_| door.tls), None),
        Some((_, key)) => {
            shown(context, key, door.tls).await.map_err(|why| format!("Secret {}: {why}", key.name))?
        }
    };
    let plain = Options::plain([door.bootstrap.as_str()]).map_err(|error| chain(&error))?;
    let client = Client::new(Options { tls, credentials, ..plain }).within(DEADLINE);
    let known = Known { door: door.clone(), version, client: client.clone() };
    clients.insert(door.listener.clone(), known);
    Ok(client)
}

/// What a client shows, by the Secret that it mounts.
async fn shown(
    context: &Context,
    key: &Key,
    encrypted: bool,
) -> Result<(Option<tls::Tls>, Option<Credentials>), String> {
    let api: Api<Secret> = Api::namespaced(context.client().clone(), &key.namespace);
    let found = deadline(&format!("read Secret {key}"), api.get_opt(&key.name)).await;
    let found = found.map_err(|error| chain(&error))?.ok_or("it is gone")?;
    let file = |name: &str| found.data.as_ref()?.get(name).map(|value| value.0.as_slice());
    let credentials = secret::password(&found)
        .zip(file("username"))
        .map(|(password, name)| Credentials { name: String::from_utf8_lossy(name).into_owned(), password });
    if !encrypted {
        return Ok((None, credentials));
    }
    let trusted = file(TRUSTED_FILE).ok_or("it has no ca.crt")?;
    let config = match (file(CERTIFICATE_FILE), file(KEY_FILE)) {
        (Some(certificate), Some(key)) => tls::mutual(trusted, certificate, key),
        _ => tls::trusting(trusted),
    };
    Ok((Some(config.map_err(|error| chain(&error))?.into()), credentials))
}

/// Writes a record to all replicas in sync, and reads it again.
async fn record(client: &Client, partition: i32) -> Result<Duration, String> {
    let at = TopicPartition { topic: TOPIC.into(), partition };
    let (began, now) = (Instant::now(), Timestamp::now());
    let value = Some(now.to_string().into_bytes());
    let record = NewRecord { value: value.clone(), ..NewRecord::default() };
    let written = client.produce(&at, &[record], now.as_millisecond()).await;
    let offset = written.map_err(|error| chain(&error))?.map_err(|error| chain(&error))?;
    let mut read = client.peek(&[(at.clone(), offset)].into()).await.map_err(|error| chain(&error))?;
    match read.remove(&at).ok_or("it has no leader")?.map_err(|error| chain(&error))? {
        Peeked::Record(read) if read.offset == offset && read.value == value => Ok(began.elapsed()),
        _ => Err("what was written, and acknowledged, is not what is there".into()),
    }
}
