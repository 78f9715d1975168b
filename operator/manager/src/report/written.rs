use std::collections::HashMap;
use std::sync::Mutex;

use kube::{Resource, ResourceExt};

use crate::scope::Key;

/// What we wrote last to each object, so that a pass can tell that its copy is older than that: the watch is on its
/// way with the newer one, and wakes the object again.
///
/// Resource versions of one object are compared as numbers (KEP-5504). One that is no number is never called old.
#[derive(Default)]
pub struct Written {
    /// By kind, namespace and name.
    versions: Mutex<HashMap<(String, Key), u64>>,
}

impl Written {
    /// Notes the version that a write of ours made.
    pub fn note<K: Resource<DynamicType = ()>>(&self, key: &Key, answer: &K) {
        if let Some(version) = version(answer) {
            self.versions.lock().expect("no panic while noting").insert(place::<K>(key), version);
        }
    }

    /// Whether `copy` is older than our last write. Once the watch has caught up there is nothing to remember.
    pub fn is_ahead_of<K: Resource<DynamicType = ()>>(&self, copy: &K) -> bool {
        let key = place::<K>(&Key::of(copy));
        let mut versions = self.versions.lock().expect("no panic while comparing");
        let (Some(written), Some(seen)) = (versions.get(&key), version(copy)) else { return false };
        if seen < *written {
            return true;
        }
        versions.remove(&key);
        false
    }

    pub fn forget<K: Resource<DynamicType = ()>>(&self, key: &Key) {
        self.versions.lock().expect("no panic while forgetting").remove(&place::<K>(key));
    }
}

fn place<K: Resource<DynamicType = ()>>(key: &Key) -> (String, Key) {
    (K::kind(&()).into_owned(), key.clone())
}

fn version<K: Resource>(object: &K) -> Option<u64> {
    object.resource_version()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_crds::{Topic, TopicSpec};

    fn at(version: &str) -> Topic {
        let mut topic = Topic::new("t", TopicSpec::default());
        topic.metadata.namespace = Some("ns".into());
        topic.metadata.resource_version = Some(version.into());
        topic
    }

    #[test]
    fn a_copy_is_old_until_the_watch_has_caught_up_with_our_write() {
        let written = Written::default();
        let key = Key::of(&at("1"));
        assert!(!written.is_ahead_of(&at("9")), "nothing was written");
        written.note(&key, &at("10"));
        assert!(written.is_ahead_of(&at("9")));
        assert!(!written.is_ahead_of(&at("10")));
        assert!(!written.is_ahead_of(&at("9")), "what has been caught up with is forgotten");
    }

    #[test]
    fn a_version_that_is_no_number_holds_nothing_up() {
        let written = Written::default();
        written.note(&Key::of(&at("1")), &at("10"));
        assert!(!written.is_ahead_of(&at("abc")));
    }
}
