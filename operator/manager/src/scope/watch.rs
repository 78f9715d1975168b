use std::fmt::Debug;
use std::pin::Pin;
use std::sync::Arc;

use futures::{Stream, StreamExt};
use kube::core::{NamespaceResourceScope, PartialObjectMeta};
use kube::runtime::reflector::{self, Store, store::Writer};
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as watch};
use kube::{Api, Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use sluice_core::meta::SELECTOR;
use sluice_crds::{CdcPipeline, ConnectCluster, Connector, KafkaCluster, Topic, User};
use tokio::sync::mpsc::unbounded_channel;
use tokio::task::JoinSet;
use tracing::warn;

use super::bells::{Bell, Bells, Guarded, Ring};
use super::news::{News, Reader};
use super::{Children, Key, Shelf, Shelves, children};
use crate::context::Context;

type Events<K> = Pin<Box<dyn Stream<Item = watcher::Result<Event<K>>> + Send>>;

/// A watch that is ready to run, and the store that it fills.
struct Watch<K: Resource<DynamicType = ()> + Clone + 'static> {
    events: Events<K>,
    writer: Writer<K>,
}

pub struct Watches {
    clusters: Watch<Guarded<KafkaCluster>>,
    topics: Watch<Guarded<Topic>>,
    users: Watch<Guarded<User>>,
    connects: Watch<Guarded<ConnectCluster>>,
    connectors: Watch<Guarded<Connector>>,
    pipelines: Watch<Guarded<CdcPipeline>>,
    stateful_sets: Watch<k8s_openapi::api::apps::v1::StatefulSet>,
    pods: Watch<k8s_openapi::api::core::v1::Pod>,
    claims: Watch<k8s_openapi::api::core::v1::PersistentVolumeClaim>,
    services: Watch<PartialObjectMeta<k8s_openapi::api::core::v1::Service>>,
    config_maps: Watch<k8s_openapi::api::core::v1::ConfigMap>,
    secrets: Watch<PartialObjectMeta<k8s_openapi::api::core::v1::Secret>>,
    /// Names and versions of everybody's, kept nowhere: who uses one is told when it changes.
    all_secrets: Events<PartialObjectMeta<k8s_openapi::api::core::v1::Secret>>,
    accounts: Watch<PartialObjectMeta<k8s_openapi::api::core::v1::ServiceAccount>>,
    budgets: Watch<PartialObjectMeta<k8s_openapi::api::policy::v1::PodDisruptionBudget>>,
    policies: Watch<PartialObjectMeta<k8s_openapi::api::networking::v1::NetworkPolicy>>,
    nodes: Option<Watch<PartialObjectMeta<k8s_openapi::api::core::v1::Node>>>,
}

/// Prepares every watch of a scope; nothing runs yet.
pub fn prepare(client: &Client, namespace: Option<&str>) -> (Watches, Bells, Shelves, Children) {
    let ours = watcher::Config::default().labels(SELECTOR);
    let (clusters, clusters_bell, clusters_shelf) = primary(client, namespace);
    let (topics, topics_bell, topics_shelf) = primary(client, namespace);
    let (users, users_bell, users_shelf) = primary(client, namespace);
    let (connects, connects_bell, connects_shelf) = primary(client, namespace);
    let (connectors, connectors_bell, connectors_shelf) = primary(client, namespace);
    let (pipelines, pipelines_bell, pipelines_shelf) = primary(client, namespace);
    let (stateful_sets, stateful_sets_store) = full(client, namespace, &ours);
    let (pods, pods_store) = full(client, namespace, &ours);
    let (claims, claims_store) = full(client, namespace, &ours);
    let (services, services_store) = full(client, namespace, &ours);
    let (config_maps, config_maps_store) = full(client, namespace, &ours);
    let (secrets, secrets_store) = full(client, namespace, &ours);
    let (accounts, accounts_store) = full(client, namespace, &ours);
    let (budgets, budgets_store) = full(client, namespace, &ours);
    let (policies, policies_store) = full(client, namespace, &ours);
    let (nodes, nodes_store) = match namespace {
        None => {
            let (watch, store) = stored(Api::all(client.clone()), &watcher::Config::default());
            (Some(watch), Some(store))
        }
        Some(_) => (None, None),
    };
    (
        Watches {
            clusters,
            topics,
            users,
            connects,
            connectors,
            pipelines,
            stateful_sets,
            pods,
            claims,
            services,
            config_maps,
            secrets,
            all_secrets: stream(api(client, namespace), &watcher::Config::default()),
            accounts,
            budgets,
            policies,
            nodes,
        },
        Bells {
            clusters: clusters_bell,
            topics: topics_bell,
            users: users_bell,
            connects: connects_bell,
            connectors: connectors_bell,
            pipelines: pipelines_bell,
        },
        Shelves {
            clusters: clusters_shelf,
            topics: topics_shelf,
            users: users_shelf,
            connects: connects_shelf,
            connectors: connectors_shelf,
            pipelines: pipelines_shelf,
        },
        Children {
            stateful_sets: stateful_sets_store,
            pods: pods_store,
            claims: claims_store,
            services: services_store,
            config_maps: config_maps_store,
            secrets: secrets_store,
            accounts: accounts_store,
            budgets: budgets_store,
            policies: policies_store,
            nodes: nodes_store,
        },
    )
}

