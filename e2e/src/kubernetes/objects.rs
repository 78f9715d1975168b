//! Objects of one namespace, applied and read as a user would.

use std::fmt::Debug;

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PropagationPolicy};
use kube::core::{NamespaceResourceScope, Resource, Status};
use kube::{Client, Error};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Field manager of everything we apply.
pub const MANAGER: &str = "sluice-e2e";
/// Marks what we made on a cluster, namespaces above all.
pub const OURS: &str = "app.kubernetes.io/part-of=sluice-e2e";

/// Any namespaced kind that Rust knows.
pub trait Object:
    Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + Serialize + DeserializeOwned
{
}
impl<K> Object for K where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + Serialize
        + DeserializeOwned
{
}

#[derive(Clone)]
pub struct Space {
    pub client: Client,
    pub name: String,
}

impl Space {
    pub fn new(client: Client, name: impl Into<String>) -> Self {
        Self { client, name: name.into() }
    }

    pub async fn create(&self) -> Result<(), Error> {
        let (key, value) = OURS.split_once('=').unwrap_or_default();
        let object = json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": self.name, "labels": {key: value}},
        });
        let api: Api<Namespace> = Api::all(self.client.clone());
        api.patch(&self.name, &PatchParams::apply(MANAGER).force(), &Patch::Apply(object)).await.map(drop)
    }

    pub fn api<K: Object>(&self) -> Api<K> {
        Api::namespaced(self.client.clone(), &self.name)
    }

    /// Applies the whole object `{metadata.name, …body}`.
    pub async fn apply<K: Object>(&self, name: &str, mut body: Value) -> Result<K, Error> {
        body["apiVersion"] = K::api_version(&()).into();
        body["kind"] = K::kind(&()).into();
        body["metadata"]["name"] = name.into();
        self.api().patch(name, &PatchParams::apply(MANAGER).force(), &Patch::Apply(body)).await
    }

    /// Changes what `patch` names and nothing else.
    pub async fn merge<K: Object>(&self, name: &str, patch: Value) -> Result<K, Error> {
        let params = PatchParams { field_manager: Some(MANAGER.into()), ..Default::default() };
        self.api().patch(name, &params, &Patch::Merge(patch)).await
    }

    pub async fn get<K: Object>(&self, name: &str) -> Result<K, Error> {
        self.api().get(name).await
    }

    pub async fn find<K: Object>(&self, name: &str) -> Result<Option<K>, Error> {
        self.api().get_opt(name).await
    }

    pub async fn list<K: Object>(&self, selector: &str) -> Result<Vec<K>, Error> {
        let params = ListParams { label_selector: Some(selector.into()), ..Default::default() };
        Ok(self.api().list(&params).await?.items)
    }

    /// Asks for deletion; it is no error when the object is gone already.
    pub async fn delete<K: Object>(&self, name: &str) -> Result<(), Error> {
        gone_is_fine(self.api::<K>().delete(name, &background()).await.map(drop))
    }

    /// Deletes without grace: for a pod, a power cut.
    pub async fn kill<K: Object>(&self, name: &str) -> Result<(), Error> {
        let params = DeleteParams { grace_period_seconds: Some(0), ..Default::default() };
        gone_is_fine(self.api::<K>().delete(name, &params).await.map(drop))
    }
}

pub fn background() -> DeleteParams {
    DeleteParams { propagation_policy: Some(PropagationPolicy::Background), ..Default::default() }
}

/// Whether the API server refused an object as invalid. Server-side apply meets a value of a wrong type before validation
/// does, and then says 500.
pub fn is_refusal(status: &Status) -> bool {
    [400, 422].contains(&status.code) || status.message.contains("failed to create typed patch")
}

pub fn gone_is_fine(result: Result<(), Error>) -> Result<(), Error> {
    match result {
        Err(Error::Api(status)) if status.code == 404 => Ok(()),
        other => other,
    }
}
