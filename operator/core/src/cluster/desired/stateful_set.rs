//! The StatefulSet of a pool. Sluice decides when a pod is replaced (`OnDelete`); ordinals are node ids.

use k8s_openapi::api::apps::v1::{
    StatefulSet, StatefulSetOrdinals, StatefulSetPersistentVolumeClaimRetentionPolicy, StatefulSetSpec,
    StatefulSetUpdateStrategy,
};
use k8s_openapi::api::core::v1::{
    PersistentVolumeClaim, PersistentVolumeClaimSpec, VolumeResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use sluice_crds::kafka_cluster::StorageType;

use super::{Standing, pod};
use crate::cluster::names::{self, COMPONENT, DATA_VOLUME, POOL_LABEL};
use crate::cluster::wanted::{Pool, Wanted};

pub fn build(wanted: &Wanted, pool: &Pool, standing: &Standing) -> StatefulSet {
    let cluster = &wanted.owner.name;
    let mut selector = wanted.owner.selector(COMPONENT);
    selector.insert(POOL_LABEL.into(), pool.name.clone());
    let mut metadata = wanted.owner.child(names::pool(cluster, &pool.name), COMPONENT);
    metadata.labels = Some(selector.clone());
    let nodes = pool.ids.end - pool.ids.start;
    StatefulSet {
        metadata,
        spec: Some(StatefulSetSpec {
            service_name: Some(names::nodes_service(cluster)),
            ordinals: Some(StatefulSetOrdinals { start: Some(pool.ids.start) }),
            replicas: Some(nodes.max(standing.kept.get(&pool.name).copied().unwrap_or(0))),
            pod_management_policy: Some("Parallel".into()),
            update_strategy: Some(StatefulSetUpdateStrategy {
                type_: Some("OnDelete".into()),
                ..Default::default()
            }),
            persistent_volume_claim_retention_policy: Some(StatefulSetPersistentVolumeClaimRetentionPolicy {
                when_deleted: Some(if wanted.delete_volumes { "Delete" } else { "Retain" }.into()),
                // a node that left may be wanted back; what is on its volume is not Sluice's to throw away
                when_scaled: Some("Retain".into()),
            }),
            revision_history_limit: Some(3),
            selector: LabelSelector { match_labels: Some(selector.clone()), ..Default::default() },
            template: pod::template(wanted, pool, selector),
            volume_claim_templates: claim_templates(pool, standing),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// Immutable once the StatefulSet exists: then they stay as they are, whatever the size is by now.
fn claim_templates(pool: &Pool, standing: &Standing) -> Option<Vec<PersistentVolumeClaim>> {
    if pool.storage.kind == StorageType::Ephemeral {
        return None;
    }
    if let Some(existing) = standing.claim_templates.get(&pool.name) {
        let kept = existing.iter().map(|claim| PersistentVolumeClaim {
            metadata: ObjectMeta {
                name: claim.metadata.name.clone(),
                labels: claim.metadata.labels.clone(),
                annotations: claim.metadata.annotations.clone(),
                ..Default::default()
            },
            spec: claim.spec.clone(),
            status: None,
        });
        return Some(kept.collect());
    }
    Some(vec![PersistentVolumeClaim {
        metadata: ObjectMeta { name: Some(DATA_VOLUME.into()), ..Default::default() },
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(vec!["ReadWriteOnce".into()]),
            storage_class_name: pool.storage.class.clone(),
            resources: Some(VolumeResourceRequirements {
                requests: Some([("storage".to_owned(), Quantity(pool.storage.size.clone()))].into()),
                ..Default::default()
            }),
            volume_mode: Some("Filesystem".into()),
            ..Default::default()
        }),
        status: None,
    }])
}
