//! A certificate authority for a test, and what Kafka and clients need of it, as PEM.

use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair};

pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    pub fn new() -> Self {
        let key = KeyPair::generate().expect("key");
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate: Certificate = params.self_signed(&key).expect("self-signed certificate");
        Self { pem: certificate.pem(), issuer: Issuer::new(params, key) }
    }

    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Private key and chain for these names in one file, as `ssl.keystore.type=PEM` wants them; a client's,
    /// too.
    pub fn keystore(&self, names: &[&str]) -> String {
        let key = KeyPair::generate().expect("key");
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let params = CertificateParams::new(names).expect("parameters");
        let certificate = params.signed_by(&key, &self.issuer).expect("certificate");
        format!("{}{}{}", key.serialize_pem(), certificate.pem(), self.pem)
    }
}
