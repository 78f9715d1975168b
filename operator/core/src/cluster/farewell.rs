//! Pods of a cluster that is gone. All of its nodes stop at once, and each waits until others lead what it led. Those that are last find
//! nobody, and Kafka waits for it for five minutes (`BrokerServer.shutdown`): they would be killed at the end of their grace, two minutes
//! later, and nobody could have a cluster of that name before.

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::desired::GRACE_SECONDS;

/// What such a pod gets instead, in seconds: a node that waits for nobody has long stopped by then.
pub const FAREWELL: u32 = 30;

/// Whether a pod is stopping with the grace that we give by default. Somebody's own (`template.terminationGracePeriodSeconds`) is left to them.
pub fn is_stopping(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_some()
        && pod.metadata.deletion_grace_period_seconds == Some(GRACE_SECONDS)
}

/// Whether a pod stops for good: `set`, its StatefulSet, and `cluster` are gone, are going, or are others of the same name.
pub fn is_left_behind(pod: &Pod, set: Option<&ObjectMeta>, cluster: Option<&ObjectMeta>) -> bool {
    let of = pod.metadata.owner_references.iter().flatten().find(|owner| owner.controller == Some(true));
    let goes = |meta: &ObjectMeta| meta.deletion_timestamp.is_some();
    let set_stays = set.is_some_and(|set| !goes(set) && of.map(|of| &of.uid) == set.uid.as_ref());
    // a set that is made anew around pods that stay has the same cluster
    let is_older = |cluster: &ObjectMeta| cluster.creation_timestamp <= pod.metadata.creation_timestamp;
    let cluster_stays = cluster.is_some_and(|cluster| !goes(cluster) && is_older(cluster));
    is_stopping(pod) && !set_stays && !cluster_stays
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn stopping(grace: i64) -> Pod {
        let meta = json!({
            "name": "kafka-nodes-0", "creationTimestamp": "2026-11-21T08:00:10Z",
            "deletionTimestamp": "2026-11-21T09:02:00Z", "deletionGracePeriodSeconds": grace,
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "kafka-nodes", "uid": "set", "controller": true}],
        });
        serde_json::from_value(json!({"metadata": meta})).unwrap()
    }

    fn meta(uid: &str, created: &str, goes: bool) -> ObjectMeta {
        let goes = goes.then_some("2026-11-21T09:00:00Z");
        serde_json::from_value(json!({"uid": uid, "creationTimestamp": created, "deletionTimestamp": goes}))
            .unwrap()
    }

    #[test]
    fn only_what_stops_with_its_cluster_is_left_behind() {
        let (before, after) = ("2026-11-21T08:00:00Z", "2026-11-21T09:00:01Z");
        let set = |goes| meta("set", before, goes);
        let cluster = |goes| meta("cluster", before, goes);
        for (set, cluster, left) in [
            (Some(set(false)), Some(cluster(false)), false), // a restart
            (None, None, true),
            (None, Some(cluster(false)), false), // its set is made anew
            (Some(set(false)), None, false),     // kubectl delete --cascade=orphan
            (Some(set(true)), Some(cluster(true)), true),
            (Some(meta("another", after, false)), Some(meta("another", after, false)), true), // made anew
        ] {
            assert_eq!(
                is_left_behind(&stopping(GRACE_SECONDS), set.as_ref(), cluster.as_ref()),
                left,
                "{set:?} {cluster:?}"
            );
        }
    }

    #[test]
    fn who_runs_who_has_been_hastened_and_who_has_a_grace_of_its_own_is_let_be() {
        let running = serde_json::from_value(json!({"metadata": {"name": "kafka-nodes-0"}})).unwrap();
        for pod in [running, stopping(i64::from(FAREWELL)), stopping(600)] {
            assert!(!is_left_behind(&pod, None, None));
        }
    }
}
