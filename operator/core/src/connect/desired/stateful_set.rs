//! The StatefulSet of the workers. Sluice decides when a pod is replaced (`OnDelete`).

use k8s_openapi::api::apps::v1::{StatefulSet, StatefulSetSpec, StatefulSetUpdateStrategy};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::pod;
use crate::connect::names::{COMPONENT, whole, workers_service};
use crate::connect::wanted::Wanted;

pub fn build(wanted: &Wanted) -> StatefulSet {
    let selector = wanted.owner.selector(COMPONENT);
    StatefulSet {
        metadata: wanted.owner.child(whole(&wanted.owner.name), COMPONENT),
        spec: Some(StatefulSetSpec {
            service_name: Some(workers_service(&wanted.owner.name)),
            replicas: Some(wanted.replicas),
            // workers do not wait for each other
            pod_management_policy: Some("Parallel".into()),
            update_strategy: Some(StatefulSetUpdateStrategy {
                type_: Some("OnDelete".into()),
                ..Default::default()
            }),
            revision_history_limit: Some(3),
            selector: LabelSelector { match_labels: Some(selector), ..Default::default() },
            template: pod::template(wanted),
            ..Default::default()
        }),
        ..Default::default()
    }
}
