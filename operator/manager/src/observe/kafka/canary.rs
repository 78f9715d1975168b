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
use sluice_core::cluster::canary::{Heard, TOPIC, user_name};
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
/// Until the topic is there.
const AGAIN: Duration = Duration::from_secs(2);
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
        let stays =
            |name: &String| wish.iter().flat_map(|wish| &wish.doors).any(|door| door.listener == *name);
        self.heard.lock().retain(|name, _| stays(name));
        self.wish.store(wish.map(Arc::new));
        self.news.notify_one();
    }

    pub fn heard(&self) -> BTreeMap<String, Heard> {
        self.heard.lock().clone()
    }

    fn due(&self, listener: &str, partitions: i32) -> Vec<i32> {
        self.heard.lock().entry(listener.to_owned()).or_default().due(partitions)
    }

    fn note(&self, listener: &str, partition: i32, result: Result<Duration, String>) {
        self.heard.lock().entry(listener.to_owned()).or_default().note(partition, result);
    }
}

/// Writes and reads records for ever.
pub async fn observe(world: Arc<World>, context: Weak<Context>) {
    // what was heard before is a little older then, and no less true
    unending("write canary records", &world.key, || rounds(&world, &context), |_| {}).await;
}

async fn rounds(world: &Arc<World>, context: &Weak<Context>) {
    let mut clients = HashMap::new();
    let (mut partitions, mut told) = (0, BTreeMap::new());
    loop {
        let Some(wish) = world.canary.wish.load_full() else {
            world.canary.news.notified().await;
            continue;
        };
        let began = Instant::now();
        // while nobody tells how many there are, it is as it was
        if let Some(view) = world.sight().current() {
            let topic = view.topics.get(TOPIC);
            partitions = topic.and_then(|topic| i32::try_from(topic.partitions.len()).ok()).unwrap_or(0);
        }
        let mut pause = AGAIN;
        if partitions > 0 {
            clients.retain(|listener: &String, _| wish.doors.iter().any(|door| door.listener == *listener));
            for door in &wish.doors {
                let Some(context) = context.upgrade() else { return };
                enter(world, &context, door, &mut clients).await;
            }
            let records =
                wish.doors.iter().filter_map(|door| Some((door, &clients.get(&door.listener)?.client)));
            let records = records.flat_map(|(door, client)| {
                let due = world.canary.due(&door.listener, partitions);
                due.into_iter().map(move |partition| async move {
                    (&door.listener, partition, record(&client.within(DEADLINE), partition).await)
                })
            });
            let heard = join_all(records).await;
            let Some(context) = context.upgrade() else { return };
            hear(world, &context, heard, &mut told);
            pause = wish.interval.saturating_sub(began.elapsed());
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = world.canary.news.notified() => {}
        }
    }
}

/// Takes in what became of records, and has it told where it is news.
fn hear(
    world: &World,
    context: &Context,
    heard: Vec<(&String, i32, Result<Duration, String>)>,
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

/// Has a client for a listener, and another one once the listener or the Secret is another. While there is no Secret, its User
/// says why.
async fn enter(world: &World, context: &Context, door: &Door, clients: &mut HashMap<String, Known>) {
    let secret = door.user.as_ref().map(|user| world.key.sibling(&secret_name(user)));
    let version = secret.as_ref().and_then(|key| Secret::seen(&context.children, key)?.resource_version);
    let known = clients.get(&door.listener);
    if known.is_some_and(|known| known.door == *door && known.version == version) {
        return;
    }
    let options = match &secret {
        None => Ok(world.client.options().tls.clone().filter(|_| door.tls)).map(|tls| (tls, None)),
        Some(key) => shown(context, key, door.tls).await,
    };
    let client = options.and_then(|(tls, credentials)| {
        let plain = Options::plain([door.bootstrap.as_str()]).map_err(|error| chain(&error))?;
        Ok(Client::new(Options { tls, credentials, ..plain }))
    });
    match client {
        Ok(client) => {
            let known = Known { door: door.clone(), version, client };
            clients.insert(door.listener.clone(), known);
        }
        Err(why) => {
            tracing::debug!(cluster = %world.key, listener = door.listener, why, "no canary yet");
            clients.remove(&door.listener);
        }
    }
}

/// What a client shows, by the Secret that it mounts.
async fn shown(
    context: &Context,
    key: &Key,
    encrypted: bool,
) -> Result<(Option<tls::Tls>, Option<Credentials>), String> {
    let api: Api<Secret> = Api::namespaced(context.client().clone(), &key.namespace);
    let found = deadline(&format!("read Secret {key}"), api.get_opt(&key.name)).await;
    let found = found.map_err(|error| chain(&error))?.ok_or("there is no such Secret")?;
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
