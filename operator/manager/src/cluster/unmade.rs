use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Event;
use kube::api::{Api, ListParams};
use parking_lot::Mutex;
use sluice_core::cluster::{Seen, Unmade, without_pod};
use tracing::debug;

use crate::act::apply::deadline;
use crate::context::Context;
use crate::scope::{Key, chain};

/// How long a pod may be missing before we ask why: a pod that is restarted is missing for a moment.
const GRACE: Duration = Duration::from_secs(30);
/// How long an answer holds.
const HOLDS: Duration = Duration::from_secs(10);

/// Pods that StatefulSets do not make, and since when. A Sluice that has just started counts anew.
#[derive(Default)]
pub struct Missing {
    since: Mutex<HashMap<Key, HashMap<String, Instant>>>,
    words: Mutex<HashMap<Key, (Instant, Option<String>)>>,
}

impl Missing {
    /// Those of this cluster that have been missing for a while, with what Kubernetes says. Asks for events only then.
    pub async fn look(&self, context: &Context, key: &Key, seen: &Seen) -> BTreeMap<String, Unmade> {
        let mut unmade = BTreeMap::new();
        for (stateful_set, pod) in self.overdue(key, without_pod(seen), Instant::now()) {
            let words = self.words(context, &key.sibling(&stateful_set), &pod).await;
            unmade.insert(pod, Unmade { stateful_set, words });
        }
        unmade
    }

    fn overdue(&self, key: &Key, missing: Vec<(String, String)>, now: Instant) -> Vec<(String, String)> {
        let mut all = self.since.lock();
        if missing.is_empty() {
            all.remove(key);
            return missing;
        }
        let since = all.entry(key.clone()).or_default();
        since.retain(|pod, _| missing.iter().any(|(_, other)| other == pod));
        let is_overdue = |(_, pod): &(String, String)| {
            now.duration_since(*since.entry(pod.clone()).or_insert(now)) >= GRACE
        };
        missing.into_iter().filter(is_overdue).collect()
    }

    /// What is in the way of one pod is in the way of all, nearly always: one answer per StatefulSet.
    async fn words(&self, context: &Context, stateful_set: &Key, pod: &str) -> Option<String> {
        let known = self.words.lock().get(stateful_set).cloned();
        if let Some((_, words)) = known.filter(|(at, _)| at.elapsed() < HOLDS) {
            return words;
        }
        let words = ask(context, stateful_set, pod).await;
        let answer = (Instant::now(), words.clone());
        self.words.lock().insert(stateful_set.clone(), answer);
        words
    }

    pub fn forget(&self, key: &Key) {
        self.since.lock().remove(key);
        let of_it =
            |set: &Key| set.namespace == key.namespace && set.name.starts_with(&format!("{}-", key.name));
        self.words.lock().retain(|set, _| !of_it(set));
    }
}

async fn ask(context: &Context, stateful_set: &Key, pod: &str) -> Option<String> {
    let api: Api<Event> = Api::namespaced(context.client().clone(), &stateful_set.namespace);
    let fields = format!(
        "involvedObject.kind=StatefulSet,involvedObject.name={},reason=FailedCreate",
        stateful_set.name
    );
    let params = ListParams::default().fields(&fields);
    match deadline(&format!("list events of StatefulSet {stateful_set}"), api.list(&params)).await {
        Ok(events) => newest(events.items, pod),
        Err(error) => {
            debug!(%stateful_set, error = %chain(&error), "events not read");
            None
        }
    }
}

/// The newest about this pod, or about any. Without the words around those of the API server: `create Pod a in
/// StatefulSet b failed error: pods "a" is forbidden: exceeded quota …`.
fn newest(events: Vec<Event>, pod: &str) -> Option<String> {
    let at = |event: &Event| {
        let series = event.series.as_ref().and_then(|series| series.last_observed_time.as_ref()).map(|t| t.0);
        series.or(event.last_timestamp.as_ref().map(|t| t.0)).or(event.event_time.as_ref().map(|t| t.0))
    };
    let about = |event: &Event| event.message.as_ref().is_some_and(|words| words.contains(pod));
    let newest = events.into_iter().max_by_key(|event| (about(event), at(event)))?;
    let message = newest.message?;
    Some(message.split_once("failed error: ").map_or(message.as_str(), |(_, words)| words).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pod_is_overdue_only_after_a_while_and_only_while_it_is_missing() {
        let missing = Missing::default();
        let key = Key { namespace: "ns".into(), name: "c".into() };
        let pods = |ids: &[u32]| {
            ids.iter().map(|id| ("c-kafka".into(), format!("c-kafka-{id}"))).collect::<Vec<_>>()
        };
        let begin = Instant::now();
        assert_eq!(missing.overdue(&key, pods(&[0, 1]), begin), []);
        assert_eq!(missing.overdue(&key, pods(&[1]), begin + GRACE / 2), []);
        assert_eq!(missing.overdue(&key, pods(&[0, 1]), begin + GRACE), pods(&[1]), "0 was there meanwhile");
        assert_eq!(missing.overdue(&key, pods(&[]), begin + GRACE), []);
        assert!(missing.since.lock().is_empty());
    }

    #[test]
    fn the_newest_event_about_the_pod_is_told_in_the_api_servers_words() {
        let event = |at: &str, message: &str| -> Event {
            serde_json::from_value(json!({
                "metadata": {}, "involvedObject": {}, "lastTimestamp": at, "message": message,
            }))
            .unwrap()
        };
        let events = vec![
            event(
                "2026-11-21T08:00:02Z",
                "create Pod c-0 in StatefulSet c failed error: pods \"c-0\" is forbidden: quota",
            ),
            event("2026-11-21T08:00:03Z", "create Pod c-1 in StatefulSet c failed error: other"),
            event("2026-11-21T08:00:01Z", "create Pod c-0 in StatefulSet c failed error: older"),
        ];
        assert_eq!(newest(events.clone(), "c-0").as_deref(), Some("pods \"c-0\" is forbidden: quota"));
        assert_eq!(newest(events, "c-2").as_deref(), Some("other"));
        assert_eq!(newest(vec![], "c-0"), None);
    }
}
