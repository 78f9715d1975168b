use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::{Api, Patch, PatchParams};
use kube::core::{ApiResource, DeserializeGuard, DynamicObject, NamespaceResourceScope, PartialObjectMeta};
use kube::runtime::controller::Action;
use kube::{Client, Resource};
use serde::de::DeserializeOwned;
use serde_json::json;
use sluice_core::condition::{self, Verdict};
use sluice_core::reason::Reason;

use crate::act::apply::{deadline, is_status};
use crate::context::Context;
use crate::error::Error;
use crate::metrics::Metrics;
use crate::scope::{Key, Pass};

/// A pass over an object that does not parse: it says so in its status, and touches nothing that it manages.
pub async fn unparsable<K>(
    context: &Context,
    object: &DeserializeGuard<K>,
    error: &str,
    reason: impl Reason,
) -> Pass
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug,
{
    tell_unparsable(context.client(), &context.shared.metrics, object, error, reason).await?;
    Ok(Action::await_change())
}

/// Says in the status of an object that it does not parse, and why. The object as it is, unless it is gone.
///
/// Such an object was written under another schema. Its status is unknown to us, so only the conditions are
/// replaced, and only when they do not say so yet (`generation` moves with every change of the spec).
pub async fn tell_unparsable<K>(
    client: &Client,
    metrics: &Metrics,
    object: &DeserializeGuard<K>,
    error: &str,
    reason: impl Reason,
) -> Result<Option<DynamicObject>, Error>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug,
{
    let key = Key::of(object);
    let generation = object.meta().generation;
    let api: Api<PartialObjectMeta<K>> = Api::namespaced(client.clone(), &key.namespace);
    let raw: Api<DynamicObject> =
        Api::namespaced_with(client.clone(), &key.namespace, &ApiResource::erase::<K>(&()));
    let doing = format!("read {} {key} as it is", K::kind(&()));
    let Some(present) = deadline(&doing, raw.get_opt(&key.name)).await? else {
        return Ok(None);
    };
    let error = located::<K>(&present).unwrap_or_else(|| error.to_owned());
    let message = format!(
        "This object does not parse: {error}. It was probably stored under another schema. What it manages \
         stays as it is. Correct the field, or delete and create the object again"
    );
    let verdict = Verdict::stalled(reason, message);
    let previous: Vec<Condition> = present
        .data
        .pointer("/status/conditions")
        .and_then(|value| serde_json::from_value(value.clone()).ok())
        .unwrap_or_default();
    let conditions = condition::build(&verdict, generation, Context::now(), &previous);
    if conditions == previous {
        return Ok(Some(present));
    }
    metrics.kube_write("status", &K::kind(&()));
    let patch = Patch::Merge(json!({ "status": { "conditions": conditions } }));
    let params = PatchParams::default();
    let request = api.patch_status(&key.name, &params, &patch);
    match deadline(&format!("write the status of {} {key}", K::kind(&())), request).await {
        Ok(_) => Ok(Some(present)),
        Err(Error::Kube { source, .. }) if is_status(&source, &[404]) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What does not parse, with the path of its field, which the guard's error lacks.
fn located<K: DeserializeOwned>(object: &DynamicObject) -> Option<String> {
    let value = serde_json::to_value(object).ok()?;
    serde_path_to_error::deserialize::<_, K>(&value).err().map(|error| error.to_string())
}
