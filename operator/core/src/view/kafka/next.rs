//! How one view follows another. What is equal is shared, so that a change is a changed pointer.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{BrokerView, ClusterView, NodeId, QuorumView, Reassignments, TopicView};

/// What one look brought home, not yet compared with the view before.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Look {
    pub cluster_id: String,
    pub brokers: BTreeMap<NodeId, BrokerView>,
    /// All topics, without configs. `None`: it exists, but Kafka would not show it; what we saw before stays.
    pub topics: Vec<(String, Option<TopicView>)>,
    /// `None`: not asked this time; what we saw before stays.
    pub quorum: Option<QuorumView>,
    /// `None`: not asked this time; what we saw before stays.
    pub reassignments: Option<Reassignments>,
    /// `None`: not asked this time; what we saw before stays.
    pub features: Option<BTreeMap<String, i16>>,
}

/// What `DescribeConfigs` says about a topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicConfigs {
    /// Set on the topic itself.
    pub set: BTreeMap<String, String>,
    /// In force, wherever it is set.
    pub min_isr: Option<i32>,
}

impl ClusterView {
    /// The view after `look`. A topic keeps its described configs as long as it is the same topic (its id).
    #[must_use]
    pub fn next(previous: Option<&Self>, look: Look) -> Self {
        // another cluster under the same address: nothing of the old one holds
        let previous = previous.filter(|view| view.cluster_id == look.cluster_id);
        let before = |name: &str| previous.and_then(|view| view.topics.get(name));
        let topics = look.topics.into_iter().filter_map(|(name, seen)| {
            let topic = follow(before(&name), seen)?;
            Some((name, topic))
        });
        Self {
            topics: topics.collect(),
            cluster_id: look.cluster_id,
            brokers: look.brokers,
            reassignments: look
                .reassignments
                .or_else(|| previous.and_then(|view| view.reassignments.clone())),
            quorum: look.quorum.or_else(|| previous.and_then(|view| view.quorum.clone())),
            features: look
                .features
                .or_else(|| previous.map(|view| view.features.clone()))
                .unwrap_or_default(),
        }
    }

    /// The view with newly described configs of some topics. A topic that is not in the view is ignored.
    #[must_use]
    pub fn with_configs(&self, described: impl IntoIterator<Item = (String, TopicConfigs)>) -> Self {
        let mut next = self.clone();
        for (name, configs) in described {
            let Some(topic) = next.topics.get_mut(&name) else { continue };
            if topic.configs.as_ref() != Some(&configs.set) || topic.min_isr != configs.min_isr {
                // the old view still holds the old topic
                let topic = Arc::make_mut(topic);
                topic.configs = Some(configs.set);
                topic.min_isr = configs.min_isr;
            }
        }
        next
    }

    /// Topics that are new, gone, or not what they were. Cheap: it compares pointers, so `next` must come
    /// from [`ClusterView::next`] or [`ClusterView::with_configs`].
    pub fn changed<'a>(previous: &'a Self, next: &'a Self) -> impl Iterator<Item = &'a str> {
        let gone = previous.topics.keys().filter(|name| !next.topics.contains_key(*name));
        let is_same =
            |name: &str, topic| previous.topics.get(name).is_some_and(|before| Arc::ptr_eq(before, topic));
        let new = next.topics.iter().filter(move |(name, topic)| !is_same(name, topic)).map(|(name, _)| name);
        gone.chain(new).map(String::as_str)
    }
}

fn follow(before: Option<&Arc<TopicView>>, seen: Option<TopicView>) -> Option<Arc<TopicView>> {
    let Some(mut seen) = seen else { return before.cloned() };
    if let Some(before) = before.filter(|before| before.id == seen.id) {
        seen.configs.clone_from(&before.configs);
        seen.min_isr = before.min_isr;
        if **before == seen {
            return Some(Arc::clone(before));
        }
    }
    Some(Arc::new(seen))
}

#[cfg(test)]
mod tests {
    use super::super::{KafkaUuid, PartitionView};
    use super::*;

    fn topic(id: u8, isr: &[NodeId]) -> TopicView {
        let partition = PartitionView { leader: Some(1), replicas: vec![1, 2], isr: isr.to_vec() };
        TopicView { id: KafkaUuid([id; 16]), partitions: vec![partition], ..TopicView::default() }
    }

