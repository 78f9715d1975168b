use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kube::Resource;
use kube::core::DeserializeGuard;
use kube::runtime::controller::Action;
use sluice_core::cluster::names::APP;
use sluice_core::cluster::{self, ClusterReason, Doing, Outcome, Seen, Step, Wanted};
use sluice_core::finding::Finding;
use sluice_core::meta::Owner;
use sluice_core::view::Sight;
use sluice_core::view::kafka::ClusterView;
use sluice_crds::{KafkaCluster, KafkaClusterStatus};
use tracing::info;

use super::failures::AGAIN;
use super::{act, keep, look, moves};
use crate::act::live;
use crate::context::Context;
use crate::error::Error;
use crate::fault::{self, Moment};
use crate::metrics::ClusterLabels;
use crate::observe::kafka::{Pace, World};
use crate::pki;
use crate::report;
use crate::report::events::Severity;
use crate::scope::{Key, Pass};

/// When a cache will have caught up.
const SOON: Duration = Duration::from_millis(200);

/// One pass over a KafkaCluster: look, decide, act, tell. Never waits.
pub async fn reconcile(object: Arc<DeserializeGuard<KafkaCluster>>, context: Arc<Context>) -> Pass {
    if object.meta().deletion_timestamp.is_some() {
        // children go by their owner references, volumes by their retention policy
        return Ok(Action::await_change());
    }
    let key = Key::of(&*object);
    match &object.0 {
        // what was written before something was done is not in our copy yet
        Ok(cluster) if context.written.is_ahead_of(cluster) => Ok(Action::requeue(SOON)),
        Ok(cluster) => match cluster::validate(cluster) {
            Ok(wanted) => Box::pin(pass(&context, cluster, &key, &wanted)).await,
            Err(findings) => refused(&context, cluster, &key, &findings).await,
        },
        Err(invalid) => unparsable(&context, &object, &key, &invalid.error).await,
    }
}

/// What of the spec is wrong is told; what was declared before goes on.
async fn refused(
    context: &Arc<Context>,
    cluster: &KafkaCluster,
    key: &Key,
    findings: &[Finding<ClusterReason>],
) -> Pass {
    let owner = Owner::of(cluster, APP);
    let world = match &owner {
        Some(owner) => keep::observed(context, key, owner).await?,
        None => None,
    };
    let known = cluster.status.as_ref().filter(|status| status.bootstrapped);
    if let (Some(world), Some(id)) = (&world, known.and_then(|status| status.cluster_id.as_ref())) {
        expect(context, key, world, id);
    }
    let sight = world.map(|world| world.sight());
    let status = cluster::rejected(cluster, findings, sight.as_deref(), Context::now());
    finish(context, cluster, cluster.status.as_ref(), &status).await?;
    if let Some(owner) = owner.filter(|_| !cluster.spec.paused) {
        keep::repaired(context, key, &owner).await?;
    }
    Ok(Action::await_change())
}

/// The same for an object that was written under another schema.
async fn unparsable(
    context: &Arc<Context>,
    object: &DeserializeGuard<KafkaCluster>,
    key: &Key,
    error: &str,
) -> Pass {
    let owner = Owner::of(object, APP);
    if let Some(owner) = &owner {
        keep::observed(context, key, owner).await?;
    }
    let (client, metrics) = (context.client(), &context.shared.metrics);
    let reason = ClusterReason::Unparsable;
    let present = report::tell_unparsable(client, metrics, object, error, reason).await?;
    let paused = present.is_none_or(|present| present.data.pointer("/spec/paused") == Some(&true.into()));
    if let Some(owner) = owner.filter(|_| !paused) {
        keep::repaired(context, key, &owner).await?;
    }
    Ok(Action::await_change())
}

