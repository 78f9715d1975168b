//! Every node as its pod shows it: whether it serves, what is wrong with it, why it will be restarted.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus, Pod, PodCondition};

use super::inputs::{Inputs, RestartReason};
use super::names::{self, BROKER_LABEL, CONTAINER, CONTROLLER_LABEL, POOL_LABEL};
use super::seen::{Seen, Unmade};
use super::wanted::Wanted;
use crate::view::kafka::NodeId;

/// How long a pod may be unschedulable before we call it a failure: claims are bound and nodes added meanwhile.
const UNSCHEDULABLE_GRACE_SECONDS: i64 = 30;
/// What Linux calls ENOSPC.
const DISK_FULL: &str = "No space left on device";
/// A node that ends sooner than this after its start did not get to work.
const SHORT_RUN_SECONDS: i64 = 120;

#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub id: NodeId,
    pub pool: String,
    pub pod: String,
    /// `None`: there is no pod.
    pub uid: Option<String>,
    pub controller: bool,
    pub broker: bool,
    /// Not in the spec any more.
    pub leaving: bool,
    pub state: NodeState,
    /// What is known about the state, for people.
    pub message: String,
    /// Whether its container runs right now.
    pub runs: bool,
    /// The zone of its machine.
    pub zone: Option<String>,
    /// When it became ready, as exactly as Kubernetes says: to the second.
    pub ready_since: Option<Timestamp>,
    pub restart: Vec<RestartReason>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NodeState {
    /// There is no pod.
    Missing,
    /// There has been none for a while: Kubernetes cannot make it.
    NotMade,
    /// The pod is not on a machine yet, or its image is being pulled.
    Pending,
    /// The pod has not found a machine for a while.
    Unschedulable,
    /// The container runs and is not ready.
    Starting,
    Ready,
    /// It ends again and again.
    CrashLoop,
    /// The image cannot be had.
    ImageError,
    /// The container cannot be made.
    ConfigError,
    Terminating,
}

impl NodeState {
    /// As status says it.
    pub fn text(self) -> &'static str {
        match self {
            Self::Missing | Self::NotMade => "Missing",
            Self::Pending | Self::Unschedulable => "Pending",
            Self::Starting => "Starting",
            Self::Ready => "Ready",
            Self::CrashLoop => "CrashLoop",
            Self::ImageError => "ImageError",
            Self::ConfigError => "ConfigError",
            Self::Terminating => "Terminating",
        }
    }
}

impl Node {
    pub fn serves(&self) -> bool {
        self.state == NodeState::Ready
    }

    /// It does not come up, and waiting does not help.
    pub fn fails(&self) -> bool {
        matches!(
            self.state,
            NodeState::NotMade
                | NodeState::Unschedulable
                | NodeState::CrashLoop
                | NodeState::ImageError
                | NodeState::ConfigError
        )
    }

    /// What a person can do about a node that fails.
    pub fn mend(&self) -> &'static str {
        match self.state {
            NodeState::CrashLoop if self.message.contains(DISK_FULL) => {
                "Its disk is full. Raise spec.pools[].storage.size where the storage class can expand volumes, or free room on the \
                 volume; Kubernetes starts it again within five minutes"
            }
            NodeState::ImageError => "Correct spec.image or spec.version; the pod is then replaced at once",
            NodeState::Unschedulable => {
                "Sluice waits. Add a machine that fits, or change resources or template of its pool; the pod is then replaced at once"
            }
            NodeState::NotMade => {
                "Kubernetes tries again by itself, and Sluice waits. Raise the quota, create what is missing (a priority \
                 class), or let the namespace's Pod Security level admit it; or correct the template of its pool"
            }
            NodeState::ConfigError => "Correct the template of its pool; the pod is then replaced at once",
            _ => {
                "Take back what was changed last, or read the log of its previous run; the pod is replaced as soon as the spec changes"
            }
        }
    }

    /// No process of this node runs: replacing its pod takes nothing away.
    pub fn is_dead(&self) -> bool {
        !self.runs && self.uid.is_some() && (self.fails() || self.state == NodeState::Pending)
    }
}

