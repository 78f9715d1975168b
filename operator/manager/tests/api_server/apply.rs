//! The Applier: what it sends, and what it need not. "Nothing was sent" is proved by a link that is cut.

use apiserver_harness::{Link, shared, until};
use futures::StreamExt;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use kube::core::NamespaceResourceScope;
use kube::runtime::reflector::{ObjectRef, Store, store};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sluice::{Applied, Applier, Error, Key, Metrics};
use tokio::task::JoinHandle;

/// One kind of child in one namespace: watched as the operator does, and applied through a link.
struct Bench<K: Kind> {
    link: Link,
    client: Client,
    namespace: String,
    seen: Store<K>,
    watch: JoinHandle<()>,
    applier: Applier,
    metrics: Metrics,
    /// Past the link: what others do, and what is really there.
    api: Api<K>,
}

trait Kind:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + Clone
    + Serialize
    + DeserializeOwned
    + std::fmt::Debug
    + Send
    + Sync
    + 'static
{
}
impl Kind for ConfigMap {}
impl Kind for StatefulSet {}

impl<K: Kind> Drop for Bench<K> {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

impl<K: Kind> Bench<K> {
    async fn new() -> Self {
        let server = shared().await;
        let namespace = server.namespace().await;
        let api: Api<K> = Api::namespaced(server.client(), &namespace);
        let (seen, writer) = store();
        let events = watcher(api.clone(), watcher::Config::default()).default_backoff().reflect(writer);
        let watch = tokio::spawn(events.for_each(|_| async {}));
        seen.wait_until_ready().await.expect("the watch");
        let link = server.link().await;
        let client = link.client();
        let (applier, metrics) = (Applier::default(), Metrics::default());
        Self { link, client, namespace, seen, watch, applier, metrics, api }
    }

    fn object(&self, body: Value) -> K {
        let mut object: K = serde_json::from_value(body).expect("an object");
        object.meta_mut().namespace = Some(self.namespace.clone());
        object
    }

    fn seen(&self, name: &str) -> Option<ObjectMeta> {
        let reference = ObjectRef::new(name).within(&self.namespace);
        self.seen.get(&reference).map(|object| object.meta().clone())
    }

    /// One pass over a child, with what the watch has told.
    async fn apply(&self, wanted: &K) -> Result<Applied, Error> {
        let seen = self.seen(&wanted.name_any());
        self.applier.apply(&self.client, &self.metrics, seen.as_ref(), wanted).await
    }

    /// The watch has caught up.
    async fn caught_up(&self, name: &str) {
        let there =
            self.api.get_opt(name).await.expect("a look").and_then(|object| object.resource_version());
        let look = || async { self.seen(name).and_then(|meta| meta.resource_version) };
        until("the watch catches up", look, |seen| *seen == there).await;
    }

    /// A pass that cannot reach the server, because it need not.
    async fn nothing_is_sent(&self, wanted: &K) {
        self.caught_up(&wanted.name_any()).await;
        self.link.cut();
        assert_eq!(self.apply(wanted).await.expect("no request"), Applied::Unchanged);
        self.link.mend();
    }

    /// What somebody else does to it.
    async fn edited(&self, name: &str, patch: Value) -> K {
        let params = PatchParams { field_manager: Some("kubectl-edit".into()), ..Default::default() };
        let object = self.api.patch(name, &params, &Patch::Merge(patch)).await.expect("an edit");
        self.caught_up(name).await;
        object
    }

