//! What the StatefulSet controller, the kubelet and `start.sh` do.

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Pod;
use serde_json::json;

use super::{Phase, Sim, SimPod, at};
use crate::cluster::{desired, names};
use crate::view::kafka::NodeId;

const START_SECONDS: i64 = 4;

impl Sim {
    pub(super) fn apply(&mut self, set: &StatefulSet) {
        let name = set.metadata.name.clone().unwrap();
        let mut set = set.clone();
        let before = self.sets.get(&name);
        if before.is_some_and(|b| b.spec == set.spec) {
            return;
        }
        let generation = before.and_then(|b| b.metadata.generation).unwrap_or(0) + 1;
        set.metadata.generation = Some(generation);
        set.metadata.uid = Some(format!("set-{name}"));
        set.status = before.and_then(|b| b.status.clone());
        self.sets.insert(name, set);
    }

    pub(super) fn restart(&mut self, pod: &str, uid: &str, node: NodeId) {
        let Some(found) = self.pods.get(pod).filter(|p| p.uid == uid) else { return };
        if found.phase == Phase::Terminating {
            return;
        }
        if found.phase != Phase::Broken {
            self.assert_may_stop(node);
        }
        self.restarts.push(pod.into());
        self.stop(vec![pod.into()]);
    }

    pub fn stop(&mut self, names: Vec<String>) {
        for name in names {
            if let Some(pod) = self.pods.get_mut(&name) {
                pod.phase = Phase::Terminating;
                pod.since = self.now;
            }
        }
        self.fall_out_of_sync();
        self.elect();
    }

    /// It does not come back.
    pub fn break_down(&mut self, name: &str) {
        self.pods.get_mut(name).expect("it is there").phase = Phase::Broken;
        self.fall_out_of_sync();
        self.elect();
    }

    pub(super) fn pod_of(&self, id: NodeId) -> Option<&SimPod> {
        self.pods.iter().find(|(name, _)| names::node_id(name) == Some(id)).map(|(_, pod)| pod)
    }

    pub(super) fn make_pods(&mut self) {
        for (name, set) in self.sets.clone() {
            let spec = set.spec.unwrap();
            let start = spec.ordinals.unwrap().start.unwrap();
            let ids = start..start + spec.replicas.unwrap();
            let prefix = format!("{name}-");
            let superfluous: Vec<_> = self
                .pods
                .iter()
                .filter(|(pod, _)| {
                    pod.strip_prefix(&prefix)
                        .and_then(|id| id.parse().ok())
                        .is_some_and(|id| !ids.contains(&id))
                })
                .filter(|(_, pod)| pod.phase != Phase::Terminating)
                .map(|(pod, _)| pod.clone())
                .collect();
            for pod in &superfluous {
                self.assert_may_leave(names::node_id(pod).unwrap());
            }
            self.stop(superfluous);
            for id in ids {
                let pod = format!("{name}-{id}");
                if self.pods.contains_key(&pod) {
                    continue;
                }
                self.serial += 1;
                let template = serde_json::to_value(&spec.template).unwrap();
                let image = template["spec"]["containers"][0]["image"].as_str().unwrap().to_owned();
                let ephemeral = spec.volume_claim_templates.is_none();
                let directory = self.format(&name, &pod, id, ephemeral);
                let phase = if image.starts_with("bad") { Phase::Broken } else { Phase::Starting };
                let made = SimPod {
                    uid: format!("pod-{}", self.serial),
                    phase,
                    since: self.now,
                    directory,
                    meta: template["metadata"].clone(),
                    image,
                };
                self.pods.insert(pod, made);
            }
        }
    }

    /// As `start.sh` does.
    pub(super) fn format(&mut self, set: &str, pod: &str, id: NodeId, ephemeral: bool) -> u8 {
        if let Some(directory) = self.disks.get(pod).filter(|_| !ephemeral) {
            return *directory;
        }
        let directory = u8::try_from(self.serial % 250 + 1).unwrap();
        self.disks.insert(pod.into(), directory);
        let data = self.maps[set].data.clone().unwrap();
        if data.get(desired::STANDALONE_KEY) == Some(&id.to_string()) {
            let others = self.voters.iter().any(|(voter, _)| *voter != id);
            assert!(!others, "{id} founds a second quorum beside {:?}", self.voters);
            self.voters = vec![(id, directory)];
        }
        directory
    }

    pub(super) fn start_pods(&mut self) {
        let has_leader = self.leader.is_some();
        let mut up = Vec::new();
        for (name, pod) in &mut self.pods {
            let broker = pod.meta["labels"][names::BROKER_LABEL] == "true";
            if pod.phase == Phase::Starting
                && self.now - pod.since >= START_SECONDS
                && (has_leader || !broker)
            {
                pod.phase = Phase::Ready;
                pod.since = self.now;
                if broker {
                    up.extend(names::node_id(name));
                }
            }
        }
        self.registered.extend(up);
    }

    pub(super) fn show(name: &str, pod: &SimPod) -> Pod {
        let ready = if pod.phase == Phase::Ready { "True" } else { "False" };
        let state = match pod.phase {
            Phase::Broken => {
                json!({ "waiting": { "reason": "ImagePullBackOff", "message": "Back-off pulling image" } })
            }
            _ => json!({ "running": {} }),
        };
        let mut meta = pod.meta.clone();
        meta["name"] = name.into();
        meta["uid"] = pod.uid.clone().into();
        if pod.phase == Phase::Terminating {
            meta["deletionTimestamp"] = at(pod.since).to_string().into();
        }
        let id = names::node_id(name).unwrap();
        serde_json::from_value(json!({
            "metadata": meta,
            "spec": { "containers": [], "nodeName": format!("machine-{id}") },
            "status": {
                "conditions": [{
                    "type": "Ready", "status": ready, "lastTransitionTime": at(pod.since).to_string(),
                }],
                "containerStatuses": [{
                    "name": "kafka", "image": pod.image, "imageID": "", "ready": pod.phase == Phase::Ready,
                    "restartCount": 0, "state": state,
                }],
            },
        }))
        .unwrap()
    }
}
