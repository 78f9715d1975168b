//! What was observed before a pass, in Kubernetes' and Kafka's own terms.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::cluster::canary;
use crate::cluster::rebalance::Proposal;
use crate::pki::Phase;
use crate::view::Sight;
use crate::view::kafka::{Acl, ClusterView, DiskView, NodeId, Sizes};

/// Everything a pass knows. Kubernetes objects are those of this cluster, found by their labels; of claims, also
/// those that an earlier cluster of this name left behind.
#[derive(Clone, Debug)]
pub struct Seen {
    pub stateful_sets: Vec<StatefulSet>,
    pub pods: Vec<Pod>,
    pub claims: Vec<PersistentVolumeClaim>,
    pub config_maps: Vec<ConfigMap>,
    /// Zone of each Kubernetes node, by its name; an empty one where the node has none. No nodes where Sluice may not
    /// read them.
    pub zones: BTreeMap<String, String>,
    /// Pods that should be there and have not been for a while.
    pub unmade: BTreeMap<String, Unmade>,
    pub kafka: Sight<ClusterView>,
    /// When the look began that `kafka`'s newest view came from, the quorum in it included: nothing in the view is
    /// older. What was asked less often than the rest does not count.
    pub looked_at: Option<Timestamp>,
    /// Disks of brokers, each as it was told last.
    pub disks: BTreeMap<NodeId, DiskView>,
    /// Of Sluice's own records.
    pub canary: canary::Known,
    /// What is set while the brokers run; `None` until it was described once.
    pub dynamic: Option<DynamicConfigs>,
    /// How large partitions are; `None` until the brokers were asked once.
    pub sizes: Option<Arc<Sizes>>,
    /// Replicas that Topics declare, by the name of the topic: of those that own it and are not paused.
    pub replication: BTreeMap<String, i32>,
    /// The plan for this very moment; `None` where there is nothing to plan for yet.
    pub proposal: Option<Arc<Proposal>>,
    /// Every rule of access; `None` until they were described once.
    pub access: Option<Arc<BTreeSet<Acl>>>,
    pub certificates: Certificates,
    /// The namespace that Sluice itself runs in, if it knows.
    pub home: Option<String>,
    /// The cluster's policy.
    pub network_policy: Option<ObjectMeta>,
}

/// The cluster's certificates, as this pass found or issued them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Certificates {
    /// By their Secrets, until when they are good.
    pub ends: BTreeMap<String, Timestamp>,
    /// The authority's Secret, and how far its replacement is.
    pub authority: Option<(String, Phase)>,
    /// Why the Secret that the spec names is not the authority.
    pub refused: Option<String>,
}

/// Why a pod is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmade {
    pub stateful_set: String,
    /// What the StatefulSet's newest `FailedCreate` event says.
    pub words: Option<String>,
}

/// Dynamic broker configuration (`DescribeConfigs`), without what comes from files and defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DynamicConfigs {
    /// Source `DYNAMIC_DEFAULT_BROKER_CONFIG`: for all brokers.
    pub cluster: BTreeMap<String, String>,
    /// Source `DYNAMIC_BROKER_CONFIG`: for one broker.
    pub brokers: BTreeMap<NodeId, BTreeMap<String, String>>,
}
