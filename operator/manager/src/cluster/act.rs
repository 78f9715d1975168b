use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::{join_all, try_join_all};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Pod};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::Resource;
use kube::api::{Api, Patch, PatchParams};
use kube::core::NamespaceResourceScope;
use serde::de::DeserializeOwned;
use serde_json::json;
use sluice_clients::kafka::{self, ConfigTarget, VoterListener};
use sluice_core::cluster::desired::Objects;
use sluice_core::cluster::names::CONTROLLER_LISTENER;
use sluice_core::cluster::{ConfigChange, Doing, GrowClaim, Obsolete, Outcome, Plan, Step, Wanted};
use tracing::warn;

use super::{canary, moves};
use crate::act::apply::{deadline, is_status};
use crate::context::Context;
use crate::error::Error;
use crate::fault;
use crate::observe::kafka::World;
use crate::scope::{Key, chain};

/// A broker that does not take it sooner holds up the pass.
const CORDON: Duration = Duration::from_secs(3);

/// What Kafka answers when a voter is one already or is none any more, and when a broker is unregistered.
const MADE: [kafka::Code; 3] =
    [kafka::Code::DUPLICATE_VOTER, kafka::Code::VOTER_NOT_FOUND, kafka::Code::BROKER_ID_NOT_REGISTERED];

/// Everything in a plan that disturbs nobody. What fails is told and keeps nothing else from being done: a volume that
/// cannot grow is no reason to leave the configuration as it was.
pub async fn quietly(
    context: &Context,
    key: &Key,
    generation: Option<i64>,
    world: &World,
    plan: &Plan,
) -> BTreeMap<Doing, Outcome> {
    let mut failed = BTreeMap::new();
    for doing in [Doing::Apply, Doing::Delete, Doing::Alter, Doing::Access, Doing::Grow, Doing::Canary] {
        if let Some(standing) = context.failures.standing(key, generation, doing) {
            failed.insert(doing, standing);
            continue;
        }
        let outcome = quiet(context, key, world, plan, doing).await;
        // what is being removed is gone in a moment, and its watch tells
        if !matches!(outcome, Outcome::Taken { earlier: true, .. }) {
            context.failures.note(key, generation, doing, &outcome);
        }
        if outcome != Outcome::Done {
            failed.insert(doing, outcome);
        }
    }
    failed
}

async fn quiet(context: &Context, key: &Key, world: &World, plan: &Plan, doing: Doing) -> Outcome {
    let done = match doing {
        Doing::Apply => match &plan.objects {
            Some(wanted) => objects(context, wanted).await,
            None => Ok(()),
        },
        Doing::Delete => delete_all(context, key, plan).await,
        Doing::Grow => grow_all(context, key, plan).await,
        Doing::Canary => match &plan.canary {
            Some(wanted) => canary::tend(context, key, wanted).await,
            None => Ok(()),
        },
        Doing::Alter => return alter(world, plan).await,
        Doing::Access => return access(world, plan).await,
        // before the plan was made; and after all this
        Doing::Certify | Doing::Step => Ok(()),
    };
    done.map_or_else(|error| failed(doing, &error), |()| Outcome::Done)
}

/// The one step that disturbs a node or the quorum.
pub async fn step(context: &Context, key: &Key, world: &World, wanted: &Wanted, step: &Step) -> Outcome {
    let done = match step {
        Step::None | Step::Wait(_) => return Outcome::Done,
        Step::Restart { pod, uid, .. } => {
            let pod = key.sibling(pod);
            let deleted =
                context.applier.delete::<Pod>(context.client(), &context.shared.metrics, &pod, uid).await;
            return deleted.map_or_else(|error| failed(Doing::Step, &error), |_| Outcome::Done);
        }
        Step::AddVoter { id, directory, host, port } => {
            let address = match format!("{host}:{port}").parse() {
                Ok(address) => address,
                Err(error) => return refused(Doing::Step, &error),
            };
            let listener = VoterListener { name: CONTROLLER_LISTENER.into(), address };
            world.client.add_raft_voter(&wanted.cluster_id, (*id, *directory), &[listener]).await
        }
        Step::RemoveVoter { id, directory, .. } => {
            world.client.remove_raft_voter(&wanted.cluster_id, (*id, *directory)).await
        }
        Step::UnregisterBroker { id } => world.client.unregister_broker(*id).await,
        Step::Rebalance(act) => {
            let done = moves::act(world, act).await;
            world.stepped();
            world.look_soon();
            return match done {
                Ok(Ok(())) => Outcome::Done,
                Ok(Err(item)) => Outcome::Failed {
                    doing: Doing::Step,
                    error: chain(&item),
                    refused: !item.code.is_retriable(),
                },
                Err(error) => answered(Doing::Step, &error),
            };
        }
    };
    world.stepped();
    match done {
        Ok(()) => {
            world.look_soon();
            Outcome::Done
        }
        // made before, with an answer that we did not see
        Err(error) if error.code().is_some_and(|code| MADE.contains(&code)) => Outcome::Done,
        Err(error) => answered(Doing::Step, &error),
    }
}

/// Makes every object as declared. What a pod mounts and finds by name comes before the pods.
pub async fn objects(context: &Context, objects: &Objects) -> Result<(), Error> {
    context.apply(&objects.service_account).await?;
    try_join_all(objects.services.iter().map(|service| context.apply(service))).await?;
    context.apply(&objects.pod_disruption_budget).await?;
    if let Some(policy) = &objects.network_policy {
        context.apply(policy).await?;
    }
    try_join_all(objects.config_maps.iter().map(|map| context.apply(map))).await?;
    try_join_all(objects.stateful_sets.iter().map(|set| context.apply(set))).await?;
    Ok(())
}

