use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use arc_swap::ArcSwapOption;
use parking_lot::{Mutex, MutexGuard};
use sluice_core::cluster::rebalance::{Proposal, RATES, ThrottleChange};
use sluice_core::cluster::{ConfigChange, DynamicConfigs};
use sluice_core::view::kafka::{Sizes, TopicConfigs};

use super::world::{SETTLING, World};

/// What moving replicas needs to know.
#[derive(Default)]
pub struct Moves {
    sizes: ArcSwapOption<Sizes>,
    proposal: ArcSwapOption<Proposal>,
    planning: AtomicBool,
    tuned: Mutex<Tuned>,
}

impl Moves {
    /// How large partitions are; `None` until the brokers were asked once.
    pub fn sizes(&self) -> Option<Arc<Sizes>> {
        self.sizes.load_full()
    }

    pub fn weighed(&self, sizes: Sizes) {
        self.sizes.store(Some(Arc::new(sizes)));
    }

    /// The plan that was made last.
    pub fn proposal(&self) -> Option<Arc<Proposal>> {
        self.proposal.load_full()
    }

    /// Whether it is the caller who plans now: one plan at a time.
    pub fn begins_to_plan(&self) -> bool {
        !self.planning.swap(true, Ordering::AcqRel)
    }

    pub fn planned(&self, made: Arc<Proposal>) {
        self.proposal.store(Some(made));
        self.planning.store(false, Ordering::Release);
    }

    pub(super) fn tuned(&self) -> MutexGuard<'_, Tuned> {
        self.tuned.lock()
    }
}

type Keys = BTreeMap<&'static str, Option<String>>;

/// What we have just set: what is described at about the same time may be older.
#[derive(Default)]
pub struct Tuned {
    topics: HashMap<String, (Instant, Keys)>,
    defaults: Option<(Instant, Keys)>,
    /// When something of a single broker was.
    brokers: Option<Instant>,
}

impl Tuned {
    fn set(&mut self, change: &ThrottleChange, now: Instant) {
        self.topics.retain(|_, (at, _)| *at + SETTLING > now);
        self.topics.extend(change.topics.iter().map(|(topic, keys)| (topic.clone(), (now, keys.clone()))));
        if change.rate.is_some() || change.no_rate {
            let rate = change.rate.map(|rate| rate.to_string());
            self.defaults = Some((now, RATES.map(|key| (key, rate.clone())).into()));
        }
    }

    /// What a topic has set, described by a request that began at `began`.
    pub fn over(&self, topic: &str, mut configs: TopicConfigs, began: Instant) -> TopicConfigs {
        if let Some((_, keys)) = self.topics.get(topic).filter(|(at, _)| *at + SETTLING > began) {
            put(keys, &mut configs.set);
            let lowered = keys.get("min.insync.replicas").and_then(|text| text.as_ref()?.parse().ok());
            configs.min_isr = lowered.or(configs.min_isr);
        }
        configs
    }

    /// Whether what was read of single brokers may be older than what we have set there.
    pub fn is_older_than_brokers(&self, began: Instant) -> bool {
        self.brokers.is_some_and(|at| at + SETTLING > began)
    }

    pub fn over_defaults(&self, configs: &mut BTreeMap<String, String>, began: Instant) {
        if let Some((_, keys)) = self.defaults.as_ref().filter(|(at, _)| *at + SETTLING > began) {
            put(keys, configs);
        }
    }
}

fn put(keys: &Keys, configs: &mut BTreeMap<String, String>) {
    for (key, value) in keys {
        match value {
            Some(value) => drop(configs.insert((*key).to_owned(), value.clone())),
            None => drop(configs.remove(*key)),
        }
    }
}

impl World {
    /// Shows at once what a throttle of ours made of configurations.
    pub fn throttled(&self, change: &ThrottleChange) {
        let now = Instant::now();
        self.moves.tuned().set(change, now);
        if let Some(known) = self.dynamic() {
            self.set_dynamic(known, now);
        }
        let sight = self.sight();
        let Some(view) = sight.current() else { return };
        let known = change.topics.keys().filter_map(|name| {
            let topic = view.topics.get(name)?;
            Some((name.clone(), TopicConfigs { set: topic.configs.clone()?, min_isr: topic.min_isr }))
        });
        self.described(known.collect(), now);
    }

    /// Takes in the brokers' dynamic configs, read by requests that began at `began`. Whether they are others than before.
    pub(super) fn set_dynamic(&self, mut configs: DynamicConfigs, began: Instant) -> bool {
        let tuned = self.moves.tuned();
        tuned.over_defaults(&mut configs.cluster, began);
        let before = self.dynamic.load_full();
        if let Some(known) = before.as_ref().filter(|_| tuned.is_older_than_brokers(began)) {
            configs.brokers.clone_from(&known.brokers);
        }
        let same = before.as_deref() == Some(&configs);
        self.dynamic.store(Some(Arc::new(configs)));
        !same
    }

    /// Shows at once what changes of ours made of what single brokers have set: that is read rarely.
    pub fn altered(&self, changes: &[ConfigChange]) {
        let mut tuned = self.moves.tuned();
        let Some(mut known) = self.dynamic() else { return };
        for change in changes {
            let Some(set) = change.broker.and_then(|id| known.brokers.get_mut(&id)) else { continue };
            set.retain(|key, _| !change.reset.contains(key));
            set.extend(change.set.clone());
            tuned.brokers = Some(Instant::now());
        }
        self.dynamic.store(Some(Arc::new(known)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_described_before_or_about_when_we_set_it_does_not_hide_it() {
        let now = Instant::now();
        let mut tuned = Tuned::default();
        let keys = Keys::from([("min.insync.replicas", Some("1".to_owned())), ("mark", None)]);
        let change = ThrottleChange {
            rate: Some(5),
            topics: [("t".to_owned(), keys)].into(),
            ..ThrottleChange::default()
        };
        tuned.set(&change, now);
        let old = || TopicConfigs { set: [("mark".to_owned(), "0:1".to_owned())].into(), min_isr: Some(2) };
        let shown = tuned.over("t", old(), now);
        assert_eq!(
            (shown.set["min.insync.replicas"].as_str(), shown.set.len(), shown.min_isr),
            ("1", 1, Some(1))
        );
        assert_eq!(tuned.over("t", old(), now + SETTLING).set, old().set, "that is the truth");
        assert_eq!(tuned.over("other", old(), now).set, old().set);
        let mut defaults = BTreeMap::new();
        tuned.over_defaults(&mut defaults, now);
        assert_eq!(defaults.len(), RATES.len());
    }
}
