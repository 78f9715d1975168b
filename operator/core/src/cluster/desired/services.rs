//! The two Services: stable names of the nodes, and one address to start from.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};

use crate::cluster::names::{
    self, BROKER_LABEL, COMPONENT, CONTROLLER_PORT, INTERNAL_PORT, bootstrap_service, nodes_service,
};
use crate::cluster::wanted::Listener;
use crate::meta::Owner;

/// Headless. Names resolve before nodes are ready: controllers find each other by them, and must to get ready.
pub fn nodes(owner: &Owner, listeners: &[Listener]) -> Service {
    let mut ports = vec![port(names::CONTROLLER_PORT_NAME, CONTROLLER_PORT)];
    ports.extend(broker_ports(listeners));
    Service {
        metadata: owner.child(nodes_service(&owner.name), COMPONENT),
        spec: Some(ServiceSpec {
            cluster_ip: Some("None".into()),
            publish_not_ready_addresses: Some(true),
            ..spec(owner.selector(COMPONENT), ports)
        }),
        ..Default::default()
    }
}

/// All brokers that are ready, on every listener and on Sluice's own.
pub fn bootstrap(owner: &Owner, listeners: &[Listener]) -> Service {
    let mut selector = owner.selector(COMPONENT);
    selector.insert(BROKER_LABEL.into(), "true".into());
    Service {
        metadata: owner.child(bootstrap_service(&owner.name), COMPONENT),
        spec: Some(spec(selector, broker_ports(listeners))),
        ..Default::default()
    }
}

fn spec(selector: BTreeMap<String, String>, ports: Vec<ServicePort>) -> ServiceSpec {
    ServiceSpec {
        type_: Some("ClusterIP".into()),
        selector: Some(selector),
        ports: Some(ports),
        ..Default::default()
    }
}

fn broker_ports(listeners: &[Listener]) -> Vec<ServicePort> {
    std::iter::once(port(names::INTERNAL_PORT_NAME, INTERNAL_PORT))
        .chain(listeners.iter().map(|l| port(&l.name, l.port)))
        .collect()
}

fn port(name: &str, port: i32) -> ServicePort {
    // the API server's default is written out: with server-side apply it is part of the list's key
    ServicePort { name: Some(name.into()), port, protocol: Some("TCP".into()), ..Default::default() }
}
