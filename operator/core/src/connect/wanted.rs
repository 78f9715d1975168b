use std::collections::BTreeMap;

use sluice_crds::common::{PodTemplate, Resources};

use super::inputs::Inputs;
use super::names;
use crate::cluster::certificates;
use crate::meta::Owner;
use crate::pki::Identity;

/// What a ConnectCluster means: defaults filled, names checked. Only [`validate`](super::validate) makes one.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    pub owner: Owner,
    pub generation: Option<i64>,
    /// The KafkaCluster.
    pub kafka: String,
    pub replicas: i32,
    pub image: String,
    /// The whole of `worker.properties` but for what only a pod knows.
    pub config: BTreeMap<String, String>,
    /// Arguments of `java`, heap and collector included.
    pub jvm: Vec<String>,
    pub resources: Option<Resources>,
    pub template: PodTemplate,
    /// What of all this a worker must be restarted for.
    pub(super) inputs: Inputs,
    pub paused: bool,
}

impl Wanted {
    /// The same with the revision of the workers' certificate.
    #[must_use]
    pub fn certified(mut self, revision: Option<i64>) -> Self {
        if let Some(revision) = revision {
            self.inputs.set_certificate(revision);
        }
        self
    }

    /// What the workers show Kafka.
    pub fn identity(&self) -> Identity {
        certificates::connect(&self.owner.namespace, &self.kafka)
    }

    pub fn pod(&self, ordinal: i32) -> String {
        format!("{}-{ordinal}", names::whole(&self.owner.name))
    }

    /// What every worker's name ends with.
    pub fn domain(&self) -> String {
        format!("{}.{}.svc", names::workers_service(&self.owner.name), self.owner.namespace)
    }

    pub fn url(&self) -> String {
        names::url(&self.owner.namespace, &self.owner.name)
    }
}
