use sluice_clients::connect::{Client, Error, Initial, Restart};
use sluice_core::connector::{FieldErrors, Step, Wanted};
use sluice_crds::common::RunState;

use crate::observe::connect::World;
use crate::scope::chain;

/// How a step ended.
pub enum Done {
    /// There was none.
    Nothing,
    /// Connect has taken the order.
    Ordered,
    /// Connect could not take it now; the next pass tries again.
    NotYet(String),
    /// The plugin refuses the configuration. Nothing was changed.
    Invalid(Vec<FieldErrors>),
    /// Connect's words.
    Refused(String),
}

/// Carries out the plan's step.
pub async fn step(world: &World, wanted: &Wanted, step: &Step) -> Done {
    let client = &world.client;
    let name = &wanted.name;
    let ordered = match step {
        Step::None => return Done::Nothing,
        Step::Configure { fresh } => match configure(client, wanted, *fresh).await {
            Ok(errors) if errors.is_empty() => Ok(()),
            Ok(errors) => return Done::Invalid(errors),
            Err(error) => Err(error),
        },
        Step::Pause => client.pause(name).await,
        Step::Resume => client.resume(name).await,
        Step::Stop => client.stop(name).await,
        Step::Restart => client.restart(name, Restart::All).await,
        Step::RestartFailed(state) => restart_failed(client, name, *state).await,
    };
    match ordered {
        Ok(()) => {
            world.ordered(name);
            Done::Ordered
        }
        // what is gone is seen to be gone at the next look
        Err(error) if error.is_transient() || matches!(error, Error::NotFound { .. }) => {
            world.look_soon();
            Done::NotYet(chain(&error))
        }
        Err(error) => Done::Refused(chain(&error)),
    }
}

/// Asks the plugin first. Connect would ask it too, but its refusal does not say which field is meant.
async fn configure(client: &Client, wanted: &Wanted, fresh: bool) -> Result<Vec<FieldErrors>, Error> {
    let errors = client.validate(&wanted.class, &wanted.config).await?;
    if errors.is_empty() {
        if fresh {
            let initial = match wanted.state {
                RunState::Running => Initial::Running,
                RunState::Paused => Initial::Paused,
                RunState::Stopped => Initial::Stopped,
            };
            client.create(&wanted.name, &wanted.config, initial).await?;
        } else {
            client.put_config(&wanted.name, &wanted.config).await?;
        }
    }
    Ok(errors)
}

async fn restart_failed(client: &Client, name: &str, wanted: RunState) -> Result<(), Error> {
    if wanted != RunState::Running {
        state(client, name, wanted).await?;
    }
    client.restart(name, Restart::Failed).await
}

async fn state(client: &Client, name: &str, wanted: RunState) -> Result<(), Error> {
    match wanted {
        RunState::Running => client.resume(name).await,
        RunState::Paused => client.pause(name).await,
        RunState::Stopped => client.stop(name).await,
    }
}
