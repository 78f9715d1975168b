//! An object that was stored under another schema: what an upgrade gone wrong leaves behind.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps,
};
use kube::CustomResourceExt;
use kube::api::{Api, ApiResource, DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use sluice_crds::{KafkaCluster, Topic};

use crate::kubernetes::conditions::condition;
use crate::kubernetes::objects::{MANAGER, Object, is_refusal};
use crate::scene::{Expect, Scene, kafka};
use crate::wait::{said, seconds};

pub async fn b07_an_object_that_does_not_parse_harms_no_other(s: &Scene<'_>) -> Result<()> {
    kafka::bring_up(s, "kafka", kafka::spec(1)).await?;
    let topic = |partitions: i32| json!({"clusterRef": {"name": "kafka"}, "partitions": partitions});
    s.apply::<Topic>("before", topic(1)).await?;
    s.ready::<Topic>("before", seconds(15)).await?;
    let operator = s.operator().await?;
    let lives = operator.lives().await?;
    let topics = raw::<Topic>(s);

    // not a field with a transition rule: the API server then refuses every write to the object, a finalizer's too
    let wrong = json!({"clusterRef": {"name": "kafka"}, "paused": "yes", "deletionPolicy": "Delete"});
    let held = json!({"finalizers": [sluice_core::topic::FINALIZER]});
    store::<Topic>(s, "paused", &[("broken", json!({}), wrong.clone()), ("doomed", held, wrong)]).await?;
    says_unparsable(s, &topics, "broken", "paused").await?;
    s.apply::<Topic>("before", topic(2)).await?;
    s.ready::<Topic>("before", seconds(10)).await?;
    s.apply::<Topic>("after", topic(1)).await?;
    s.ready::<Topic>("after", seconds(10)).await?;
    ensure!(operator.lives().await? == lives, "the operator was restarted by an object that does not parse");

    // a restart must not fall over it either
    operator.kill().await?;
    s.apply::<Topic>("before", topic(3)).await?;
    s.ready::<Topic>("before", seconds(60)).await?;

    // it is deleted like any other, and what stays is told
    topics.delete("doomed", &crate::kubernetes::objects::background()).await?;
    s.eventually("the object to go", seconds(15), async || {
        match topics.get_metadata_opt("doomed").await.map_err(said)? {
            None => Ok(()),
            Some(left) => Err(format!("finalizers {:?}", left.metadata.finalizers)),
        }
    })
    .await?;
    warned(s, "LeftBehind", "doomed").await?;

    // and it is mended like any other
    let mended = json!([{"op": "replace", "path": "/spec/paused", "value": false}]);
    let patch = Patch::<()>::Json(serde_json::from_value(mended)?);
    topics.patch("broken", &PatchParams::default(), &patch).await.context("mend the object")?;
    s.ready::<Topic>("broken", seconds(15)).await?;
    s.remove::<Topic>("broken", seconds(15)).await?;
    a_cluster_that_does_not_parse_is_not_missing(s).await
}

/// What refers to such an object must not take it for missing: a Topic with `Delete` would go without its topic.
async fn a_cluster_that_does_not_parse_is_not_missing(s: &Scene<'_>) -> Result<()> {
    let mut odd = kafka::spec(1);
    odd["paused"] = "yes".into();
    store::<KafkaCluster>(s, "paused", &[("odd", json!({}), odd)]).await?;
    says_unparsable(s, &raw::<KafkaCluster>(s), "odd", "paused").await?;
    s.apply::<Topic>("waits", json!({"clusterRef": {"name": "odd"}, "deletionPolicy": "Delete"})).await?;
    let unknown = Expect::unknown(&["ClusterUnparsable"], &["KafkaCluster odd does not parse"]);
    s.says::<Topic>("waits", &unknown, seconds(15)).await?;
    let clusters = raw::<KafkaCluster>(s);
    clusters.delete("odd", &crate::kubernetes::objects::background()).await?;
    s.says::<Topic>("waits", &Expect::refused(&["ClusterMissing"], &["odd"]), seconds(15)).await?;
    s.remove::<Topic>("waits", seconds(15)).await
}

fn raw<K: Object>(s: &Scene<'_>) -> Api<DynamicObject> {
    Api::namespaced_with(s.space.client.clone(), &s.space.name, &ApiResource::erase::<K>(&()))
}

async fn says_unparsable(s: &Scene<'_>, objects: &Api<DynamicObject>, name: &str, field: &str) -> Result<()> {
    s.eventually("the object to say that it does not parse", seconds(20), async || {
        let ready =
            condition(&objects.get(name).await.map_err(said)?, "Ready").ok_or("no Ready condition")?;
        let met = ready.status == "False" && ready.reason == "Unparsable" && ready.message.contains(field);
        met.then_some(()).ok_or_else(|| format!("{ready:?}"))
    })
    .await
}

/// An Event of this reason about an object of this name.
pub async fn warned(s: &Scene<'_>, reason: &str, name: &str) -> Result<()> {
    let events: Api<Event> = s.space.api();
    s.eventually(&format!("an Event {reason} of {name}"), seconds(10), async || {
        let all = events.list(&kube::api::ListParams::default()).await.map_err(said)?.items;
        let of_it =
            |event: &&Event| event.regarding.as_ref().is_some_and(|r| r.name.as_deref() == Some(name));
        let reasons: Vec<_> = all.iter().filter(of_it).filter_map(|event| event.reason.clone()).collect();
        if reasons.iter().any(|one| one == reason) { Ok(()) } else { Err(format!("{reasons:?}")) }
    })
    .await
}

/// Loosens the schema of `spec.<field>`, stores the objects (name, metadata, spec), and restores the schema, whatever happened.
async fn store<K: Object + CustomResourceExt>(
    s: &Scene<'_>,
    field: &str,
    wrong: &[(&str, Value, Value)],
) -> Result<()> {
    let crds: Api<CustomResourceDefinition> = Api::all(s.space.client.clone());
    let objects = raw::<K>(s);
    let strict = crds.get(K::crd_name()).await?;
    replace(&crds, loosened(strict.clone(), field)?).await?;
    let body = |name: &str, metadata: &Value, spec: &Value| {
        let mut metadata = metadata.clone();
        metadata["name"] = name.into();
        json!({"apiVersion": K::api_version(&()), "kind": K::kind(&()), "metadata": metadata, "spec": spec})
    };
    let stored = s
        .eventually("the loosened schema to take objects of a wrong type", seconds(30), async || {
            for (name, metadata, spec) in wrong {
                let patch = Patch::Apply(body(name, metadata, spec));
                objects.patch(name, &PatchParams::apply(MANAGER), &patch).await.map_err(said)?;
            }
            Ok(())
        })
        .await;
    replace(&crds, strict).await?;
    stored?;
    let (_, _, spec) = wrong.first().context("nothing to store")?;
    s.eventually("the restored schema to be in force", seconds(30), async || {
        let dry = PatchParams { dry_run: true, ..PatchParams::apply(MANAGER) };
        match objects.patch("refused", &dry, &Patch::Apply(body("refused", &json!({}), spec))).await {
            Err(kube::Error::Api(status)) if is_refusal(&status) => Ok(()),
            other => Err(format!("{:?}", other.map(|_| "accepted"))),
        }
    })
    .await
}

async fn replace(crds: &Api<CustomResourceDefinition>, mut wanted: CustomResourceDefinition) -> Result<()> {
    let name = wanted.metadata.name.clone().context("a CRD has a name")?;
    wanted.metadata.resource_version = crds.get(&name).await?.metadata.resource_version;
    crds.replace(&name, &PostParams::default(), &wanted).await.map(drop).context("replace the CRD")
}

/// Any value may stand in `spec.<field>`; the rules that read it are gone with its type.
fn loosened(mut crd: CustomResourceDefinition, field: &str) -> Result<CustomResourceDefinition> {
    let version = crd.spec.versions.first_mut().context("a CRD has a version")?;
    let root = version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut());
    let spec = root.and_then(|root| root.properties.as_mut()?.get_mut("spec")).context("a CRD has a spec")?;
    spec.x_kubernetes_validations = None;
    let any = JSONSchemaProps { x_kubernetes_preserve_unknown_fields: Some(true), ..Default::default() };
    spec.properties.get_or_insert_default().insert(field.to_owned(), any);
    Ok(crd)
}
