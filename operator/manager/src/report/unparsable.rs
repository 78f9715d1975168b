use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::Resource;
use kube::api::{Api, Patch, PatchParams};
use kube::core::{DeserializeGuard, NamespaceResourceScope};
use kube::runtime::controller::Action;
use serde::de::DeserializeOwned;
use serde_json::json;
use sluice_core::condition::{self, Verdict};
use sluice_core::reason::Reason;

use crate::act::apply::{deadline, is_status};
use crate::context::Context;
use crate::error::Error;
use crate::scope::{Key, Pass};

/// Says in the status of an object that it does not parse. Nothing of what it manages is touched.
///
/// Such an object was written under another schema. Its status is unknown to us, so only the conditions are
/// replaced, and only when they do not say so yet (`generation` moves with every change of the spec).
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
    let key = Key::of(object);
    let generation = object.meta().generation;
    let api: Api<kube::core::PartialObjectMeta<K>> =
        Api::namespaced(context.client().clone(), &key.namespace);
    let message = format!(
        "This object does not parse: {error}. It was probably stored under another schema. Nothing it manages is \
         touched. Correct the field, or delete and create the object again"
    );
    let verdict = Verdict::stalled(reason, message);
    let raw: Api<kube::core::DynamicObject> = Api::namespaced_with(
        context.client().clone(),
        &key.namespace,
        &kube::core::ApiResource::erase::<K>(&()),
    );
    let doing = format!("read {} {key} as it is", K::kind(&()));
    let Some(present) = deadline(&doing, raw.get_opt(&key.name)).await? else {
        return Ok(Action::await_change());
    };
    let previous: Vec<Condition> = present
        .data
        .pointer("/status/conditions")
        .and_then(|value| serde_json::from_value(value.clone()).ok())
        .unwrap_or_default();
    let conditions = condition::build(&verdict, generation, Context::now(), &previous);
    if conditions == previous {
        return Ok(Action::await_change());
    }
    context.shared.metrics.kube_write("status", &K::kind(&()));
    let patch = Patch::Merge(json!({ "status": { "conditions": conditions } }));
    let params = PatchParams::default();
    let request = api.patch_status(&key.name, &params, &patch);
    match deadline(&format!("write the status of {} {key}", K::kind(&())), request).await {
        Ok(_) => Ok(Action::await_change()),
        Err(Error::Kube { source, .. }) if is_status(&source, &[404]) => Ok(Action::await_change()),
        Err(error) => Err(error),
    }
}
