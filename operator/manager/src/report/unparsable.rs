use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::{Api, Patch, PatchParams};
use kube::core::{ApiResource, DeserializeGuard, DynamicObject, NamespaceResourceScope, PartialObjectMeta};
use kube::runtime::controller::Action;
use kube::{Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sluice_core::condition::{self, Verdict};
use sluice_core::reason::Reason;
use tracing::warn;

use crate::act::apply::{deadline, is_status};
use crate::act::finalizer;
use crate::context::Context;
use crate::error::Error;
use crate::metrics::Metrics;
use crate::report::events::{self, Severity};
use crate::scope::{Key, Pass};

/// How an object goes whose teardown cannot be read.
pub struct Farewell {
    /// The finalizer that would hold it for ever.
    pub finalizer: &'static str,
    /// What stays behind, by what of the object can be read.
    pub left: fn(&Value) -> String,
}

/// A pass over an object that does not parse: it says so in its status, and touches nothing that it manages. One that is being
/// deleted is let go.
pub async fn unparsable<K>(
    context: &Context,
    object: &DeserializeGuard<K>,
    error: &str,
    reason: impl Reason,
    farewell: Option<Farewell>,
) -> Pass
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug,
{
    if object.meta().deletion_timestamp.is_some() {
        if let Some(farewell) = farewell {
            let_go(context.client(), &context.shared.metrics, object, &farewell).await?;
        }
        return Ok(Action::await_change());
    }
    tell_unparsable(context.client(), &context.shared.metrics, object, error, reason).await?;
    Ok(Action::await_change())
}

/// Takes our finalizer off an object that does not parse and is being deleted, and says what stays behind: what it asks to be
/// removed cannot be known for sure, and who deletes it shall not wait for ever.
pub async fn let_go<K>(
    client: &Client,
    metrics: &Metrics,
    object: &DeserializeGuard<K>,
    farewell: &Farewell,
) -> Result<(), Error>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug,
{
    let (key, kind) = (Key::of(object), K::kind(&()));
    let raw: Api<DynamicObject> =
        Api::namespaced_with(client.clone(), &key.namespace, &ApiResource::erase::<K>(&()));
    let present = deadline(&format!("read {kind} {key} as it is"), raw.get_opt(&key.name)).await?;
    let Some(present) = present.filter(|present| present.metadata.uid == object.meta().uid) else {
        return Ok(());
    };
    if !present.finalizers().iter().any(|name| name == farewell.finalizer) {
        return Ok(());
    }
    let left = (farewell.left)(&serde_json::to_value(&present).unwrap_or_default());
    let note = format!(
        "The object does not parse and was deleted, so Sluice lets it go without its teardown. {left}"
    );
    warn!(%kind, object = %key, note, "let go");
    events::publish(client, metrics, object, Severity::Warning, "LeftBehind", "Release", &note).await;
    let others = finalizer::without(&present.metadata, farewell.finalizer);
    finalizer::send::<K>(client, metrics, &key, &others, false).await.map(drop)
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
