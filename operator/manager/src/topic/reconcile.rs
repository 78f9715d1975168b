use std::sync::Arc;
use std::time::Duration;

use kube::core::DeserializeGuard;
use kube::runtime::controller::Action;
use kube::{Resource, ResourceExt};
use sluice_core::condition::{self, Verdict, VerdictKind};
use sluice_core::reason::Reason as _;
use sluice_core::topic::{self, CREATED, FINALIZER, Plan, Seen, Teardown, TeardownSeen, TopicReason, Wanted};
use sluice_core::view::Sight;
use sluice_core::view::kafka::ClusterView;
use sluice_crds::Topic;
use tracing::warn;

use super::act::{self, Done};
use crate::act::finalizer;
use crate::context::Context;
use crate::error::Error;
use crate::observe::kafka::Change;
use crate::report::events::Severity;
use crate::report::{self, Farewell};
use crate::scope::{Key, Pass};

/// A pass makes as many quiet steps as lead to the declared state (create, grow, configure), and no more.
const STEPS: usize = 4;
/// When a refused change is tried again: the cause may be in Kafka rather than in the spec.
const REFUSED: Duration = Duration::from_secs(30);
/// When we look again for what only time changes.
const SOON: Duration = Duration::from_secs(1);

/// One pass over a Topic: look, decide, act, tell. Never waits for more than its own batch.
pub async fn reconcile(object: Arc<DeserializeGuard<Topic>>, context: Arc<Context>) -> Pass {
    let topic = match &object.0 {
        Ok(topic) => topic,
        Err(invalid) => {
            let farewell = Farewell { finalizer: FINALIZER, left: topic::left_behind };
            let reason = TopicReason::Unparsable;
            return report::unparsable::<Topic>(&context, &object, &invalid.error, reason, Some(farewell))
                .await;
        }
    };
    if context.written.is_ahead_of(topic) {
        return Ok(Action::await_change());
    }
    let key = Key::of(topic);
    let cluster = key.sibling(&topic.spec.cluster_ref.name);
    if topic.meta().deletion_timestamp.is_some() {
        return teardown(&context, topic, &key, &cluster).await;
    }
    let wanted = match topic::validate(topic) {
        Ok(wanted) => wanted,
        Err(findings) => {
            tell(&context, topic, &Verdict::refused(&findings), remembered(topic).as_ref()).await?;
            return Ok(Action::await_change());
        }
    };
    let mut requeue = Action::await_change();
    // as this pass writes it: each look follows from what was written before
    let mut topic = Topic::clone(topic);
    let mut plan = look(&context, &topic, &key, &cluster, &wanted);
    for _ in 0..STEPS {
        if let Some(lost) = plan.lost.take() {
            warn!(topic = %key, lost, "a topic was lost");
            context.event(&topic, Severity::Warning, "TopicLost", "Reconcile", &lost).await;
            // the status has another id, or none, from now on: so it is told once
            if let Some(written) = tell(&context, &topic, &plan.verdict, plan.owned.as_ref()).await? {
                topic = written;
            }
        }
        act::claim(&context, &mut topic, &plan).await?;
        match act::step(&context, &cluster, &wanted, &plan).await {
            Done::Nothing => break,
            Done::Changed => plan = look(&context, &topic, &key, &cluster, &wanted),
            Done::NotYet => {
                requeue = Action::requeue(SOON);
                break;
            }
            Done::Refused(words) => {
                plan.verdict = topic::rejected(&words);
                requeue = Action::requeue(REFUSED);
                break;
            }
        }
    }
    // the observer wakes us once it has looked, or read the configs; what status says until then still holds
    if plan.verdict.reason == TopicReason::Describing.as_str()
        || (plan.verdict.kind == VerdictKind::Unknown && nothing_seen(&context, &topic, &cluster))
    {
        return Ok(Action::requeue(SOON));
    }
    tell(&context, &topic, &plan.verdict, plan.owned.as_ref()).await?;
    if plan.verdict.reason == TopicReason::Replicating.as_str() {
        // it moves the replicas
        context.shelves.clusters.wake(&cluster);
    }
    Ok(requeue)
}

