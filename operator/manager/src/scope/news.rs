use std::collections::HashMap;
use std::sync::Arc;

use kube::runtime::reflector::{ObjectRef, Store, store::Writer};
use kube::runtime::watcher::Event;
use kube::{Resource, ResourceExt};

/// What a watch has to tell of one object. When it is told, the store shows it.
#[derive(Debug)]
pub enum News<K> {
    /// It is there: new, changed, or listed again. `before` is how the store had the same object until now.
    There { now: Arc<K>, before: Option<Arc<K>> },
    /// Its last words.
    Gone(Arc<K>),
}

impl<K> News<K> {
    pub fn object(&self) -> &K {
        match self {
            Self::There { now, .. } | Self::Gone(now) => now,
        }
    }
}

/// Keeps the store of a watch and makes news of its events.
///
/// A list that begins anew (the watch's version was too old, 410) arrives in pages, and the store takes it in as a whole at
/// its end. Until then nothing is told: a pass would find the old state, and nobody would ring again. At the end
/// all that is there is told, and all that has vanished meanwhile, of which the API server says nothing.
pub struct Reader<K: Resource<DynamicType = ()> + Clone + 'static> {
    writer: Writer<K>,
    store: Store<K>,
}

impl<K: Resource<DynamicType = ()> + Clone + 'static> Reader<K> {
    pub fn new(writer: Writer<K>) -> Self {
        Self { store: writer.as_reader(), writer }
    }

    pub fn take(&mut self, event: &Event<K>) -> Vec<News<K>> {
        let there = |object: &K| self.store.get(&ObjectRef::from_obj(object));
        let before = match event {
            Event::Init | Event::InitApply(_) => {
                self.writer.apply_watcher_event(event);
                return Vec::new();
            }
            Event::InitDone => {
                let before = self.store.state();
                self.writer.apply_watcher_event(event);
                return relisted(before, self.store.state());
            }
            Event::Apply(object) | Event::Delete(object) => there(object),
        };
        self.writer.apply_watcher_event(event);
        match event {
            Event::Apply(object) => there(object).map(|now| appeared(now, before)).unwrap_or_default(),
            Event::Delete(object) => vec![News::Gone(Arc::new(object.clone()))],
            Event::Init | Event::InitApply(_) | Event::InitDone => Vec::new(),
        }
    }
}

/// What has gone first: what takes its place may have its name.
fn relisted<K: Resource<DynamicType = ()>>(before: Vec<Arc<K>>, now: Vec<Arc<K>>) -> Vec<News<K>> {
    let place = |object: &K| (object.namespace(), object.name_any());
    let mut before: HashMap<_, _> = before.into_iter().map(|object| (place(&object), object)).collect();
    let mut there = Vec::with_capacity(now.len());
    let mut gone = Vec::new();
    for now in now {
        for news in appeared(Arc::clone(&now), before.remove(&place(&now))) {
            match news {
                News::Gone(_) => gone.push(news),
                News::There { .. } => there.push(news),
            }
        }
    }
    gone.extend(before.into_values().map(News::Gone));
    gone.extend(there);
    gone
}

/// An object of the same name with another uid is another object: the one before it has gone.
fn appeared<K: Resource>(now: Arc<K>, before: Option<Arc<K>>) -> Vec<News<K>> {
    match before {
        Some(other) if other.uid() != now.uid() => {
            vec![News::Gone(other), News::There { now, before: None }]
        }
        before => vec![News::There { now, before }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::runtime::reflector;
    use sluice_crds::{Topic, TopicSpec};

    fn topic(name: &str, uid: &str, partitions: i32) -> Topic {
        let mut topic = Topic::new(name, TopicSpec { partitions, ..TopicSpec::default() });
        topic.metadata.namespace = Some("shop".into());
        topic.metadata.uid = Some(uid.into());
        topic
    }

    fn said(news: &[News<Topic>]) -> Vec<String> {
        let mut said: Vec<_> = news
            .iter()
            .map(|news| match news {
                News::There { now, before } => {
                    let before = before.as_ref().map_or("new".to_owned(), |b| b.spec.partitions.to_string());
                    format!("{} {} → {}", now.name_any(), before, now.spec.partitions)
                }
                News::Gone(last) => format!("{} gone ({})", last.name_any(), last.uid().unwrap_or_default()),
            })
            .collect();
        said.sort();
        said
    }

    /// A watch that has listed `a` and `b`.
    fn listed() -> (Reader<Topic>, Store<Topic>) {
        let (store, writer) = reflector::store();
        let mut reader = Reader::new(writer);
        for event in [Event::Init, Event::InitApply(topic("a", "1", 1)), Event::InitApply(topic("b", "2", 1))]
        {
            assert!(reader.take(&event).is_empty());
        }
        assert_eq!(said(&reader.take(&Event::InitDone)), ["a new → 1", "b new → 1"]);
        (reader, store)
    }

    #[test]
    fn nothing_is_told_of_a_list_before_the_store_shows_it() {
        let (mut reader, store) = listed();
        assert!(reader.take(&Event::Init).is_empty());
        assert!(reader.take(&Event::InitApply(topic("a", "1", 5))).is_empty());
        let partitions = || {
            let reference = ObjectRef::new("a").within("shop");
            store.get(&reference).map(|a| a.spec.partitions)
        };
        assert_eq!(partitions(), Some(1), "a pass that ran now would work on what was");
        assert!(reader.take(&Event::InitApply(topic("b", "2", 1))).is_empty());
        assert_eq!(said(&reader.take(&Event::InitDone)), ["a 1 → 5", "b 1 → 1"]);
        assert_eq!(partitions(), Some(5));
    }

    #[test]
    fn what_vanished_while_nobody_watched_is_told_as_gone() {
        let (mut reader, store) = listed();
        reader.take(&Event::Init);
        reader.take(&Event::InitApply(topic("b", "2", 1)));
        let news = reader.take(&Event::InitDone);
        assert_eq!(said(&news), ["a gone (1)", "b 1 → 1"]);
        assert!(matches!(news[0], News::Gone(_)), "what is gone makes room first");
        assert_eq!(store.state().len(), 1);
    }

    #[test]
    fn a_list_that_breaks_off_and_begins_again_loses_nothing() {
        let (mut reader, _) = listed();
        reader.take(&Event::Init);
        reader.take(&Event::InitApply(topic("c", "3", 1)));
        reader.take(&Event::Init);
        reader.take(&Event::InitApply(topic("a", "1", 1)));
        assert_eq!(said(&reader.take(&Event::InitDone)), ["a 1 → 1", "b gone (2)"]);
    }

    #[test]
    fn another_object_of_the_same_name_is_one_that_goes_and_one_that_comes() {
        let (mut reader, _) = listed();
        for event in [Event::Init, Event::InitApply(topic("a", "9", 3)), Event::InitApply(topic("b", "2", 1))]
        {
            reader.take(&event);
        }
        assert_eq!(said(&reader.take(&Event::InitDone)), ["a gone (1)", "a new → 3", "b 1 → 1"]);
    }

    #[test]
    fn changes_and_deletions_are_told_as_they_come() {
        let (mut reader, _) = listed();
        assert_eq!(said(&reader.take(&Event::Apply(topic("a", "1", 2)))), ["a 1 → 2"]);
        assert_eq!(said(&reader.take(&Event::Delete(topic("a", "1", 2)))), ["a gone (1)"]);
        assert_eq!(said(&reader.take(&Event::Apply(topic("a", "7", 1)))), ["a new → 1"]);
    }
}
