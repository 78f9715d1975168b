//! What a pod was made from, as far as a restart is needed to change it.
//!
//! It stands in an annotation of the pod and is compared with what the spec says now. Only what the *user* declares
//! is in it, never the rendered pod: a new Sluice that renders differently, or an admission webhook that edits
//! pods, must not restart anything. A part that an older Sluice did not write is not compared.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Annotation of pods: [`Inputs`] as JSON.
pub const ANNOTATION: &str = "sluice.dev/inputs";

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Inputs {
    /// Revision of the certificate. Kafka's clients, and nodes are clients of each other, read theirs when they start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificates: Option<String>,
    /// Declared keys that only a restart applies, with a fingerprint of the value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<BTreeMap<String, String>>,
    /// `spec.image`; empty where the version decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jvm: Option<String>,
    /// `plain:9092`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listeners: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restarted_at: Option<String>,
    /// Size of an ephemeral volume; empty for persistent ones, which grow without a restart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// Why a node is restarted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RestartReason {
    /// Certificates were issued anew.
    Certificates,
    /// These read-only keys differ.
    Config(Vec<String>),
    Image,
    Jvm,
    Listeners,
    Resources,
    /// `spec.restartedAt` was set.
    RestartRequested,
    Storage,
    /// `spec.pools[].template` differs, or the pod was not made by Sluice.
    Template,
    Version,
}

impl RestartReason {
    /// `Config(num.partitions)`, `Image`: for status, events and the log.
    pub fn text(&self) -> String {
        match self {
            Self::Config(keys) if keys.len() > 5 => {
                format!("Config({} and {} more)", keys[..5].join(", "), keys.len() - 5)
            }
            Self::Config(keys) => format!("Config({})", keys.join(", ")),
            other => format!("{other:?}"),
        }
    }
}

impl Inputs {
    pub fn to_annotation(&self) -> String {
        // strings and maps of strings: they always serialize
        serde_json::to_string(self).unwrap_or_default()
    }

    /// What the pod's annotation says; `None` where it has none that can be read.
    pub fn from_annotations(annotations: Option<&BTreeMap<String, String>>) -> Option<Self> {
        serde_json::from_str(annotations?.get(ANNOTATION)?).ok()
    }

    /// Why a pod made from `self` must be restarted to become what `wanted` says.
    pub fn reasons(&self, wanted: &Self) -> Vec<RestartReason> {
        let mut reasons = Vec::new();
        if let (Some(old), Some(new)) = (&self.config, &wanted.config) {
            let keys = differing(old, new);
            if !keys.is_empty() {
                reasons.push(RestartReason::Config(keys));
            }
        }
        let parts = [
            (&self.certificates, &wanted.certificates, RestartReason::Certificates),
            (&self.image, &wanted.image, RestartReason::Image),
            (&self.jvm, &wanted.jvm, RestartReason::Jvm),
            (&self.listeners, &wanted.listeners, RestartReason::Listeners),
            (&self.resources, &wanted.resources, RestartReason::Resources),
            (&self.restarted_at, &wanted.restarted_at, RestartReason::RestartRequested),
            (&self.storage, &wanted.storage, RestartReason::Storage),
            (&self.template, &wanted.template, RestartReason::Template),
            (&self.version, &wanted.version, RestartReason::Version),
        ];
        let differs =
            |old: &Option<String>, new: &Option<String>| old.is_some() && new.is_some() && old != new;
        reasons
            .extend(parts.into_iter().filter(|(old, new, _)| differs(old, new)).map(|(_, _, reason)| reason));
        reasons
    }
}

/// Keys that only one of them has, or that have another value, sorted.
fn differing(old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> Vec<String> {
    let mut keys: Vec<_> = old
        .iter()
        .filter(|(key, value)| new.get(*key) != Some(value))
        .map(|(key, _)| key)
        .chain(new.keys().filter(|key| !old.contains_key(*key)))
        .cloned()
        .collect();
    keys.sort();
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(config: &[(&str, &str)]) -> Inputs {
        Inputs {
            config: Some(config.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect()),
            image: Some(String::new()),
            restarted_at: Some(String::new()),
            ..Inputs::default()
        }
    }

    #[test]
    fn every_config_key_that_differs_is_named() {
        let reasons = inputs(&[("a", "1"), ("b", "1"), ("c", "1")]).reasons(&inputs(&[
            ("b", "2"),
            ("c", "1"),
            ("d", "1"),
        ]));
        assert_eq!(reasons, [RestartReason::Config(vec!["a".into(), "b".into(), "d".into()])]);
        assert_eq!(reasons[0].text(), "Config(a, b, d)");
    }

    #[test]
    fn a_part_that_an_older_sluice_did_not_write_restarts_nothing() {
        let old = Inputs { image: None, ..inputs(&[]) };
        let new = Inputs { image: Some("other".into()), version: Some("4.3.1".into()), ..inputs(&[]) };
        assert_eq!(old.reasons(&new), []);
    }

    #[test]
    fn a_request_to_restart_is_a_reason_once() {
        let before = inputs(&[]);
        let after = Inputs { restarted_at: Some("2026-11-21T08:00:00Z".into()), ..inputs(&[]) };
        assert_eq!(before.reasons(&after), [RestartReason::RestartRequested]);
        assert_eq!(after.reasons(&after), []);
    }

    #[test]
    fn an_annotation_reads_as_it_was_written() {
        let inputs = inputs(&[("num.partitions", "ab")]);
        let annotations = BTreeMap::from([(ANNOTATION.to_owned(), inputs.to_annotation())]);
        assert_eq!(Inputs::from_annotations(Some(&annotations)), Some(inputs));
        assert_eq!(Inputs::from_annotations(None), None);
    }
}
