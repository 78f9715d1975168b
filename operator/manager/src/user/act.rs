use sluice_clients::kafka::{self, ItemError};
use sluice_core::user::Changes;

use crate::observe::kafka::World;
use crate::scope::chain;

/// Why Kafka did not take a change.
pub enum Refusal {
    /// It will say the same again.
    ForGood(String),
    /// It did not answer, or may do so later.
    ForNow(String),
}

/// Changes what Kafka knows of a user. All of it may be done twice.
pub async fn carry_out(world: &World, name: &str, changes: &Changes) -> Result<(), Refusal> {
    let client = &world.client;
    if let Some(password) = &changes.password {
        taken(client.set_scram_password(name, password).await)?;
    }
    if changes.drop_password {
        match client.drop_scram_user(name).await {
            Ok(Err(gone)) if gone.code == kafka::Code::RESOURCE_NOT_FOUND => {}
            answer => taken(answer)?,
        }
    }
    if !changes.make.is_empty() {
        all(client.create_acls(&changes.make).await)?;
    }
    if !changes.drop.is_empty() {
        all(client.delete_acls(&changes.drop).await)?;
    }
    if !changes.quotas.is_empty() {
        taken(client.alter_user_quotas(name, &changes.quotas).await)?;
    }
    world.user_changed(name, changes);
    Ok(())
}

fn all(answer: Result<Vec<Result<(), ItemError>>, kafka::Error>) -> Result<(), Refusal> {
    taken(answer.map(|items| items.into_iter().collect()))
}

fn taken(answer: Result<Result<(), ItemError>, kafka::Error>) -> Result<(), Refusal> {
    match answer {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) if error.code.is_retriable() => Err(Refusal::ForNow(error.to_string())),
        Ok(Err(error)) => Err(Refusal::ForGood(error.to_string())),
        Err(error) => Err(Refusal::ForNow(chain(&error))),
    }
}
