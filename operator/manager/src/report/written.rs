use std::collections::HashMap;

use kube::{Resource, ResourceExt};
use parking_lot::Mutex;

use crate::scope::Key;

/// What we wrote last to each object, so that a pass can tell that its copy is older than that: the watch is on its
/// way with the newer one, and wakes the object again.
///
/// Resource versions of one object are compared as numbers (KEP-5504). One that is no number is never called old.
#[derive(Default)]
pub struct Written {
    /// By kind, namespace and name.
    last: Mutex<HashMap<(String, Key), Last>>,
}

enum Last {
    Version(u64),
    /// Ours was the last finalizer of the object with this uid, which was being deleted: it has no newer version.
    Gone(Option<String>),
}

impl Written {
    /// Notes what a write of ours made of an object.
    pub fn note<K: Resource<DynamicType = ()>>(&self, key: &Key, answer: &K) {
        let gone = answer.meta().deletion_timestamp.is_some() && answer.finalizers().is_empty();
        let last = if gone { Some(Last::Gone(answer.uid())) } else { version(answer).map(Last::Version) };
        if let Some(last) = last {
            self.last.lock().insert(place::<K>(key), last);
        }
    }

    /// Whether `copy` is older than our last write. Once the watch has caught up there is nothing to remember.
    pub fn is_ahead_of<K: Resource<DynamicType = ()>>(&self, copy: &K) -> bool {
        let key = place::<K>(&Key::of(copy));
        let mut last = self.last.lock();
        let ahead = match last.get(&key) {
            Some(Last::Version(written)) => version(copy).is_some_and(|seen| seen < *written),
            Some(Last::Gone(uid)) => copy.uid() == *uid,
            None => return false,
        };
        if !ahead {
            last.remove(&key);
        }
        ahead
    }

    pub fn forget<K: Resource<DynamicType = ()>>(&self, key: &Key) {
        self.last.lock().remove(&place::<K>(key));
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
    use jiff::Timestamp;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
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

    #[test]
    fn an_object_that_our_write_let_go_is_behind_us_until_another_one_has_its_name() {
        let written = Written::default();
        let mut last = at("7");
        last.metadata.uid = Some("one".into());
        last.metadata.deletion_timestamp = Some(Time(Timestamp::UNIX_EPOCH));
        let key = Key::of(&last);
        let mut held = last.clone();
        held.metadata.finalizers = Some(vec!["of.somebody/else".into()]);
        written.note(&key, &held);
        assert!(!written.is_ahead_of(&held), "it is still there");
        written.note(&key, &last);
        // the server's answer has the version of before
        assert!(written.is_ahead_of(&held) && written.is_ahead_of(&last));
        let mut next = at("8");
        next.metadata.uid = Some("two".into());
        assert!(!written.is_ahead_of(&next));
    }
}
