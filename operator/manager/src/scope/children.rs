//! What we made for others: watched by label, so that a deleted or edited child is repaired at once.

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{
    ConfigMap, Node, PersistentVolumeClaim, Pod, Secret, Service, ServiceAccount,
};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::{NamespaceResourceScope, PartialObjectMeta};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Resource, ResourceExt};

use super::Key;

/// Children in full where their state matters to us, as metadata where only their presence does.
pub struct Children {
    pub stateful_sets: Store<StatefulSet>,
    pub pods: Store<Pod>,
    pub claims: Store<PersistentVolumeClaim>,
    pub services: Store<PartialObjectMeta<Service>>,
    pub config_maps: Store<ConfigMap>,
    pub secrets: Store<PartialObjectMeta<Secret>>,
    pub accounts: Store<PartialObjectMeta<ServiceAccount>>,
    pub budgets: Store<PartialObjectMeta<PodDisruptionBudget>>,
    pub policies: Store<PartialObjectMeta<NetworkPolicy>>,
    /// For the zones of the brokers; `None` where only some namespaces are watched, as nodes are in none.
    pub nodes: Option<Store<PartialObjectMeta<Node>>>,
}

/// A kind of child that we apply and watch.
pub trait Child: Resource<DynamicType = (), Scope = NamespaceResourceScope> {
    /// What the watch last said of it.
    fn seen(children: &Children, key: &Key) -> Option<ObjectMeta>;
}

fn meta<K>(store: &Store<K>, key: &Key) -> Option<ObjectMeta>
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    store.get(&ObjectRef::new(&key.name).within(&key.namespace)).map(|object| object.meta().clone())
}

macro_rules! child {
    ($($kind:ty => $field:ident),+ $(,)?) => {$(
        impl Child for $kind {
            fn seen(children: &Children, key: &Key) -> Option<ObjectMeta> {
                meta(&children.$field, key)
            }
        }
    )+};
}
child!(
    StatefulSet => stateful_sets,
    PersistentVolumeClaim => claims,
    Service => services,
    ConfigMap => config_maps,
    Secret => secrets,
    ServiceAccount => accounts,
    PodDisruptionBudget => budgets,
    NetworkPolicy => policies,
);

/// Which object a child belongs to: by its owner reference, so that an edited label hides nobody's child; else (pods, claims)
/// by its labels. Both survive in the last words of a deleted child.
pub fn owner_of<K: ResourceExt>(child: &K) -> Option<(String, Key)> {
    let namespace = child.namespace()?;
    let app = |kind: &str| match kind {
        "KafkaCluster" => Some("kafka"),
        "ConnectCluster" => Some("kafka-connect"),
        "User" => Some("kafka-user"),
        _ => None,
    };
    let controller = child.owner_references().iter().find(|owner| owner.controller == Some(true));
    if let Some((app, owner)) = controller.and_then(|owner| Some((app(&owner.kind)?, owner))) {
        return Some((app.to_owned(), Key { namespace, name: owner.name.clone() }));
    }
    let labels = child.labels();
    let name = labels.get("app.kubernetes.io/instance")?.clone();
    Some((labels.get("app.kubernetes.io/name")?.clone(), Key { namespace, name }))
}

/// Those in `store` that belong to `app`/`owner`.
pub fn belonging_to<K>(store: &Store<K>, app: &str, owner: &Key) -> Vec<std::sync::Arc<K>>
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    let mut found: Vec<_> = store
        .state()
        .into_iter()
        .filter(|child| owner_of(child.as_ref()).is_some_and(|(name, key)| name == app && key == *owner))
        .collect();
    found.sort_by_key(|child| child.name_any());
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edited_label_does_not_hide_whose_a_child_is() {
        let service: Service = serde_json::from_value(serde_json::json!({
            "metadata": {
                "name": "kafka-bootstrap", "namespace": "shop",
                "labels": {"app.kubernetes.io/name": "other", "app.kubernetes.io/instance": "other"},
                "ownerReferences": [{
                    "apiVersion": "sluice.dev/v1alpha1", "kind": "KafkaCluster", "name": "kafka", "uid": "u", "controller": true,
                }],
            },
        }))
        .unwrap();
        let key = Key { namespace: "shop".into(), name: "kafka".into() };
        assert_eq!(owner_of(&service), Some(("kafka".to_owned(), key)));
    }
}
