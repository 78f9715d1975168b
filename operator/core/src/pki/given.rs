//! An authority that somebody brings along.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;

use super::bundle::{Bundle, CERTIFICATE_FILE, KEY_FILE};
use super::certificate::{Certificate, Unreadable};
use super::replace::certificates;

/// Why a Secret cannot be the authority.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("there is no Secret {0}")]
    Missing(String),
    #[error("it has no {0}")]
    NoFile(&'static str),
    #[error("{0}")]
    Unreadable(#[from] Unreadable),
    #[error("its certificate is not that of an authority (basicConstraints says no CA)")]
    NotAnAuthority,
    #[error("its certificate is for other things than to sign certificates (keyUsage lacks keyCertSign)")]
    NotForSigning,
    #[error("its certificate names no key (subjectKeyIdentifier), by which one tells what it signed")]
    Nameless,
    #[error("its certificate was good until {0}")]
    Expired(Timestamp),
    #[error("its certificate is good from {0} on")]
    NotYet(Timestamp),
    #[error("its key cannot be read, or is not that of its certificate")]
    Key,
}

/// What a Secret holds, as far as it can be an authority. Whether the key is that of the certificate is not looked at here.
pub fn given(secret: &Secret, now: Timestamp) -> Result<Bundle, Refusal> {
    let text = |file: &'static str| {
        let data = secret.data.as_ref().and_then(|data| data.get(file)).ok_or(Refusal::NoFile(file))?;
        String::from_utf8(data.0.clone()).map_err(|_| Refusal::NoFile(file))
    };
    let (chain, key) = (text(CERTIFICATE_FILE)?, text(KEY_FILE)?);
    let facts = Certificate::first(&chain)?;
    if !facts.is_authority {
        return Err(Refusal::NotAnAuthority);
    }
    if !facts.may_sign {
        return Err(Refusal::NotForSigning);
    }
    if facts.key_id.is_none() {
        return Err(Refusal::Nameless);
    }
    if facts.not_after <= now {
        return Err(Refusal::Expired(facts.not_after));
    }
    if facts.not_before > now {
        return Err(Refusal::NotYet(facts.not_before));
    }
    // itself alone: what is above it has signed others too
    let certificate = certificates(&chain).next().unwrap_or_default().trim_end().to_owned() + "\n";
    let trusted = certificate.clone();
    Ok(Bundle { certificate, key, trusted, revision: now.as_second(), before: None })
}
