//! What the API server has right now: caches may be behind what we did a moment ago, and what we are about to do cannot be taken
//! back.

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Api, ListParams};
use kube::core::NamespaceResourceScope;
use kube::{Resource, ResourceExt};
use serde::de::DeserializeOwned;
use sluice_core::meta::SELECTOR;

use super::apply::deadline;
use crate::context::Context;
use crate::error::Error;
use crate::scope::Key;

/// The pods that carry the labels of `app` and of `object`, by name.
pub async fn pods<K>(context: &Context, app: &str, object: &K) -> Result<Vec<Pod>, Error>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
{
    let (key, kind) = (Key::of(object), K::kind(&()));
    let api: Api<Pod> = Api::namespaced(context.client().clone(), &key.namespace);
    let labels = format!("app.kubernetes.io/name={app},app.kubernetes.io/instance={},{SELECTOR}", key.name);
    let params = ListParams::default().labels(&labels);
    let mut pods = deadline(&format!("list pods of {kind} {key}"), api.list(&params)).await?.items;
    pods.sort_by_key(ResourceExt::name_any);
    Ok(pods)
}

/// Whether the object on the API server is the one that we decided on.
pub async fn still_wanted<K>(context: &Context, object: &K) -> Result<bool, Error>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug,
{
    let (key, kind) = (Key::of(object), K::kind(&()));
    let api: Api<K> = Api::namespaced(context.client().clone(), &key.namespace);
    let present = deadline(&format!("read {kind} {key}"), api.get_metadata_opt(&key.name)).await?;
    Ok(present.is_some_and(|present| is_unchanged(&present.metadata, object.meta())))
}

/// A status write is no change: it leaves the generation alone.
fn is_unchanged(now: &ObjectMeta, then: &ObjectMeta) -> bool {
    now.uid == then.uid && now.generation == then.generation && now.deletion_timestamp.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    #[test]
    fn an_edit_a_deletion_and_a_namesake_are_changes_and_a_status_write_is_none() {
        let then = ObjectMeta { uid: Some("u-1".into()), generation: Some(3), ..Default::default() };
        let deleted = Some(Time(Timestamp::UNIX_EPOCH));
        for (now, unchanged) in [
            (ObjectMeta { resource_version: Some("11".into()), ..then.clone() }, true),
            (ObjectMeta { generation: Some(4), ..then.clone() }, false),
            (ObjectMeta { deletion_timestamp: deleted, ..then.clone() }, false),
            (ObjectMeta { uid: Some("u-2".into()), ..then.clone() }, false),
        ] {
            assert_eq!(is_unchanged(&now, &then), unchanged, "{now:?}");
        }
    }
}
