use std::sync::Arc;

use sluice_core::cluster::desired;
use sluice_core::meta::Owner;

use super::{act, look};
use crate::context::Context;
use crate::error::Error;
use crate::observe::kafka::{Pace, World};
use crate::pki;
use crate::scope::Key;

/// Goes on looking at a cluster whose spec cannot be carried out: its Topics, and whoever else uses it, go on too. Also
/// after a restart of Sluice, so the brokers are known from the StatefulSets. `None`: there are none.
pub async fn observed(context: &Arc<Context>, key: &Key, owner: &Owner) -> Result<Option<Arc<World>>, Error> {
    if let Some(world) = context.kafka.get(key) {
        world.set_pace(Pace::Steady);
        return Ok(Some(world));
    }
    let brokers = desired::brokers(owner, &look::stateful_sets(context, key));
    if brokers.is_empty() {
        return Ok(None);
    }
    let own = pki::sluices_own(context, owner).await?;
    let world = context.kafka.ensure(context, key, &brokers, own.as_deref())?;
    world.set_pace(Pace::Steady);
    // they may have been told that nobody looks
    context.wake_users_of(key);
    Ok(Some(world))
}

/// Repairs what stands around the pods as it was declared last.
pub async fn repaired(context: &Context, key: &Key, owner: &Owner) -> Result<(), Error> {
    let sight = context.kafka.get(key).map(|world| world.sight());
    let view = sight.as_deref().and_then(|sight| sight.current());
    match desired::remains(owner, &look::stateful_sets(context, key), view.map(AsRef::as_ref)) {
        Some(remains) => act::objects(context, &remains).await,
        None => Ok(()),
    }
}
