//! The Topic and the Users that Sluice's own records need.

use sluice_core::cluster::canary::{Children, Known, topic_name, user_names};
use sluice_crds::{Topic, User};

use super::act::delete;
use crate::context::Context;
use crate::error::Error;
use crate::observe::kafka::World;
use crate::scope::Key;

/// What is known of them.
pub fn known(context: &Context, key: &Key, world: Option<&World>) -> Known {
    let shelves = &context.shelves;
    let users = user_names(&key.name).filter_map(|name| shelves.users.get(&key.sibling(&name)));
    Known {
        heard: world.map(|world| world.canary.heard()).unwrap_or_default(),
        topic: shelves.topics.get(&key.sibling(&topic_name(&key.name))).map(|topic| Topic::clone(&topic)),
        users: users.map(|user| user.metadata.clone()).collect(),
    }
}

/// Makes those that are wanted, and deletes the others.
pub async fn tend(context: &Context, key: &Key, children: &Children) -> Result<(), Error> {
    for topic in &children.topics {
        context.apply_primary(&context.shelves.topics, topic).await?;
    }
    for user in &children.users {
        context.apply_primary(&context.shelves.users, user).await?;
    }
    delete::<Topic>(context, key, &children.delete_topics).await?;
    delete::<User>(context, key, &children.delete_users).await
}