    fn look<const N: usize>(topics: [(&str, Option<TopicView>); N]) -> Look {
        let topics = topics.into_iter().map(|(name, topic)| (name.to_owned(), topic)).collect();
        Look { cluster_id: "c".to_owned(), topics, ..Look::default() }
    }

    fn configs<const N: usize>(set: [(&str, &str); N], min_isr: i32) -> TopicConfigs {
        let set = set.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        TopicConfigs { set, min_isr: Some(min_isr) }
    }

    fn changed(previous: &ClusterView, next: &ClusterView) -> Vec<String> {
        ClusterView::changed(previous, next).map(str::to_owned).collect()
    }

    /// `a` and `b` with an ISR of two; `a` is described.
    fn first() -> ClusterView {
        let view =
            ClusterView::next(None, look([("a", Some(topic(1, &[1, 2]))), ("b", Some(topic(2, &[1, 2])))]));
        view.with_configs([("a".to_owned(), configs([("retention.ms", "1")], 2))])
    }

    #[test]
    fn only_what_changed_is_changed() {
        let same = [("a", Some(topic(1, &[1, 2]))), ("b", Some(topic(2, &[1, 2])))];
        let cases: [(&str, Look, &[&str]); 6] = [
            ("nothing", look(same.clone()), &[]),
            ("an ISR shrinks", look([("a", Some(topic(1, &[1]))), same[1].clone()]), &["a"]),
            ("one is gone", look([same[0].clone()]), &["b"]),
            ("one is new", look([same[0].clone(), same[1].clone(), ("c", Some(topic(3, &[1])))]), &["c"]),
            ("one is created anew", look([same[0].clone(), ("b", Some(topic(9, &[1, 2])))]), &["b"]),
            ("one cannot be seen", look([("a", None), same[1].clone(), ("d", None)]), &[]),
        ];
        for (case, look, expected) in cases {
            let before = first();
            assert_eq!(changed(&before, &ClusterView::next(Some(&before), look)), expected, "{case}");
        }
    }

    #[test]
    fn described_configs_stay_with_the_topic_and_not_with_its_name() {
        let before = first();
        let next = ClusterView::next(Some(&before), look([("a", Some(topic(1, &[1])))]));
        assert_eq!(next.topics["a"].configs, before.topics["a"].configs);
        assert_eq!(next.topics["a"].min_isr, Some(2));
        let anew = ClusterView::next(Some(&before), look([("a", Some(topic(7, &[1, 2])))]));
        assert_eq!((anew.topics["a"].configs.as_ref(), anew.topics["a"].min_isr), (None, None));
    }

    #[test]
    fn describing_changes_only_what_differs_and_leaves_the_old_view_alone() {
        let before = first();
        let described = [
            ("a".to_owned(), configs([("retention.ms", "1")], 2)),
            ("b".to_owned(), configs([], 1)),
            ("gone".to_owned(), configs([], 1)),
        ];
        let next = before.with_configs(described.clone());
        assert_eq!(changed(&before, &next), ["b"], "described for the first time");
        assert_eq!(before.topics["b"].configs, None);
        assert_eq!(changed(&next, &next.with_configs(described)), [""; 0]);
        let edited = next.with_configs([("a".to_owned(), configs([("retention.ms", "2")], 2))]);
        assert_eq!(changed(&next, &edited), ["a"]);
    }

    #[test]
    fn what_was_not_asked_stays_unless_it_is_another_cluster() {
        let asked = Look {
            quorum: Some(QuorumView { leader: Some(3), ..QuorumView::default() }),
            features: Some(BTreeMap::from([("kraft.version".to_owned(), 1)])),
            ..look([("a", Some(topic(1, &[1])))])
        };
        let before = ClusterView::next(None, asked);
        let next = ClusterView::next(Some(&before), look([]));
        assert_eq!((next.quorum.as_ref(), &next.features), (before.quorum.as_ref(), &before.features));
        let other = Look { cluster_id: "other".to_owned(), ..look([("a", None)]) };
        assert_eq!(
            ClusterView::next(Some(&before), other),
            ClusterView { cluster_id: "other".to_owned(), ..ClusterView::default() }
        );
    }
}
