use std::collections::BTreeMap;

use sluice_crds::TopicStatus;
use sluice_crds::common::DeletionPolicy;
use sluice_crds::topic::Adoption;

use super::diff::{Difference, diff};
use super::replicas::{self, Replicas};
use super::{TopicReason, Wanted};
use crate::condition::Verdict;
use crate::referent::{self, Referent};
use crate::units::count;
use crate::view::Sight;
use crate::view::kafka::{ClusterView, TopicView};

/// What a pass over a Topic knows of the world.
pub struct Seen<'a> {
    /// The KafkaCluster.
    pub cluster: Referent,
    /// `None`: nobody looks at that cluster yet.
    pub kafka: Option<&'a Sight<ClusterView>>,
    /// What the KafkaCluster does about replicas.
    pub replicas: Option<Replicas<'a>>,
    /// An older object that has the same topic name.
    pub elder: Option<&'a str>,
    /// Whether the object carries [`CREATED`](super::CREATED).
    pub created_by_us: bool,
    /// Whether the object carries [`FINALIZER`](super::FINALIZER).
    pub has_finalizer: bool,
}

/// The one change that is made now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    None,
    Create { partitions: i32, replication_factor: Option<i32>, configs: BTreeMap<String, String> },
    Grow { partitions: i32 },
    Configure { set: BTreeMap<String, String>, remove: Vec<String> },
}

#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub step: Step,
    /// Metadata that must be written before the step: our mark, and whether the finalizer should be there.
    pub mark_created: bool,
    pub finalizer: bool,
    /// What holds before the step is made.
    pub verdict: Verdict,
    /// What has happened to the topic behind our back. To be told, and status written, before the step: then it is told once.
    pub lost: Option<String>,
    /// The topic that this object owns, as Kafka has it.
    pub owned: Option<Facts>,
}

/// The part of a topic that status shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    pub id: String,
    pub partitions: i32,
    pub replication_factor: i32,
}

impl Facts {
    fn of(topic: &TopicView) -> Self {
        Self {
            id: topic.id.to_string(),
            partitions: count(topic.partitions.len()),
            replication_factor: count(topic.replication_factor()),
        }
    }
}

/// What happens next to a topic, or why nothing does.
pub fn plan(wanted: &Wanted, status: &TopicStatus, seen: &Seen<'_>) -> Plan {
    let keep = |verdict| Plan {
        step: Step::None,
        mark_created: false,
        finalizer: seen.has_finalizer,
        verdict,
        lost: None,
        owned: remembered(status),
    };
    match seen.cluster {
        Referent::There => {}
        Referent::Missing => {
            return keep(Verdict::stalled(
                TopicReason::ClusterMissing,
                format!(
                    "There is no KafkaCluster {0} in this namespace. Create it, or delete this Topic and create it \
                     with another spec.clusterRef",
                    wanted.cluster
                ),
            ));
        }
        Referent::Unparsable => {
            let message =
                referent::unparsable("KafkaCluster", &wanted.cluster, "The topic stays as it is in Kafka");
            return keep(Verdict::unknown(TopicReason::ClusterUnparsable, message));
        }
    }
    if let Some(elder) = seen.elder {
        return keep(Verdict::stalled(
            TopicReason::NameClaimed,
            format!(
                "Topic {elder} is older and has the topic name {} too. Delete one of the two, or create this one \
                 with another spec.topicName",
                wanted.name
            ),
        ));
    }
    let Some(view) = seen.kafka.and_then(Sight::current) else {
        return keep(blind(wanted, seen.kafka));
    };
    match view.topics.get(&wanted.name) {
        None => absent(wanted, status, seen, view),
        Some(topic) => present(wanted, status, seen, topic),
    }
}

fn absent(wanted: &Wanted, status: &TopicStatus, seen: &Seen<'_>, view: &ClusterView) -> Plan {
    let mut plan = Plan {
        step: Step::None,
        mark_created: false,
        finalizer: wants_finalizer(wanted),
        verdict: Verdict::reconciling(
            TopicReason::Creating,
            format!("Topic {} is being created", wanted.name),
        ),
        lost: None,
        owned: remembered(status),
    };
    let gone = status.topic_id.is_some();
    if wanted.paused {
        plan.verdict = paused(&if gone {
            format!("topic {} has gone from Kafka, with its records, and would be created again", wanted.name)
        } else {
            format!("topic {} does not exist and would be created", wanted.name)
        });
        plan.finalizer = seen.has_finalizer;
        return plan;
    }
    let brokers = count(view.serving().count());
    if let Some(factor) = wanted.replication_factor
        && factor > brokers
    {
        plan.verdict = Verdict::stalled(
            TopicReason::NotEnoughBrokers,
            format!(
                "spec.replicationFactor is {factor} and {brokers} brokers serve. Nothing was created. Add brokers \
                 to KafkaCluster {}, or create this Topic with spec.replicationFactor: {brokers}",
                wanted.cluster
            ),
        );
        plan.finalizer = seen.has_finalizer;
        return plan;
    }
    if gone {
        let message = format!(
            "Topic {} has gone from Kafka, with its records, and is being created again",
            wanted.name
        );
        plan.verdict.message.clone_from(&message);
        plan.lost = Some(message);
        plan.owned = None;
    }
    // written before the topic: an interrupted creation must not look like somebody else's topic
    plan.mark_created = !seen.created_by_us && (plan.finalizer || wanted.adoption == Adoption::Never);
    plan.step = Step::Create {
        partitions: wanted.partitions,
        replication_factor: wanted.replication_factor,
        configs: wanted.configs.clone(),
    };
    plan
}

