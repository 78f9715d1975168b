//! Sluice's own records, on each listener: the Topic and the Users that they need, whose turn it is, and what is said of them.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use sluice_crds::canary::CanaryStatus;
use sluice_crds::common::{DeletionPolicy, LocalRef};
use sluice_crds::kafka_cluster::Authentication;
use sluice_crds::rebalance::RebalanceMode;
use sluice_crds::topic::{Adoption, Retention};
use sluice_crds::user::{
    AclOperation, AclResource, AclResourceType, AclRule, UserAuthentication, UserAuthenticationType,
};
use sluice_crds::{Scalar, Topic, TopicSpec, User, UserSpec};

use super::scale::Obsolete;
use super::wanted::Wanted;
use crate::meta::Owner;
use crate::units;
use crate::view::kafka::ClusterView;

/// Name in Kafka.
pub const TOPIC: &str = "sluice-canary";
const COMPONENT: &str = "canary";
/// How long records are kept, and so long a segment takes them: Kafka removes whole segments.
const KEPT: &str = "10m";
const SEGMENT_MS: &str = "600000";
/// Replicas of the topic, where there are as many brokers.
const REPLICAS: usize = 3;
/// How many of the last records the latency is told from.
const RECENT: usize = 9;
/// How many partitions that failed are tried again beside the one whose turn it is.
const AGAIN: usize = 3;
/// After how many failures in a row it is told: a leader may just be changing.
const FAILURES: u32 = 2;
/// From how many records on a latency is told: the first of a connection takes longer.
const ENOUGH: usize = 3;
/// Milliseconds that are told.
const STEPS: [i32; 14] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000];

/// What records need, and what they need no more.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Children {
    pub topics: Vec<Topic>,
    pub users: Vec<User>,
    pub delete_topics: Vec<Obsolete>,
    pub delete_users: Vec<Obsolete>,
}

/// The Topic.
pub fn topic_name(cluster: &str) -> String {
    format!("{cluster}-canary")
}

/// The User who comes by listeners with this authentication; `None`: everybody may.
pub fn user_name(cluster: &str, authentication: Authentication) -> Option<String> {
    match authentication {
        Authentication::None => None,
        Authentication::ScramSha512 => Some(format!("{cluster}-canary")),
        Authentication::Tls => Some(format!("{cluster}-canary-tls")),
    }
}

/// All Users that there may be.
pub fn user_names(cluster: &str) -> impl Iterator<Item = String> {
    [Authentication::ScramSha512, Authentication::Tls].into_iter().filter_map(|how| user_name(cluster, how))
}

/// What is known of it before a pass.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Known {
    /// By listener.
    pub heard: BTreeMap<String, Heard>,
    /// What there is under the names of its Topic and Users, whoever made it.
    pub topic: Option<Topic>,
    pub users: Vec<ObjectMeta>,
}

pub fn children(wanted: &Wanted, known: &Known, view: &ClusterView) -> Children {
    let (mut topics, mut users) = (Vec::new(), BTreeMap::new());
    if wanted.canary.is_some() {
        topics.push(topic(wanted, known.topic.as_ref(), view));
        for listener in &wanted.listeners {
            if let Some(name) = user_name(&wanted.owner.name, listener.authentication) {
                users.insert(name.clone(), user(&wanted.owner, name, listener.authentication));
            }
        }
    }
    let obsolete =
        |meta: &ObjectMeta| meta.deletion_timestamp.is_none().then(|| Obsolete::of(meta, wanted)).flatten();
    let is_wanted = |meta: &ObjectMeta| meta.name.as_ref().is_some_and(|name| users.contains_key(name));
    Children {
        delete_topics: known
            .topic
            .iter()
            .filter(|_| topics.is_empty())
            .filter_map(|topic| obsolete(&topic.metadata))
            .collect(),
        delete_users: known.users.iter().filter(|meta| !is_wanted(meta)).filter_map(obsolete).collect(),
        topics,
        users: users.into_values().collect(),
    }
}

