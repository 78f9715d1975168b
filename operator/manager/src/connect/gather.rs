use std::collections::{BTreeMap, BTreeSet, HashMap};

use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, ApiResource, DynamicObject};
use parking_lot::Mutex;
use sluice_core::connect::credentials::{self, Found, SecretKey};
use sluice_core::connect::{Wanted, names};
use sluice_core::referent;
use sluice_crds::Connector;

use crate::act::Applied;
use crate::act::apply::deadline;
use crate::context::Context;
use crate::error::Error;
use crate::scope::{Child as _, Key};

/// Which Connect clusters have everything gathered that their connectors name, so that a pass that changes nothing reads no Secret.
#[derive(Default)]
pub struct Gathered {
    clean: Mutex<HashMap<Key, Clean>>,
}

#[derive(Clone, PartialEq, Eq)]
struct Clean {
    references: BTreeSet<SecretKey>,
    /// Of the Secret that we made.
    resource_version: Option<String>,
}

impl Gathered {
    /// Any Secret may have changed.
    pub fn forget_all(&self) {
        self.clean.lock().clear();
    }

    /// One of the Secrets has changed, or may have.
    pub fn forget(&self, connect: &Key) {
        self.clean.lock().remove(connect);
    }
}

/// What the Connectors of this ConnectCluster name.
async fn references(context: &Context, connect: &Key) -> Result<BTreeSet<SecretKey>, Error> {
    let connectors = context.connectors_of(connect);
    let values = connectors.iter().flat_map(|c| c.spec.config.values()).map(sluice_crds::Scalar::as_str);
    let mut references = credentials::references(values);
    // one that does not parse runs on, and needs its Secrets when Connect restarts it
    for name in context.shelves.connectors.unparsable_in(&connect.namespace) {
        let kind = ApiResource::erase::<Connector>(&());
        let api: Api<DynamicObject> =
            Api::namespaced_with(context.client().clone(), &connect.namespace, &kind);
        let doing = format!("read Connector {}/{name} as it is", connect.namespace);
        let raw = deadline(&doing, api.get_opt(&name)).await?;
        let elsewhere = |raw: &DynamicObject| {
            referent::text(&raw.data, "/spec/connectRef/name").is_some_and(|name| name != connect.name)
        };
        if let Some(raw) = raw.filter(|raw| !elsewhere(raw)) {
            let config = raw.data.pointer("/spec/config").and_then(serde_json::Value::as_object);
            let values = config.into_iter().flat_map(serde_json::Map::values);
            references.extend(credentials::references(values.filter_map(serde_json::Value::as_str)));
        }
    }
    Ok(references)
}

/// Makes the Secret that the workers mount as it should be. `true` where it was changed.
pub async fn gather(context: &Context, key: &Key, wanted: &Wanted) -> Result<bool, Error> {
    let references = references(context, key).await?;
    let mounted = key.sibling(&names::secret(&key.name));
    let version = || Secret::seen(&context.children, &mounted).and_then(|meta| meta.resource_version);
    let clean = Clean { references, resource_version: version() };
    // before the Secrets are read: one that changes meanwhile takes this away again, and the next pass reads it
    {
        let mut all = context.gathered.clean.lock();
        if clean.resource_version.is_some() && all.get(key) == Some(&clean) {
            return Ok(false);
        }
        all.insert(key.clone(), clean.clone());
    }
    let made = read_and_make(context, key, &mounted, wanted, &clean.references).await;
    if !matches!(made, Ok(Applied::Unchanged)) {
        // the watch brings the Secret as we made it; the pass that it wakes finds nothing more to do
        context.gathered.forget(key);
    }
    Ok(made? == Applied::Changed)
}

async fn read_and_make(
    context: &Context,
    key: &Key,
    mounted: &Key,
    wanted: &Wanted,
    references: &BTreeSet<SecretKey>,
) -> Result<Applied, Error> {
    let mut secrets: BTreeMap<&str, Option<Secret>> = BTreeMap::new();
    for reference in references {
        if !secrets.contains_key(reference.secret.as_str()) {
            let secret = read(context, &key.sibling(&reference.secret)).await?;
            secrets.insert(&reference.secret, secret);
        }
    }
    let found = references.iter().map(|reference| {
        let found = match secrets.get(reference.secret.as_str()) {
            Some(Some(secret)) => match secret.data.as_ref().and_then(|data| data.get(&reference.key)) {
                Some(value) => Found::Value(value.clone()),
                None => Found::NoKey,
            },
            _ => Found::NoSecret,
        };
        (reference.clone(), found)
    });
    let found = found.collect();
    let previous = read(context, mounted).await?;
    let second = Context::now().as_second();
    context.apply(&credentials::build(&wanted.owner, &found, previous.as_ref(), second)).await
}

async fn read(context: &Context, key: &Key) -> Result<Option<Secret>, Error> {
    let api: Api<Secret> = Api::namespaced(context.client().clone(), &key.namespace);
    deadline(&format!("read Secret {key}"), api.get_opt(&key.name)).await
}
