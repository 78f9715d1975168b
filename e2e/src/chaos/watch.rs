//! How soon a fault is said in status, and when all is well again.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use futures::StreamExt as _;
use kube::runtime::{WatchStreamExt as _, watcher};
use sluice_crds::KafkaCluster;
use tokio::task::JoinHandle;

use super::{Arena, CLUSTER};
use crate::kubernetes::conditions::{condition, ready};
use crate::kubernetes::objects::Object;
use crate::scene::{Place, kafka};
use crate::wait::{chain, said, seconds};

/// A fault that lasts longer is said within this.
const SHOWN: Duration = seconds(10);
/// How long all has to be well, so that it is no moment between two troubles.
const STEADY: Duration = seconds(3);

/// What status said first.
#[derive(Clone)]
pub struct Shown {
    pub what: String,
    pub after: Duration,
}

/// A watch on an object's status since before the fault.
pub struct Watching {
    first: Arc<Mutex<Option<(String, Instant)>>>,
    task: JoinHandle<()>,
    began: Instant,
    must: bool,
}

impl Watching {
    /// `must`: it has to say something, by `trouble`.
    pub fn start<K: Object + Send + Sync + 'static>(
        place: &Place,
        name: &str,
        must: bool,
        trouble: fn(&K) -> Option<String>,
    ) -> Self {
        let first = Arc::new(Mutex::new(None));
        let noted = Arc::clone(&first);
        let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
        let objects = watcher(place.space.api::<K>(), config).default_backoff().applied_objects();
        let task = tokio::spawn(async move {
            let mut objects = std::pin::pin!(objects);
            while let Some(seen) = objects.next().await {
                if let Some(what) = seen.ok().as_ref().and_then(trouble) {
                    noted
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .get_or_insert((what, Instant::now()));
                }
            }
        });
        Self { first, task, began: Instant::now(), must }
    }

    /// What was done until now only prepared the fault.
    pub fn begins_now(&mut self) {
        self.began = Instant::now();
    }

    /// Until all is well, for a while.
    pub async fn until_healed(
        self,
        place: &Place,
        within: Duration,
        is_well: impl AsyncFn() -> Result<(), String>,
    ) -> Result<Option<Shown>> {
        let mut well_since: Option<Instant> = None;
        place
            .eventually("all to be well again", within, async || {
                if let Err(trouble) = is_well().await {
                    well_since = None;
                    return Err(trouble);
                }
                let since = *well_since.get_or_insert_with(Instant::now);
                if since.elapsed() >= STEADY { Ok(()) } else { Err("well for a moment".to_owned()) }
            })
            .await?;
        // it was well when that began
        let lasted = well_since.map_or(Duration::ZERO, |since| since.duration_since(self.began));
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let first = first.map(|(what, at)| Shown { what, after: at.saturating_duration_since(self.began) });
        match &first {
            Some(shown) if self.must && shown.after > SHOWN => {
                bail!("status said {} only after {:.1} s", shown.what, shown.after.as_secs_f64())
            }
            None if self.must && lasted > SHOWN => {
                bail!("for {:.1} s not all was well, and status never said it", lasted.as_secs_f64())
            }
            _ => Ok(first),
        }
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} after {:.1} s", self.what, self.after.as_secs_f64())
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What a cluster's status says is wrong.
pub fn trouble(cluster: &KafkaCluster) -> Option<String> {
    let ready = condition(cluster, "Ready").filter(|ready| ready.status != "True").map(|ready| ready.reason);
    let degraded = condition(cluster, "Degraded").filter(|it| it.status == "True").map(|it| it.reason);
    let nodes = cluster.status.iter().flat_map(|status| &status.nodes);
    let node = nodes.map(|node| format!("{} {}", node.pod, node.state)).next();
    let all: Vec<_> = [ready, degraded, node].into_iter().flatten().collect();
    (!all.is_empty()).then(|| all.join(", "))
}

pub async fn is_well(arena: &Arena) -> Result<(), String> {
    let cluster: KafkaCluster = arena.place.space.get(CLUSTER).await.map_err(said)?;
    ready(&cluster)?;
    if let Some(trouble) = trouble(&cluster) {
        return Err(trouble);
    }
    let pods = kafka::pods(&arena.place, CLUSTER).await.map_err(|error| chain(error.as_ref()))?;
    let serving = pods.iter().filter(|pod| crate::kubernetes::operator::is_ready(pod)).count();
    if serving != 3 {
        return Err(format!("{serving} of 3 pods are ready"));
    }
    let topics = arena.agent.topics(&arena.kafka.bootstrap).await.map_err(|error| chain(error.as_ref()))?;
    let behind = topics.iter().flat_map(|topic| topic.partitions.iter().map(move |p| (topic, p)));
    match behind.into_iter().find(|(_, p)| p.leader < 0 || p.is_behind()) {
        None => Ok(()),
        Some((topic, p)) => Err(format!(
            "{}-{}: leader {}, in sync {:?} of {:?}",
            topic.name, p.id, p.leader, p.isr, p.replicas
        )),
    }
}