fn topic(wanted: &Wanted, declared: Option<&Topic>, view: &ClusterView) -> Topic {
    // a broker that is yet to come holds nothing up
    let brokers = wanted.brokers().filter(|id| view.brokers.contains_key(id)).count().max(1);
    let present = view.topics.get(TOPIC).map(|topic| topic.partitions.as_slice()).unwrap_or_default();
    // there are never fewer of them than before
    let partitions =
        units::count(brokers.max(present.len())).max(declared.map_or(0, |it| it.spec.partitions));
    let now = present.iter().map(|partition| partition.replicas.len()).min();
    let replicas = match now {
        Some(now) if wanted.rebalance.mode == RebalanceMode::Off => now.max(1),
        _ => brokers.min(REPLICAS),
    };
    // one broker may be away, also while replicas are yet to come
    let in_sync = now.map_or(replicas, |now| now.min(replicas)).saturating_sub(1).max(1);
    let config = [("min.insync.replicas", in_sync.to_string()), ("segment.ms", SEGMENT_MS.to_owned())];
    Topic {
        metadata: wanted.owner.child(topic_name(&wanted.owner.name), COMPONENT),
        spec: TopicSpec {
            cluster_ref: LocalRef { name: wanted.owner.name.clone() },
            topic_name: Some(TOPIC.into()),
            partitions,
            replication_factor: Some(units::count(replicas)),
            retention: Some(Retention { time: Some(KEPT.into()), size: None }),
            config: config.into_iter().map(|(key, value)| (key.to_owned(), Scalar::from(value))).collect(),
            // one that an earlier cluster left on volumes that were kept
            adoption: Adoption::Always,
            deletion_policy: DeletionPolicy::Delete,
            ..TopicSpec::default()
        },
        status: None,
    }
}

fn user(owner: &Owner, name: String, authentication: Authentication) -> User {
    let kind = match authentication {
        Authentication::Tls => UserAuthenticationType::Tls,
        Authentication::ScramSha512 | Authentication::None => UserAuthenticationType::ScramSha512,
    };
    let resource =
        AclResource { kind: AclResourceType::Topic, name: Some(TOPIC.into()), ..AclResource::default() };
    User {
        metadata: owner.child(name, COMPONENT),
        spec: UserSpec {
            cluster_ref: LocalRef { name: owner.name.clone() },
            authentication: UserAuthentication { kind, password_from: None },
            acls: vec![AclRule { resource, operations: vec![AclOperation::Read, AclOperation::Write] }],
            ..UserSpec::default()
        },
        status: None,
    }
}

/// What became of the records on one listener.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    recent: VecDeque<Duration>,
    failed: BTreeMap<i32, Failed>,
    turn: i32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Failed {
    times: u32,
    words: String,
}

impl Heard {
    /// The partitions that get a record now: the next one, and some that failed last.
    pub fn due(&mut self, partitions: i32) -> Vec<i32> {
        self.failed.retain(|partition, _| *partition < partitions);
        let next = self.turn.rem_euclid(partitions.max(1));
        self.turn = next + 1;
        let again = self.failed.keys().copied().filter(|partition| *partition != next);
        std::iter::once(next).chain(again.take(AGAIN)).collect()
    }

