use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use sluice_clients::postgres::{Error as PostgresError, Password, Session, Target};
use sluice_core::view::source::Trouble;

use super::world::World;
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

/// A new session, with the password that the Secret has, or had when all that is left is to clean up.
pub(super) async fn enter<V>(world: &World<V>) -> Result<Session, Failure> {
    let place = &world.place;
    let password = if let Some(known) = world.password() {
        known
    } else {
        match read(world).await {
            Ok(read) => {
                world.set_password(Some(read.clone()));
                read
            }
            Err(failure) if failure.trouble == Trouble::SecretMissing => {
                world.parting_password().ok_or(failure)?
            }
            Err(failure) => return Err(failure),
        }
    };
    let target = Target::new(&place.host(), place.port, &place.database, &place.user, password.clone());
    match Session::enter(&target).await {
        Ok(session) => {
            world.password_worked(password);
            Ok(session)
        }
        Err(error) => {
            let failure = Failure::from(error);
            if failure.trouble == Trouble::PasswordRefused {
                world.set_password(None);
            }
            Err(failure)
        }
    }
}

async fn read<V>(world: &World<V>) -> Result<Password, Failure> {
    let place = &world.place;
    let missing = |text: String| Failure { trouble: Trouble::SecretMissing, text };
    let api: Api<Secret> = Api::namespaced(world.shared.client.clone(), &place.namespace);
    let doing = format!("read Secret {}/{}", place.namespace, place.secret);
    let secret = deadline(&doing, api.get_opt(&place.secret))
        .await
        // the API server's trouble is not the database's; it says so itself elsewhere
        .map_err(|error| Failure { trouble: Trouble::Failed, text: chain(&error) })?
        .ok_or_else(|| missing(format!("There is no Secret {} in this namespace", place.secret)))?;
    let value = secret.data.as_ref().and_then(|data| data.get(&place.secret_key));
    let bytes = value
        .ok_or_else(|| missing(format!("The Secret {} has no key {}", place.secret, place.secret_key)))?;
    String::from_utf8(bytes.0.clone())
        .map(Password::new)
        .map_err(|_| missing(format!("{} of the Secret {} is no text", place.secret_key, place.secret)))
}
