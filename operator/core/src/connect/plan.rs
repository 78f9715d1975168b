//! What happens next to the workers, and what we say about them.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;
use sluice_crds::Topic;

use super::names::Internal;
use super::pods::{is_ready, ready_since, trouble};
use super::{ConnectReason, Wanted, inputs, owner};
use crate::condition::Verdict;
use crate::referent::{self, Referent};
use crate::units;
use crate::view::Sight;
use crate::view::connect::ConnectView;

/// What a pass over a ConnectCluster knows of the world.
pub struct Seen<'a> {
    /// The KafkaCluster.
    pub kafka: Referent,
    /// The internal topics' objects, those of them that exist.
    pub topics: &'a [Topic],
    pub stateful_set: Option<&'a StatefulSet>,
    /// Every child that exists, by its name in Kubernetes.
    pub children: &'a [ObjectMeta],
    /// The workers' pods.
    pub pods: &'a [Pod],
    /// `None`: nobody looks yet.
    pub rest: Option<&'a Sight<ConnectView>>,
    /// Names of the Connector objects that refer to this ConnectCluster.
    pub connectors: &'a BTreeSet<String>,
    pub now: Timestamp,
}

/// How long a Service may take to lead to a worker that has become ready.
const ENDPOINTS: SignedDuration = SignedDuration::from_secs(15);

/// The one disruptive thing that is done now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    None,
    /// Delete this pod; the StatefulSet makes it anew.
    Restart {
        pod: String,
        uid: String,
        reasons: Vec<String>,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Whether the children are applied at all.
    pub apply: bool,
    /// Whether the StatefulSet is one of them.
    pub start: bool,
    pub step: Step,
    /// Connectors that Sluice made for objects that are gone: from an earlier life of this Connect cluster, whose config topic
    /// remembers them.
    pub orphans: Vec<String>,
    /// What holds before the step is made.
    pub verdict: Verdict,
}

pub fn plan(wanted: &Wanted, seen: &Seen<'_>) -> Plan {
    let nothing = |verdict| Plan { apply: false, start: false, step: Step::None, orphans: vec![], verdict };
    match seen.kafka {
        Referent::There => {}
        Referent::Missing => {
            return nothing(Verdict::stalled(
                ConnectReason::ClusterMissing,
                format!(
                    "There is no KafkaCluster {} in this namespace. Nothing is changed until there is. Create it, or delete this \
                     ConnectCluster and create it with another spec.clusterRef",
                    wanted.kafka
                ),
            ));
        }
        Referent::Unparsable => {
            let message = referent::unparsable("KafkaCluster", &wanted.kafka, "The workers stay as they are");
            return nothing(Verdict::unknown(ConnectReason::ClusterUnparsable, message));
        }
    }
    if let Some(verdict) = taken(wanted, seen.children) {
        return nothing(verdict);
    }
    if wanted.paused {
        let (ready, all) = (ready(wanted, seen.pods), wanted.replicas);
        let message = format!("spec.paused is set: nothing is changed. {ready} of {all} workers are ready");
        return nothing(match seen.rest {
            Some(Sight::Lost { since, error, .. }) if all > 0 => Verdict::unknown(
                ConnectReason::ConnectUnreachable,
                format!("{} has not answered since {since:.0}: {error}. {message}", wanted.url()),
            ),
            _ => Verdict::stalled(ConnectReason::Paused, message),
        });
    }
    if wanted.inputs.certificate().is_none() {
        let message = format!("KafkaCluster {} has no certificate authority yet", wanted.kafka);
        return Plan { apply: true, ..nothing(Verdict::reconciling(ConnectReason::Starting, message)) };
    }
    if seen.stateful_set.is_none()
        && let Some(verdict) = topics_first(wanted, seen.topics)
    {
        return Plan { apply: true, ..nothing(verdict) };
    }
    let (step, verdict) = workers(wanted, seen);
    Plan { apply: true, start: true, step, orphans: orphans(wanted, seen), verdict }
}

