//! Labels and owner references of everything we make.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::Resource;

/// Value of `app.kubernetes.io/managed-by`, and the selector of our watches.
pub const MANAGED_BY: &str = "sluice";
/// The selector of everything that Sluice makes.
pub const SELECTOR: &str = "app.kubernetes.io/managed-by=sluice";

/// Which object a child belongs to: decides its labels and its owner.
#[derive(Clone, Debug, PartialEq)]
pub struct Owner {
    pub namespace: String,
    pub name: String,
    /// `kafka`, `connect`, … for `app.kubernetes.io/name`.
    pub app: &'static str,
    pub reference: OwnerReference,
}

impl Owner {
    /// The owner that `object` will be; `None` before the API server has given it a name and uid.
    pub fn of<K: Resource<DynamicType = ()>>(object: &K, app: &'static str) -> Option<Self> {
        Some(Self {
            namespace: object.meta().namespace.clone()?,
            name: object.meta().name.clone()?,
            app,
            reference: object.controller_owner_ref(&())?,
        })
    }

    /// Labels that select this owner's children of one component; they never change.
    pub fn selector(&self, component: &str) -> BTreeMap<String, String> {
        [
            ("app.kubernetes.io/name", self.app),
            ("app.kubernetes.io/instance", &self.name),
            ("app.kubernetes.io/component", component),
            ("app.kubernetes.io/managed-by", MANAGED_BY),
        ]
        .into_iter()
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .collect()
    }

    /// Metadata of a child.
    pub fn child(&self, name: impl Into<String>, component: &str) -> ObjectMeta {
        ObjectMeta {
            name: Some(name.into()),
            namespace: Some(self.namespace.clone()),
            labels: Some(self.selector(component)),
            owner_references: Some(vec![self.reference.clone()]),
            ..Default::default()
        }
    }
}

/// Whose an existing object is that has the name of a child of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    Ours,
    /// Of an earlier object of our owner's kind and name. It is being removed.
    Earlier,
    /// Somebody else's: `belongs to Deployment web`.
    Others(String),
}

/// Whose `present` is, which stands where `wanted` should. By its controller; and where it has none (it was taken away, or
/// the child was orphaned), by the labels that we put on everything.
pub fn whose(present: &ObjectMeta, wanted: &ObjectMeta) -> Whose {
    let controller = |meta: &ObjectMeta| {
        meta.owner_references.iter().flatten().find(|owner| owner.controller == Some(true)).cloned()
    };
    match (controller(present), controller(wanted)) {
        (Some(theirs), Some(ours)) if theirs.uid == ours.uid => Whose::Ours,
        (Some(theirs), Some(ours)) if (&theirs.kind, &theirs.name) == (&ours.kind, &ours.name) => {
            Whose::Earlier
        }
        (Some(theirs), _) => Whose::Others(format!("belongs to {} {}", theirs.kind, theirs.name)),
        (None, _) if has_our_labels(present, wanted) => Whose::Ours,
        (None, _) => Whose::Others("was not made by Sluice".into()),
    }
}

fn has_our_labels(present: &ObjectMeta, wanted: &ObjectMeta) -> bool {
    let label = |meta: &ObjectMeta, name: &str| meta.labels.as_ref().and_then(|all| all.get(name)).cloned();
    label(wanted, "app.kubernetes.io/managed-by").as_deref() == Some(MANAGED_BY)
        && ["name", "instance", "managed-by"].into_iter().all(|part| {
            let name = format!("app.kubernetes.io/{part}");
            label(present, &name) == label(wanted, &name)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[allow(clippy::needless_pass_by_value)] // a fixture reads better without the reference
    fn meta(owner: Value, instance: &str) -> ObjectMeta {
        serde_json::from_value(json!({
            "name": "shop-nodes",
            "labels": {
                "app.kubernetes.io/name": "kafka", "app.kubernetes.io/instance": instance,
                "app.kubernetes.io/managed-by": "sluice",
            },
            "ownerReferences": owner,
        }))
        .unwrap()
    }

    fn by(kind: &str, name: &str, uid: &str) -> Value {
        json!([{ "apiVersion": "v1", "kind": kind, "name": name, "uid": uid, "controller": true }])
    }

    #[test]
    fn an_object_is_ours_by_its_controller_and_else_by_its_labels() {
        let wanted = meta(by("KafkaCluster", "shop", "1"), "shop");
        let others = |words: &str| Whose::Others(words.into());
        let bare = ObjectMeta { name: Some("shop-nodes".into()), ..ObjectMeta::default() };
        for (present, expected) in [
            (meta(by("KafkaCluster", "shop", "1"), "shop"), Whose::Ours),
            (meta(by("KafkaCluster", "shop", "1"), "edited"), Whose::Ours),
            (meta(json!([]), "shop"), Whose::Ours),
            (meta(by("KafkaCluster", "shop", "0"), "shop"), Whose::Earlier),
            (meta(by("KafkaCluster", "other", "2"), "shop"), others("belongs to KafkaCluster other")),
            (meta(by("Deployment", "shop", "3"), "shop"), others("belongs to Deployment shop")),
            (meta(json!([]), "other"), others("was not made by Sluice")),
            (bare.clone(), others("was not made by Sluice")),
        ] {
            assert_eq!(whose(&present, &wanted), expected, "{present:?}");
        }
        assert_eq!(whose(&bare, &bare), others("was not made by Sluice"), "no labels are nobody's labels");
    }
}