impl Watches {
    pub fn spawn(self, context: &Arc<Context>, tasks: &mut JoinSet<()>) {
        run(self.clusters, context, tasks, |context, news| match news {
            News::There { now, before } => {
                context.shelves.clusters.wake(&Key::of(now.as_ref()));
                context.cluster_changed(before.as_deref(), now);
                crate::user::cluster_changed(context, before.as_deref(), now);
                crate::topic::cluster_changed(context, before.as_deref(), now);
            }
            News::Gone(last) => {
                context.vault.forget(last.meta().uid.as_deref());
                context.cluster_deleted(&Key::of(last.as_ref()));
            }
        });
        run(self.topics, context, tasks, |context, news| {
            context.shelves.topics.wake(&Key::of(news.object()));
            context.wake_owner(news.object());
            if let News::Gone(topic) = news {
                context.topic_deleted(topic);
            }
        });
        run(self.users, context, tasks, |context, news| {
            let key = Key::of(news.object());
            context.shelves.users.wake(&key);
            context.wake_owner(news.object());
            if matches!(news, News::Gone(_)) {
                context.written.forget::<User>(&key);
                context.passwords.forget(&key);
                context.vault.forget(news.object().meta().uid.as_deref());
            }
        });
        run(self.connects, context, tasks, |context, news| match news {
            News::There { now, before } => {
                context.shelves.connects.wake(&Key::of(now.as_ref()));
                context.connect_changed(before.as_deref(), now);
            }
            News::Gone(last) => {
                context.vault.forget(last.meta().uid.as_deref());
                context.connect_deleted(&Key::of(last.as_ref()));
            }
        });
        run(self.connectors, context, tasks, |context, news| {
            context.shelves.connectors.wake(&Key::of(news.object()));
            context.wake_owner(news.object());
            context.connector_changed(news.object());
            if let News::Gone(connector) = news {
                context.connector_deleted(&Key::of(connector.as_ref()));
            }
        });
        run(self.pipelines, context, tasks, |context, news| match news {
            News::There { now, .. } => context.shelves.pipelines.wake(&Key::of(now.as_ref())),
            News::Gone(last) => context.pipeline_deleted(&Key::of(last.as_ref())),
        });
        run(self.stateful_sets, context, tasks, wake_labelled);
        run(self.pods, context, tasks, wake_labelled);
        run(self.claims, context, tasks, wake_labelled);
        run(self.services, context, tasks, wake_labelled);
        run(self.config_maps, context, tasks, wake_labelled);
        run(self.secrets, context, tasks, |context, news| {
            wake_labelled(context, news);
            if let Some((app, owner)) = children::owner_of(news.object())
                && app == "kafka-connect"
            {
                context.credentials_changed(&owner);
            }
        });
        follow(
            self.all_secrets,
            context,
            tasks,
            |context, secret| context.secret_changed(&Key::of(secret)),
            Context::secrets_relisted,
        );
        run(self.accounts, context, tasks, wake_labelled);
        run(self.budgets, context, tasks, wake_labelled);
        run(self.policies, context, tasks, wake_labelled);
        if let Some(nodes) = self.nodes {
            run(nodes, context, tasks, |context, news| match news {
                News::There { now, .. } => context.node_seen(now.as_ref()),
                // its line is dropped by the next pass of each cluster
                News::Gone(node) => context.node_gone(&node.name_any()),
            });
        }
        context.lists.complete();
    }
}

