use std::time::Duration;

use kube::api::{Api, Patch, PatchParams};
use kube::core::NamespaceResourceScope;
use kube::runtime::controller::Action;
use kube::{Resource as _, ResourceExt};
use serde_json::json;
use sluice_core::cdc::{self, CdcReason, FINALIZER, Teardown, TeardownSeen, Wanted};
use sluice_core::condition::Verdict;
use sluice_crds::{CdcPipeline, Connector, Topic};
use tracing::{info, warn};

use super::look::Found;
use super::{act, gauges, namespace};
use crate::act::apply::{deadline, is_status};
use crate::act::finalizer;
use crate::context::Context;
use crate::error::Error;
use crate::report;
use crate::report::events::Severity;
use crate::scope::{Key, Pass};

const SOON: Duration = Duration::from_secs(1);
/// For what is waited for outside of Kubernetes.
const LATER: Duration = Duration::from_secs(5);

/// A pass over a pipeline that is being deleted: one step.
pub async fn teardown(context: &Context, pipeline: &CdcPipeline, wanted: &Wanted, found: &Found) -> Pass {
    if !pipeline.finalizers().iter().any(|name| name == FINALIZER) {
        return Ok(Action::await_change());
    }
    let ours = |child: &cdc::Child| child.owned;
    let started = cdc::started(pipeline)
        || found.connectors.get(&wanted.source_connector()).is_some_and(|(_, c)| c.owned);
    let blind = found.seen_source.sight.current().is_none();
    let namespace_going = blind && namespace::is_going(context.client(), &found.key.namespace).await;
    let now = Context::now();
    let connectors = found.connectors.iter().filter(|(_, (_, child))| ours(child));
    let topics = found.topics.iter().filter(|(_, (_, child))| ours(child));
    let step = cdc::teardown(
        wanted,
        &TeardownSeen {
            connect: found.connect_there,
            connectors: &connectors.map(|(name, child)| (name.clone(), child.clone())).collect(),
            topics: &topics.map(|(name, child)| (name.clone(), child.clone())).collect(),
            source: found.seen_source.look(),
            started,
            namespace_going,
            refused: cdc::validate(pipeline).is_err(),
            since: pipeline.meta().deletion_timestamp.as_ref().map_or(now, |time| time.0),
            now,
        },
    );
    let (verdict, again) = match step {
        Teardown::Stop(names) => {
            for name in &names {
                let spec = json!({ "state": "Stopped" });
                patch::<Connector>(context, &found.key.sibling(name), spec).await?;
            }
            (deleting("The connectors are being stopped"), SOON)
        }
        Teardown::Forget(removals, verdict) => {
            let mut forgotten = Vec::new();
            for removal in removals {
                if act::forget(context, found, &removal.name).await {
                    forgotten.push(removal);
                }
            }
            act::remove(context, found, &forgotten).await?;
            (verdict, SOON)
        }
        Teardown::Remove(removals) => {
            act::remove(context, found, &removals).await?;
            (deleting("Connectors and Topics are being deleted"), SOON)
        }
        Teardown::Abandon(removals, warning) => {
            warn!(pipeline = %found.key, "{warning}");
            context.event(pipeline, Severity::Warning, "OffsetsStay", "Delete", &warning).await;
            act::remove(context, found, &removals).await?;
            (deleting("Connectors are being deleted, and their offsets stay"), SOON)
        }
        Teardown::Keep(names) => {
            for name in &names {
                let spec = json!({ "deletionPolicy": "Retain" });
                patch::<Topic>(context, &found.key.sibling(name), spec).await?;
            }
            (deleting("The topics are being told to stay"), SOON)
        }
        Teardown::Clean(work) => match act::run(found, wanted, &work).await {
            Ok(()) => {
                info!(pipeline = %found.key, doing = work.doing, "cleaned a database");
                (deleting(&format!("Done: {}", work.doing)), SOON)
            }
            Err(failure) => {
                let message = format!(
                    "Sluice could not {}: {}. It keeps trying. To let this object go and leave what is in the database, set \
                     spec.deletionPolicy: Retain",
                    work.doing, failure.text
                );
                (Verdict::reconciling(CdcReason::DeletionBlocked, message), LATER)
            }
        },
        Teardown::Wait(verdict) => (verdict, LATER),
        Teardown::Leave(warning) => {
            // the log too: no event can be made in a namespace that is going
            warn!(pipeline = %found.key, "{warning}");
            context.event(pipeline, Severity::Warning, "SlotLeft", "Delete", &warning).await;
            finalizer::release(context, pipeline, FINALIZER).await?;
            gone(context, &found.key);
            return Ok(Action::await_change());
        }
        Teardown::Release => {
            finalizer::release(context, pipeline, FINALIZER).await?;
            gone(context, &found.key);
            return Ok(Action::await_change());
        }
    };
    let status = cdc::deleting(pipeline, &verdict, started, now);
    let (shared, written) = (&context.shared, pipeline.status.as_ref());
    let changed = report::status::patch(&shared.client, &shared.metrics, pipeline, written, &status).await?;
    if changed && let Some(news) = report::events::turn(written.map(|s| &s.conditions), &status.conditions) {
        context.event(pipeline, news.severity, news.reason, "Delete", news.message).await;
    }
    Ok(Action::requeue(again))
}

/// Nobody looks at the pipeline's databases for it any more.
pub fn gone(context: &Context, key: &Key) {
    context.sources.only(key, &std::collections::HashSet::new());
    context.sinks.only(key, &std::collections::HashSet::new());
    context.cdc.forget(key);
    gauges::forget(context, key);
}

fn deleting(message: &str) -> Verdict {
    Verdict::reconciling(CdcReason::Deleting, message)
}

/// Changes a child's spec, where the pipeline no longer applies it.
async fn patch<K>(context: &Context, key: &Key, spec: serde_json::Value) -> Result<(), Error>
where
    K: kube::Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + serde::de::DeserializeOwned
        + std::fmt::Debug,
{
    let kind = K::kind(&());
    let api: Api<K> = Api::namespaced(context.client().clone(), &key.namespace);
    context.shared.metrics.kube_write("patch", &kind);
    let (params, patch) = (PatchParams::default(), Patch::Merge(json!({ "spec": spec })));
    match deadline(&format!("change {kind} {key}"), api.patch(&key.name, &params, &patch)).await {
        Ok(_) => Ok(()),
        Err(Error::Kube { source, .. }) if is_status(&source, &[404]) => Ok(()),
        Err(error) => Err(error),
    }
}
