use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, ArcSwapOption};
use jiff::Timestamp;
use parking_lot::Mutex;
use sluice_clients::kafka::Client;
use sluice_core::cluster::DynamicConfigs;
use sluice_core::user::Changes;
use sluice_core::view::Sight;
use sluice_core::view::kafka::{
    Acl, ClusterView, DiskView, Look, NodeId, TopicConfigs, TopicView, UsersView,
};
use tokio::sync::Notify;

use super::canary::Canary;
use super::due::Due;
use super::moves::Moves;
use crate::scope::Key;

/// How long after a change of ours a broker's metadata may still be older than the change. What we know wins so long.
pub(super) const SETTLING: Duration = Duration::from_secs(3);

/// How often we look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Something is under way.
    Brisk,
    Steady,
}

/// What a look at rules and users brought.
#[derive(Debug, Default, PartialEq)]
pub struct News {
    pub rules: bool,
    /// It was the first look.
    pub everybody: bool,
    pub users: BTreeSet<String>,
}

/// A Kafka cluster as we see it and reach it.
pub struct World {
    pub key: Key,
    pub client: Client,
    pub moves: Moves,
    pub due: Due,
    pub canary: Canary,
    sight: ArcSwap<Sight<ClusterView>>,
    /// The id that the cluster must have; `None` while no spec has said it.
    cluster_id: ArcSwapOption<String>,
    /// Since when another cluster answers in its place.
    replaced_since: Mutex<Option<Timestamp>>,
    /// When the look began that the newest view came from; `None` while we have changed something since.
    looked_at: Mutex<Option<Timestamp>>,
    /// When we last changed the quorum or the brokers' configuration.
    stepped: Mutex<Option<Instant>>,
    /// What is set while the brokers run.
    pub(super) dynamic: ArcSwapOption<DynamicConfigs>,
    /// Disks of brokers, each as it was told last.
    disks: ArcSwap<BTreeMap<NodeId, DiskView>>,
    /// Every rule of access.
    access: ArcSwapOption<BTreeSet<Acl>>,
    /// Who there is in Kafka.
    users: ArcSwapOption<UsersView>,
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
            moves: Moves::default(),
            due: Due::default(),
            canary: Canary::default(),
            sight: ArcSwap::from_pointee(Sight::Never { since: now, error: None }),
            cluster_id: ArcSwapOption::empty(),
            replaced_since: Mutex::default(),
            looked_at: Mutex::default(),
            stepped: Mutex::default(),
            dynamic: ArcSwapOption::empty(),
            disks: ArcSwap::from_pointee(BTreeMap::new()),
            access: ArcSwapOption::empty(),
            users: ArcSwapOption::empty(),
            settling: Mutex::default(),
            brisk: AtomicBool::new(true),
            nudge: Notify::new(),
        }
    }

    pub fn sight(&self) -> Arc<Sight<ClusterView>> {
        self.sight.load_full()
    }

    /// What may be acted on: nothing where another Kafka cluster answers in place of the one that is meant.
    pub fn trusted(&self) -> Arc<Sight<ClusterView>> {
        let sight = self.sight();
        let wanted = self.cluster_id.load();
        let mut replaced_since = self.replaced_since.lock();
        let Some((view, wanted)) =
            sight.latest().zip(wanted.as_ref()).filter(|(v, id)| v.cluster_id != ***id)
        else {
            *replaced_since = None;
            return sight;
        };
        let since = *replaced_since.get_or_insert_with(Timestamp::now);
        let error = format!("another Kafka cluster, {}, answers where {wanted} should", view.cluster_id);
        Arc::new(Sight::Never { since, error: Some(error) })
    }

    /// Says which cluster is meant. Whether that is news.
    pub fn expect(&self, cluster_id: &str) -> bool {
        let same = self.cluster_id.load().as_ref().is_some_and(|known| **known == cluster_id);
        if !same {
            self.cluster_id.store(Some(Arc::new(cluster_id.to_owned())));
        }
        !same
    }

    pub fn looked_at(&self) -> Option<Timestamp> {
        *self.looked_at.lock()
    }

    /// Notes that a step was made, or may have been: what was seen before it is no ground for another one.
    pub fn stepped(&self) {
        *self.stepped.lock() = Some(Instant::now());
        *self.looked_at.lock() = None;
    }

    pub fn dynamic(&self) -> Option<DynamicConfigs> {
        self.dynamic.load().as_deref().cloned()
    }

    pub fn access(&self) -> Option<Arc<BTreeSet<Acl>>> {
        self.access.load_full()
    }

    pub fn disks(&self) -> Arc<BTreeMap<NodeId, DiskView>> {
        self.disks.load_full()
    }

    /// Takes in what a broker says of its disk. Whether it is worth a pass: more than that some bytes came or went.
    pub(super) fn set_disk(&self, id: NodeId, disk: DiskView) -> bool {
        let rough = |disk: &DiskView| (disk.used_percent(), disk.total_bytes, disk.failed.clone());
        let before = self.disks.load();
        let news = before.get(&id).map(rough) != Some(rough(&disk));
        let mut disks = BTreeMap::clone(&before);
        disks.insert(id, disk);
        self.disks.store(Arc::new(disks));
        news
    }

    /// Forgets the disks of others. Whether there was one.
    pub(super) fn keep_disks(&self, keep: impl Fn(&NodeId) -> bool) -> bool {
        let before = self.disks.load();
        let gone = !before.keys().all(&keep);
        if gone {
            let mut disks = BTreeMap::clone(&before);
            disks.retain(|id, _| keep(id));
            self.disks.store(Arc::new(disks));
        }
        gone
    }

    pub fn users(&self) -> Option<Arc<UsersView>> {
        self.users.load_full()
    }

    /// Takes in the rules of access, and who there is. Whom it is news about.
    pub(super) fn set_access(&self, rules: BTreeSet<Acl>, users: UsersView) -> News {
        let before = (self.access.load_full(), self.users.load_full());
        let mut news = News::default();
        if let (Some(old_rules), Some(old_users)) = &before {
            let principals = old_rules.symmetric_difference(&rules).map(|rule| rule.principal.as_str());
            let names = principals.map(|principal| principal.strip_prefix("User:").unwrap_or(principal));
            news.users = names.chain(old_users.changed(&users)).map(str::to_owned).collect();
            news.rules = **old_rules != rules;
        } else {
            news = News { rules: true, everybody: true, users: BTreeSet::new() };
        }
        if news != News::default() {
            self.access.store(Some(Arc::new(rules)));
            self.users.store(Some(Arc::new(users)));
        }
        news
    }

    /// Shows at once what changes of ours made of users.
    pub fn users_changed(&self, all: &[(&str, &Changes)]) {
        if all.is_empty() {
            return;
        }
        self.access.rcu(|rules| {
            let mut rules = BTreeSet::clone(rules.as_ref()?);
            for (name, changes) in all {
                changes.show_rules(name, &mut rules);
            }
            Some(Arc::new(rules))
        });
        self.users.rcu(|users| {
            let mut users = UsersView::clone(users.as_ref()?);
            for (name, changes) in all {
                changes.show(name, &mut users);
            }
            Some(Arc::new(users))
        });
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

    /// Whether we changed the quorum or the brokers' configuration at `when` or later.
    pub(super) fn stepped_since(&self, when: Instant) -> bool {
        self.stepped.lock().is_some_and(|stepped| stepped >= when)
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
        let stepped = *self.stepped.lock();
        if stepped.is_none_or(|stepped| began > stepped) {
            *self.looked_at.lock() = Timestamp::now().checked_sub(began.elapsed()).ok();
        }
        let mut settling = self.settling.lock();
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
        let settling = self.settling.lock();
        let sight = self.sight.load();
        if let Sight::Clear(view) = sight.as_ref() {
            let tuned = self.moves.tuned();
            let settled = configs
                .into_iter()
                .map(|(name, configs)| {
                    let configs = tuned.over(&name, configs, began);
                    (name, configs)
                })
                .filter(|(name, _)| settling.get(name).is_none_or(|changed| *changed + SETTLING <= began));
            self.sight.store(Arc::new(Sight::Clear(Arc::new(view.with_configs(settled)))));
        }
    }

    pub(super) fn failed(&self, now: Timestamp, error: String) {
        let _settling = self.settling.lock();
        let next = self.sight.load().failed(now, error);
        self.sight.store(Arc::new(next));
    }

    /// Shows at once what a change of ours made of some topics (`None`: gone).
    pub(super) fn changed(&self, topics: BTreeMap<String, Option<TopicView>>) {
        let mut settling = self.settling.lock();
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

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_clients::kafka::Options;
    use sluice_core::view::kafka::KafkaUuid;

    fn world() -> World {
        let client = Client::new(Options::plain(["localhost:9091"]).unwrap());
        let key = Key { namespace: "ns".into(), name: "c".into() };
        World::new(key, client, Timestamp::UNIX_EPOCH)
    }

    fn topic(id: u8) -> TopicView {
        TopicView { id: KafkaUuid([id; 16]), ..TopicView::default() }
    }

    fn look(topics: &[(&str, u8)]) -> Look {
        let topics = topics.iter().map(|(name, id)| ((*name).to_owned(), Some(topic(*id)))).collect();
        Look { cluster_id: "c".into(), topics, ..Look::default() }
    }

    fn names(world: &World) -> Vec<(String, u8)> {
        let sight = world.sight();
        let view = sight.current().unwrap();
        view.topics.iter().map(|(name, topic)| (name.clone(), topic.id.0[0])).collect()
    }

    #[test]
    fn a_look_that_may_be_older_than_our_change_does_not_undo_it() {
        let world = world();
        world.looked(look(&[("stays", 1), ("goes", 2)]), Instant::now());
        world.changed([("comes".to_owned(), Some(topic(3))), ("goes".to_owned(), None)].into());
        // a broker that lags shows the state before the change
        world.looked(look(&[("stays", 1), ("goes", 2)]), Instant::now());
        assert_eq!(names(&world), [("comes".to_owned(), 3), ("stays".to_owned(), 1)]);
    }

    #[test]
    fn a_look_that_began_long_after_our_change_is_the_truth() {
        let world = world();
        world.looked(look(&[("goes", 2)]), Instant::now());
        world.changed([("comes".to_owned(), Some(topic(3)))].into());
        world.looked(look(&[("goes", 2)]), Instant::now() + SETTLING);
        assert_eq!(names(&world), [("goes".to_owned(), 2)]);
    }

    #[test]
    fn what_another_cluster_shows_is_not_trusted() {
        let world = world();
        world.looked(look(&[("t", 1)]), Instant::now());
        assert!(world.trusted().current().is_some(), "nobody has said yet which one is meant");
        assert!(world.expect("c") && !world.expect("c"));
        assert!(world.trusted().current().is_some());
        assert!(world.expect("d"));
        let words = "another Kafka cluster, c, answers where d should";
        let (since, _) = world.trusted().blind().map(|(since, error)| (since, error == Some(words))).unwrap();
        assert_eq!(world.trusted().blind(), Some((since, Some(words))), "and since when does not move");
        world.looked(Look { cluster_id: "d".into(), ..Look::default() }, Instant::now());
        assert!(world.trusted().current().is_some());
    }

    #[test]
    fn configs_that_were_read_before_our_change_are_not_believed() {
        let world = world();
        let read = Instant::now();
        world.looked(look(&[("t", 1)]), read);
        let ours = TopicView { configs: Some(BTreeMap::from([("a".into(), "new".into())])), ..topic(1) };
        world.changed([("t".to_owned(), Some(ours))].into());
        let old = TopicConfigs { set: BTreeMap::from([("a".into(), "old".into())]), min_isr: Some(1) };
        world.described(vec![("t".into(), old)], read);
        let sight = world.sight();
        let configs = sight.current().unwrap().topics["t"].configs.clone().unwrap();
        assert_eq!(configs["a"], "new");
    }
}
