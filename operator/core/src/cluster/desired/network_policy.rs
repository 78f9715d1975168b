//! Who reaches the nodes' pods at all. Certificates decide who gets in; this keeps others from knocking.

use std::collections::BTreeMap;

use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::cluster::names::{self, COMPONENT, CONTROLLER_PORT, INTERNAL_PORT};
use crate::cluster::wanted::Listener;
use crate::connect::names as connect;
use crate::meta::{MANAGED_BY, Owner};

/// Kubernetes' own label of every namespace (KEP-2161).
const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";
/// What the chart calls Sluice's own pods.
const SLUICE: &str = "sluice";

/// Closes the two ports that Sluice keeps for itself, and no other: what somebody opens by the pods' template stays open.
/// `home` is the namespace in which Sluice itself runs.
pub fn build(owner: &Owner, listeners: &[Listener], home: &str) -> NetworkPolicy {
    let nodes = here(owner.selector(COMPONENT));
    let workers =
        here([("app.kubernetes.io/name", connect::APP), ("app.kubernetes.io/managed-by", MANAGED_BY)]);
    let sluice = NetworkPolicyPeer {
        namespace_selector: Some(selecting([(NAMESPACE_NAME, home)])),
        ..here([("app.kubernetes.io/name", SLUICE)])
    };
    // ports of listeners stand there by name too: not every network knows ranges
    let clients = listeners.iter().map(|listener| port(listener.port, None));
    let others = [port(1, Some(CONTROLLER_PORT - 1)), port(INTERNAL_PORT + 1, Some(65535))];
    NetworkPolicy {
        metadata: owner.child(names::whole(&owner.name), COMPONENT),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(selecting(owner.selector(COMPONENT))),
            policy_types: Some(vec!["Ingress".into()]),
            ingress: Some(vec![
                rule(vec![port(CONTROLLER_PORT, None)], Some(vec![nodes.clone()])),
                rule(vec![port(INTERNAL_PORT, None)], Some(vec![nodes, sluice, workers])),
                rule(clients.chain(others).collect(), None),
            ]),
            ..Default::default()
        }),
    }
}

fn selecting<K: Into<String>, V: Into<String>>(labels: impl IntoIterator<Item = (K, V)>) -> LabelSelector {
    let labels: BTreeMap<String, String> =
        labels.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
    LabelSelector { match_labels: Some(labels), ..Default::default() }
}

/// Pods of the same namespace.
fn here<K: Into<String>, V: Into<String>>(labels: impl IntoIterator<Item = (K, V)>) -> NetworkPolicyPeer {
    NetworkPolicyPeer { pod_selector: Some(selecting(labels)), ..Default::default() }
}

fn rule(ports: Vec<NetworkPolicyPort>, from: Option<Vec<NetworkPolicyPeer>>) -> NetworkPolicyIngressRule {
    NetworkPolicyIngressRule { ports: Some(ports), from }
}

fn port(first: i32, last: Option<i32>) -> NetworkPolicyPort {
    NetworkPolicyPort { protocol: Some("TCP".into()), port: Some(IntOrString::Int(first)), end_port: last }
}
