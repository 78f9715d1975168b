use kube::ResourceExt;
use kube::api::{Api, Patch, PatchParams};
use kube::core::ObjectMeta;
use serde_json::json;
use sluice_clients::kafka::{Code, NewTopic};
use sluice_core::topic::{CREATED, FINALIZER, Plan, Step, Wanted};
use sluice_crds::Topic;

use crate::act::apply::{deadline, is_status};
use crate::context::Context;
use crate::error::Error;
use crate::observe::kafka::{Change, Refusal};
use crate::scope::Key;

/// How a step ended.
pub enum Done {
    /// There was none.
    Nothing,
    Changed,
    /// It is not known, or not visible yet; the next look tells.
    NotYet,
    /// Kafka's words.
    Refused(String),
}

/// Carries out the plan's step.
pub async fn step(context: &Context, cluster: &Key, wanted: &Wanted, plan: &Plan) -> Done {
    let name = wanted.name.clone();
    let change = match &plan.step {
        Step::None => return Done::Nothing,
        Step::Create { partitions, replication_factor, configs } => Change::Create(NewTopic {
            name,
            partitions: Some(*partitions),
            replication_factor: replication_factor.and_then(|factor| i16::try_from(factor).ok()),
            configs: configs.clone(),
        }),
        Step::Grow { partitions } => Change::Grow { name, partitions: *partitions },
        Step::Configure { set, remove } => {
            Change::Configure { name, set: set.clone(), remove: remove.iter().cloned().collect() }
        }
    };
    match context.kafka.change(cluster, change).await {
        Ok(()) => Done::Changed,
        // one that exists after all: our view was behind
        Err(Refusal::Item(error))
            if error.code.is_retriable() || error.code == Code::TOPIC_ALREADY_EXISTS =>
        {
            Done::NotYet
        }
        Err(Refusal::Item(error)) => Done::Refused(error.to_string()),
        Err(Refusal::Call(_) | Refusal::NotVisible) => Done::NotYet,
    }
}

/// Writes finalizer and mark as the plan wants them, before anything is created that they answer for.
///
/// `topic` is our copy of the object; it becomes what the API server has then.
pub async fn claim(context: &Context, topic: &mut Topic, plan: &Plan) -> Result<(), Error> {
    let has = topic.finalizers().iter().any(|name| name == FINALIZER);
    let marked = topic.annotations().contains_key(CREATED);
    let mark = plan.mark_created && !marked;
    if has == plan.finalizer && !mark {
        return Ok(());
    }
    let mut finalizers: Vec<&str> =
        topic.finalizers().iter().map(String::as_str).filter(|name| *name != FINALIZER).collect();
    if plan.finalizer {
        finalizers.push(FINALIZER);
    }
    let mut metadata = json!({
        // finalizers are a list that others write too: refuse to overwrite what we have not seen
        "resourceVersion": topic.resource_version(),
        "finalizers": finalizers,
    });
    if mark {
        metadata["annotations"] = json!({ CREATED: "true" });
    }
    if let Some(written) = write(context, topic, metadata, plan.finalizer).await? {
        topic.metadata = written;
    }
    Ok(())
}

/// Drops our finalizer: the object may go.
pub async fn release(context: &Context, topic: &Topic) -> Result<(), Error> {
    let others: Vec<&String> = topic.finalizers().iter().filter(|name| *name != FINALIZER).collect();
    let metadata = json!({ "resourceVersion": topic.resource_version(), "finalizers": others });
    write(context, topic, metadata, false).await.map(drop)
}

async fn write(
    context: &Context,
    topic: &Topic,
    metadata: serde_json::Value,
    must_exist: bool,
) -> Result<Option<ObjectMeta>, Error> {
    let key = Key::of(topic);
    let api: Api<Topic> = Api::namespaced(context.client().clone(), &key.namespace);
    let patch = Patch::Merge(json!({ "metadata": metadata }));
    context.shared.metrics.kube_write("patch", "Topic");
    let params = PatchParams::default();
    let request = api.patch_metadata(&key.name, &params, &patch);
    match deadline(&format!("write the finalizers of Topic {key}"), request).await {
        Ok(answer) => {
            context.written.note(&key, &answer);
            Ok(Some(answer.metadata))
        }
        Err(Error::Kube { source, .. }) if !must_exist && is_status(&source, &[404]) => Ok(None),
        Err(error) => Err(error),
    }
}
