//! The Topic and the Users that Sluice's own records need.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt as _;
use sluice_core::cluster::canary::{Children, Known, all_names, topic_name};
use sluice_crds::{Topic, User};

use crate::context::Context;
use crate::error::Error;
use crate::observe::kafka::World;
use crate::scope::Key;

/// What is known of them.
pub fn known(context: &Context, key: &Key, world: Option<&World>) -> Known {
    let topic = context.shelves.topics.get(&key.sibling(&topic_name(&key.name)));
    Known {
        heard: world.map(|world| world.canary.heard()).unwrap_or_default(),
        declared: topic.map_or(0, |topic| topic.spec.partitions),
    }
}

/// Makes those that are wanted, and deletes the others.
pub async fn tend(context: &Context, key: &Key, wanted: &Children) -> Result<(), Error> {
    for topic in &wanted.topics {
        context.apply_topic(topic).await?;
    }
    for user in &wanted.users {
        context.apply_user(user).await?;
    }
    let (client, metrics) = (context.client(), &context.shared.metrics);
    let (topic, users) = all_names(&key.name);
    let topic = key.sibling(&topic);
    if wanted.topics.is_empty()
        && let Some(uid) = context.shelves.topics.get(&topic).and_then(|it| ours(&it.metadata, &wanted.owner))
    {
        context.applier.delete::<Topic>(client, metrics, &topic, &uid).await?;
    }
    let obsolete = users.into_iter().filter(|name| wanted.users.iter().all(|user| user.name_any() != *name));
    for user in obsolete.map(|name| key.sibling(&name)) {
        let present = context.shelves.users.get(&user);
        if let Some(uid) = present.and_then(|it| ours(&it.metadata, &wanted.owner)) {
            context.applier.delete::<User>(client, metrics, &user, &uid).await?;
        }
    }
    Ok(())
}

/// The uid of what belongs to the KafkaCluster and is not on its way out.
fn ours(present: &ObjectMeta, owner: &str) -> Option<String> {
    let ours = present.owner_references.iter().flatten().any(|reference| reference.uid == owner);
    present.uid.clone().filter(|_| ours && present.deletion_timestamp.is_none())
}