    /// How long a record took, or why it did not come back.
    pub fn note(&mut self, partition: i32, result: Result<Duration, String>) {
        match result {
            Ok(took) => {
                self.failed.remove(&partition);
                self.recent.push_back(took);
                if self.recent.len() > RECENT {
                    self.recent.pop_front();
                }
            }
            Err(words) => {
                let failed =
                    self.failed.entry(partition).or_insert_with(|| Failed { times: 0, words: String::new() });
                failed.times = failed.times.saturating_add(1);
                // figures in it, of time for example, are no news
                let shape = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "");
                if shape(&failed.words) != shape(&words) {
                    failed.words = words;
                }
            }
        }
    }

    fn latency(&self) -> Option<i32> {
        if self.recent.len() < ENOUGH {
            return None;
        }
        let mut recent: Vec<_> = self.recent.iter().map(Duration::as_micros).collect();
        recent.sort_unstable();
        let median = *recent.get(recent.len() / 2)?;
        let at_most = |step: &&i32| u128::from(step.unsigned_abs()) * 1000 >= median;
        Some(*STEPS.iter().find(at_most).unwrap_or(&STEPS[STEPS.len() - 1]))
    }

    /// Where records do not get through, and why.
    pub fn failing(&self) -> Option<String> {
        let mut failing = self.failed.iter().filter(|(_, failed)| failed.times >= FAILURES);
        let (partition, failed) = failing.next()?;
        let more = match failing.count() {
            0 => String::new(),
            more => format!(" (and {more} more partitions)"),
        };
        Some(format!("{TOPIC}-{partition}: {}{more}", failed.words))
    }

    /// What status says, given what it said before: a latency stays until it is more, or far less.
    pub fn told(&self, listener: &str, before: Option<&CanaryStatus>) -> CanaryStatus {
        let known = before.and_then(|before| before.latency_ms);
        let latency_ms = match (self.latency(), known) {
            (Some(now), Some(known)) if now <= known && now * 4 > known => Some(known),
            (Some(now), _) => Some(now),
            (None, known) => known,
        };
        CanaryStatus { listener: listener.to_owned(), latency_ms, failing: self.failing() }
    }
}

