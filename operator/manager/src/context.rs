//! What every pass can reach, and who is woken by what.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::core::{DeserializeGuard, NamespaceResourceScope};
use kube::{Client, Resource, ResourceExt};
use parking_lot::Mutex;
use sluice_core::cluster::same_quorum;
use sluice_core::connect::credentials;
use sluice_core::topic::name_of;
use sluice_core::view::Sight;
use sluice_core::view::connect::ConnectView;
use sluice_core::view::kafka::ClusterView;
use sluice_core::view::source::{SinkView, SourceView};
use sluice_crds::{ConnectCluster, Connector, KafkaCluster, Topic};

use crate::act::{Applied, Applier};
use crate::cdc;
use crate::cluster::{Failures, Missing, zone};
use crate::connect::Gathered;
use crate::error::Error;
use crate::metrics::Metrics;
use crate::observe::connect;
use crate::observe::database;
use crate::observe::kafka::{Pace, Worlds};
use crate::pki::{self, Vault};
use crate::report::Written;
use crate::report::events::{self, Severity};
use crate::scope::{self, Child, Children, Key, Lists, Parsed, Shelf, Shelves};
use crate::user;

/// What all scopes share.
pub struct Shared {
    pub client: Client,
    pub metrics: Metrics,
    /// The namespace that Sluice itself runs in; `None` outside of Kubernetes.
    pub home: Option<String>,
    /// Dead letters that are sent again take memory, wherever their pipeline is.
    pub(crate) replaying: cdc::Room,
    /// Those that are worked on now.
    pub(crate) scopes: Mutex<Vec<Weak<Context>>>,
}

impl Shared {
    pub fn new(client: Client) -> Self {
        let (metrics, replaying) = (Metrics::default(), cdc::Room::default());
        Self { client, metrics, home: None, replaying, scopes: Mutex::default() }
    }

    /// What is worked on from now on.
    pub fn works_on(&self, scopes: &[Arc<Context>]) {
        *self.scopes.lock() = scopes.iter().map(Arc::downgrade).collect();
    }

    /// The metrics of this moment.
    pub fn scrape(&self) -> String {
        // one scrape at a time: it writes down what it finds
        let scopes = self.scopes.lock();
        let scopes: Vec<_> = scopes.iter().filter_map(Weak::upgrade).collect();
        scope::refresh(&self.metrics, &scopes);
        self.metrics.text()
    }
}

/// What the passes of one scope share.
pub struct Context {
    pub shared: Arc<Shared>,
    pub shelves: Shelves,
    pub children: Children,
    pub kafka: Worlds,
    pub connect: connect::Worlds,
    pub gathered: Gathered,
    pub sources: database::Worlds<SourceView>,
    pub sinks: database::Worlds<SinkView>,
    pub cdc: cdc::Notes,
    pub applier: Applier,
    pub failures: Failures,
    pub missing: Missing,
    pub vault: Vault,
    pub passwords: user::Passwords,
    /// Zone of each Kubernetes node, as clusters were last told.
    zones: Mutex<HashMap<String, String>>,
    /// Of kinds with many objects.
    pub written: Written,
    pub lists: Lists,
}

impl Context {
    pub fn new(shared: Arc<Shared>, shelves: Shelves, children: Children) -> Self {
        Self {
            shared,
            shelves,
            children,
            kafka: Worlds::default(),
            connect: connect::Worlds::default(),
            gathered: Gathered::default(),
            sources: database::Worlds::default(),
            sinks: database::Worlds::default(),
            cdc: cdc::Notes::default(),
            applier: Applier::default(),
            failures: Failures::default(),
            missing: Missing::default(),
            vault: Vault::default(),
            passwords: user::Passwords::default(),
            zones: Mutex::default(),
            written: Written::default(),
            lists: Lists::default(),
        }
    }

    pub fn client(&self) -> &Client {
        &self.shared.client
    }

    /// The only clock of a pass.
    pub fn now() -> Timestamp {
        Timestamp::now()
    }

    /// Makes a child as wanted.
    pub async fn apply<K>(&self, wanted: &K) -> Result<Applied, Error>
    where
        K: Child + Clone + serde::Serialize + serde::de::DeserializeOwned + std::fmt::Debug,
    {
        self.applier.child(self.client(), &self.shared.metrics, &self.children, wanted).await
    }

    /// Makes an object of our own kinds as wanted. `place`: where those of its kind are.
    pub async fn apply_primary<K>(&self, place: &Shelf<K>, wanted: &K) -> Result<Applied, Error>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + serde::Serialize
            + serde::de::DeserializeOwned
            + std::fmt::Debug
            + 'static,
    {
        let seen = place.get(&Key::of(wanted)).map(|object| object.meta().clone());
        self.applier.apply(self.client(), &self.shared.metrics, seen.as_ref(), wanted).await
    }

