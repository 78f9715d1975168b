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
