use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;

use kube::core::{DeserializeGuard, NamespaceResourceScope};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Resource, ResourceExt};
use parking_lot::Mutex;
use sluice_core::referent::Referent;
use tokio::sync::mpsc::UnboundedSender;

use super::Key;

/// An object of ours that parsed. One that did not is still in the store, so that its status can say so.
pub struct Parsed<K>(Arc<DeserializeGuard<K>>);

impl<K> Parsed<K> {
    pub fn new(object: Arc<DeserializeGuard<K>>) -> Option<Self> {
        object.0.is_ok().then_some(Self(object))
    }
}

impl<K> Clone for Parsed<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K> Deref for Parsed<K> {
    type Target = K;
    fn deref(&self) -> &K {
        self.0.0.as_ref().expect("checked when it was made")
    }
}

/// What there is under a name that somebody refers to. An object that is being deleted is there no more.
pub enum Found<K> {
    Missing,
    /// It is there, and cannot be read: not to be taken for missing.
    Unparsable,
    There(Parsed<K>),
}

impl<K> Found<K> {
    pub fn there(self) -> Option<Parsed<K>> {
        match self {
            Self::There(object) => Some(object),
            Self::Missing | Self::Unparsable => None,
        }
    }

    pub fn referent(&self) -> Referent {
        match self {
            Self::Missing => Referent::Missing,
            Self::Unparsable => Referent::Unparsable,
            Self::There(_) => Referent::There,
        }
    }
}

/// All objects of one kind in a scope, and the bell that asks for a pass over one of them.
pub struct Shelf<K>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + 'static,
{
    store: Store<DeserializeGuard<K>>,
    bell: UnboundedSender<ObjectRef<DeserializeGuard<K>>>,
    /// Passes in a row that ended with an error, for the backoff.
    failures: Mutex<HashMap<Key, u32>>,
}

impl<K> Shelf<K>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + 'static,
{
    pub fn new(
        store: Store<DeserializeGuard<K>>,
        bell: UnboundedSender<ObjectRef<DeserializeGuard<K>>>,
    ) -> Self {
        Self { store, bell, failures: Mutex::default() }
    }

    /// The object, if there is one and it parses. For what refers to it see [`refer`](Self::refer).
    pub fn get(&self, key: &Key) -> Option<Parsed<K>> {
        self.raw(key).and_then(Parsed::new)
    }

    /// What a reference to this name leads to.
    pub fn refer(&self, key: &Key) -> Found<K> {
        match self.raw(key).filter(|object| object.meta().deletion_timestamp.is_none()) {
            None => Found::Missing,
            Some(object) => Parsed::new(object).map_or(Found::Unparsable, Found::There),
        }
    }

    fn raw(&self, key: &Key) -> Option<Arc<DeserializeGuard<K>>> {
        self.store.get(&ObjectRef::new(&key.name).within(&key.namespace))
    }

    /// All parsed objects that `keep` likes.
    pub fn select(&self, keep: impl Fn(&K) -> bool) -> Vec<Parsed<K>> {
        self.store.state().into_iter().filter_map(Parsed::new).filter(|object| keep(object)).collect()
    }

    /// Names of those in a namespace that do not parse.
    pub fn unparsable_in(&self, namespace: &str) -> Vec<String> {
        let all = self.store.state();
        let here = all.iter().filter(|o| o.0.is_err() && o.namespace().as_deref() == Some(namespace));
        here.map(|object| object.name_any()).collect()
    }

    pub fn store(&self) -> Store<DeserializeGuard<K>> {
        self.store.clone()
    }

    /// Asks for a pass over one object.
    pub fn wake(&self, key: &Key) {
        // the receiver goes only when the scope ends, and then no pass is owed
        let _ = self.bell.send(ObjectRef::new(&key.name).within(&key.namespace));
    }

    /// Asks for a pass over every object that `keep` likes.
    pub fn wake_where(&self, keep: impl Fn(&K) -> bool) {
        for object in self.select(keep) {
            if let Some(namespace) = object.namespace() {
                self.wake(&Key { namespace, name: object.name_any() });
            }
        }
    }

    /// Notes how a pass ended; how many have failed in a row.
    pub fn note(&self, key: &Key, failed: bool) -> u32 {
        let mut failures = self.failures.lock();
        if failed {
            let count = failures.entry(key.clone()).or_default();
            *count += 1;
            *count
        } else {
            failures.remove(key);
            0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::runtime::reflector;
    use kube::runtime::watcher::Event;
    use serde_json::json;
    use sluice_crds::Topic;

    #[test]
    fn an_object_that_does_not_parse_is_not_missing() {
        let (store, mut writer) = reflector::store();
        let (bell, _rings) = tokio::sync::mpsc::unbounded_channel();
        let shelf: Shelf<Topic> = Shelf::new(store, bell);
        let mut put = |name: &str, partitions: serde_json::Value, deleted: Option<&str>| {
            let object: DeserializeGuard<Topic> = serde_json::from_value(json!({
                "apiVersion": "sluice.dev/v1alpha1", "kind": "Topic",
                "metadata": { "name": name, "namespace": "shop", "deletionTimestamp": deleted },
                "spec": { "clusterRef": { "name": "kafka" }, "partitions": partitions },
            }))
            .expect("metadata at least");
            writer.apply_watcher_event(&Event::Apply(object));
        };
        put("good", json!(1), None);
        put("broken", json!("three"), None);
        put("leaving", json!("three"), Some("2026-11-21T12:00:00Z"));
        let referent =
            |name: &str| shelf.refer(&Key { namespace: "shop".into(), name: name.into() }).referent();
        assert_eq!(referent("good"), Referent::There);
        assert_eq!(referent("broken"), Referent::Unparsable);
        assert_eq!(referent("leaving"), Referent::Missing);
        assert_eq!(referent("nobody"), Referent::Missing);
    }
}