    /// Tells news about an object.
    pub async fn event<K>(&self, object: &K, severity: Severity, reason: &str, action: &str, note: &str)
    where
        K: kube::Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>,
    {
        events::publish(self.client(), &self.shared.metrics, object, severity, reason, action, note).await;
    }

    /// Tells a turn of `Ready` between two states of an object's conditions, if it is news.
    pub async fn turned<K>(&self, object: &K, before: Option<&Vec<Condition>>, after: &[Condition])
    where
        K: kube::Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>,
    {
        let many = ["Topic", "User", "Connector"].contains(&K::kind(&()).as_ref());
        let turn = if many { events::turn_of_one } else { events::turn };
        if let Some(news) = turn(before, after) {
            self.event(object, news.severity, news.reason, "Reconcile", news.message).await;
        }
    }

    /// A KafkaCluster appeared or changed: what refers to it looks again.
    pub fn cluster_changed(
        &self,
        before: Option<&DeserializeGuard<KafkaCluster>>,
        now: &DeserializeGuard<KafkaCluster>,
    ) {
        let key = Key::of(now);
        // our own status writes come by here too; topics only care whether the cluster exists and can be read
        if self.kafka.get(&key).is_none() || parsing_turned(before, now) {
            self.wake_users_of(&key);
        }
    }

    pub fn cluster_deleted(&self, key: &Key) {
        let listeners = self.kafka.forget(key);
        self.failures.forget(key);
        self.missing.forget(key);
        self.shared.metrics.forget_cluster(key, &listeners);
        self.wake_users_of(key);
    }

    /// A Kubernetes node came or changed. Brokers that start on it need its zone; a heartbeat wakes nobody.
    pub fn node_seen<K: ResourceExt>(&self, node: &K) {
        let (name, zone) = (node.name_any(), zone(node));
        let before = self.zones.lock().insert(name, zone.clone());
        if before.as_ref() != Some(&zone) {
            self.shelves.clusters.wake_where(|_| true);
        }
    }

    pub fn node_gone(&self, name: &str) {
        self.zones.lock().remove(name);
    }

    /// Its `Topics`, `Users` and `ConnectClusters`.
    pub fn wake_users_of(&self, key: &Key) {
        user::wake_all_of(self, key);
        let here = |namespace: Option<String>| namespace.as_deref() == Some(key.namespace.as_str());
        self.shelves.topics.wake_where(|t| t.spec.cluster_ref.name == key.name && here(t.namespace()));
        self.shelves.connects.wake_where(|c| c.spec.cluster_ref.name == key.name && here(c.namespace()));
    }

    /// A Topic is gone: a younger one that wanted the same name may have it now.
    pub fn topic_deleted(&self, topic: &DeserializeGuard<Topic>) {
        self.written.forget::<Topic>(&Key::of(topic));
        let Ok(gone) = &topic.0 else { return };
        self.shelves.topics.wake_where(|other| {
            other.namespace() == gone.namespace()
                && other.spec.cluster_ref == gone.spec.cluster_ref
                && name_of(other) == name_of(gone)
        });
    }

    /// Wakes the object that owns an object of our kinds.
    pub fn wake_owner<K: ResourceExt>(&self, child: &K) {
        let Some(namespace) = child.namespace() else { return };
        for owner in child.owner_references() {
            let key = Key { namespace: namespace.clone(), name: owner.name.clone() };
            match owner.kind.as_str() {
                "CdcPipeline" => self.shelves.pipelines.wake(&key),
                "ConnectCluster" => self.shelves.connects.wake(&key),
                "KafkaCluster" => self.shelves.clusters.wake(&key),
                _ => {}
            }
        }
    }

    /// The Connectors that refer to a ConnectCluster.
    pub fn connectors_of(&self, connect: &Key) -> Vec<Parsed<Connector>> {
        self.shelves.connectors.select(|c| is_at(c, connect))
    }

    fn wake_connectors_of(&self, connect: &Key) {
        self.shelves.connectors.wake_where(|c| is_at(c, connect));
    }

    /// A ConnectCluster appeared or changed. Its Connectors care whether it is there and stays; what else concerns them the
    /// observer tells.
    pub fn connect_changed(
        &self,
        before: Option<&DeserializeGuard<ConnectCluster>>,
        now: &DeserializeGuard<ConnectCluster>,
    ) {
        let key = Key::of(now);
        let leaves = now.meta().deletion_timestamp.is_some();
        if self.connect.get(&key).is_none() || leaves || parsing_turned(before, now) {
            self.wake_connectors_of(&key);
            self.wake_pipelines_of(&key);
        }
    }

    fn wake_pipelines_of(&self, connect: &Key) {
        self.shelves.pipelines.wake_where(|pipeline| {
            pipeline.spec.connect_ref.name == connect.name
                && pipeline.namespace().as_deref() == Some(connect.namespace.as_str())
        });
    }

