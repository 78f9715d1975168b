use std::time::Duration;

use sluice_clients::kafka::{self, ItemError};
use sluice_core::user::{self, Changes};
use tokio::time::{Instant, sleep};

use crate::observe::kafka::World;
use crate::scope::chain;

/// Why Kafka did not take a change.
pub enum Refusal {
    /// It will say the same again.
    ForGood(String),
    /// It did not answer, or may do so later.
    ForNow(String),
}

/// How long brokers have to learn of a rule: they fetch what the controller wrote.
const SPREAD: Duration = Duration::from_secs(5);
const GLANCE: Duration = Duration::from_millis(20);

/// Changes what Kafka knows of a user, and waits until each broker goes by it. All of it may be done twice.
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
    if changes.touch_rules() {
        spread(world, &user::principal(name), changes).await?;
    }
    world.user_changed(name, changes);
    Ok(())
}

/// Returns once every broker that serves goes by the rules: a client may come to any of them.
async fn spread(world: &World, principal: &str, changes: &Changes) -> Result<(), Refusal> {
    let deadline = Instant::now() + SPREAD;
    let sight = world.sight();
    for id in sight.current().into_iter().flat_map(|view| view.serving()) {
        loop {
            let rules = world.client.describe_acls_at(id, principal).await;
            if changes.are_in(&rules.map_err(|error| Refusal::ForNow(chain(&error)))?) {
                break;
            }
            if Instant::now() >= deadline {
                return Err(Refusal::ForNow(format!("broker {id} does not go by the new rules yet")));
            }
            sleep(GLANCE).await;
        }
    }
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
