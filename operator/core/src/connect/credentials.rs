//! Credentials of connectors. `${secrets:NAME:KEY}` in a configuration stands for a key of a Secret of the namespace,
//! `${secretFile:NAME:KEY}` for the path of a file that holds it.
//!
//! All that the connectors of one Connect cluster name is gathered into one Secret, which the workers mount, one file per key. Connect
//! reads a file when it starts a connector; the value never is part of a configuration. Each change of content has a revision; the
//! Secret says in annotations which revision each file has, so that a Connector knows whether its values are there, and which
//! connectors a rotation concerns, without anybody reading values.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::names::{COMPONENT, SECRETS_PATH, secret};
use crate::meta::Owner;

/// Annotation: file → revision in which its value changed last, as JSON.
const VERSIONS: &str = "sluice.dev/versions";
/// Annotation: file → what is missing, as JSON.
const MISSING: &str = "sluice.dev/missing";
/// The file that holds the revision of the whole. No reference can name it: its name has no underscore.
const REVISION_FILE: &str = "revision";
/// Annotation of a worker's pod: the revision that its kubelet was told of. A change of the pod object makes the kubelet look at
/// the volume at once; else it looks once a minute or so.
pub const POD_ANNOTATION: &str = "sluice.dev/secrets-revision";

/// The variable that a worker resolves to the revision that it has mounted.
pub fn revision_variable() -> String {
    format!("${{secrets:{SECRETS_PATH}:{REVISION_FILE}}}")
}

/// One key of one Secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SecretKey {
    pub secret: String,
    pub key: String,
}

impl SecretKey {
    /// Its file. A Secret's name has no underscore, so no two references share a file.
    pub fn file(&self) -> String {
        format!("{}_{}", self.secret, self.key)
    }
}

impl fmt::Display for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${{secrets:{}:{}}}", self.secret, self.key)
    }
}

/// Something that starts like a reference and is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadReference(pub String);

const START: &str = "${secrets:";
/// For what a plugin reads by itself, by its path: certificates.
const FILE_START: &str = "${secretFile:";

/// Whether a value in a configuration names the Secret.
pub fn names(value: &str, secret: &str) -> bool {
    [START, FILE_START].iter().any(|start| value.contains(&format!("{start}{secret}:")))
}

/// Whether a value in a configuration stands for one that is kept in a Secret.
pub fn is_reference(value: &str) -> bool {
    value.contains(START)
}

/// What may be told of `words` that somebody had to say about a connector: Kafka and plugins quote values that they refuse
/// (`ConfigException`: "Invalid value … for configuration …"), with what stands for a Secret resolved. `None`: nothing.
pub fn tellable<'a>(config: &BTreeMap<String, String>, words: &'a str) -> Option<&'a str> {
    let quotes = |key: &str| words.contains(&format!("configuration {key}"));
    let hidden = config.iter().any(|(key, value)| is_reference(value) && quotes(key));
    (!hidden).then_some(words)
}

/// `value` as Connect must get it, with files instead of Secrets, and the references found in it.
pub fn translate(value: &str) -> Result<(String, Vec<SecretKey>), BadReference> {
    let mut translated = String::new();
    let mut found = Vec::new();
    let mut rest = value;
    while let Some((start, opening)) =
        [START, FILE_START].iter().filter_map(|opening| Some((rest.find(*opening)?, *opening))).min()
    {
        let after = &rest[start + opening.len()..];
        let bad = || BadReference(rest[start..].chars().take(80).collect());
        let inner = &after[..after.find('}').ok_or_else(bad)?];
        let reference = inner
            .split_once(':')
            .map(|(secret, key)| SecretKey { secret: secret.to_owned(), key: key.to_owned() })
            .filter(is_valid)
            .ok_or_else(bad)?;
        translated.push_str(&rest[..start]);
        let file = reference.file();
        let parts = match opening {
            START => [START, SECRETS_PATH, ":", &file, "}"],
            _ => [SECRETS_PATH, "/", &file, "", ""],
        };
        translated.extend(parts);
        found.push(reference);
        rest = &after[inner.len() + 1..];
    }
    translated.push_str(rest);
    Ok((translated, found))
}

/// Every reference in these values; what is no reference is told by the Connector that says it.
pub fn references<'a>(values: impl IntoIterator<Item = &'a str>) -> BTreeSet<SecretKey> {
    values.into_iter().filter_map(|value| translate(value).ok()).flat_map(|(_, found)| found).collect()
}

fn is_valid(reference: &SecretKey) -> bool {
    let in_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let in_key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let SecretKey { secret, key } = reference;
    !secret.is_empty()
        && !key.is_empty()
        && secret.chars().all(in_name)
        && key.chars().all(in_key)
        && secret.len() + 1 + key.len() <= 253 // a key of the Secret that the workers mount
}

