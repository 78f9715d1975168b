use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use sluice_clients::kafka::Client;
use sluice_core::view::Sight;
use sluice_core::view::kafka::{ClusterView, Look, TopicConfigs, TopicView};
use tokio::sync::Notify;

use crate::scope::Key;

/// How long after a change of ours a broker's metadata may still be older than the change. What we know wins so long.
const SETTLING: Duration = Duration::from_secs(3);

/// How often we look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Something is under way.
    Brisk,
    Steady,
}

/// A Kafka cluster as we see it and reach it.
pub struct World {
    pub key: Key,
    pub client: Client,
    sight: ArcSwap<Sight<ClusterView>>,
    /// Topics that we changed, and when. Guards every change of `sight`.
    settling: Mutex<HashMap<String, Instant>>,
    brisk: AtomicBool,
    nudge: Notify,
}

impl World {
    pub fn new(key: Key, client: Client, now: Timestamp) -> Self {
        Self {
            key,
            client,
            sight: ArcSwap::from_pointee(Sight::Never { since: now, error: None }),
            settling: Mutex::default(),
            brisk: AtomicBool::new(true),
            nudge: Notify::new(),
        }
    }

    pub fn sight(&self) -> Arc<Sight<ClusterView>> {
        self.sight.load_full()
    }

    pub fn set_pace(&self, pace: Pace) {
        let brisk = pace == Pace::Brisk;
        if self.brisk.swap(brisk, Ordering::Relaxed) != brisk && brisk {
            self.look_soon();
        }
    }

    pub fn pace(&self) -> Pace {
        if self.brisk.load(Ordering::Relaxed) { Pace::Brisk } else { Pace::Steady }
    }

    /// Asks for a look now rather than at the next round.
    pub fn look_soon(&self) {
        self.nudge.notify_one();
    }

    pub(super) async fn nudged(&self) {
        self.nudge.notified().await;
    }

    /// Takes in a look that began at `began`. What we changed shortly before or during it stays as we know it.
    pub(super) fn looked(&self, mut look: Look, began: Instant) {
        let mut settling = self.settling.lock().expect("no panic while merging");
        settling.retain(|_, changed| *changed + SETTLING > began);
        let sight = self.sight.load();
        let previous = sight.latest();
        if let Some(previous) = previous {
            look.topics.retain_mut(|(name, topic)| {
                if settling.contains_key(name) {
                    *topic = None; // what the view before says stays
                    return previous.topics.contains_key(name);
                }
                true
            });
            for name in settling.keys() {
                if previous.topics.contains_key(name) && !look.topics.iter().any(|(seen, _)| seen == name) {
                    look.topics.push((name.clone(), None));
                }
            }
        }
        let next = ClusterView::next(previous.map(Arc::as_ref), look);
        self.sight.store(Arc::new(Sight::Clear(Arc::new(next))));
    }

    /// Takes in described configs, read by a request that began at `began`.
    pub(super) fn described(&self, configs: Vec<(String, TopicConfigs)>, began: Instant) {
        let settling = self.settling.lock().expect("no panic while merging");
        let sight = self.sight.load();
        if let Sight::Clear(view) = sight.as_ref() {
            let settled = configs
                .into_iter()
                .filter(|(name, _)| settling.get(name).is_none_or(|changed| *changed + SETTLING <= began));
            self.sight.store(Arc::new(Sight::Clear(Arc::new(view.with_configs(settled)))));
        }
    }

    pub(super) fn failed(&self, now: Timestamp, error: String) {
        let _settling = self.settling.lock().expect("no panic while merging");
        let next = self.sight.load().failed(now, error);
        self.sight.store(Arc::new(next));
    }

    /// Shows at once what a change of ours made of some topics (`None`: gone).
    pub(super) fn changed(&self, topics: BTreeMap<String, Option<TopicView>>) {
        let mut settling = self.settling.lock().expect("no panic while merging");
        let sight = self.sight.load();
        let Some(view) = sight.current() else { return };
        let mut next = ClusterView::clone(view);
        let now = Instant::now();
        for (name, topic) in topics {
            settling.insert(name.clone(), now);
            match topic {
                Some(topic) => drop(next.topics.insert(name, Arc::new(topic))),
                None => drop(next.topics.remove(&name)),
            }
        }
        self.sight.store(Arc::new(Sight::Clear(Arc::new(next))));
    }
}
