//! Names and ports of what belongs to a cluster.

use std::ops::Range;

use k8s_openapi::api::apps::v1::StatefulSetSpec;

use super::wanted::{Pool, Wanted};
use crate::view::kafka::NodeId;

/// Between controllers, and from brokers to them.
pub const CONTROLLER_PORT: i32 = 9090;
/// Between brokers, and from Sluice to them.
pub const INTERNAL_PORT: i32 = 9091;
/// What ports of the two are called in Kubernetes.
pub const CONTROLLER_PORT_NAME: &str = "controller";
pub const INTERNAL_PORT_NAME: &str = "internal";
/// Kafka's names of the two listeners that Sluice keeps for itself.
pub const CONTROLLER_LISTENER: &str = "CONTROLLER";
pub const INTERNAL_LISTENER: &str = "INTERNAL";

/// `app.kubernetes.io/name` of everything.
pub const APP: &str = "kafka";
/// `app.kubernetes.io/component` of everything.
pub const COMPONENT: &str = "node";
/// The container that runs Kafka.
pub const CONTAINER: &str = "kafka";
/// Label: the pool that an object belongs to.
pub const POOL_LABEL: &str = "sluice.dev/pool";
/// Label of pods of brokers.
pub const BROKER_LABEL: &str = "sluice.dev/broker";
/// Label of pods of controllers.
pub const CONTROLLER_LABEL: &str = "sluice.dev/controller";
/// Where a node mounts its certificate.
pub const CERTIFICATES_PATH: &str = "/opt/sluice/certificates";
/// Where a broker mounts what it trusts on the listeners for users with certificates.
pub const CLIENTS_PATH: &str = "/opt/sluice/clients";
/// The volume with a node's data, and the prefix of its claims' names.
pub const DATA_VOLUME: &str = "data";

/// A label `controller-revision-hash` is the StatefulSet's name, a dash and ten characters, and no label may have
/// more than 63.
pub const STATEFUL_SET_LIMIT: usize = 52;

/// StatefulSet and ConfigMap of a pool.
pub fn pool(cluster: &str, pool: &str) -> String {
    format!("{cluster}-{pool}")
}

/// The headless Service: every node's stable name is `<pod>.<this>.<namespace>.svc`.
pub fn nodes_service(cluster: &str) -> String {
    format!("{cluster}-nodes")
}

/// What every node's name ends with.
pub fn domain(namespace: &str, cluster: &str) -> String {
    format!("{}.{namespace}.svc", nodes_service(cluster))
}

/// The Service for `bootstrap.servers`: all brokers.
pub fn bootstrap_service(cluster: &str) -> String {
    format!("{cluster}-bootstrap")
}

/// PodDisruptionBudget and ServiceAccount: of all nodes.
pub fn whole(cluster: &str) -> String {
    format!("{cluster}-kafka")
}

/// The Secret with the authority that signs a cluster's certificates. Only Sluice reads it.
pub fn authority_secret(cluster: &str) -> String {
    format!("{cluster}-ca")
}

/// The Secret with the certificates that clients trust, and nothing that is secret.
pub fn trust_secret(cluster: &str) -> String {
    format!("{cluster}-ca-cert")
}

/// The Secret with the authority that signs the certificates of users. Only Sluice reads it.
pub fn clients_authority_secret(cluster: &str) -> String {
    format!("{cluster}-ca-clients")
}

/// The Secret with what brokers trust on the listeners for users with certificates, which they mount.
pub fn clients_trust_secret(cluster: &str) -> String {
    format!("{cluster}-ca-clients-cert")
}

/// The Secret with the certificate of a pool's nodes, which they mount.
pub fn node_secret(cluster: &str, pool: &str) -> String {
    format!("{cluster}-{pool}-node")
}

/// The Secret with Sluice's own certificate.
pub fn operator_secret(cluster: &str) -> String {
    format!("{cluster}-operator")
}

/// The node id that a pod's name ends with.
pub fn node_id(pod: &str) -> Option<NodeId> {
    pod.rsplit_once('-').and_then(|(_, id)| id.parse().ok())
}

/// The node ids that a StatefulSet stands for: its ordinals, from the first on (KEP-3335).
pub fn node_ids(spec: &StatefulSetSpec) -> Range<NodeId> {
    let start = spec.ordinals.as_ref().and_then(|ordinals| ordinals.start).unwrap_or(0);
    start..start + spec.replicas.unwrap_or(1)
}

impl Wanted {
    pub fn pod(&self, pool: &Pool, id: NodeId) -> String {
        format!("{}-{}-{id}", self.owner.name, pool.name)
    }

    /// The name under which the other nodes reach a node.
    pub fn host(&self, pool: &Pool, id: NodeId) -> String {
        format!("{}.{}", self.pod(pool, id), self.domain())
    }

    /// What every node's name ends with.
    pub fn domain(&self) -> String {
        domain(&self.owner.namespace, &self.owner.name)
    }

    /// `bootstrap.servers` of one port of the bootstrap Service.
    pub fn bootstrap(&self, port: i32) -> String {
        format!("{}.{}.svc:{port}", bootstrap_service(&self.owner.name), self.owner.namespace)
    }

    /// Where Sluice itself connects: the internal listener of all brokers.
    pub fn operator_bootstrap(&self) -> String {
        self.bootstrap(INTERNAL_PORT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_stateful_set_stands_for_its_ordinals_as_kubernetes_fills_them_in() {
        let ids = |replicas: Option<i32>, ordinals: serde_json::Value| {
            let ordinals = serde_json::from_value(ordinals).unwrap();
            node_ids(&StatefulSetSpec { replicas, ordinals, ..Default::default() })
        };
        assert_eq!(ids(Some(3), json!({ "start": 100 })), 100..103);
        assert_eq!(ids(Some(0), json!({ "start": 100 })), 100..100);
        assert_eq!(ids(Some(3), json!({})), 0..3);
        assert_eq!(ids(None, json!(null)), 0..1);
    }
}
