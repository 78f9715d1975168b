//! What a pass has to know to move replicas, and how it moves them.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::ResourceExt;
use sluice_clients::kafka::{Code, ConfigChange, ConfigTarget, Error, ItemError, Reassign, TopicPartition};
use sluice_core::cluster::rebalance::{Act, Proposal, RATES, ThrottleChange, is_free_for, model, propose};
use sluice_core::cluster::{Seen, Wanted};
use sluice_core::topic::name_of;
use sluice_crds::rebalance::Moving;
use sluice_crds::{KafkaClusterStatus, Topic};

use crate::context::Context;
use crate::observe::kafka::World;
use crate::scope::Key;

/// The plan for what is seen now, once it is made: as long as the model is the same, so is its plan. Planning takes up to
/// many seconds, on a thread of its own; the pass does not wait for it, for what it has seen would be old by then.
pub fn proposal(
    context: &Arc<Context>,
    world: &Arc<World>,
    wanted: &Wanted,
    seen: &Seen,
    previous: Option<&KafkaClusterStatus>,
) -> Option<Arc<Proposal>> {
    let model = model(wanted, seen, previous)?;
    if let Some(last) = world.moves.proposal().filter(|last| last.model == model) {
        return Some(last);
    }
    if world.moves.begins_to_plan() {
        let (context, world) = (Arc::downgrade(context), Arc::clone(world));
        tokio::task::spawn_blocking(move || {
            world.moves.planned(Arc::new(propose(model)));
            if let Some(context) = context.upgrade() {
                context.shelves.clusters.wake(&world.key);
            }
        });
    }
    None
}

/// Replicas that Topics declare for topics of theirs.
pub fn replication(context: &Context, key: &Key, seen: &Seen) -> BTreeMap<String, i32> {
    let Some(view) = seen.kafka.current() else { return BTreeMap::new() };
    let declares = |topic: &Topic| {
        topic.spec.replication_factor.is_some()
            && !topic.spec.paused
            && topic.metadata.deletion_timestamp.is_none()
            && topic.spec.cluster_ref.name == key.name
            && topic.namespace().as_deref() == Some(key.namespace.as_str())
    };
    let owns = |topic: &Topic| {
        let id = topic.status.as_ref()?.topic_id.as_ref()?;
        let seen = view.topics.get(name_of(topic))?;
        (seen.id.to_string() == *id).then(|| name_of(topic).to_owned()).zip(topic.spec.replication_factor)
    };
    context.shelves.topics.select(declares).iter().filter_map(|topic| owns(topic)).collect()
}

/// Carries an act out, and what Kafka refused of it. All of it can be done twice.
pub async fn act(world: &World, act: &Act) -> Result<Result<(), ItemError>, Error> {
    match act {
        Act::Throttle(change) => throttle(world, change).await,
        Act::Move(moving) => {
            let changes = ours(world, moving).await?;
            let changes = changes.map(|m| reassign(m, Some(m.to.clone()))).collect::<Vec<_>>();
            Ok(all(world.client.reassign(&changes).await?, &[]))
        }
        Act::Cancel(moving) => {
            let changes = ours(world, moving).await?.map(|m| reassign(m, None)).collect::<Vec<_>>();
            // it was done in the meantime
            Ok(all(world.client.reassign(&changes).await?, &[Code::NO_REASSIGNMENT_IN_PROGRESS]))
        }
        Act::Elect(partitions) => {
            let at = |(topic, partition): &(String, i32)| TopicPartition {
                topic: topic.clone(),
                partition: *partition,
            };
            let partitions: Vec<_> = partitions.iter().map(at).collect();
            // who cannot lead now is looked at again
            let fine = [Code::ELECTION_NOT_NEEDED, Code::PREFERRED_LEADER_NOT_AVAILABLE];
            Ok(all(world.client.elect_preferred_leaders(&partitions).await?, &fine))
        }
    }
}

/// Without those that somebody has given another target since we looked: Kafka would take ours instead, and say nothing.
async fn ours<'a>(world: &World, moving: &'a [Moving]) -> Result<impl Iterator<Item = &'a Moving>, Error> {
    let now = world.client.list_reassignments().await?;
    Ok(moving.iter().filter(move |m| is_free_for(m, &now)))
}

fn reassign(moving: &Moving, replicas: Option<Vec<i32>>) -> Reassign {
    let partition = TopicPartition { topic: moving.topic.clone(), partition: moving.partition };
    Reassign { partition, replicas }
}

async fn throttle(world: &World, change: &ThrottleChange) -> Result<Result<(), ItemError>, Error> {
    let (none, keys) = (BTreeMap::new, |keys: [&str; 2]| keys.map(str::to_owned));
    let rates = |value: i64| keys(RATES).map(|key| (key, value.to_string())).into();
    let rate = change.rate.map(|rate| ConfigChange {
        target: ConfigTarget::ClusterDefault,
        set: rates(rate),
        delete: [].into(),
    });
    let no_rate = change.no_rate.then(|| ConfigChange {
        target: ConfigTarget::ClusterDefault,
        set: none(),
        delete: keys(RATES).into(),
    });
    let topics = change.topics.iter().map(|(topic, keys)| {
        let set = keys.iter().filter_map(|(key, value)| Some(((*key).to_owned(), value.clone()?)));
        let delete = keys.iter().filter(|(_, value)| value.is_none()).map(|(key, _)| (*key).to_owned());
        ConfigChange {
            target: ConfigTarget::Topic(topic.clone()),
            set: set.collect(),
            delete: delete.collect(),
        }
    });
    let changes: Vec<_> = rate.into_iter().chain(no_rate).chain(topics).collect();
    // a topic that has gone meanwhile needs no throttle
    let done = all(world.client.alter_configs(&changes, false).await?, &[Code::UNKNOWN_TOPIC_OR_PARTITION]);
    if done.is_ok() {
        world.throttled(change);
    }
    Ok(done)
}

/// The first item that was refused, other than for these reasons.
fn all<T>(items: Vec<(T, Result<(), ItemError>)>, fine: &[Code]) -> Result<(), ItemError> {
    let refused = items.into_iter().filter_map(|(_, item)| item.err()).find(|e| !fine.contains(&e.code));
    refused.map_or(Ok(()), Err)
}