    pub fn connect_deleted(&self, key: &Key) {
        self.connect.forget(key);
        self.gathered.forget(key);
        self.wake_pipelines_of(key);
        self.wake_connectors_of(key);
    }

    /// The Secret with the connectors' credentials changed.
    pub fn credentials_changed(&self, connect: &Key) {
        self.wake_connectors_of(connect);
    }

    /// Any Secret of the namespace changed: who names it in a connector's configuration gets the new value.
    pub fn secret_changed(&self, secret: &Key) {
        self.sources.secret_changed(secret);
        self.sinks.secret_changed(secret);
        pki::secret_changed(self, secret);
        user::secret_changed(self, secret);
        let naming = self.shelves.connectors.select(|connector| {
            let mut values = connector.spec.config.values().map(sluice_crds::Scalar::as_str);
            connector.namespace().as_deref() == Some(secret.namespace.as_str())
                && values.any(|value| credentials::names(value, &secret.name))
        });
        for connector in naming {
            let connect = secret.sibling(&connector.spec.connect_ref.name);
            self.gathered.forget(&connect);
            self.shelves.connects.wake(&connect);
        }
    }

    /// Secrets were listed anew, and some may have vanished before that: everything is gathered again.
    pub fn secrets_relisted(&self) {
        self.gathered.forget_all();
        pki::secrets_relisted(self);
        user::secrets_relisted(self);
        self.shelves.connects.wake_where(|_| true);
    }

    /// Wakes exactly those whose part of the Connect cluster changed between two sights.
    pub fn connect_seen(&self, key: &Key, before: &Sight<ConnectView>, after: &Sight<ConnectView>) {
        let (Some(then), Some(now)) = (before.current(), after.current()) else {
            let why = |sight: &Sight<ConnectView>| {
                sight.blind().map(|(since, error)| (since, error.map(str::to_owned)))
            };
            if why(before) != why(after) {
                self.shelves.connects.wake(key);
                self.wake_connectors_of(key);
            }
            return;
        };
        if then.secrets_revision != now.secrets_revision || then.plugins != now.plugins {
            self.wake_connectors_of(key);
        } else {
            for name in sluice_clients::connect::changed(then, now) {
                self.shelves.connectors.wake(&key.sibling(name));
            }
        }
        if then.plugins != now.plugins
            || then.version != now.version
            || !then.connectors.keys().eq(now.connectors.keys())
        {
            self.shelves.connects.wake(key);
        }
    }

    pub fn connector_deleted(&self, key: &Key) {
        self.written.forget::<Connector>(key);
    }

    /// A Connector changed: its ConnectCluster mounts the Secrets that it names.
    pub fn connector_changed(&self, connector: &DeserializeGuard<Connector>) {
        if let Ok(connector) = &connector.0 {
            let key = Key::of(connector);
            self.shelves.connects.wake(&key.sibling(&connector.spec.connect_ref.name));
        }
    }

    pub fn pipeline_deleted(&self, key: &Key) {
        self.written.forget::<sluice_crds::CdcPipeline>(key);
        cdc::gone(self, key);
    }

    /// Wakes exactly those whose part of the Kafka cluster changed between two sights.
    pub fn kafka_seen(&self, key: &Key, before: &Sight<ClusterView>, after: &Sight<ClusterView>) {
        match (before.current(), after.current()) {
            (Some(before), Some(after)) => {
                if before.serving().count() != after.serving().count() {
                    self.wake_users_of(key);
                }
                let changed: std::collections::HashSet<&str> = ClusterView::changed(before, after).collect();
                if !changed.is_empty() {
                    self.shelves.topics.wake_where(|topic| {
                        topic.spec.cluster_ref.name == key.name
                            && topic.namespace().as_deref() == Some(key.namespace.as_str())
                            && changed.contains(name_of(topic))
                    });
                }
                // a node that catches up moves only offsets
                let brisk = self.kafka.get(key).is_some_and(|world| world.pace() == Pace::Brisk);
                if brisk
                    || !changed.is_empty()
                    || before.brokers != after.brokers
                    || !same_quorum(before, after)
                {
                    self.shelves.clusters.wake(key);
                }
            }
            (None, None) => {
                let why = |sight: &Sight<ClusterView>| {
                    sight.blind().map(|(since, error)| (since, error.map(str::to_owned)))
                };
                if why(before) != why(after) {
                    self.shelves.clusters.wake(key);
                }
            }
            _ => {
                self.shelves.clusters.wake(key);
                self.wake_users_of(key);
            }
        }
    }
}

fn parsing_turned<K>(before: Option<&DeserializeGuard<K>>, now: &DeserializeGuard<K>) -> bool {
    before.is_none_or(|before| before.0.is_ok() != now.0.is_ok())
}

fn is_at(connector: &Connector, connect: &Key) -> bool {
    connector.spec.connect_ref.name == connect.name
        && connector.namespace().as_deref() == Some(connect.namespace.as_str())
}
