use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;
use sluice_clients::connect::Error as ConnectError;
use sluice_core::cdc::offsets::Resume;
use sluice_core::cdc::{ChildKind, Plan, Removal, Wanted, Work};
use sluice_crds::common::RunState;
use sluice_crds::connector::ConnectorSpec;
use sluice_crds::{CdcPipeline, Connector, Topic};
use tracing::{debug, info};

use super::look::Found;
use super::offsets;
use crate::act::apply::is_status;
use crate::context::Context;
use crate::error::Error;
use crate::observe::database::Failure;
use crate::report::events::Severity;
use crate::scope::chain;

/// How a plan's work ended.
pub enum Done {
    /// There was none.
    Nothing,
    /// Done; the observers look at it now.
    Changed,
    /// A database refused, or could not be reached.
    Failed { doing: String, failure: Failure },
    /// Connect did not store offsets; its words.
    Unset(String),
    /// The API server refused a child.
    Refused { child: String, words: String },
}

/// Carries the plan out: databases, then topics, then connectors, then what is wanted no more. What a request of `spec.offsets` holds up comes
/// before, so that nothing that is refused keeps its connector stopped.
pub async fn carry_out(
    context: &Context,
    pipeline: &CdcPipeline,
    wanted: &Wanted,
    found: &Found,
    plan: &Plan,
) -> Result<Done, Error> {
    let mut changed = false;
    if let Some(Resume { connector, state }) = &plan.resume
        && let Some((known, _)) = found.connectors.get(connector)
        && let Err(words) =
            refusal(context.apply_primary(&context.shelves.connectors, &resumed(known, *state)).await)?
    {
        return Ok(Done::Refused { child: format!("Connector {connector}"), words });
    }
    let unset = match &plan.set {
        Some(set) => offsets::set(context, found, set).await.err(),
        None => None,
    };
    changed |= plan.set.is_some() && unset.is_none();
    for topic in &plan.topics {
        match refusal(context.apply_primary(&context.shelves.topics, topic).await)? {
            Ok(_) => {}
            Err(words) => return Ok(Done::Refused { child: format!("Topic {}", topic.name_any()), words }),
        }
    }
    for work in &plan.work {
        if let Err(failure) = run(found, wanted, work).await {
            return Ok(Done::Failed { doing: work.doing.clone(), failure });
        }
        info!(pipeline = %found.key, doing = work.doing, "prepared a database");
        let note = format!("Done: {}", work.doing);
        context.event(pipeline, Severity::Normal, "Prepared", "Prepare", &note).await;
        changed = true;
    }
    for connector in &plan.connectors {
        match refusal(context.apply_primary(&context.shelves.connectors, connector).await)? {
            Ok(_) => {}
            Err(words) => {
                return Ok(Done::Refused { child: format!("Connector {}", connector.name_any()), words });
            }
        }
    }
    for order in &plan.orders {
        if let Err(failure) = run(found, wanted, order).await {
            return Ok(Done::Failed { doing: order.doing.clone(), failure });
        }
        debug!(pipeline = %found.key, doing = order.doing, "gave an order");
    }
    if plan.forget {
        forget(context, found, &wanted.source_connector()).await;
        changed = true;
    }
    remove(context, found, &plan.removals).await?;
    if let Some(words) = unset {
        return Ok(Done::Unset(words));
    }
    Ok(if changed { Done::Changed } else { Done::Nothing })
}

/// The Connector as Sluice has made it, in another state.
fn resumed(known: &Connector, state: RunState) -> Connector {
    let meta = &known.metadata;
    let metadata = ObjectMeta {
        name: meta.name.clone(),
        namespace: meta.namespace.clone(),
        labels: meta.labels.clone(),
        annotations: meta.annotations.clone(),
        owner_references: meta.owner_references.clone(),
        ..Default::default()
    };
    Connector { metadata, spec: ConnectorSpec { state, ..known.spec.clone() }, status: None }
}

/// Whether Connect has forgotten a connector's offsets, or never had them. It refuses until the connector has stopped: then a later
/// pass tries again.
pub async fn forget(context: &Context, found: &Found, connector: &str) -> bool {
    let Some(world) = context.connect.get(&found.connect) else { return false };
    match world.client.delete_offsets(connector).await {
        Ok(()) => {
            info!(pipeline = %found.key, connector, "Connect forgot the offsets");
            true
        }
        Err(ConnectError::NotFound { .. }) => true,
        Err(error) => {
            debug!(pipeline = %found.key, connector, error = %chain(&error), "offsets not forgotten");
            false
        }
    }
}

/// Deletes children, each only if it is still the one that we looked at.
pub async fn remove(context: &Context, found: &Found, removals: &[Removal]) -> Result<(), Error> {
    let (client, metrics) = (context.client(), &context.shared.metrics);
    for removal in removals {
        let key = found.key.sibling(&removal.name);
        match removal.kind {
            ChildKind::Topic => context.applier.delete::<Topic>(client, metrics, &key, &removal.uid).await?,
            ChildKind::Connector => {
                context.applier.delete::<Connector>(client, metrics, &key, &removal.uid).await?
            }
        };
        info!(pipeline = %found.key, kind = ?removal.kind, name = removal.name, "deleted a child");
    }
    Ok(())
}

/// Carries one piece of work out and has its database looked at.
pub async fn run(found: &Found, wanted: &Wanted, work: &Work) -> Result<(), Failure> {
    let Some(name) = &work.sink else {
        let done = found.source.run(&work.doing, &work.statements).await;
        found.source.look_soon();
        return done;
    };
    for (sink, world) in wanted.sinks.iter().zip(&found.sinks) {
        if sink.name == *name {
            let done = world.run(&work.doing, &work.statements).await;
            world.look_soon();
            return done;
        }
    }
    Ok(())
}

/// What the API server has against a child; other errors end the pass.
fn refusal<T>(applied: Result<T, Error>) -> Result<Result<T, String>, Error> {
    match applied {
        Ok(applied) => Ok(Ok(applied)),
        Err(Error::Kube { source, .. }) if is_status(&source, &[400, 403, 422]) => {
            let words = match source.as_ref() {
                kube::Error::Api(status) => status.message.clone(),
                other => other.to_string(),
            };
            Ok(Err(words))
        }
        Err(error) => Err(error),
    }
}
