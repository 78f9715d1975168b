use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::api::Api;
use parking_lot::Mutex;
use sluice_core::meta::Owner;
use sluice_core::pki::{self, Bundle, Refusal};

use super::mint;
use crate::act::apply::{check, deadline};
use crate::context::Context;
use crate::error::Error;
use crate::scope::{Child as _, Key};

/// What Secrets with certificates hold, so that a pass that changes nothing reads none. And what they held: one that somebody
/// deleted comes back as it was.
#[derive(Default)]
pub struct Vault {
    known: Mutex<HashMap<Key, Known>>,
}

struct Known {
    /// `None`: to be read again.
    version: Option<String>,
    /// Uid of the owner: another object of its name has other certificates.
    owner: String,
    bundle: Arc<Bundle>,
}

/// How a Secret was found.
pub enum Found {
    There(Arc<Bundle>),
    /// It was there, and is gone or spoilt.
    Lost(Arc<Bundle>),
    /// There was never anything of use.
    Nothing,
}

impl Found {
    pub fn bundle(&self) -> Option<&Arc<Bundle>> {
        match self {
            Self::There(bundle) | Self::Lost(bundle) => Some(bundle),
            Self::Nothing => None,
        }
    }
}

impl Vault {
    /// The Secret of this name, if `owner` owns it; an error if somebody else does.
    pub async fn find(
        &self,
        context: &Context,
        owner: &Owner,
        name: &str,
        component: &str,
    ) -> Result<Found, Error> {
        let key = Key { namespace: owner.namespace.clone(), name: name.to_owned() };
        let uid = &owner.reference.uid;
        let seen = Secret::seen(&context.children, &key).and_then(|meta| meta.resource_version);
        let before = {
            let known = self.known.lock();
            let known = known.get(&key).filter(|known| known.owner == *uid);
            if let Some(known) = known.filter(|known| seen.is_some() && known.version == seen) {
                return Ok(Found::There(Arc::clone(&known.bundle)));
            }
            known.map(|known| Arc::clone(&known.bundle))
        };
        let api: Api<Secret> = Api::namespaced(context.client().clone(), &key.namespace);
        let secret = deadline(&format!("read Secret {key}"), api.get_opt(name)).await?;
        if let Some(secret) = &secret {
            check(&secret.metadata, &owner.child(name, component), &("Secret".to_owned(), key.clone()))?;
        }
        let version = secret.as_ref().and_then(ResourceExt::resource_version);
        let Some(bundle) = secret.as_ref().and_then(Bundle::of).filter(mint::fits) else {
            return Ok(before.map_or(Found::Nothing, Found::Lost));
        };
        let bundle = Arc::new(bundle);
        self.note(key, Known { version, owner: uid.clone(), bundle: Arc::clone(&bundle) });
        Ok(Found::There(bundle))
    }

    /// The authority in a Secret of somebody's own. It is read each time: few have one.
    pub async fn given(
        context: &Context,
        owner: &Owner,
        name: &str,
        now: Timestamp,
    ) -> Result<Result<Bundle, Refusal>, Error> {
        let key = Key { namespace: owner.namespace.clone(), name: name.to_owned() };
        let api: Api<Secret> = Api::namespaced(context.client().clone(), &key.namespace);
        let secret = deadline(&format!("read Secret {key}"), api.get_opt(name)).await?;
        Ok(secret.ok_or_else(|| Refusal::Missing(name.to_owned())).and_then(|secret| {
            let bundle = pki::given(&secret, now)?;
            if mint::fits(&bundle) { Ok(bundle) } else { Err(Refusal::Key) }
        }))
    }

    /// Writes the Secret.
    pub async fn put(
        &self,
        context: &Context,
        owner: &Owner,
        secret: Secret,
        bundle: Bundle,
    ) -> Result<Arc<Bundle>, Error> {
        context.apply(&secret).await?;
        let bundle = Arc::new(bundle);
        let known = Known { version: None, owner: owner.reference.uid.clone(), bundle: Arc::clone(&bundle) };
        self.note(Key::of(&secret), known);
        Ok(bundle)
    }

    fn note(&self, key: Key, known: Known) {
        self.known.lock().insert(key, known);
    }

    /// What belonged to an object that is gone.
    pub fn forget(&self, owner: Option<&str>) {
        let mut known = self.known.lock();
        known.retain(|_, known| Some(known.owner.as_str()) != owner);
    }
}
