//! Who runs with what a Secret holds.

use k8s_openapi::api::core::v1::Pod;

/// Annotation of pods: the revision of the certificate that they need, or a later one.
pub const REVISION_ANNOTATION: &str = "sluice.dev/certificates";

/// Whether a pod serves with this revision.
pub fn runs(pod: &Pod, revision: i64) -> bool {
    let annotation = pod.metadata.annotations.as_ref().and_then(|all| all.get(REVISION_ANNOTATION));
    let ready = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    annotation.is_some_and(|made_for| *made_for == revision.to_string())
        && pod.metadata.deletion_timestamp.is_none()
        && ready.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_a_pod_that_serves_with_this_very_revision_runs_it() {
        let pod = |revision: &str, ready: &str| -> Pod {
            serde_json::from_value(json!({
                "metadata": { "annotations": { REVISION_ANNOTATION: revision } },
                "status": { "conditions": [{ "type": "Ready", "status": ready }] },
            }))
            .unwrap()
        };
        assert!(runs(&pod("7", "True"), 7));
        assert!(!runs(&pod("7", "False"), 7));
        assert!(!runs(&pod("6", "True"), 7));
        assert!(!runs(&Pod::default(), 7));
    }
}
