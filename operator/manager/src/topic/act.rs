use kube::ResourceExt;
use sluice_clients::kafka::{Code, NewTopic};
use sluice_core::topic::{CREATED, FINALIZER, Plan, Step, Wanted};
use sluice_crds::Topic;

use crate::act::finalizer;
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
    let finalizers = if plan.finalizer { finalizer::with } else { finalizer::without };
    let mut metadata = finalizers(&topic.metadata, FINALIZER);
    if mark {
        metadata.annotations = Some([(CREATED.to_owned(), "true".to_owned())].into());
    }
    let written = finalizer::write::<Topic>(context, &Key::of(topic), &metadata, plan.finalizer).await?;
    if let Some(written) = written {
        topic.metadata = written;
    }
    Ok(())
}