async fn pass(context: &Arc<Context>, cluster: &KafkaCluster, key: &Key, wanted: &Wanted) -> Pass {
    // what a node, and Sluice itself, shows the others comes before everything else
    let (certified, uncertified) = pki::of_cluster(context, wanted, Context::now()).await;
    let wanted = &wanted.clone().certified(&certified.revisions);
    let world = context.kafka.ensure(context, key, &look::bootstrap(wanted), certified.own.as_deref())?;
    expect(context, key, &world, &wanted.cluster_id);
    world.canary.ask(wanted);
    let mut seen = look::look(context, key, Some(&world));
    if cluster::of_an_earlier_life(wanted, &seen).is_some_and(|(_, earlier)| earlier) {
        // what its nodes said, and may still say, is nothing that is known of this cluster
        context.kafka.forget(key);
    }
    seen.certificates = certified.seen.clone();
    seen.unmade = context.missing.look(context, key, &seen).await;
    seen.replication = moves::replication(context, key, &seen);
    seen.proposal = moves::proposal(context, &world, wanted, &seen, cluster.status.as_ref());
    let now = Context::now();
    // what this pass has written so far: each status follows from the one before
    let mut written = cluster.status.clone();
    let plan = cluster::plan(wanted, &seen, written.as_ref(), now);
    world.set_pace(if plan.closely { Pace::Brisk } else { Pace::Steady });

    let generation = cluster.meta().generation;
    let mut requeue = plan.requeue.into_iter().chain(certified.due_in(now)).min();
    let shown = world.due.is_shown(plan.step.kind(), seen.looked_at, now);
    let mut failed = act::quietly(context, key, generation, &world, &plan).await;
    if let Some(error) = uncertified {
        failed.insert(Doing::Certify, act::failed(Doing::Certify, &error));
    }
    if let Some(standing) = context.failures.standing(key, generation, Doing::Step) {
        failed.insert(Doing::Step, standing);
    } else if plan.step.is_disruptive() && !shown {
        // what made it due, an edit for example, may be newer than what is known of replicas
        world.look_soon();
        requeue = Some(SOON);
    } else if plan.step.is_disruptive() && !failed.contains_key(&Doing::Apply) {
        // what failed until now is in it
        let outcome = gravest(&failed);
        let before = cluster::status(wanted, &seen, &plan, &outcome, written.as_ref(), now);
        finish(context, cluster, written.as_ref(), &before).await?;
        written = Some(before);
        // our caches may not show yet what the step before has done
        let fresh = Seen { pods: live::pods(context, APP, cluster).await?, ..seen.clone() };
        let again = cluster::plan(wanted, &fresh, written.as_ref(), now);
        if again.step == plan.step && live::still_wanted(context, cluster).await? {
            fault::step(Moment::Told, &plan.step);
            let outcome = disturb(context, cluster, key, &world, wanted, &plan.step).await;
            context.failures.note(key, generation, Doing::Step, &outcome);
            if outcome != Outcome::Done {
                failed.insert(Doing::Step, outcome);
            }
        } else {
            requeue = Some(SOON);
        }
    }
    act::cordon(&world, &plan.cordon).await;
    if !failed.is_empty() {
        requeue = Some(requeue.map_or(AGAIN, |soon| soon.min(AGAIN)));
    }
    let status = cluster::status(wanted, &seen, &plan, &gravest(&failed), written.as_ref(), now);
    finish(context, cluster, written.as_ref(), &status).await?;
    measure(context, key, &seen, &status);
    Ok(requeue.map_or_else(Action::await_change, Action::requeue))
}

/// What a reader wants to know first of what failed.
fn gravest(failed: &BTreeMap<Doing, Outcome>) -> Outcome {
    failed.values().next().cloned().unwrap_or(Outcome::Done)
}

/// Tells the observer which Kafka cluster is meant. Whoever uses it looks again when that is another one than before.
fn expect(context: &Context, key: &Key, world: &World, cluster_id: &str) {
    if world.expect(cluster_id) && world.sight().latest().is_some_and(|view| view.cluster_id != cluster_id) {
        context.wake_users_of(key);
    }
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
    fault::step(Moment::Done, step);
    // a failure shows in `Ready`, and turns of that are told
    if let (Some(action), Outcome::Done) = (step.kind(), &outcome) {
        context.event(cluster, Severity::Normal, action, action, &text).await;
    }
    outcome
}

/// Writes status, and an event when `Ready` turned for the worse.
async fn finish(
    context: &Context,
    cluster: &KafkaCluster,
    written: Option<&KafkaClusterStatus>,
    status: &KafkaClusterStatus,
) -> Result<(), Error> {
    if report::status::write(context, cluster, written, status).await?.is_some() {
        context.turned(cluster, written.map(|s| &s.conditions), &status.conditions).await;
    }
    Ok(())
}

fn measure(context: &Context, key: &Key, seen: &Seen, status: &KafkaClusterStatus) {
    let labels = ClusterLabels::of(key);
    let metrics = &context.shared.metrics;
    let current: Option<&Arc<ClusterView>> = Sight::current(&seen.kafka);
    if let (Some(_), Some(health)) = (current, &status.partitions) {
        metrics.offline_partitions.get_or_create(&labels).set(health.offline.into());
        metrics.under_replicated_partitions.get_or_create(&labels).set(health.under_replicated.into());
        metrics.under_min_isr_partitions.get_or_create(&labels).set(health.under_min_isr.into());
    }
}
