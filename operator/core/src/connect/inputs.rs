//! What a worker was made from, as far as a restart is needed to change it.
//!
//! It stands in an annotation of the pod. Only what the user declares is in it: a new Sluice that renders another pod must not restart
//! anything.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sluice_crds::ConnectClusterSpec;

/// Annotation of pods: [`Inputs`] as JSON.
pub const ANNOTATION: &str = "sluice.dev/inputs";
/// A part.
const CERTIFICATE: &str = "certificate";

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inputs {
    /// Declared keys, each with a fingerprint of its value.
    config: BTreeMap<String, String>,
    /// Every other part that counts, with its fingerprint. A part that an older Sluice did not write is not compared.
    parts: BTreeMap<String, String>,
}

impl Inputs {
    pub fn of(spec: &ConnectClusterSpec) -> Self {
        let parts = [
            ("image", spec.image.clone().unwrap_or_default()),
            ("jvm", fingerprint(&spec.jvm)),
            ("resources", fingerprint(&spec.resources)),
            ("restartedAt", spec.restarted_at.as_ref().map(|time| time.0.to_string()).unwrap_or_default()),
            ("template", fingerprint(&spec.template)),
        ];
        Self {
            config: spec.config.iter().map(|(key, value)| (key.clone(), fingerprint(value))).collect(),
            parts: parts.into_iter().map(|(name, part)| (name.to_owned(), part)).collect(),
        }
    }

    /// With the revision of the certificate: Kafka's clients read theirs when they start.
    pub fn set_certificate(&mut self, revision: i64) {
        self.parts.insert(CERTIFICATE.to_owned(), revision.to_string());
    }

    pub fn certificate(&self) -> Option<&str> {
        self.parts.get(CERTIFICATE).map(String::as_str)
    }

    pub fn to_annotation(&self) -> String {
        serde_json::to_string(self).unwrap_or_default() // maps of strings always serialize
    }

    /// Why a pod with these annotations must be restarted to become what `self` says: `image`, `config plugin.path`.
    pub fn reasons_against(&self, annotations: Option<&BTreeMap<String, String>>) -> Vec<String> {
        let written = annotations.and_then(|all| all.get(ANNOTATION));
        let Some(old) = written.and_then(|text| serde_json::from_str::<Self>(text).ok()) else {
            return vec!["made by nobody we know".into()];
        };
        let keys: std::collections::BTreeSet<_> = old.config.keys().chain(self.config.keys()).collect();
        let configs = keys
            .into_iter()
            .filter(|key| old.config.get(*key) != self.config.get(*key))
            .map(|key| format!("config {key}"));
        let parts = self
            .parts
            .iter()
            .filter(|(name, part)| old.parts.get(*name).is_some_and(|before| before != *part))
            .map(|(name, _)| name.clone());
        configs.chain(parts).collect()
    }
}

fn fingerprint(part: &impl Serialize) -> String {
    // types of the API, with string keys: they always serialize
    let text = serde_json::to_string(part).unwrap_or_default();
    Sha256::digest(text).iter().take(5).fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}"); // a String takes everything
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_crds::common::Jvm;

    fn spec() -> ConnectClusterSpec {
        ConnectClusterSpec {
            config: [("plugin.path".to_owned(), "/a".into())].into(),
            jvm: Jvm { heap: Some("512Mi".into()), options: vec![] },
            ..Default::default()
        }
    }

    fn pod(inputs: &Inputs) -> BTreeMap<String, String> {
        [(ANNOTATION.to_owned(), inputs.to_annotation())].into()
    }

    #[test]
    fn what_differs_is_named_and_nothing_else_restarts() {
        let old = pod(&Inputs::of(&spec()));
        let same = ConnectClusterSpec { replicas: 3, paused: true, ..spec() };
        assert!(Inputs::of(&same).reasons_against(Some(&old)).is_empty());
        let mut changed = ConnectClusterSpec { image: Some("mine".into()), ..spec() };
        changed.config = [("offset.flush.interval.ms".to_owned(), "1".into())].into();
        assert_eq!(
            Inputs::of(&changed).reasons_against(Some(&old)),
            ["config offset.flush.interval.ms", "config plugin.path", "image"]
        );
    }

    #[test]
    fn a_part_that_an_older_sluice_did_not_write_restarts_nothing() {
        let mut older = Inputs::of(&spec());
        older.parts.remove("template");
        assert!(Inputs::of(&spec()).reasons_against(Some(&pod(&older))).is_empty());
    }
}
