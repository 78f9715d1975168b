//! The two Services: stable names of the workers, and one address of the REST API.

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};

use crate::connect::names::{COMPONENT, REST_PORT, whole, workers_service};
use crate::connect::wanted::Wanted;

/// Headless. Names resolve before workers are ready: any worker passes a request on to the leader, and that one may have just joined.
pub fn workers(wanted: &Wanted) -> Service {
    build(
        wanted,
        workers_service(&wanted.owner.name),
        ServiceSpec {
            cluster_ip: Some("None".into()),
            publish_not_ready_addresses: Some(true),
            ..Default::default()
        },
    )
}

/// Every worker that is ready answers for all.
pub fn rest(wanted: &Wanted) -> Service {
    build(wanted, whole(&wanted.owner.name), ServiceSpec::default())
}

fn build(wanted: &Wanted, name: String, spec: ServiceSpec) -> Service {
    Service {
        metadata: wanted.owner.child(name, COMPONENT),
        spec: Some(ServiceSpec {
            type_: Some("ClusterIP".into()),
            selector: Some(wanted.owner.selector(COMPONENT)),
            ports: Some(vec![ServicePort {
                name: Some("rest".into()),
                port: REST_PORT,
                protocol: Some("TCP".into()),
                ..Default::default()
            }]),
            ..spec
        }),
        ..Default::default()
    }
}