/// What was found under a reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    Value(ByteString),
    NoSecret,
    NoKey,
}

/// Why a reference has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Missing {
    Secret,
    Key,
}

/// What the mounted Secret's annotations say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    versions: BTreeMap<String, i64>,
    missing: BTreeMap<String, String>,
}

impl Credentials {
    pub fn of(meta: &ObjectMeta) -> Self {
        let read = |name: &str| meta.annotations.as_ref().and_then(|all| all.get(name));
        Self {
            versions: read(VERSIONS).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default(),
            missing: read(MISSING).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default(),
        }
    }

    /// The newest change of any file; 0 where there never was one.
    pub fn revision(&self) -> i64 {
        self.versions.values().copied().max().unwrap_or(0)
    }

    /// The newest change of any of these; `None` while one has not been gathered.
    pub fn version_of(&self, references: &BTreeSet<SecretKey>) -> Option<i64> {
        let versions: Option<Vec<i64>> =
            references.iter().map(|r| self.versions.get(&r.file()).copied()).collect();
        Some(versions?.into_iter().max().unwrap_or(0))
    }

    /// Those of `references` that were looked for in vain.
    pub fn missing<'a>(
        &self,
        references: impl IntoIterator<Item = &'a SecretKey>,
    ) -> Vec<(&'a SecretKey, Missing)> {
        references
            .into_iter()
            .filter_map(|reference| {
                let what = self.missing.get(&reference.file())?;
                Some((reference, if what == "secret" { Missing::Secret } else { Missing::Key }))
            })
            .collect()
    }
}

