use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use sluice_clients::postgres::{Error as PostgresError, Password, Session, Target, Tls};
use sluice_core::view::source::Trouble;
use sluice_crds::cdc_pipeline::{DatabaseTls, TlsMode};

use super::world::{Keys, World};
use crate::act::apply::deadline;
use crate::scope::chain;

/// Why a database could not be looked at or changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub trouble: Trouble,
    pub text: String,
}

impl From<PostgresError> for Failure {
    fn from(error: PostgresError) -> Self {
        Self { trouble: error.trouble(), text: chain(&error) }
    }
}

/// A new session, with what the Secrets have, or had when all that is left is to clean up.
pub(super) async fn enter<V>(world: &World<V>) -> Result<Session, Failure> {
    let place = &world.place;
    let keys = if let Some(known) = world.keys() {
        known
    } else {
        match read(world).await {
            Ok(read) => {
                world.set_keys(Some(read.clone()));
                read
            }
            Err(failure) if failure.trouble == Trouble::SecretMissing => {
                world.parting_keys().ok_or(failure)?
            }
            Err(failure) => return Err(failure),
        }
    };
    let Keys { password, tls } = keys.clone();
    let target = Target::new(&place.host(), place.port, &place.database, &place.user, password).with_tls(tls);
    match Session::enter(&target).await {
        Ok(session) => {
            world.keys_worked(keys);
            Ok(session)
        }
        Err(error) => {
            let failure = Failure::from(error);
            if matches!(
                failure.trouble,
                Trouble::PasswordRefused | Trouble::Untrusted | Trouble::SecretMissing
            ) {
                world.set_keys(None);
            }
            Err(failure)
        }
    }
}

async fn read<V>(world: &World<V>) -> Result<Keys, Failure> {
    let place = &world.place;
    let password = text(world, &place.secret, &place.secret_key).await?;
    let tls = match &place.tls {
        None | Some(DatabaseTls { mode: TlsMode::Disable, .. }) => Tls::Disable,
        Some(DatabaseTls { mode: TlsMode::Require, .. }) => Tls::Require,
        Some(DatabaseTls { mode: mode @ (TlsMode::VerifyCa | TlsMode::VerifyFull), ca }) => {
            let ca = ca.clone().unwrap_or_default(); // the API server refuses the mode without it
            let ca = text(world, &ca.name, &ca.key).await?.into_bytes();
            Tls::Verify { ca, name: *mode == TlsMode::VerifyFull }
        }
    };
    Ok(Keys { password: Password::new(password), tls })
}

async fn text<V>(world: &World<V>, name: &str, key: &str) -> Result<String, Failure> {
    let namespace = &world.place.namespace;
    let missing = |text: String| Failure { trouble: Trouble::SecretMissing, text };
    let api: Api<Secret> = Api::namespaced(world.shared.client.clone(), namespace);
    let doing = format!("read Secret {namespace}/{name}");
    let secret = deadline(&doing, api.get_opt(name))
        .await
        // the API server's trouble is not the database's; it says so itself elsewhere
        .map_err(|error| Failure { trouble: Trouble::Failed, text: chain(&error) })?
        .ok_or_else(|| missing(format!("There is no Secret {name} in this namespace")))?;
    let value = secret.data.as_ref().and_then(|data| data.get(key));
    let bytes = value.ok_or_else(|| missing(format!("The Secret {name} has no key {key}")))?;
    String::from_utf8(bytes.0.clone()).map_err(|_| missing(format!("{key} of the Secret {name} is no text")))
}
