//! TLS settings out of PEM files. With ring, whatever the process' default provider is.

use std::sync::Arc;

use parking_lot::RwLock;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

/// What new connections use. Clones share it, so that a certificate can be renewed while a client works; connections that are
/// open stay as they are.
#[derive(Clone, Debug)]
pub struct Tls(Arc<RwLock<Arc<ClientConfig>>>);

impl Tls {
    pub fn replace(&self, config: ClientConfig) {
        *self.0.write() = Arc::new(config);
    }

    pub(super) fn current(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.0.read())
    }
}

impl From<ClientConfig> for Tls {
    fn from(config: ClientConfig) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(config))))
    }
}

#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("cannot read {what}")]
    Pem {
        what: &'static str,
        #[source]
        source: pem::Error,
    },
    #[error("no certificate in the CA bundle")]
    NoCa,
    #[error("unusable certificate or key")]
    Unusable(#[from] rustls::Error),
}

/// Trusts what these CA certificates have signed, and nothing else.
pub fn trusting(ca_pem: &[u8]) -> Result<ClientConfig, TlsError> {
    Ok(builder(ca_pem)?.with_no_client_auth())
}

/// The same, and shows this certificate (and chain) to brokers that ask for one.
pub fn mutual(ca_pem: &[u8], certificate_pem: &[u8], key_pem: &[u8]) -> Result<ClientConfig, TlsError> {
    let chain = certificates("the client's certificate", certificate_pem)?;
    let key = PrivateKeyDer::from_pem_slice(key_pem)
        .map_err(|source| TlsError::Pem { what: "the client's private key", source })?;
    Ok(builder(ca_pem)?.with_client_auth_cert(chain, key)?)
}

fn builder(
    ca_pem: &[u8],
) -> Result<rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>, TlsError> {
    let provider = Arc::new(ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(trusts(ca_pem)?))
}

pub(crate) fn trusts(ca_pem: &[u8]) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates("the CA bundle", ca_pem)? {
        roots.add(certificate)?;
    }
    if roots.is_empty() { Err(TlsError::NoCa) } else { Ok(roots) }
}

fn certificates(what: &'static str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|source| TlsError::Pem { what, source })
}

impl TlsError {
    /// For events and metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Pem { .. } | Self::NoCa | Self::Unusable(_) => "TlsConfigInvalid",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_without_certificates_is_refused_rather_than_trusting_nobody() {
        assert!(matches!(trusting(b""), Err(TlsError::NoCa)));
        assert!(matches!(trusting(b"-----BEGIN CERTIFICATE-----\nnonsense\n"), Err(TlsError::Pem { .. })));
    }
}