/// Nobody has looked at Kafka yet, and status speaks of this spec.
fn nothing_seen(context: &Context, topic: &Topic, cluster: &Key) -> bool {
    let status = topic.status.as_ref();
    !context.kafka.get(cluster).is_some_and(|world| world.sight().has_looked())
        && status.is_some_and(|status| condition::speak_of(&status.conditions, topic.metadata.generation))
}

fn look(context: &Context, topic: &Topic, key: &Key, cluster: &Key, wanted: &Wanted) -> Plan {
    let sight = context.kafka.get(cluster).map(|world| world.trusted());
    let elder = elder(context, topic, key);
    let parsed = context.shelves.clusters.get(cluster);
    let replicas = parsed.as_ref().map(|cluster| topic::Replicas {
        mode: cluster.spec.rebalance.as_ref().map(|rebalance| rebalance.mode).unwrap_or_default(),
        status: cluster.status.as_ref().and_then(|status| status.rebalance.as_ref()),
    });
    let seen = Seen {
        replicas,
        cluster: context.shelves.clusters.refer(cluster).referent(),
        kafka: sight.as_deref(),
        elder: elder.as_deref(),
        created_by_us: topic.annotations().contains_key(CREATED),
        has_finalizer: topic.finalizers().iter().any(|name| name == FINALIZER),
    };
    topic::plan(wanted, &topic.status.clone().unwrap_or_default(), &seen)
}

/// The older object with the same topic name, if there is one.
fn elder(context: &Context, topic: &Topic, key: &Key) -> Option<String> {
    let name = topic::name_of(topic);
    let rivals = context.shelves.topics.select(|other| {
        other.metadata.namespace.as_deref() == Some(key.namespace.as_str())
            && other.metadata.name != topic.metadata.name
            && topic::name_of(other) == name
    });
    topic::elder(topic, rivals.iter().map(|rival| &**rival))
}

async fn teardown(context: &Context, topic: &Topic, key: &Key, cluster: &Key) -> Pass {
    if !topic.finalizers().iter().any(|name| name == FINALIZER) {
        return Ok(Action::await_change());
    }
    let name = topic::name_of(topic).to_owned();
    let sight: Option<Arc<Sight<ClusterView>>> = context.kafka.get(cluster).map(|world| world.trusted());
    let seen = TeardownSeen {
        topic_name: &name,
        deletion: topic.spec.deletion_policy,
        topic_id: topic.status.as_ref().and_then(|status| status.topic_id.as_deref()),
        created_by_us: topic.annotations().contains_key(CREATED),
        cluster_name: &cluster.name,
        cluster: context.shelves.clusters.refer(cluster).referent(),
        elder: elder(context, topic, key).is_some(),
        kafka: sight.as_deref(),
    };
    match topic::teardown(&seen) {
        Teardown::Release => {}
        Teardown::LeaveAlone(why) => {
            warn!(topic = %key, why, "a topic is left alone");
            context.event(topic, Severity::Warning, "TopicLost", "Delete", &why).await;
        }
        Teardown::Wait(verdict) => {
            tell(context, topic, &verdict, remembered(topic).as_ref()).await?;
            return Ok(Action::requeue(SOON * 5));
        }
        Teardown::DeleteTopic { id } => {
            if let Err(refusal) = context.kafka.change(cluster, Change::Delete { name, id }).await {
                let message = format!("Kafka did not delete the topic: {refusal}. Sluice keeps trying");
                let verdict = Verdict::reconciling(TopicReason::Deleting, message);
                tell(context, topic, &verdict, remembered(topic).as_ref()).await?;
                return Ok(Action::requeue(SOON * 5));
            }
        }
    }
    finalizer::release(context, topic, FINALIZER).await?;
    Ok(Action::await_change())
}

fn remembered(topic: &Topic) -> Option<topic::Facts> {
    let status = topic.status.as_ref()?;
    Some(topic::Facts {
        id: status.topic_id.clone()?,
        partitions: status.partitions?,
        replication_factor: status.replication_factor?,
    })
}

async fn tell(
    context: &Context,
    topic: &Topic,
    verdict: &Verdict,
    owned: Option<&topic::Facts>,
) -> Result<Option<Topic>, Error> {
    let status = topic::status(topic, verdict, owned, Context::now());
    let present = topic.status.as_ref();
    let written = report::status::write(context, topic, present, &status).await?;
    if written.is_some() {
        context.turned(topic, present.map(|s| &s.conditions), &status.conditions).await;
    }
    Ok(written)
}