    async fn there(&self, name: &str) -> K {
        self.api.get(name).await.expect("it is there")
    }
}

/// By which we know our own.
fn labels() -> Value {
    json!({
        "app": "kafka",
        "app.kubernetes.io/name": "kafka", "app.kubernetes.io/instance": "shop", "app.kubernetes.io/managed-by": "sluice",
    })
}

fn config_map(data: Value) -> Value {
    json!({ "metadata": { "name": "config", "labels": labels() }, "data": data })
}

fn stateful_set(replicas: i32) -> Value {
    let pod = json!({ "containers": [{ "name": "kafka", "image": "kafka" }] });
    json!({
        "metadata": { "name": "set", "labels": labels() },
        "spec": {
            "replicas": replicas, "serviceName": "set",
            "selector": { "matchLabels": { "app": "kafka" } },
            "template": { "metadata": { "labels": { "app": "kafka" } }, "spec": pod },
        },
    })
}

fn data(object: &ConfigMap) -> Value {
    json!(object.data.clone().unwrap_or_default())
}

#[tokio::test]
async fn what_is_as_declared_sends_nothing() {
    let bench = Bench::<ConfigMap>::new().await;
    let wanted = bench.object(config_map(json!({ "a": "1" })));
    assert_eq!(bench.apply(&wanted).await.unwrap(), Applied::Changed);
    bench.nothing_is_sent(&wanted).await;

    let sets = Bench::<StatefulSet>::new().await;
    let wanted = sets.object(stateful_set(3));
    assert_eq!(sets.apply(&wanted).await.unwrap(), Applied::Changed);
    sets.nothing_is_sent(&wanted).await;
}

#[tokio::test]
async fn a_change_of_what_is_wanted_is_sent() {
    let bench = Bench::<ConfigMap>::new().await;
    bench.apply(&bench.object(config_map(json!({ "a": "1", "b": "2" })))).await.unwrap();
    bench.caught_up("config").await;
    let wanted = bench.object(config_map(json!({ "a": "2" })));
    assert_eq!(bench.apply(&wanted).await.unwrap(), Applied::Changed);
    // what is no longer declared goes
    assert_eq!(data(&bench.there("config").await), json!({ "a": "2" }));
    bench.nothing_is_sent(&wanted).await;
}

#[tokio::test]
async fn an_edited_child_is_repaired() {
    let bench = Bench::<ConfigMap>::new().await;
    let wanted = bench.object(config_map(json!({ "a": "1" })));
    bench.apply(&wanted).await.unwrap();
    bench.edited("config", json!({ "data": { "a": "9" }, "metadata": { "labels": { "app": null } } })).await;
    assert_eq!(bench.apply(&wanted).await.unwrap(), Applied::Changed);
    let there = bench.there("config").await;
    assert_eq!((data(&there), &there.labels()["app"][..]), (json!({ "a": "1" }), "kafka"));
    bench.nothing_is_sent(&wanted).await;

    let sets = Bench::<StatefulSet>::new().await;
    let wanted = sets.object(stateful_set(3));
    sets.apply(&wanted).await.unwrap();
    sets.edited("set", json!({ "spec": { "replicas": 0 } })).await;
    assert_eq!(sets.apply(&wanted).await.unwrap(), Applied::Changed);
    assert_eq!(sets.there("set").await.spec.unwrap().replicas, Some(3));
    // a label moves no generation
    sets.edited("set", json!({ "metadata": { "labels": { "app": "mine" } } })).await;
    assert_eq!(sets.apply(&wanted).await.unwrap(), Applied::Changed);
    assert_eq!(sets.there("set").await.labels()["app"], "kafka");
}

#[tokio::test]
async fn what_others_add_stays() {
    let bench = Bench::<ConfigMap>::new().await;
    let wanted = bench.object(config_map(json!({ "a": "1" })));
    bench.apply(&wanted).await.unwrap();
    bench.edited("config", json!({ "metadata": { "annotations": { "team": "shop" } } })).await;
    // it might have been an edit of ours, so it is sent once; nothing comes of it
    assert_eq!(bench.apply(&wanted).await.unwrap(), Applied::Unchanged);
    assert_eq!(bench.there("config").await.annotations()["team"], "shop");
    bench.nothing_is_sent(&wanted).await;
}

#[tokio::test]
async fn a_deleted_child_is_made_again() {
    let bench = Bench::<ConfigMap>::new().await;
    let wanted = bench.object(config_map(json!({ "a": "1" })));
    bench.apply(&wanted).await.unwrap();
    let first = bench.there("config").await.uid();
    bench.api.delete("config", &DeleteParams::default()).await.unwrap();
    bench.caught_up("config").await;
    assert_eq!(bench.apply(&wanted).await.unwrap(), Applied::Changed);
    assert_ne!(bench.there("config").await.uid(), first);
    bench.nothing_is_sent(&wanted).await;
}

#[tokio::test]
async fn a_status_write_is_no_edit() {
    let bench = Bench::<StatefulSet>::new().await;
    let wanted = bench.object(stateful_set(3));
    bench.apply(&wanted).await.unwrap();
    let status = json!({ "status": { "replicas": 3, "readyReplicas": 2, "observedGeneration": 1 } });
    bench.api.patch_status("set", &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
    bench.nothing_is_sent(&wanted).await;
    assert_eq!(bench.there("set").await.status.unwrap().ready_replicas, Some(2));
}

#[tokio::test]
async fn a_pass_before_the_watch_has_caught_up_changes_nothing() {
    let bench = Bench::<ConfigMap>::new().await;
    let wanted = bench.object(config_map(json!({ "a": "1" })));
    bench.apply(&wanted).await.unwrap();
    let first = bench.there("config").await.resource_version();
    let early = bench.applier.apply(&bench.client, &bench.metrics, None, &wanted).await;
    early.unwrap();
    assert_eq!(bench.there("config").await.resource_version(), first);
    bench.nothing_is_sent(&wanted).await;
}

#[tokio::test]
async fn what_somebody_else_made_is_left_alone() {
    let bench = Bench::<ConfigMap>::new().await;
    let owner = |uid: &str| json!([{ "apiVersion": "sluice.dev/v1alpha1", "kind": "KafkaCluster", "name": "shop", "uid": uid, "controller": true }]);
    let mut wanted = config_map(json!({ "a": "1" }));
    wanted["metadata"]["ownerReferences"] = owner("0e8c0b5e-6d0a-4d6a-9a4e-3f0c8a3b1c11");
    let wanted = bench.object(wanted);
    let earlier = owner("0e8c0b5e-6d0a-4d6a-9a4e-3f0c8a3b1c22");
    for (metadata, words, is_earlier) in [
        (json!({ "name": "config" }), "exists already and was not made by Sluice", false),
        (
            json!({ "name": "config", "labels": labels(), "ownerReferences": earlier }),
            "of the object of this name that was deleted is still being removed",
            true,
        ),
    ] {
        let theirs = bench.object(json!({ "metadata": metadata, "data": { "theirs": "1" } }));
        let before = bench.api.create(&PostParams::default(), &theirs).await.unwrap();
        bench.caught_up("config").await;
        // a watch by our label does not show it, an unselected one does
        for seen in [None, bench.seen("config")] {
            let applied = bench.applier.apply(&bench.client, &bench.metrics, seen.as_ref(), &wanted).await;
            let error = applied.unwrap_err();
            assert_eq!(error.to_string(), format!("ConfigMap {}/config {words}", bench.namespace));
            assert!(matches!(error, Error::NameTaken { earlier, .. } if earlier == is_earlier));
        }
        assert_eq!(bench.there("config").await.resource_version(), before.resource_version());
        bench.api.delete("config", &DeleteParams::default()).await.unwrap();
        bench.caught_up("config").await;
    }
    // the name is free
    assert_eq!(bench.apply(&wanted).await.unwrap(), Applied::Changed);
    // ours, though somebody took the labels away: the watch by label has lost it
    bench.edited("config", json!({ "metadata": { "labels": null } })).await;
    bench.applier.apply(&bench.client, &bench.metrics, None, &wanted).await.unwrap();
    assert_eq!(bench.there("config").await.labels()["app"], "kafka");
}

#[tokio::test]
async fn what_the_server_refuses_is_tried_again() {
    let bench = Bench::<StatefulSet>::new().await;
    bench.apply(&bench.object(stateful_set(3))).await.unwrap();
    bench.caught_up("set").await;
    let mut forbidden = stateful_set(3);
    forbidden["spec"]["serviceName"] = json!("other");
    let forbidden = bench.object(forbidden);
    for _ in 0..2 {
        let error = bench.apply(&forbidden).await.unwrap_err();
        assert_eq!(error.reason(), "KubeApi");
        let cause = std::error::Error::source(&error).expect("a cause").to_string();
        assert!(cause.contains("Forbidden: updates to statefulset spec"), "{cause}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_not_waited_for() {
    let bench = Bench::<ConfigMap>::new().await;
    bench.link.cut();
    // from here on time passes as fast as everybody waits
    tokio::time::pause();
    let error = bench.apply(&bench.object(config_map(json!({ "a": "1" })))).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("apply ConfigMap {}/config took longer than 10 s", bench.namespace)
    );
}

#[tokio::test]
async fn only_the_object_that_was_meant_is_deleted() {
    let bench = Bench::<ConfigMap>::new().await;
    bench.apply(&bench.object(config_map(json!({ "a": "1" })))).await.unwrap();
    let there = bench.there("config").await;
    let (key, uid) = (Key::of(&there), there.uid().unwrap());
    let delete =
        |uid: &'static str| bench.applier.delete::<ConfigMap>(&bench.client, &bench.metrics, &key, uid);
    assert!(!delete("00000000-0000-0000-0000-000000000000").await.unwrap());
    bench.there("config").await;
    let uid: &'static str = uid.leak();
    assert!(delete(uid).await.unwrap());
    assert!(!delete(uid).await.unwrap(), "it was gone");
    assert!(bench.api.get_opt("config").await.unwrap().is_none());
}