/// All nodes: those that are wanted, by id, and those that are still there though they are not.
pub fn all(wanted: &Wanted, seen: &Seen, now: Timestamp) -> BTreeMap<NodeId, Node> {
    let mut nodes = BTreeMap::new();
    for pool in &wanted.pools {
        for id in pool.ids.clone() {
            let pod = wanted.pod(pool, id);
            nodes.insert(id, missing(id, &pool.name, pod, pool.controller, pool.broker, false));
        }
    }
    for (id, pool, labels) in existing(seen) {
        let has = |label: &str| labels.get(label).is_some_and(|v| v == "true");
        let pod = format!("{}-{id}", names::pool(&wanted.owner.name, &pool));
        nodes
            .entry(id)
            .or_insert_with(|| missing(id, &pool, pod, has(CONTROLLER_LABEL), has(BROKER_LABEL), true));
    }
    for pod in &seen.pods {
        let name = pod.metadata.name.as_deref().unwrap_or_default();
        let node = names::node_id(name).and_then(|id| nodes.get_mut(&id));
        if let Some(node) = node.filter(|node| node.pod == name) {
            look(node, pod, now);
            if let Some(pool) = wanted.pool(&node.pool) {
                // a pod without our annotation was not made from our template
                node.restart = Inputs::from_annotations(pod.metadata.annotations.as_ref())
                    .map_or_else(|| vec![RestartReason::Template], |inputs| inputs.reasons(&pool.inputs));
            }
            let machine = pod.spec.as_ref().and_then(|spec| spec.node_name.as_ref());
            node.zone =
                machine.and_then(|name| seen.zones.get(name)).filter(|zone| !zone.is_empty()).cloned();
        }
    }
    for node in nodes.values_mut().filter(|node| node.uid.is_none()) {
        if let Some(unmade) = seen.unmade.get(&node.pod) {
            node.state = NodeState::NotMade;
            node.message = unmade.text();
        }
    }
    nodes
}

impl Unmade {
    fn text(&self) -> String {
        let set = &self.stateful_set;
        match &self.words {
            Some(words) => {
                format!("StatefulSet {set} cannot make it: {}", last_lines(words).trim_start_matches(": "))
            }
            None => format!("StatefulSet {set} does not make it, and no event says why"),
        }
    }
}

/// Pods that StatefulSets should have made and that are not there: name of the StatefulSet, name of the pod.
pub fn without_pod(seen: &Seen) -> Vec<(String, String)> {
    let there = |name: &str| seen.pods.iter().any(|pod| pod.metadata.name.as_deref() == Some(name));
    let sets = seen.stateful_sets.iter().filter(|set| set.metadata.deletion_timestamp.is_none());
    sets.flat_map(|set| {
        let name = set.metadata.name.clone().unwrap_or_default();
        let ids = set.spec.iter().flat_map(names::node_ids);
        ids.map(move |id| (name.clone(), format!("{name}-{id}")))
    })
    .filter(|(_, pod)| !there(pod))
    .collect()
}

fn missing(id: NodeId, pool: &str, pod: String, controller: bool, broker: bool, leaving: bool) -> Node {
    Node {
        id,
        pool: pool.into(),
        pod,
        uid: None,
        controller,
        broker,
        leaving,
        state: NodeState::Missing,
        message: "there is no pod".into(),
        runs: false,
        zone: None,
        ready_since: None,
        restart: vec![],
    }
}

/// Ids that StatefulSets stand for, and pods that are still there: id, pool, labels of the pod.
fn existing(seen: &Seen) -> Vec<(NodeId, String, BTreeMap<String, String>)> {
    let mut found = Vec::new();
    for set in &seen.stateful_sets {
        let Some(spec) = &set.spec else { continue };
        let labels = spec.template.metadata.as_ref().and_then(|m| m.labels.clone()).unwrap_or_default();
        let Some(pool) = labels.get(POOL_LABEL).cloned() else { continue };
        found.extend(names::node_ids(spec).map(|id| (id, pool.clone(), labels.clone())));
    }
    for pod in &seen.pods {
        let labels = pod.metadata.labels.clone().unwrap_or_default();
        let id = pod.metadata.name.as_deref().and_then(names::node_id);
        if let (Some(id), Some(pool)) = (id, labels.get(POOL_LABEL).cloned()) {
            found.push((id, pool, labels));
        }
    }
    found
}