/// A child's name may be in use by a child of somebody else, or of an earlier ConnectCluster of our name that is being removed.
fn taken(wanted: &Wanted, children: &[ObjectMeta]) -> Option<Verdict> {
    let ours = &wanted.owner.reference;
    let (child, owner) = children.iter().find_map(|meta| {
        let owner = meta.owner_references.as_ref()?.iter().find(|owner| owner.controller == Some(true))?;
        (owner.uid != ours.uid).then_some((meta.name.as_deref().unwrap_or_default(), owner))
    })?;
    Some(if (&owner.kind, &owner.name) == (&ours.kind, &ours.name) {
        Verdict::reconciling(
            ConnectReason::Starting,
            format!("{child} of the ConnectCluster of this name that was deleted is still being removed"),
        )
    } else {
        Verdict::stalled(
            ConnectReason::NameTaken,
            format!(
                "{child} belongs to {} {}. Nothing is touched. Create the ConnectCluster under another name",
                owner.kind, owner.name
            ),
        )
    })
}

/// The verdict when an object that we would make is there already. `what` says which, and whose.
pub fn name_taken(what: &str) -> Verdict {
    Verdict::stalled(
        ConnectReason::NameTaken,
        format!(
            "{what}. It is left as it is. Rename or delete it, or create the ConnectCluster under another name"
        ),
    )
}

/// The verdict when Kubernetes did not take a change.
pub fn change_failed(error: &str) -> Verdict {
    Verdict::reconciling(ConnectReason::ChangeFailed, format!("{error}. It is tried again"))
}

/// A worker that does not find its topics creates them itself, with the brokers' defaults: so the first one waits for ours.
fn topics_first(wanted: &Wanted, topics: &[Topic]) -> Option<Verdict> {
    let waits = Internal::ALL.into_iter().find_map(|internal| {
        let name = internal.topic(&wanted.owner.name);
        let topic = topics.iter().find(|topic| topic.name_any() == name);
        let ready = topic
            .and_then(|topic| topic.status.as_ref())
            .and_then(|status| status.conditions.iter().find(|c| c.type_ == "Ready"));
        match ready {
            Some(condition) if condition.status == "True" => None,
            Some(condition) => {
                Some(format!("Topic {name} is not ready ({}): {}", condition.reason, condition.message))
            }
            None => Some(format!("Topic {name} is being created")),
        }
    })?;
    Some(Verdict::reconciling(
        ConnectReason::PreparingTopics,
        format!("Workers start after their topics. {waits}"),
    ))
}

fn workers(wanted: &Wanted, seen: &Seen<'_>) -> (Step, Verdict) {
    let pods: Vec<&Pod> = current(wanted, seen.pods).collect();
    let (up, all) = (ready(wanted, seen.pods), wanted.replicas);
    let count = format!("{up} of {all} workers are ready");
    let outdated: Vec<(&Pod, Vec<String>)> = pods
        .iter()
        .map(|pod| (*pod, wanted.inputs.reasons_against(pod.metadata.annotations.as_ref())))
        .filter(|(_, reasons)| !reasons.is_empty())
        .collect();
    let failing: Vec<String> =
        pods.iter().filter(|pod| !is_ready(pod)).filter_map(|pod| trouble(pod)).collect();
    if !outdated.is_empty() {
        let (step, waits) = next_restart(wanted, seen, &pods, &outdated);
        let mut reasons: Vec<&str> = outdated.iter().flat_map(|(_, why)| why).map(String::as_str).collect();
        reasons.sort_unstable();
        reasons.dedup();
        let mut message =
            format!("{} workers to restart ({}). {count}. {waits}", outdated.len(), reasons.join(", "));
        if let (Step::None, Some(failing)) = (&step, failing.first()) {
            message = format!("{message}. {failing}");
            return (step, Verdict::stalled(ConnectReason::WorkerFailing, message));
        }
        return (step, Verdict::reconciling(ConnectReason::Rolling, message));
    }
    let verdict = if !failing.is_empty() {
        Verdict::stalled(ConnectReason::WorkerFailing, format!("{count}. {}", failing.join("; ")))
    } else if up < all {
        Verdict::reconciling(ConnectReason::Starting, count)
    } else if all == 0 {
        Verdict::ready(ConnectReason::ScaledToZero, "spec.replicas is 0: no connector runs")
    } else {
        rest(wanted, seen, &count)
    };
    (Step::None, verdict)
}

