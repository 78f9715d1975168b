use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PublicKeyData as _,
};
use sluice_core::pki::{Bundle, Certificate, Identity, Life, Use};
use time::OffsetDateTime;

/// Why a certificate cannot be made, or not be used.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    #[error("keys and certificates cannot be made")]
    Minting(#[from] rcgen::Error),
    #[error("the authority's certificate or key cannot be read")]
    Authority,
    #[error("a time that no certificate can have")]
    Time,
    #[error("it cannot be used")]
    Unusable(#[from] sluice_clients::kafka::tls::TlsError),
}

/// A new authority, which trusts itself.
pub fn authority(identity: &Identity, now: Timestamp) -> Result<Bundle, Trouble> {
    let key = KeyPair::generate()?; // ECDSA P-256
    let certificate = params(identity, Life::of_authority(now))?.self_signed(&key)?.pem();
    let trusted = certificate.clone();
    let revision = now.as_second();
    Ok(Bundle { certificate, key: key.serialize_pem(), trusted, revision, before: None })
}

/// A certificate with a key of its own, after the one before it.
pub fn leaf(
    identity: &Identity,
    authority: &Bundle,
    before: Option<&Bundle>,
    now: Timestamp,
) -> Result<Bundle, Trouble> {
    // who is new while an authority is lost gets one of the next: there is nothing else
    let (signer, signers_key) = match authority.signer() {
        (signer, Some(key)) => (signer, key),
        (_, None) => (authority.certificate.as_str(), authority.key.as_str()),
    };
    let issuer = Issuer::from_ca_cert_pem(signer, KeyPair::from_pem(signers_key)?)?;
    let signer = Certificate::first(signer).map_err(|_| Trouble::Authority)?;
    let key = KeyPair::generate()?;
    let certificate = params(identity, Life::of_leaf(&signer, now))?.signed_by(&key, &issuer)?.pem();
    Ok(Bundle {
        certificate,
        key: key.serialize_pem(),
        trusted: authority.trusted.clone(),
        revision: next_revision(before, now),
        before: None,
    })
}

/// The same certificate with what is trusted now.
pub fn trusting(authority: &Bundle, before: &Bundle, now: Timestamp) -> Bundle {
    let revision = next_revision(Some(before), now);
    Bundle { trusted: authority.trusted.clone(), revision, ..before.clone() }
}

/// Grows, also when a clock was set back.
fn next_revision(before: Option<&Bundle>, now: Timestamp) -> i64 {
    now.as_second().max(before.map_or(0, |before| before.revision + 1))
}

/// Whether the key is that of the certificate: somebody may have edited one of them.
pub fn fits(bundle: &Bundle) -> bool {
    let key = KeyPair::from_pem(&bundle.key).map(|key| key.subject_public_key_info());
    let certificate = Certificate::first(&bundle.certificate).map(|certificate| certificate.public_key);
    matches!((key, certificate), (Ok(key), Ok(certificate)) if key == certificate)
}

fn params(identity: &Identity, life: Life) -> Result<CertificateParams, Trouble> {
    let mut params = CertificateParams::new(identity.names.iter().cloned().collect::<Vec<_>>())?;
    params.distinguished_name = DistinguishedName::new();
    let subject = &identity.subject;
    for (part, text) in [
        (DnType::OrganizationName, &subject.organization),
        (DnType::OrganizationalUnitName, &subject.unit),
        (DnType::CommonName, &subject.common_name),
    ] {
        if !text.is_empty() {
            params.distinguished_name.push(part, text.as_str());
        }
    }
    params.not_before = moment(life.not_before)?;
    params.not_after = moment(life.not_after)?;
    params.use_authority_key_identifier_extension = true;
    (params.is_ca, params.key_usages, params.extended_key_usages) = match identity.purpose {
        Use::Authority => (
            IsCa::Ca(BasicConstraints::Constrained(0)),
            vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign],
            vec![],
        ),
        Use::Node => (
            IsCa::ExplicitNoCa,
            vec![KeyUsagePurpose::DigitalSignature],
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth],
        ),
        Use::Client => (
            IsCa::ExplicitNoCa,
            vec![KeyUsagePurpose::DigitalSignature],
            vec![ExtendedKeyUsagePurpose::ClientAuth],
        ),
    };
    Ok(params)
}

fn moment(at: Timestamp) -> Result<OffsetDateTime, Trouble> {
    OffsetDateTime::from_unix_timestamp(at.as_second()).map_err(|_| Trouble::Time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_core::pki::{self, Subject};
    use std::collections::BTreeSet;

    fn identity(purpose: Use) -> Identity {
        let names = if purpose == Use::Node { ["*.a.b.svc".to_owned()].into() } else { BTreeSet::new() };
        Identity { subject: Subject::new("web", "shop", "x"), names, purpose }
    }

    fn now() -> Timestamp {
        Timestamp::from_second(1_795_250_000).unwrap()
    }

    #[test]
    fn what_is_issued_is_what_core_wanted() {
        let ca = authority(&identity(Use::Authority), now()).unwrap();
        let signer = ca.leaf().unwrap();
        assert!(signer.is_authority);
        for purpose in [Use::Node, Use::Client] {
            let wanted = identity(purpose);
            let bundle = leaf(&wanted, &ca, None, now()).unwrap();
            assert_eq!(pki::leaf(bundle.leaf().as_ref(), &wanted, &signer, now()), None);
            assert!(fits(&bundle));
            let other = leaf(&wanted, &ca, Some(&bundle), now()).unwrap();
            assert_eq!((other.key == bundle.key, other.revision), (false, bundle.revision + 1));
            assert!(!fits(&Bundle { key: other.key, ..bundle }));
        }
    }

    #[test]
    fn what_is_issued_can_be_used_for_tls() {
        let ca = authority(&identity(Use::Authority), now()).unwrap();
        let own = leaf(&identity(Use::Client), &ca, None, now()).unwrap();
        let [trusted, certificate, key] = [&own.trusted, &own.certificate, &own.key].map(String::as_bytes);
        sluice_clients::kafka::tls::mutual(trusted, certificate, key).unwrap();
    }
}