fn look(node: &mut Node, pod: &Pod, now: Timestamp) {
    node.uid.clone_from(&pod.metadata.uid);
    let status = pod.status.as_ref();
    let container = status
        .and_then(|s| s.container_statuses.as_ref())
        .and_then(|all| all.iter().find(|c| c.name == CONTAINER));
    let condition = |kind: &str| {
        status.and_then(|s| s.conditions.as_ref()).and_then(|all| all.iter().find(|c| c.type_ == kind))
    };
    let ready = condition("Ready").filter(|c| c.status == "True");
    node.runs = container.and_then(|c| c.state.as_ref()).is_some_and(|s| s.running.is_some());
    node.ready_since = ready.and_then(|c| c.last_transition_time.as_ref()).map(|t| t.0);
    (node.state, node.message) = if pod.metadata.deletion_timestamp.is_some() {
        (NodeState::Terminating, "the pod is shutting down".into())
    } else if ready.is_some() {
        (NodeState::Ready, String::new())
    } else if let Some(container) = container {
        state_of(container)
    } else {
        unscheduled(condition("PodScheduled"), now)
    };
}

/// Of a container that is not ready.
fn state_of(container: &ContainerStatus) -> (NodeState, String) {
    let state = container.state.as_ref();
    let ended = container
        .last_state
        .as_ref()
        .and_then(|s| s.terminated.as_ref())
        .or_else(|| state.and_then(|s| s.terminated.as_ref()));
    let last_words = ended.map(|t| {
        let words = t.message.as_deref().map(last_lines).unwrap_or_default();
        let reason = t.reason.as_deref().unwrap_or("Error");
        format!("it ended with exit code {} ({reason}){words}", t.exit_code)
    });
    if let Some(waiting) = state.and_then(|s| s.waiting.as_ref()) {
        let reason = waiting.reason.as_deref().unwrap_or_default();
        let text = || format!("{reason}: {}", waiting.message.as_deref().unwrap_or("no message"));
        return match reason {
            "CrashLoopBackOff" => (NodeState::CrashLoop, last_words.unwrap_or_else(text)),
            "ErrImagePull"
            | "ImagePullBackOff"
            | "InvalidImageName"
            | "ErrImageNeverPull"
            | "ImageInspectError"
            | "RegistryUnavailable" => (NodeState::ImageError, pull_error(container, &text())),
            "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" | "StartError" => {
                (NodeState::ConfigError, text())
            }
            _ => (NodeState::Pending, "the container is being created".into()),
        };
    }
    // between two crashes the kubelet shows the container as running, or as ended, for a moment
    match last_words {
        Some(words) if container.restart_count > 1 && ended.is_some_and(ran_shortly) => {
            (NodeState::CrashLoop, words)
        }
        _ => (NodeState::Starting, "it is not ready yet".into()),
    }
}

/// The kubelet alternates between the error itself and a back-off that quotes it: both say the same here.
fn pull_error(container: &ContainerStatus, text: &str) -> String {
    let cause = text.rsplit_once("ErrImagePull: ").map_or(text, |(_, cause)| cause);
    format!("image {} cannot be had: {}", container.image, last_lines(cause).trim_start_matches(": "))
}

/// A node that ran for days before it ended is not in a loop.
fn ran_shortly(ended: &ContainerStateTerminated) -> bool {
    match (&ended.started_at, &ended.finished_at) {
        (Some(from), Some(to)) => to.0.as_second() - from.0.as_second() < SHORT_RUN_SECONDS,
        _ => true,
    }
}

/// What it said last. Of a Java exception its words, not where they were thrown, unless there is nothing else.
fn last_lines(text: &str) -> String {
    let all: Vec<_> = text.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
    let is_frame =
        |line: &&&str| line.starts_with("at ") || (line.starts_with("... ") && line.ends_with(" more"));
    let words: Vec<_> = all.iter().filter(|line| !is_frame(line)).copied().collect();
    let lines = if words.is_empty() { all } else { words };
    let tail = lines[lines.len().saturating_sub(3)..].join(" / ");
    if tail.is_empty() {
        return tail;
    }
    let skipped = tail.chars().count().saturating_sub(400);
    format!(": {}{}", if skipped > 0 { "…" } else { "" }, tail.chars().skip(skipped).collect::<String>())
}

fn unscheduled(condition: Option<&PodCondition>, now: Timestamp) -> (NodeState, String) {
    let Some(condition) = condition.filter(|c| c.status == "False") else {
        return (NodeState::Pending, "the pod waits for its volumes and containers".into());
    };
    let since = condition.last_transition_time.as_ref().map_or(now, |t| t.0);
    let message = condition.message.clone().unwrap_or_default();
    if now.as_second() - since.as_second() >= UNSCHEDULABLE_GRACE_SECONDS {
        (NodeState::Unschedulable, format!("no machine takes the pod: {message}"))
    } else {
        (NodeState::Pending, "the pod waits for a machine".into())
    }
}