fn rest(wanted: &Wanted, seen: &Seen<'_>, count: &str) -> Verdict {
    let Some(sight) = seen.rest else {
        return Verdict::reconciling(ConnectReason::Starting, format!("{count}; the REST API is asked next"));
    };
    if let Some((since, error)) = sight.blind() {
        let newest = current(wanted, seen.pods).filter_map(ready_since).max();
        let just_ready = newest.is_some_and(|newest| seen.now < newest + ENDPOINTS);
        if just_ready || matches!(sight, Sight::Never { error: None, .. }) {
            return Verdict::reconciling(
                ConnectReason::Starting,
                format!("{count}; the REST API is asked next"),
            );
        }
        let why = error.map(|error| format!(": {error}")).unwrap_or_default();
        return Verdict::unknown(
            ConnectReason::ConnectUnreachable,
            format!(
                "{count}, but {} has not answered since {since:.0}{why}. Sluice keeps trying",
                wanted.url()
            ),
        );
    }
    let foreign = sight.current().map_or(0, |view| foreign(wanted, view).count());
    let message = match foreign {
        0 => count.to_owned(),
        _ => format!("{count}; {foreign} connectors were made by REST and are left alone"),
    };
    Verdict::ready(ConnectReason::WorkersReady, message)
}

/// The next worker to restart, or what we wait for. One at a time: the others carry its tasks meanwhile.
fn next_restart(
    wanted: &Wanted,
    seen: &Seen<'_>,
    pods: &[&Pod],
    outdated: &[(&Pod, Vec<String>)],
) -> (Step, String) {
    // a pod that is made now must be made from the template that we mean, or it is restarted twice
    let template_is_in = seen.stateful_set.is_some_and(|set| {
        let annotations = set.spec.as_ref().and_then(|s| s.template.metadata.as_ref()?.annotations.as_ref());
        let written = annotations.and_then(|all| all.get(inputs::ANNOTATION));
        let observed = set.status.as_ref().and_then(|status| status.observed_generation);
        written == Some(&wanted.inputs.to_annotation()) && observed >= set.metadata.generation
    });
    if !template_is_in {
        return (Step::None, "The StatefulSet takes in the change first".into());
    }
    let restart = |(pod, reasons): &(&Pod, Vec<String>)| {
        let step = Step::Restart {
            pod: pod.name_any(),
            uid: pod.uid().unwrap_or_default(),
            reasons: reasons.clone(),
        };
        (step, format!("Next: {}", pod.name_any()))
    };
    let is_outdated = |pod: &Pod| outdated.iter().any(|(other, _)| other.metadata.name == pod.metadata.name);
    let missing =
        (0..wanted.replicas).map(|n| wanted.pod(n)).find(|name| !pods.iter().any(|p| p.name_any() == *name));
    if let Some(name) = missing {
        return (Step::None, format!("Waiting for {name}"));
    }
    if let Some(fresh) = pods.iter().find(|pod| !is_outdated(pod) && !is_ready(pod)) {
        return (Step::None, format!("Waiting for {}", fresh.name_any()));
    }
    // what is down anyway costs nothing
    if let Some(down) = outdated.iter().find(|(pod, _)| !is_ready(pod)) {
        return restart(down);
    }
    if wanted.replicas > 1 && seen.rest.and_then(Sight::current).is_none() {
        return (Step::None, "Waiting for the REST API to answer".into());
    }
    outdated.last().map_or((Step::None, String::new()), restart)
}

/// The pods that the spec wants, in their order, without those that are leaving.
fn current<'a>(wanted: &'a Wanted, pods: &'a [Pod]) -> impl Iterator<Item = &'a Pod> {
    (0..wanted.replicas).filter_map(|ordinal| {
        let name = wanted.pod(ordinal);
        pods.iter().find(|pod| pod.name_any() == name && pod.metadata.deletion_timestamp.is_none())
    })
}

pub(super) fn ready(wanted: &Wanted, pods: &[Pod]) -> i32 {
    units::count(current(wanted, pods).filter(|pod| is_ready(pod)).count())
}

/// Connectors that Sluice did not make.
pub(super) fn foreign<'a>(wanted: &'a Wanted, view: &'a ConnectView) -> impl Iterator<Item = &'a str> {
    let ours = |name: &str, config| owner::is_ours(config, &wanted.owner.namespace, name);
    view.connectors
        .iter()
        .filter(move |(name, seen)| !ours(name, &seen.config))
        .map(|(name, _)| name.as_str())
}

fn orphans(wanted: &Wanted, seen: &Seen<'_>) -> Vec<String> {
    let Some(view) = seen.rest.and_then(Sight::current) else { return vec![] };
    let orphaned = view.connectors.iter().filter(|(name, connector)| {
        owner::is_ours(&connector.config, &wanted.owner.namespace, name) && !seen.connectors.contains(*name)
    });
    orphaned.map(|(name, _)| name.clone()).collect()
}