/// What status says of all listeners. What was told of one holds until something else is heard.
pub fn told(wanted: &Wanted, known: &Known, before: &[CanaryStatus]) -> Vec<CanaryStatus> {
    if wanted.canary.is_none() {
        return vec![];
    }
    let row = |listener: &super::Listener| {
        let told = before.iter().find(|row| row.listener == listener.name);
        let heard = known.heard.get(&listener.name);
        heard.map(|heard| heard.told(&listener.name, told)).or_else(|| told.cloned())
    };
    let says = |row: &CanaryStatus| row.latency_ms.is_some() || row.failing.is_some();
    wanted.listeners.iter().filter_map(row).filter(says).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use serde_json::{Value, json};

    use super::*;
    use crate::view::kafka::{BrokerView, PartitionView, TopicView};

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn each_partition_has_its_turn_and_one_that_failed_has_the_next_too() {
        let mut heard = Heard::default();
        let turns: Vec<_> = (0..4).map(|_| heard.due(3)).collect();
        assert_eq!(turns, [vec![0], vec![1], vec![2], vec![0]]);
        heard.note(0, Err("no answer".into()));
        assert_eq!((heard.due(3), heard.failing()), (vec![1, 0], None), "once is a leader that changes");
        heard.note(0, Err("no answer".into()));
        assert_eq!(heard.failing().unwrap(), "sluice-canary-0: no answer");
        assert_eq!(heard.due(3), [2, 0]);
        heard.note(0, Ok(ms(3)));
        assert_eq!((heard.due(3), heard.failing()), (vec![0], None));
        heard.note(2, Err("no answer".into()));
        assert_eq!(heard.due(2), [1], "of a partition that is none nothing is told");
        assert_eq!(Heard::default().due(0), [0]);
    }

    #[test]
    fn a_latency_rests_until_it_is_more_or_far_less() {
        let mut row: Option<CanaryStatus> = None;
        let mut heard = Heard::default();
        let mut told = Vec::new();
        for (took, times) in [(7, 9), (9, 9), (11, 9), (6, 9), (4, 9), (2, 9)] {
            for _ in 0..times {
                heard.note(0, Ok(ms(took)));
            }
            row = Some(heard.told("plain", row.as_ref()));
            told.push(row.as_ref().unwrap().latency_ms.unwrap());
        }
        assert_eq!(told, [10, 10, 20, 20, 5, 5]);
    }

    #[test]
    fn the_topic_follows_the_brokers_and_each_kind_of_login_has_a_user() {
        let cluster = |replicas: i32, spec: Option<Value>| {
            crate::cluster::tests::wanted(json!({
                "pools": [{ "name": "nodes", "replicas": replicas }],
                "canary": spec,
                "listeners": [
                    { "name": "plain", "port": 9092 },
                    { "name": "apps", "port": 9094, "authentication": "scram-sha-512" },
                    { "name": "bare", "port": 9095, "tls": true, "authentication": "scram-sha-512" },
                    { "name": "certs", "port": 9096, "tls": true, "authentication": "tls" },
                ],
            }))
        };
        let known = Known::default();
        let shape = |replicas: i32, view: &ClusterView| {
            let topic = children(&cluster(replicas, Some(json!({}))), &known, view).topics.remove(0);
            let in_sync = topic.spec.config["min.insync.replicas"].to_string();
            (topic.spec.partitions, topic.spec.replication_factor, in_sync)
        };
        let brokers = |n: i32| (0..n).map(|id| (id, BrokerView::default())).collect();
        let view = |n: i32| ClusterView { brokers: brokers(n), ..ClusterView::default() };
        assert_eq!(shape(1, &view(1)), (1, Some(1), "1".into()));
        assert_eq!(shape(5, &view(5)), (5, Some(3), "2".into()));
        assert_eq!(
            shape(5, &view(1)),
            (1, Some(1), "1".into()),
            "brokers that are yet to come hold nothing up"
        );
        let partition = PartitionView { replicas: vec![0, 1, 2], ..PartitionView::default() };
        let topic = TopicView { partitions: vec![partition; 5], ..TopicView::default() };
        let five = ClusterView { topics: [(TOPIC.to_owned(), Arc::new(topic))].into(), ..view(5) };
        assert_eq!(shape(2, &five), (5, Some(2), "1".into()), "partitions do not become fewer");
        let three = children(&cluster(3, Some(json!({}))), &known, &view(3)).topics.remove(0);
        let declared = Known { topic: Some(three), ..Known::default() };
        let refused = children(&cluster(2, Some(json!({}))), &declared, &view(2));
        assert_eq!(refused.topics[0].spec.partitions, 3, "nor where Kafka never had them");
        let still = crate::cluster::tests::wanted(json!({
            "pools": [{ "name": "nodes", "replicas": 1 }], "canary": {}, "rebalance": { "mode": "Off" },
        }));
        let stays = children(&still, &known, &five).topics.remove(0);
        assert_eq!(stays.spec.replication_factor, Some(3), "nothing is asked for that may not move");

        let made = children(&cluster(3, Some(json!({ "interval": "1s" }))), &known, &view(3));
        let names: Vec<_> = made.users.iter().filter_map(|user| user.metadata.name.clone()).collect();
        assert_eq!(names, user_names(&cluster(1, None).owner.name).collect::<Vec<_>>());
        assert_eq!(children(&cluster(3, None), &known, &view(3)), Children::default());

        // what is there and not wanted goes, unless it is somebody else's, or goes already
        let users = made.users.iter().map(|user| user.metadata.clone()).collect();
        let mut there = Known { topic: Some(made.topics[0].clone()), users, ..Known::default() };
        let went = |there: &Known, spec| {
            let children = children(&cluster(3, spec), there, &view(3));
            (children.delete_topics.len(), children.delete_users.len())
        };
        assert_eq!(went(&there, None), (1, 2));
        assert_eq!(went(&there, Some(json!({}))), (0, 0));
        there.users[0].owner_references = None;
        there.users[1].deletion_timestamp = Some(Time(jiff::Timestamp::UNIX_EPOCH));
        assert_eq!(went(&there, None), (1, 0));
    }
}
