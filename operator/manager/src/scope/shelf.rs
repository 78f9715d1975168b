use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex};

use kube::core::{DeserializeGuard, NamespaceResourceScope};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Resource, ResourceExt};
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

    /// Resolves once the first list is in. Before that an absent object may only be an unread one.
    pub async fn filled(&self) {
        // the writer lives as long as its watch; once that is gone nothing is waited for any more
        let _ = self.store.wait_until_ready().await;
    }

    pub fn get(&self, key: &Key) -> Option<Parsed<K>> {
        let reference = ObjectRef::new(&key.name).within(&key.namespace);
        self.store.get(&reference).and_then(Parsed::new)
    }

    /// Whether there is such an object, parsed or not, that is not being deleted.
    pub fn has(&self, key: &Key) -> bool {
        let object = self.store.get(&ObjectRef::new(&key.name).within(&key.namespace));
        object.is_some_and(|object| object.meta().deletion_timestamp.is_none())
    }

    /// All parsed objects that `keep` likes.
    pub fn select(&self, keep: impl Fn(&K) -> bool) -> Vec<Parsed<K>> {
        self.store.state().into_iter().filter_map(Parsed::new).filter(|object| keep(object)).collect()
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
        let mut failures = self.failures.lock().expect("no panic while counting");
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
