use kube::api::{Api, Patch, PatchParams};
use kube::core::NamespaceResourceScope;
use kube::{Client, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::act::apply::{deadline, is_status};
use crate::context::Context;
use crate::error::Error;
use crate::metrics::Metrics;
use crate::scope::Key;

/// Replaces the status of `object`, if `wanted` differs from what the object says now.
///
/// A JSON patch: status has one writer, and replacing it whole costs the API server a third of what merging
/// managed fields does. An object that is gone needs no status.
pub async fn patch<K, S>(
    client: &Client,
    metrics: &Metrics,
    object: &K,
    present: Option<&S>,
    wanted: &S,
) -> Result<bool, Error>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug,
    S: Serialize + PartialEq,
{
    Ok(present != Some(wanted) && send(client, metrics, object, wanted).await?.is_some())
}

/// The same, for a kind whose passes look at [`Written`]. The object as it is then, where it was written.
pub async fn write<K, S>(
    context: &Context,
    object: &K,
    present: Option<&S>,
    wanted: &S,
) -> Result<Option<K>, Error>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug,
    S: Serialize + PartialEq,
{
    if present != Some(wanted)
        && let Some(answer) = send(context.client(), &context.shared.metrics, object, wanted).await?
    {
        context.written.note(&Key::of(object), &answer);
        return Ok(Some(answer));
    }
    Ok(None)
}

/// `None`: the object is gone, or it is another one of the same name.
async fn send<K, S>(client: &Client, metrics: &Metrics, object: &K, wanted: &S) -> Result<Option<K>, Error>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug,
    S: Serialize,
{
    let key = Key::of(object);
    let kind = K::kind(&());
    let api: Api<K> = Api::namespaced(client.clone(), &key.namespace);
    let operations = json!([
        // an object of the same name that was created meanwhile is not the one that we looked at
        { "op": "test", "path": "/metadata/uid", "value": object.meta().uid },
        { "op": "add", "path": "/status", "value": wanted },
    ]);
    let patch: json_patch::Patch = serde_json::from_value(operations).expect("a JSON patch by its shape");
    metrics.kube_write("status", &kind);
    let (params, patch) = (PatchParams::default(), Patch::Json::<()>(patch));
    let request = api.patch_status(&key.name, &params, &patch);
    match deadline(&format!("write the status of {kind} {key}"), request).await {
        Ok(answer) => Ok(Some(answer)),
        Err(Error::Kube { source, .. }) if is_status(&source, &[404]) => Ok(None),
        // the `test` has failed, or the status is refused: the server's words for the first are empty ones
        Err(Error::Kube { doing, source }) if is_status(&source, &[422]) => {
            let there = deadline(&doing, api.get_metadata_opt(&key.name)).await?;
            let same = there.is_some_and(|there| there.uid() == object.uid());
            if same { Err(Error::Kube { doing, source }) } else { Ok(None) }
        }
        Err(error) => Err(error),
    }
}
