//! What is on a certificate, as far as it decides anything.

use std::collections::BTreeSet;

use jiff::Timestamp;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::oid_registry::{
    OID_X509_COMMON_NAME, OID_X509_ORGANIZATION_NAME, OID_X509_ORGANIZATIONAL_UNIT,
};
use x509_parser::pem::Pem;

use super::identity::Subject;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// `None`: it has parts that none of ours has.
    pub subject: Option<Subject>,
    /// DNS names.
    pub names: BTreeSet<String>,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
    pub is_authority: bool,
    /// Whether its key may sign certificates: none that says what its key is for leaves this out (RFC 5280, 4.2.1.3).
    pub may_sign: bool,
    /// `SubjectPublicKeyInfo`, DER.
    pub public_key: Vec<u8>,
    /// Subject and authority key identifiers (RFC 5280, 4.2.1.1 and 4.2.1.2).
    pub key_id: Option<Vec<u8>>,
    pub issuer_key_id: Option<Vec<u8>>,
}

/// Why a text is no certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("it holds no certificate in PEM")]
    NoCertificate,
    #[error("its certificate cannot be read")]
    Malformed,
}

impl Certificate {
    /// The first certificate of a PEM text: of a chain, the leaf.
    pub fn first(pem: &str) -> Result<Self, Unreadable> {
        let block = Pem::iter_from_buffer(pem.as_bytes())
            .find_map(|block| block.ok().filter(|block| block.label == "CERTIFICATE"))
            .ok_or(Unreadable::NoCertificate)?;
        read(&block.parse_x509().map_err(|_| Unreadable::Malformed)?).ok_or(Unreadable::Malformed)
    }
}

fn read(x509: &X509Certificate<'_>) -> Option<Certificate> {
    let mut certificate = Certificate {
        subject: subject(x509),
        names: BTreeSet::new(),
        not_before: Timestamp::from_second(x509.validity().not_before.timestamp()).ok()?,
        not_after: Timestamp::from_second(x509.validity().not_after.timestamp()).ok()?,
        is_authority: x509.is_ca(),
        may_sign: true,
        public_key: x509.public_key().raw.to_vec(),
        key_id: None,
        issuer_key_id: None,
    };
    for extension in x509.extensions() {
        match extension.parsed_extension() {
            ParsedExtension::SubjectAlternativeName(all) => {
                certificate.names.extend(all.general_names.iter().filter_map(|name| match name {
                    GeneralName::DNSName(name) => Some((*name).to_owned()),
                    _ => None,
                }));
            }
            ParsedExtension::KeyUsage(usage) => certificate.may_sign = usage.key_cert_sign(),
            ParsedExtension::SubjectKeyIdentifier(id) => certificate.key_id = Some(id.0.to_vec()),
            ParsedExtension::AuthorityKeyIdentifier(id) => {
                certificate.issuer_key_id = id.key_identifier.as_ref().map(|id| id.0.to_vec());
            }
            _ => {}
        }
    }
    Some(certificate)
}

fn subject(x509: &X509Certificate<'_>) -> Option<Subject> {
    let mut subject = Subject::default();
    for part in x509.subject().iter_attributes() {
        let text = part.as_str().ok()?.to_owned();
        let oid = part.attr_type();
        let place = if *oid == OID_X509_COMMON_NAME {
            &mut subject.common_name
        } else if *oid == OID_X509_ORGANIZATIONAL_UNIT {
            &mut subject.unit
        } else if *oid == OID_X509_ORGANIZATION_NAME {
            &mut subject.organization
        } else {
            return None;
        };
        *place = text;
    }
    Some(subject)
}
