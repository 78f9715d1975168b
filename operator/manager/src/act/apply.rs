use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Api, DeleteParams, Patch, PatchParams, Preconditions, PropagationPolicy};
use kube::core::NamespaceResourceScope;
use kube::{Client, Resource, ResourceExt};
use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sluice_core::meta::{Whose, whose};
use tokio::sync::Semaphore;

use crate::error::Error;
use crate::metrics::Metrics;
use crate::scope::{Child, Children, Key};

/// Field manager of everything that we declare in a child.
const FIELD_MANAGER: &str = "sluice";
/// Nothing that we ask of the API server takes longer, or we ask again.
const DEADLINE: Duration = Duration::from_secs(10);
/// The most requests at a time. More make none of them faster: each opens a connection of its own, and the API server queues
/// them by user (API Priority and Fairness), until they run into the deadline and are sent once more.
static REQUESTS: Semaphore = Semaphore::const_new(16);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    Unchanged,
    Changed,
}

/// Applies children by server-side apply, and remembers what it applied: a pass over a cluster that is as
/// declared sends nothing.
#[derive(Default)]
pub struct Applier {
    done: Mutex<HashMap<(String, Key), Done>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Done {
    wanted: u64,
    /// Of the object as it was right after our apply. Somebody's edit shows as another one.
    fingerprint: u64,
}

impl Applier {
    /// Makes `wanted` true, unless it was and nobody has touched it since. What somebody else made is left alone.
    pub async fn child<K>(
        &self,
        client: &Client,
        metrics: &Metrics,
        children: &Children,
        wanted: &K,
    ) -> Result<Applied, Error>
    where
        K: Child + Clone + Serialize + DeserializeOwned + std::fmt::Debug,
    {
        let seen = K::seen(children, &Key::of(wanted));
        self.apply(client, metrics, seen.as_ref(), wanted).await
    }

    /// The same for a kind whose present state the caller knows (`seen`).
    pub async fn apply<K>(
        &self,
        client: &Client,
        metrics: &Metrics,
        seen: Option<&ObjectMeta>,
        wanted: &K,
    ) -> Result<Applied, Error>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + Serialize
            + DeserializeOwned
            + std::fmt::Debug,
    {
        let key = Key::of(wanted);
        let kind = K::kind(&()).into_owned();
        let doing = format!("apply {kind} {key}");
        let hash = hash_of(&serde_json::to_string(wanted).unwrap_or_default());
        let place = (kind, key.clone());
        let before = self.done.lock().get(&place).copied();
        if let (Some(done), Some(seen)) = (before, seen)
            && done == (Done { wanted: hash, fingerprint: fingerprint(seen) })
        {
            return Ok(Applied::Unchanged);
        }
        let api: Api<K> = Api::namespaced(client.clone(), &key.namespace);
        // our watches show only what carries our label: what they do not show may be somebody else's
        let present = match seen {
            Some(_) => None,
            None => deadline(&doing, api.get_metadata_opt(&key.name)).await?,
        };
        if let Some(present) = seen.or(present.as_ref().map(|present| &present.metadata)) {
            check(present, wanted.meta(), &place)?;
        }
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let patch = Patch::Apply(wanted);
        metrics.kube_write("apply", &place.0);
        let applied = deadline(&doing, api.patch(&key.name, &params, &patch)).await?;
        let after = Done { wanted: hash, fingerprint: fingerprint(applied.meta()) };
        self.done.lock().insert(place, after);
        let same = seen.is_some_and(|seen| seen.resource_version == applied.resource_version());
        Ok(if same { Applied::Unchanged } else { Applied::Changed })
    }

    /// Deletes an object if it is still the one with `uid`. `false`: it was gone, or another has its name.
    pub async fn delete<K>(
        &self,
        client: &Client,
        metrics: &Metrics,
        key: &Key,
        uid: &str,
    ) -> Result<bool, Error>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + std::fmt::Debug,
    {
        let kind = K::kind(&()).into_owned();
        let api: Api<K> = Api::namespaced(client.clone(), &key.namespace);
        let params = DeleteParams {
            preconditions: Some(Preconditions { uid: Some(uid.to_owned()), resource_version: None }),
            propagation_policy: Some(PropagationPolicy::Background),
            ..Default::default()
        };
        metrics.kube_write("delete", &kind);
        self.done.lock().remove(&(kind.clone(), key.clone()));
        match deadline(&format!("delete {kind} {key}"), api.delete(&key.name, &params)).await {
            Ok(_) => Ok(true),
            Err(Error::Kube { source, .. }) if is_status(&source, &[404, 409]) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// That an object which is there may be made as `wanted`: it is ours.
pub fn check(present: &ObjectMeta, wanted: &ObjectMeta, (kind, key): &(String, Key)) -> Result<(), Error> {
    let (whose, earlier) = match whose(present, wanted) {
        Whose::Ours => return Ok(()),
        Whose::Earlier => ("of the object of this name that was deleted is still being removed".into(), true),
        Whose::Others(whose) => (format!("exists already and {whose}"), false),
    };
    Err(Error::NameTaken { kind: kind.clone(), key: key.to_string(), whose, earlier })
}

/// Whether the API server answered with one of `codes`.
pub fn is_status(error: &kube::Error, codes: &[u16]) -> bool {
    matches!(error, kube::Error::Api(status) if codes.contains(&status.code))
}

/// Whether it is refused because the namespace is going away, and all in it with it: the cause that the admission plugin
/// `NamespaceLifecycle` names.
pub fn is_going(error: &kube::Error) -> bool {
    let kube::Error::Api(status) = error else { return false };
    let mut causes = status.details.iter().flat_map(|details| &details.causes);
    status.code == 403 && causes.any(|cause| cause.reason == "NamespaceTerminating")
}

/// Runs a request to the API server when its turn has come, with a deadline: kube has no read timeout of its own.
pub async fn deadline<T>(doing: &str, request: impl Future<Output = kube::Result<T>>) -> Result<T, Error> {
    let _turn = REQUESTS.acquire().await.expect("nobody closes it");
    match tokio::time::timeout(DEADLINE, request).await {
        Ok(answer) => answer.map_err(Error::kube(doing)),
        Err(_) => Err(Error::TimedOut { doing: doing.to_owned(), seconds: DEADLINE.as_secs() }),
    }
}

/// Changes when somebody edits the object, and not when only its status moves (where it has a generation).
fn fingerprint(meta: &ObjectMeta) -> u64 {
    match meta.generation {
        Some(generation) => hash_of(&(
            &meta.uid,
            generation,
            &meta.labels,
            &meta.annotations,
            meta.deletion_timestamp.is_some(),
        )),
        None => hash_of(&(&meta.uid, &meta.resource_version)),
    }
}

fn hash_of(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_write_is_no_edit() {
        let before =
            ObjectMeta { generation: Some(3), resource_version: Some("10".into()), ..Default::default() };
        let after = ObjectMeta { resource_version: Some("11".into()), ..before.clone() };
        let edited = ObjectMeta { generation: Some(4), ..after.clone() };
        assert_eq!(fingerprint(&before), fingerprint(&after));
        assert_ne!(fingerprint(&after), fingerprint(&edited));
    }

    #[test]
    fn without_a_generation_every_write_is_an_edit() {
        let before = ObjectMeta { resource_version: Some("10".into()), ..Default::default() };
        let after = ObjectMeta { resource_version: Some("11".into()), ..Default::default() };
        assert_ne!(fingerprint(&before), fingerprint(&after));
    }
}
