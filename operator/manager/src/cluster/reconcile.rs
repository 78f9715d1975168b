use std::sync::Arc;
use std::time::Duration;

use kube::Resource;
use kube::api::Api;
use kube::core::DeserializeGuard;
use kube::runtime::controller::Action;
use sluice_core::cluster::{self, ClusterReason, Outcome, Seen, Step, Wanted};
use sluice_core::view::Sight;
use sluice_core::view::kafka::ClusterView;
use sluice_crds::{KafkaCluster, KafkaClusterStatus};
use tracing::info;

use super::failures::AGAIN;
use super::{act, look};
use crate::act::apply::deadline;
use crate::context::Context;
use crate::error::Error;
use crate::metrics::ClusterLabels;
use crate::observe::kafka::{Pace, World};
use crate::report;
use crate::report::events::Severity;
use crate::scope::{Key, Pass};

/// When a cache will have caught up.
const SOON: Duration = Duration::from_millis(200);

/// One pass over a KafkaCluster: look, decide, act, tell. Never waits.
pub async fn reconcile(object: Arc<DeserializeGuard<KafkaCluster>>, context: Arc<Context>) -> Pass {
    let cluster = match &object.0 {
        Ok(cluster) => cluster,
        Err(invalid) => {
            let (error, reason) = (&invalid.error, ClusterReason::Unparsable);
            return report::unparsable::<KafkaCluster>(&context, &object, error, reason, None).await;
        }
    };
    if cluster.meta().deletion_timestamp.is_some() {
        // children go by their owner references, volumes by their retention policy
        return Ok(Action::await_change());
    }
    let key = Key::of(cluster);
    let wanted = match cluster::validate(cluster) {
        Ok(wanted) => wanted,
        Err(findings) => {
            let sight = context.kafka.get(&key).map(|world| world.sight());
            let status = cluster::rejected(cluster, &findings, sight.as_deref(), Context::now());
            tell(&context, cluster, &status).await?;
            return Ok(Action::await_change());
        }
    };
    let world = context
        .kafka
        .ensure(&context, &key, &look::bootstrap(&wanted))
        .map_err(|source| Error::Address { cluster: key.to_string(), source })?;
    let seen = look::look(&context, &key, Some(&world));
    let now = Context::now();
    // what this pass has written so far: each status follows from the one before
    let mut written = cluster.status.clone();
    let plan = cluster::plan(&wanted, &seen, written.as_ref(), now);
    world.set_pace(if plan.closely { Pace::Brisk } else { Pace::Steady });

    let generation = cluster.meta().generation;
    let mut requeue = plan.requeue;
    let outcome = if let Some(failed) = context.failures.standing(&key, generation) {
        failed
    } else {
        let mut outcome = act::quietly(&context, &key, &world, &plan).await;
        if outcome == Outcome::Done && plan.step.is_disruptive() {
            let before = cluster::status(&wanted, &seen, &plan, &outcome, written.as_ref(), now);
            finish(&context, cluster, written.as_ref(), &before).await?;
            written = Some(before);
            // our caches may not show yet what the step before has done
            let live = Seen { pods: look::live_pods(&context, &key).await?, ..seen.clone() };
            let again = cluster::plan(&wanted, &live, written.as_ref(), now);
            if again.step == plan.step && still_wanted(&context, cluster, &key).await? {
                outcome = disturb(&context, cluster, &key, &world, &wanted, &plan.step).await;
            } else {
                requeue = Some(SOON);
            }
        }
        context.failures.note(&key, generation, &outcome);
        outcome
    };
    if outcome != Outcome::Done {
        requeue = Some(requeue.map_or(AGAIN, |soon| soon.max(AGAIN)));
    }
    let status = cluster::status(&wanted, &seen, &plan, &outcome, written.as_ref(), now);
    finish(&context, cluster, written.as_ref(), &status).await?;
    measure(&context, &key, &seen, &status);
    Ok(requeue.map_or_else(Action::await_change, Action::requeue))
}

/// Carries the step out, and tells about it.
async fn disturb(
    context: &Context,
    cluster: &KafkaCluster,
    key: &Key,
    world: &World,
    wanted: &Wanted,
    step: &Step,
) -> Outcome {
    let text = step.text();
    info!(cluster = %key, step = text, "step");
    let outcome = act::step(context, key, world, wanted, step).await;
    let action = match step {
        Step::Restart { .. } => "Restart",
        Step::AddVoter { .. } => "AddVoter",
        Step::RemoveVoter { .. } => "RemoveVoter",
        Step::UnregisterBroker { .. } => "UnregisterBroker",
        Step::None | Step::Wait(_) => return outcome,
    };
    // a failure shows in `Ready`, and turns of that are told
    if outcome == Outcome::Done {
        context.event(cluster, Severity::Normal, action, action, &text).await;
    }
    outcome
}

/// Before a step that cannot be taken back: whether the object on the API server is the one that we decided on.
async fn still_wanted(context: &Context, cluster: &KafkaCluster, key: &Key) -> Result<bool, Error> {
    let api: Api<KafkaCluster> = Api::namespaced(context.client().clone(), &key.namespace);
    let present = deadline(&format!("read KafkaCluster {key}"), api.get_metadata_opt(&key.name)).await?;
    Ok(present.is_some_and(|present| {
        let (now, then) = (&present.metadata, cluster.meta());
        now.uid == then.uid && now.generation == then.generation && now.deletion_timestamp.is_none()
    }))
}

async fn tell(context: &Context, cluster: &KafkaCluster, status: &KafkaClusterStatus) -> Result<(), Error> {
    finish(context, cluster, cluster.status.as_ref(), status).await
}

/// Writes status, and an event when `Ready` turned for the worse.
async fn finish(
    context: &Context,
    cluster: &KafkaCluster,
    written: Option<&KafkaClusterStatus>,
    status: &KafkaClusterStatus,
) -> Result<(), Error> {
    let metrics = &context.shared.metrics;
    let changed = report::status::patch(context.client(), metrics, cluster, written, status).await?;
    if changed && let Some(news) = report::events::turn(written.map(|s| &s.conditions), &status.conditions) {
        context.event(cluster, news.severity, news.reason, "Reconcile", news.message).await;
    }
    Ok(())
}

fn measure(context: &Context, key: &Key, seen: &Seen, status: &KafkaClusterStatus) {
    let labels = ClusterLabels { namespace: key.namespace.clone(), cluster: key.name.clone() };
    let metrics = &context.shared.metrics;
    let current: Option<&Arc<ClusterView>> = Sight::current(&seen.kafka);
    if let (Some(_), Some(health)) = (current, &status.partitions) {
        metrics.offline_partitions.get_or_create(&labels).set(health.offline.into());
        metrics.under_replicated_partitions.get_or_create(&labels).set(health.under_replicated.into());
        metrics.under_min_isr_partitions.get_or_create(&labels).set(health.under_min_isr.into());
    }
}