/// Wakes the object that a child's labels name.
fn wake_labelled<K: ResourceExt>(context: &Context, news: &News<K>) {
    if let Some((app, owner)) = children::owner_of(news.object()) {
        match app.as_str() {
            "kafka" => context.shelves.clusters.wake(&owner),
            "kafka-connect" => context.shelves.connects.wake(&owner),
            "kafka-user" => context.shelves.users.wake(&owner),
            _ => {}
        }
    }
}

fn primary<K>(client: &Client, namespace: Option<&str>) -> (Watch<Guarded<K>>, Bell<K>, Shelf<K>)
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + Debug
        + Send
        + Sync
        + 'static,
{
    let (watch, store) = full::<Guarded<K>>(client, namespace, &watcher::Config::default());
    let (ring, bell): (Ring<K>, Bell<K>) = unbounded_channel();
    (watch, bell, Shelf::new(store, ring))
}

fn full<K>(client: &Client, namespace: Option<&str>, config: &watcher::Config) -> (Watch<K>, Store<K>)
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + Debug
        + Send
        + Sync
        + 'static,
{
    stored(api::<K>(client, namespace), config)
}

fn stored<K>(api: Api<K>, config: &watcher::Config) -> (Watch<K>, Store<K>)
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
{
    let (store, writer) = reflector::store();
    (Watch { events: stream(api, config), writer }, store)
}

fn stream<K>(api: Api<K>, config: &watcher::Config) -> Events<K>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + 'static,
{
    watch(api, config.clone()).default_backoff().modify(forget_managers).boxed()
}

fn api<K>(client: &Client, namespace: Option<&str>) -> Api<K>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
{
    match namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    }
}

/// Half of an object is who set which field; we never ask.
fn forget_managers<K: Resource>(object: &mut K) {
    object.meta_mut().managed_fields = None;
}

fn run<K>(watch: Watch<K>, context: &Arc<Context>, tasks: &mut JoinSet<()>, told: fn(&Context, &News<K>))
where
    K: Resource<DynamicType = ()> + Clone + Send + Sync + 'static,
{
    let context = Arc::clone(context);
    let Watch { mut events, writer } = watch;
    let kind = K::kind(&()).into_owned();
    context.lists.expect(&kind);
    tasks.spawn(async move {
        let mut reader = Reader::new(writer);
        while let Some(event) = events.next().await {
            match event {
                Ok(event) => {
                    for news in reader.take(&event) {
                        told(&context, &news);
                    }
                    if matches!(event, Event::InitDone) {
                        context.lists.listed(&kind);
                    }
                }
                Err(error) => warn!(kind, %error, "watch failed, trying again"),
            }
        }
    });
}

/// Tells about events that no store keeps. What vanished while nobody watched cannot be told: `relisted` stands for it.
fn follow<K>(
    mut events: Events<K>,
    context: &Arc<Context>,
    tasks: &mut JoinSet<()>,
    told: fn(&Context, &K),
    relisted: fn(&Context),
) where
    K: Resource<DynamicType = ()> + Send + 'static,
{
    let context = Arc::clone(context);
    tasks.spawn(async move {
        let mut listed = false;
        while let Some(event) = events.next().await {
            match event {
                Ok(Event::Apply(object) | Event::InitApply(object) | Event::Delete(object)) => {
                    told(&context, &object);
                }
                Ok(Event::Init) => {}
                Ok(Event::InitDone) => {
                    if listed {
                        relisted(&context);
                    }
                    listed = true;
                }
                Err(error) => warn!(kind = %K::kind(&()), %error, "watch failed, trying again"),
            }
        }
    });
}
