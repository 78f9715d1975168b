use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Api, Patch, PatchParams};
use kube::core::{NamespaceResourceScope, PartialObjectMeta};
use kube::{Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::apply::{deadline, is_status};
use crate::context::Context;
use crate::error::Error;
use crate::metrics::Metrics;
use crate::scope::Key;

/// Puts our finalizer on an object, before anything is made that must go with it.
pub async fn hold<K>(context: &Context, object: &K, finalizer: &str) -> Result<(), Error>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug,
{
    if object.finalizers().iter().any(|name| name == finalizer) {
        return Ok(());
    }
    write::<K>(context, &Key::of(object), &with(object.meta(), finalizer), true).await.map(drop)
}

/// Takes our finalizer off: the object may go.
pub async fn release<K>(context: &Context, object: &K, finalizer: &str) -> Result<(), Error>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug,
{
    write::<K>(context, &Key::of(object), &without(object.meta(), finalizer), false).await.map(drop)
}

/// What to write so that an object has our finalizer, as its last.
pub fn with(seen: &ObjectMeta, finalizer: &str) -> ObjectMeta {
    let mut metadata = without(seen, finalizer);
    metadata.finalizers.get_or_insert_default().push(finalizer.to_owned());
    metadata
}

/// What to write so that an object does not have our finalizer.
pub fn without(seen: &ObjectMeta, finalizer: &str) -> ObjectMeta {
    let others = seen.finalizers.iter().flatten().filter(|name| *name != finalizer);
    ObjectMeta {
        // finalizers are a list that others write too: refuse to overwrite what we have not seen
        resource_version: seen.resource_version.clone(),
        finalizers: Some(others.cloned().collect()),
        ..Default::default()
    }
}

/// Writes finalizers, and what else is in `metadata`; passes that look at [`crate::report::Written`] learn of it. The metadata as
/// it is then; `None` where the object is gone, which is an error only if it `must_exist`.
pub async fn write<K>(
    context: &Context,
    key: &Key,
    metadata: &ObjectMeta,
    must_exist: bool,
) -> Result<Option<ObjectMeta>, Error>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug,
{
    let answer = send::<K>(context.client(), &context.shared.metrics, key, metadata, must_exist).await?;
    Ok(answer.map(|answer| {
        context.written.note(key, &answer);
        answer.metadata
    }))
}

/// The same where nobody asks what was written last. Nothing but metadata comes back: the object need not parse.
pub async fn send<K>(
    client: &Client,
    metrics: &Metrics,
    key: &Key,
    metadata: &ObjectMeta,
    must_exist: bool,
) -> Result<Option<PartialObjectMeta<K>>, Error>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug,
{
    let kind = K::kind(&());
    let api: Api<K> = Api::namespaced(client.clone(), &key.namespace);
    let (params, patch) = (PatchParams::default(), Patch::Merge(json!({ "metadata": metadata })));
    metrics.kube_write("patch", &kind);
    let request = api.patch_metadata(&key.name, &params, &patch);
    match deadline(&format!("write the finalizers of {kind} {key}"), request).await {
        Ok(answer) => Ok(Some(answer)),
        Err(Error::Kube { source, .. }) if !must_exist && is_status(&source, &[404]) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    const OURS: &str = "sluice.dev/ours";

    fn seen(finalizers: &[&str]) -> ObjectMeta {
        serde_json::from_value(json!({
            "name": "orders", "resourceVersion": "7", "labels": { "team": "shop" }, "finalizers": finalizers,
        }))
        .unwrap()
    }

    fn text(metadata: &ObjectMeta) -> Value {
        serde_json::to_value(metadata).unwrap()
    }

    #[test]
    fn only_our_finalizer_and_the_version_that_we_saw_are_written() {
        let both = json!({ "resourceVersion": "7", "finalizers": ["example.com/other", OURS] });
        let other = json!({ "resourceVersion": "7", "finalizers": ["example.com/other"] });
        assert_eq!(text(&with(&seen(&["example.com/other"]), OURS)), both);
        assert_eq!(text(&with(&seen(&[OURS, "example.com/other"]), OURS)), both, "it is there once");
        assert_eq!(text(&without(&seen(&[OURS, "example.com/other"]), OURS)), other);
        // a list that is left out would stay as it is
        assert_eq!(text(&without(&seen(&[OURS]), OURS))["finalizers"], json!([]));
    }
}
