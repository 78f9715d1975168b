use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, Patch, PatchParams};
use kube::core::PartialObjectMeta;
use kube::{Resource as _, ResourceExt};
use serde_json::json;
use sluice_clients::connect::Error as ConnectError;
use sluice_core::connect::credentials::POD_ANNOTATION;
use sluice_core::connect::desired::Objects;
use sluice_core::connect::pods;
use sluice_crds::{ConnectCluster, Connector};
use tracing::info;

use crate::act::apply::{deadline, is_status};
use crate::context::Context;
use crate::error::Error;
use crate::observe::connect::World;
use crate::report::events::Severity;
use crate::scope::{Key, chain};

/// Makes the children as wanted, in the order in which they need each other.
pub async fn apply(context: &Context, objects: &Objects, start: bool) -> Result<(), Error> {
    for topic in &objects.topics {
        context.apply_primary(&context.shelves.topics, topic).await?;
    }
    context.apply(&objects.service_account).await?;
    for service in &objects.services {
        context.apply(service).await?;
    }
    context.apply(&objects.pod_disruption_budget).await?;
    context.apply(&objects.config_map).await?;
    if start {
        context.apply(&objects.stateful_set).await?;
    }
    Ok(())
}

/// Tells the kubelets of the workers that the connectors' Secret has a new revision: a change of its pod makes a kubelet look at
/// the pod's volumes at once.
pub async fn tell_kubelets(context: &Context, worker_pods: &[Pod], revision: i64) -> Result<(), Error> {
    let revision = revision.to_string();
    for pod in worker_pods {
        let told = pod.annotations().get(POD_ANNOTATION) == Some(&revision);
        if told || pod.meta().deletion_timestamp.is_some() || pods::address(pod).is_none() {
            continue;
        }
        let key = Key::of(pod);
        let api: Api<PartialObjectMeta<Pod>> = Api::namespaced(context.client().clone(), &key.namespace);
        let patch = Patch::Merge(json!({ "metadata": { "annotations": { POD_ANNOTATION: revision } } }));
        let params = PatchParams::default();
        context.shared.metrics.kube_write("patch", "Pod");
        match deadline(&format!("annotate Pod {key}"), api.patch(&key.name, &params, &patch)).await {
            Ok(_) => {}
            Err(Error::Kube { source, .. }) if is_status(&source, &[404]) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Deletes a worker's pod, if it is still the one that we looked at: its StatefulSet makes it anew.
pub async fn restart(
    context: &Context,
    connect: &ConnectCluster,
    pod: &str,
    uid: &str,
    reasons: &[String],
) -> Result<(), Error> {
    let key = Key::of(connect).sibling(pod);
    info!(connect = %Key::of(connect), pod, ?reasons, "restarting a worker");
    if context.applier.delete::<Pod>(context.client(), &context.shared.metrics, &key, uid).await? {
        let note = format!("Restarting {pod}: {}", reasons.join(", "));
        context.event(connect, Severity::Normal, "WorkerRestarted", "Restart", &note).await;
    }
    Ok(())
}

/// Deletes connectors whose objects are gone. Their offsets stay.
pub async fn forget_orphans(
    context: &Context,
    connect: &ConnectCluster,
    world: &World,
    orphans: &[String],
) -> Result<(), Error> {
    let key = Key::of(connect);
    for name in orphans {
        if world.is_settling(name) {
            continue;
        }
        // from the API server: what our store does not have yet would be deleted and made again
        let api: Api<Connector> = Api::namespaced(context.client().clone(), &key.namespace);
        let object = key.sibling(name);
        if deadline(&format!("read Connector {object}"), api.get_metadata_opt(name)).await?.is_some() {
            continue;
        }
        match world.client.delete(name).await {
            Ok(()) | Err(ConnectError::NotFound { .. }) => {
                info!(connect = %key, connector = %name, "deleted a connector whose Connector object is gone");
                let note = format!(
                    "Connector {name} was made by Sluice for an object that is gone; its offsets stay"
                );
                context.event(connect, Severity::Normal, "ConnectorDeleted", "Delete", &note).await;
            }
            Err(error) => {
                info!(connect = %key, connector = %name, error = %chain(&error), "orphan not deleted yet");
            }
        }
        world.ordered(name);
    }
    Ok(())
}