/// The Secret that the workers mount. `second` (since the epoch) names a new revision where something changed since `previous`.
///
/// A value whose Secret or key has gone stays as it was, as a volume of that Secret would: what runs can go on.
pub fn build(
    owner: &Owner,
    found: &BTreeMap<SecretKey, Found>,
    previous: Option<&Secret>,
    second: i64,
) -> Secret {
    let before = previous.map(|secret| Credentials::of(&secret.metadata)).unwrap_or_default();
    let old = previous.and_then(|secret| secret.data.as_ref());
    let last = old
        .and_then(|data| std::str::from_utf8(&data.get(REVISION_FILE)?.0).ok()?.parse().ok())
        .unwrap_or(before.revision());
    // grows, also when the clock was set back, or when somebody deleted the Secret
    let next = second.max(last + 1);
    let mut data = BTreeMap::new();
    let mut versions = BTreeMap::new();
    let mut missing = BTreeMap::new();
    for (reference, found) in found {
        let file = reference.file();
        let was = old.and_then(|data| data.get(&file));
        let value = match found {
            Found::Value(value) => Some(value),
            Found::NoSecret | Found::NoKey => was,
        };
        match found {
            Found::NoSecret => drop(missing.insert(file.clone(), "secret")),
            Found::NoKey => drop(missing.insert(file.clone(), "key")),
            Found::Value(_) => {}
        }
        if let Some(value) = value {
            let kept = before.versions.get(&file).filter(|_| was == Some(value)).copied();
            versions.insert(file.clone(), kept.unwrap_or(next));
            data.insert(file, value.clone());
        }
    }
    let removed = before.versions.keys().any(|file| !versions.contains_key(file));
    let changed = removed || previous.is_none() || versions.values().any(|version| *version == next);
    let revision = if changed { next } else { last };
    data.insert(REVISION_FILE.into(), ByteString(revision.to_string().into_bytes()));
    let mut metadata = owner.child(secret(&owner.name), COMPONENT);
    // maps of strings and numbers always serialize
    let mut annotations =
        BTreeMap::from([(VERSIONS.to_owned(), serde_json::to_string(&versions).unwrap_or_default())]);
    if !missing.is_empty() {
        annotations.insert(MISSING.to_owned(), serde_json::to_string(&missing).unwrap_or_default());
    }
    metadata.annotations = Some(annotations);
    Secret { metadata, data: Some(data), ..Default::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

    fn owner() -> Owner {
        Owner {
            namespace: "shop".into(),
            name: "connect".into(),
            app: super::super::names::APP,
            reference: OwnerReference::default(),
        }
    }

    fn reference(secret: &str, key: &str) -> SecretKey {
        SecretKey { secret: secret.into(), key: key.into() }
    }

    fn value(text: &str) -> Found {
        Found::Value(ByteString(text.as_bytes().to_vec()))
    }

    fn found(entries: &[(&str, Found)]) -> BTreeMap<SecretKey, Found> {
        entries.iter().map(|(name, found)| (reference(name, "password"), found.clone())).collect()
    }

    fn file(secret: &Secret, name: &str) -> Option<String> {
        let data = secret.data.as_ref()?.get(name)?;
        Some(String::from_utf8(data.0.clone()).unwrap())
    }

    fn version(secret: &Secret, name: &str) -> Option<i64> {
        Credentials::of(&secret.metadata).version_of(&[reference(name, "password")].into())
    }

    #[test]
    fn a_reference_becomes_a_file_and_the_rest_stays() {
        let (text, found) =
            translate("u:${secrets:shop-db:user.name} p:${secrets:a.b:c_d} ${env:X}").unwrap();
        assert_eq!(
            text,
            "u:${secrets:/opt/sluice/secrets:shop-db_user.name} p:${secrets:/opt/sluice/secrets:a.b_c_d} ${env:X}"
        );
        assert_eq!(found, [reference("shop-db", "user.name"), reference("a.b", "c_d")]);
        assert_eq!(translate("$1 ${topic}").unwrap(), ("$1 ${topic}".to_owned(), vec![]));
        let (text, found) =
            translate("a=${secretFile:ca:ca.crt}&b=${secrets:a:b}&c=${secretFile:d:e}").unwrap();
        assert_eq!(
            text,
            "a=/opt/sluice/secrets/ca_ca.crt&b=${secrets:/opt/sluice/secrets:a_b}&c=/opt/sluice/secrets/d_e"
        );
        assert_eq!(found, [reference("ca", "ca.crt"), reference("a", "b"), reference("d", "e")]);
    }

    #[test]
    fn what_only_looks_like_a_reference_is_refused() {
        for text in [
            "${secrets:name}",
            "${secrets::key}",
            "${secrets:name:}",
            "${secrets:name:key",
            "${secrets:/opt/sluice/secrets:other_password}",
            "${secrets:Name:key}",
            "${secrets:name:a:b}",
            "${secretFile:name}",
        ] {
            assert!(translate(text).is_err(), "{text}");
        }
    }

    #[test]
    fn no_two_references_share_a_file() {
        let files = [reference("a.b", "c"), reference("a", "b.c"), reference("a", "b_c")].map(|r| r.file());
        assert_eq!(files.iter().collect::<BTreeSet<_>>().len(), 3, "{files:?}");
        assert!(!files.contains(&REVISION_FILE.to_owned()));
    }

    #[test]
    fn only_what_changed_has_a_new_version() {
        let first = build(&owner(), &found(&[("a", value("1")), ("b", value("1"))]), None, 100);
        assert_eq!((version(&first, "a"), version(&first, "b")), (Some(100), Some(100)));
        assert_eq!(file(&first, "revision").unwrap(), "100");
        let same = build(&owner(), &found(&[("a", value("1")), ("b", value("1"))]), Some(&first), 200);
        assert_eq!(same, first, "nothing changed, so nothing is written");
        let rotated = build(&owner(), &found(&[("a", value("2")), ("b", value("1"))]), Some(&first), 200);
        assert_eq!((version(&rotated, "a"), version(&rotated, "b")), (Some(200), Some(100)));
        assert_eq!(file(&rotated, "a_password").unwrap(), "2");
        assert_eq!(file(&rotated, "revision").unwrap(), "200");
    }

    #[test]
    fn revisions_grow_when_the_clock_does_not() {
        let first = build(&owner(), &found(&[("a", value("1"))]), None, 100);
        let second = build(&owner(), &found(&[("a", value("2"))]), Some(&first), 100);
        let third = build(&owner(), &found(&[]), Some(&second), 50);
        let fourth = build(&owner(), &found(&[("a", value("2"))]), Some(&third), 50);
        let revisions = [&first, &second, &third, &fourth].map(|s| file(s, "revision").unwrap());
        assert_eq!(revisions, ["100", "101", "102", "103"]);
    }

    #[test]
    fn a_value_whose_secret_has_gone_stays_and_is_told() {
        let first = build(&owner(), &found(&[("a", value("1")), ("b", Found::NoKey)]), None, 100);
        let both = [reference("a", "password"), reference("b", "password")];
        assert_eq!(Credentials::of(&first.metadata).missing(&both), [(&both[1], Missing::Key)]);
        assert_eq!(version(&first, "b"), None);
        let gone = build(&owner(), &found(&[("a", Found::NoSecret), ("b", Found::NoKey)]), Some(&first), 200);
        assert_eq!((file(&gone, "a_password").as_deref(), version(&gone, "a")), (Some("1"), Some(100)));
        let told = Credentials::of(&gone.metadata);
        assert_eq!(told.missing(&both), [(&both[0], Missing::Secret), (&both[1], Missing::Key)]);
    }
}