/// What is left of pools that are gone, and a policy that is not wanted.
async fn delete_all(context: &Context, key: &Key, plan: &Plan) -> Result<(), Error> {
    delete::<StatefulSet>(context, key, &plan.delete).await?;
    delete::<ConfigMap>(context, key, &plan.delete_config_maps).await?;
    delete::<NetworkPolicy>(context, key, plan.delete_network_policy.as_slice()).await
}

/// Deletes what the spec does not want any more, each as it was seen.
pub async fn delete<K>(context: &Context, key: &Key, obsolete: &[Obsolete]) -> Result<(), Error>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug,
{
    let (client, metrics) = (context.client(), &context.shared.metrics);
    for old in obsolete {
        if let Some(uid) = &old.uid {
            context.applier.delete::<K>(client, metrics, &key.sibling(&old.name), uid).await?;
        }
    }
    Ok(())
}

/// All that can; the first failure is told.
async fn grow_all(context: &Context, key: &Key, plan: &Plan) -> Result<(), Error> {
    let mut first = Ok(());
    for claim in &plan.grow {
        let grown = grow(context, key, claim).await;
        first = first.and(grown);
    }
    first
}

async fn grow(context: &Context, key: &Key, claim: &GrowClaim) -> Result<(), Error> {
    let api: Api<PersistentVolumeClaim> = Api::namespaced(context.client().clone(), &key.namespace);
    let patch = Patch::Merge(json!({
        "metadata": { "uid": claim.uid },
        "spec": { "resources": { "requests": { "storage": claim.size } } },
    }));
    context.shared.metrics.kube_write("patch", "PersistentVolumeClaim");
    let params = PatchParams::default();
    let request = api.patch(&claim.name, &params, &patch);
    deadline(&format!("enlarge PersistentVolumeClaim {}", claim.name), request).await.map(drop)
}

async fn alter(world: &World, plan: &Plan) -> Outcome {
    if plan.alter.is_empty() {
        return Outcome::Done;
    }
    let changes: Vec<_> = plan.alter.iter().map(request).collect();
    match world.client.alter_configs(&changes, false).await {
        Ok(items) => {
            if let Some(error) = items.into_iter().find_map(|(_, item)| item.err()) {
                let refused = !error.code.is_retriable();
                return Outcome::Failed { doing: Doing::Alter, error: chain(&error), refused };
            }
            world.altered(&plan.alter);
            world.look_soon();
            Outcome::Done
        }
        Err(error) => answered(Doing::Alter, &error),
    }
}

fn request(change: &ConfigChange) -> kafka::ConfigChange {
    kafka::ConfigChange {
        target: change.broker.map_or(ConfigTarget::ClusterDefault, ConfigTarget::Broker),
        set: change.set.clone(),
        delete: change.reset.clone(),
    }
}

/// Each broker for itself: nothing waits for one that does not answer. It is asked again with the next pass, and
/// status does not say that it is cordoned.
pub async fn cordon(world: &World, changes: &[ConfigChange]) {
    let client = world.client.within(CORDON);
    let one = async |change: &ConfigChange| {
        let error = match client.alter_configs(&[request(change)], false).await {
            Ok(items) => items.into_iter().find_map(|(_, item)| item.err()).map(|error| chain(&error)),
            Err(error) => Some(chain(&error)),
        };
        match error {
            None => {
                world.altered(std::slice::from_ref(change));
                fault::reached("Done:Cordon");
            }
            Some(error) => {
                warn!(cluster = %world.key, broker = change.broker, error, "which brokers get no new partitions is not taken");
            }
        }
    };
    join_all(changes.iter().map(one)).await;
}

/// First what is made: nobody loses in between what stays allowed.
async fn access(world: &World, plan: &Plan) -> Outcome {
    let (make, drop) = (&plan.access.make, &plan.access.drop);
    if plan.access.is_empty() {
        return Outcome::Done;
    }
    let both = async {
        let mut items = world.client.create_acls(make).await?;
        items.extend(world.client.delete_acls(drop).await?);
        Ok::<_, kafka::Error>(items)
    };
    match both.await {
        Ok(items) => {
            if let Some(error) = items.into_iter().find_map(Result::err) {
                return refused(Doing::Access, &error);
            }
            world.look_soon();
            Outcome::Done
        }
        Err(error) => answered(Doing::Access, &error),
    }
}

pub fn failed(doing: Doing, error: &Error) -> Outcome {
    if let Error::NameTaken { earlier, .. } = error {
        return Outcome::Taken { what: error.to_string(), earlier: *earlier };
    }
    let refused =
        matches!(error, Error::Kube { source, .. } if is_status(source, &[400, 403, 404, 409, 422]));
    Outcome::Failed { doing, error: chain(error), refused }
}

fn answered(doing: Doing, error: &kafka::Error) -> Outcome {
    let refused = error.code().is_some_and(|code| !code.is_retriable());
    Outcome::Failed { doing, error: chain(error), refused }
}

fn refused(doing: Doing, error: &dyn std::error::Error) -> Outcome {
    Outcome::Failed { doing, error: chain(error), refused: true }
}