fn present(wanted: &Wanted, status: &TopicStatus, seen: &Seen<'_>, topic: &TopicView) -> Plan {
    let mut plan = Plan {
        step: Step::None,
        mark_created: false,
        finalizer: seen.has_finalizer,
        verdict: Verdict::reconciling(
            TopicReason::Describing,
            format!("Sluice is reading the configuration of topic {}", wanted.name),
        ),
        lost: None,
        owned: remembered(status),
    };
    let meanwhile = replicas::meanwhile(wanted, seen);
    let Some(differences) = diff(wanted, topic, meanwhile) else { return plan };
    let replaced = status.topic_id.as_ref().is_some_and(|known| *known != topic.id.to_string());
    let ours = !replaced && (status.topic_id.is_some() || seen.created_by_us);
    if !ours && let Some(mut verdict) = refused(wanted, &differences) {
        if replaced {
            verdict.message = format!("{} {}", replacement(wanted, status, topic), verdict.message);
        }
        plan.verdict = verdict;
        return plan;
    }
    if replaced && wanted.paused {
        let what = replacement(wanted, status, topic);
        plan.verdict =
            paused(&format!("{what} It would be taken over, as spec.adoption is {:?}", wanted.adoption));
        return plan;
    }
    if replaced {
        plan.lost = Some(format!(
            "{} It is taken over, as spec.adoption is {:?}",
            replacement(wanted, status, topic),
            wanted.adoption
        ));
    }
    plan.owned = Some(Facts::of(topic));
    if wanted.paused {
        plan.verdict = if differences.is_empty() {
            paused(&format!("topic {} is as declared", wanted.name))
        } else {
            paused(&format!("this would change: {}", list(&differences)))
        };
        return plan;
    }
    plan.finalizer = wants_finalizer(wanted);
    let (step, verdict) = change(wanted, &differences);
    plan.step = step;
    // replicas take their time; everything else is not kept waiting
    plan.verdict = if verdict.is_ready() {
        replicas::verdict(wanted, topic, seen, &differences).unwrap_or(verdict)
    } else {
        verdict
    };
    plan
}

/// The change that mends `differences`, and the verdict while it is made.
fn change(wanted: &Wanted, differences: &[Difference]) -> (Step, Verdict) {
    for difference in differences {
        match difference {
            Difference::Partitions { kafka, wanted } if kafka > wanted => {
                let message = format!(
                    "Kafka has {kafka} partitions, spec.partitions is {wanted}. Partitions cannot be removed: set \
                     spec.partitions: {kafka}"
                );
                return (Step::None, Verdict::stalled(TopicReason::PartitionsDiffer, message));
            }
            _ => {}
        }
    }
    let updating = || Verdict::reconciling(TopicReason::Updating, format!("Changing: {}", list(differences)));
    if differences.iter().any(|d| matches!(d, Difference::Partitions { .. })) {
        return (Step::Grow { partitions: wanted.partitions }, updating());
    }
    let mut set = BTreeMap::new();
    let mut remove = Vec::new();
    for difference in differences {
        if let Difference::Config { key, wanted, .. } = difference {
            match wanted {
                Some(value) => drop(set.insert(key.clone(), value.clone())),
                None => remove.push(key.clone()),
            }
        }
    }
    if set.is_empty() && remove.is_empty() {
        return (Step::None, Verdict::ready(TopicReason::AsDeclared, "The topic is in Kafka as declared"));
    }
    (Step::Configure { set, remove }, updating())
}

/// Our topic has gone, and there is another one of its name.
fn replacement(wanted: &Wanted, status: &TopicStatus, topic: &TopicView) -> String {
    format!(
        "Topic {} with the id {} has gone from Kafka, with its records; somebody made another one of the name, with the id {}.",
        wanted.name,
        status.topic_id.as_deref().unwrap_or_default(),
        topic.id
    )
}

/// Why an existing topic may not be taken over.
fn refused(wanted: &Wanted, differences: &[Difference]) -> Option<Verdict> {
    let why = match wanted.adoption {
        Adoption::Always => return None,
        Adoption::IfIdentical if differences.is_empty() => return None,
        Adoption::IfIdentical => format!(
            "Topic {} exists already and taking it over would change: {}. Nothing was changed. Set \
             spec.adoption: Always to allow it, or declare what is there",
            wanted.name,
            list(differences)
        ),
        Adoption::Never => format!(
            "Topic {} exists already and spec.adoption is Never. Nothing was changed. Choose another \
             spec.topicName, or set spec.adoption",
            wanted.name
        ),
    };
    Some(Verdict::stalled(TopicReason::AdoptionRefused, why))
}

fn blind(wanted: &Wanted, sight: Option<&Sight<ClusterView>>) -> Verdict {
    let (since, error) = sight.and_then(Sight::blind).map_or((None, None), |(s, e)| (Some(s), e));
    let mut message = match since {
        Some(since) => format!("KafkaCluster {} has not answered since {since:.0}", wanted.cluster),
        None => format!("KafkaCluster {} has not been reached yet", wanted.cluster),
    };
    if let Some(error) = error {
        message.push_str(": ");
        message.push_str(error);
    }
    message.push_str(". Sluice keeps trying; see the cluster's conditions");
    Verdict::unknown(TopicReason::KafkaUnreachable, message)
}

fn paused(message: &str) -> Verdict {
    Verdict::stalled(TopicReason::Paused, format!("spec.paused is set: {message}"))
}

fn wants_finalizer(wanted: &Wanted) -> bool {
    wanted.deletion == DeletionPolicy::Delete
}

fn remembered(status: &TopicStatus) -> Option<Facts> {
    Some(Facts {
        id: status.topic_id.clone()?,
        partitions: status.partitions?,
        replication_factor: status.replication_factor?,
    })
}

fn list(differences: &[Difference]) -> String {
    differences.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
