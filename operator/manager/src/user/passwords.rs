use std::collections::HashMap;

use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::api::Api;
use parking_lot::Mutex;
use ring::rand::SecureRandom as _;
use sluice_core::meta::Owner;
use sluice_core::user::{COMPONENT, Given, secret, secret_name};
use sluice_crds::common::SecretKeyRef;

use crate::act::apply::{check, deadline};
use crate::context::Context;
use crate::error::Error;
use crate::scope::{Child as _, Key};

/// What clients have, by the versions of their Secrets: a pass that changes nothing reads none.
#[derive(Default)]
pub struct Passwords {
    known: Mutex<HashMap<Key, (String, Option<String>)>>,
}

impl Passwords {
    /// The password in the Secret that clients mount; an error if that is somebody else's.
    pub async fn held(&self, context: &Context, owner: &Owner) -> Result<Option<String>, Error> {
        let name = secret_name(&owner.name);
        let key = Key { namespace: owner.namespace.clone(), name: name.clone() };
        let seen = Secret::seen(&context.children, &key).and_then(|meta| meta.resource_version);
        if let Some(seen) = &seen {
            let known = self.known.lock();
            if let Some((_, password)) = known.get(&key).filter(|(version, _)| version == seen) {
                return Ok(password.clone());
            }
        }
        let api: Api<Secret> = Api::namespaced(context.client().clone(), &key.namespace);
        let Some(found) = deadline(&format!("read Secret {key}"), api.get_opt(&name)).await? else {
            return Ok(None);
        };
        check(&found.metadata, &owner.child(name, COMPONENT), &("Secret".to_owned(), key.clone()))?;
        let password = secret::password(&found);
        if let Some(version) = found.resource_version() {
            let known = (version, password.clone());
            self.known.lock().insert(key, known);
        }
        Ok(password)
    }

    pub fn forget(&self, user: &Key) {
        let secret = user.sibling(&secret_name(&user.name));
        self.known.lock().remove(&secret);
    }
}

/// What there is where a spec points.
pub async fn given(context: &Context, namespace: &str, from: &SecretKeyRef) -> Result<Given, Error> {
    let api: Api<Secret> = Api::namespaced(context.client().clone(), namespace);
    let doing = format!("read Secret {namespace}/{}", from.name);
    let Some(found) = deadline(&doing, api.get_opt(&from.name)).await? else { return Ok(Given::NoSecret) };
    let Some(value) = found.data.as_ref().and_then(|data| data.get(&from.key)) else {
        return Ok(Given::NoKey);
    };
    Ok(match String::from_utf8(value.0.clone()) {
        Ok(password) if !password.is_empty() && !password.contains(char::is_control) => {
            Given::Password(password)
        }
        _ => Given::Unusable,
    })
}

/// One that nobody can guess: 32 of 64 characters, 192 bits.
pub fn fresh() -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut bytes = [0; 32];
    ring::rand::SystemRandom::new().fill(&mut bytes).expect("the system has random numbers");
    bytes.iter().map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()])).collect()
}

#[cfg(test)]
mod tests {
    use super::fresh;

    #[test]
    fn no_two_passwords_are_alike() {
        let (a, b) = (fresh(), fresh());
        assert_ne!(a, b);
        assert!(a.len() == 32 && a.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_'), "{a}");
    }
}
