//! A Secret with a certificate. Its first three files are those that Kubernetes and cert-manager know.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;

use super::certificate::Certificate;
use crate::meta::Owner;

/// The certificate, and those between it and the authority.
pub const CERTIFICATE_FILE: &str = "tls.crt";
/// Its key, PKCS #8.
pub const KEY_FILE: &str = "tls.key";
/// The authorities that are to be trusted.
pub const TRUSTED_FILE: &str = "ca.crt";
/// Key and certificate in one, as Kafka's `ssl.keystore.location` wants them (KIP-651).
pub const KEYSTORE_FILE: &str = "keystore.pem";
/// Grows with each change: who mounts the Secret can tell whether it sees what it was made for.
pub const REVISION_FILE: &str = "revision";

/// The same of an authority that is being replaced.
const BEFORE_FILES: [&str; 2] = ["before.crt", "before.key"];

/// What a Secret holds of a certificate. PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct Bundle {
    pub certificate: String,
    pub key: String,
    pub trusted: String,
    pub revision: i64,
    /// Of an authority: the one whose place it takes.
    pub before: Option<Before>,
}

/// An authority that is being replaced.
#[derive(Clone, PartialEq, Eq)]
pub struct Before {
    pub certificate: String,
    /// `None`: it was lost.
    pub key: Option<String>,
}

impl Bundle {
    /// What is in a Secret; `None` where a part is missing.
    pub fn of(secret: &Secret) -> Option<Self> {
        let data = secret.data.as_ref()?;
        let text = |file: &str| String::from_utf8(data.get(file)?.0.clone()).ok();
        Some(Self {
            certificate: text(CERTIFICATE_FILE)?,
            key: text(KEY_FILE)?,
            trusted: text(TRUSTED_FILE)?,
            revision: text(REVISION_FILE).and_then(|text| text.parse().ok())?,
            before: text(BEFORE_FILES[0])
                .map(|certificate| Before { certificate, key: text(BEFORE_FILES[1]) }),
        })
    }

    pub fn leaf(&self) -> Option<Certificate> {
        Certificate::first(&self.certificate).ok()
    }

    /// The Secret of somebody who shows this certificate.
    pub fn secret(&self, owner: &Owner, name: String, component: &str) -> Secret {
        let files = self.files();
        let files: Vec<_> = files.iter().map(|(file, text)| (file.as_str(), text.as_str())).collect();
        build(owner, name, component, &files)
    }

    /// What such a Secret holds.
    pub fn files(&self) -> BTreeMap<String, String> {
        [
            (CERTIFICATE_FILE, self.certificate.clone()),
            (KEY_FILE, self.key.clone()),
            (TRUSTED_FILE, self.trusted.clone()),
            (KEYSTORE_FILE, format!("{}{}", self.key, self.certificate)),
            (REVISION_FILE, self.revision.to_string()),
        ]
        .map(|(file, text)| (file.to_owned(), text))
        .into()
    }

    /// The Secret of an authority: nobody mounts it.
    pub fn authority_secret(&self, owner: &Owner, name: String, component: &str) -> Secret {
        let revision = self.revision.to_string();
        let mut files = vec![
            (CERTIFICATE_FILE, self.certificate.as_str()),
            (KEY_FILE, &self.key),
            (TRUSTED_FILE, &self.trusted),
            (REVISION_FILE, &revision),
        ];
        if let Some(before) = &self.before {
            files.push((BEFORE_FILES[0], &before.certificate));
            files.extend(before.key.as_deref().map(|key| (BEFORE_FILES[1], key)));
        }
        build(owner, name, component, &files)
    }
}

/// The Secret of those who only want to know whom to trust.
pub fn trust_secret(trusted: &str, owner: &Owner, name: String, component: &str) -> Secret {
    Secret { type_: Some("Opaque".into()), ..build(owner, name, component, &[(TRUSTED_FILE, trusted)]) }
}

fn build(owner: &Owner, name: String, component: &str, files: &[(&str, &str)]) -> Secret {
    let data = files.iter().map(|(file, text)| ((*file).to_owned(), ByteString(text.as_bytes().to_vec())));
    Secret {
        metadata: owner.child(name, component),
        type_: Some("kubernetes.io/tls".into()),
        data: Some(data.collect()),
        ..Default::default()
    }
}

impl std::fmt::Debug for Bundle {
    /// Without the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bundle").field("revision", &self.revision).finish_non_exhaustive()
    }
}
