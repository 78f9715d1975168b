//! An object that was stored under another schema: what an upgrade gone wrong leaves behind.

use anyhow::{Context, Result, ensure};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps,
};
use kube::api::{Api, ApiResource, DynamicObject, Patch, PatchParams, PostParams};
use serde_json::json;
use sluice_crds::Topic;

use crate::kubernetes::conditions::condition;
use crate::kubernetes::objects::{MANAGER, is_refusal};
use crate::scene::{Scene, kafka};
use crate::wait::{said, seconds};

const CRD: &str = "topics.sluice.dev";

pub async fn b07_an_object_that_does_not_parse_harms_no_other(s: &Scene<'_>) -> Result<()> {
    kafka::bring_up(s, "kafka", kafka::spec(1)).await?;
    let topic = |partitions: i32| json!({"clusterRef": {"name": "kafka"}, "partitions": partitions});
    s.apply::<Topic>("before", topic(1)).await?;
    s.ready::<Topic>("before", seconds(15)).await?;
    let operator = s.operator().await?;
    let lives = operator.lives().await?;
    let topics: Api<DynamicObject> =
        Api::namespaced_with(s.space.client.clone(), &s.space.name, &ApiResource::erase::<Topic>(&()));

    store_a_wrong_type(s, &topics).await?;
    s.eventually("the object to say that it does not parse", seconds(20), async || {
        let ready =
            condition(&topics.get("broken").await.map_err(said)?, "Ready").ok_or("no Ready condition")?;
        let met =
            ready.status == "False" && ready.reason == "Unparsable" && ready.message.contains("partitions");
        met.then_some(()).ok_or_else(|| format!("{ready:?}"))
    })
    .await?;
    s.apply::<Topic>("before", topic(2)).await?;
    s.ready::<Topic>("before", seconds(10)).await?;
    s.apply::<Topic>("after", topic(1)).await?;
    s.ready::<Topic>("after", seconds(10)).await?;
    ensure!(operator.lives().await? == lives, "the operator was restarted by an object that does not parse");

    // a restart must not fall over it either
    operator.kill().await?;
    s.apply::<Topic>("before", topic(3)).await?;
    s.ready::<Topic>("before", seconds(60)).await?;

    // and it is mended like any other
    let mended = json!([{"op": "replace", "path": "/spec/partitions", "value": 1}]);
    let patch = Patch::<()>::Json(serde_json::from_value(mended)?);
    topics.patch("broken", &PatchParams::default(), &patch).await.context("mend the object")?;
    s.ready::<Topic>("broken", seconds(15)).await?;
    s.remove::<Topic>("broken", seconds(15)).await
}

/// Loosens the schema, stores `partitions: "three"`, and restores the schema, whatever happened.
async fn store_a_wrong_type(s: &Scene<'_>, topics: &Api<DynamicObject>) -> Result<()> {
    let crds: Api<CustomResourceDefinition> = Api::all(s.space.client.clone());
    let strict = crds.get(CRD).await?;
    replace(&crds, loosened(strict.clone())?).await?;
    let wrong = json!({
        "apiVersion": "sluice.dev/v1alpha1", "kind": "Topic", "metadata": {"name": "broken"},
        "spec": {"clusterRef": {"name": "kafka"}, "partitions": "three"},
    });
    let stored = s
        .eventually("the loosened schema to take an object of a wrong type", seconds(30), async || {
            topics.patch("broken", &PatchParams::apply(MANAGER), &Patch::Apply(&wrong)).await.map_err(said)
        })
        .await;
    replace(&crds, strict).await?;
    stored?;
    s.eventually("the restored schema to be in force", seconds(30), async || {
        let mut wrong = wrong.clone();
        wrong["metadata"]["name"] = "refused".into();
        let dry = PatchParams { dry_run: true, ..PatchParams::apply(MANAGER) };
        match topics.patch("refused", &dry, &Patch::Apply(&wrong)).await {
            Err(kube::Error::Api(status)) if is_refusal(&status) => Ok(()),
            other => Err(format!("{:?}", other.map(|_| "accepted"))),
        }
    })
    .await
}

async fn replace(crds: &Api<CustomResourceDefinition>, mut wanted: CustomResourceDefinition) -> Result<()> {
    wanted.metadata.resource_version = crds.get(CRD).await?.metadata.resource_version;
    crds.replace(CRD, &PostParams::default(), &wanted).await.map(drop).context("replace the CRD")
}

/// Any value may stand in `spec.partitions`; the rules that read it are gone with its type.
fn loosened(mut crd: CustomResourceDefinition) -> Result<CustomResourceDefinition> {
    let version = crd.spec.versions.first_mut().context("a CRD has a version")?;
    let root = version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut());
    let spec = root.and_then(|root| root.properties.as_mut()?.get_mut("spec")).context("a CRD has a spec")?;
    spec.x_kubernetes_validations = None;
    let any = JSONSchemaProps { x_kubernetes_preserve_unknown_fields: Some(true), ..Default::default() };
    spec.properties.get_or_insert_default().insert("partitions".into(), any);
    Ok(crd)
}
