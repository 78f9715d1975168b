use kube::api::{Api, Patch, PatchParams};
use kube::core::NamespaceResourceScope;
use kube::{Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::apply::{deadline, is_status};
use crate::context::Context;
use crate::error::Error;
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
    let all: Vec<&str> = object.finalizers().iter().map(String::as_str).chain([finalizer]).collect();
    write(context, object, &all, true).await
}

/// Takes our finalizer off: the object may go.
pub async fn release<K>(context: &Context, object: &K, finalizer: &str) -> Result<(), Error>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug,
{
    let others: Vec<&str> =
        object.finalizers().iter().map(String::as_str).filter(|name| *name != finalizer).collect();
    write(context, object, &others, false).await
}

async fn write<K>(context: &Context, object: &K, finalizers: &[&str], must_exist: bool) -> Result<(), Error>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug,
{
    let key = Key::of(object);
    let kind = K::kind(&());
    let api: Api<K> = Api::namespaced(context.client().clone(), &key.namespace);
    let patch = Patch::Merge(json!({ "metadata": {
        // finalizers are a list that others write too: refuse to overwrite what we have not seen
        "resourceVersion": object.resource_version(),
        "finalizers": finalizers,
    }}));
    context.shared.metrics.kube_write("patch", &kind);
    let params = PatchParams::default();
    let request = api.patch_metadata(&key.name, &params, &patch);
    match deadline(&format!("write the finalizers of {kind} {key}"), request).await {
        Ok(answer) => {
            context.written.note(&key, &answer);
            Ok(())
        }
        Err(Error::Kube { source, .. }) if !must_exist && is_status(&source, &[404]) => Ok(()),
        Err(error) => Err(error),
    }
}
