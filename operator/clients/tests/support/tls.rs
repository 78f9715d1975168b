//! A certificate authority for a test, and what Kafka and clients need of it, as PEM.

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
};
use sluice_core::pki::Subject;

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
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        self.sign(&CertificateParams::new(names).expect("parameters"))
    }

    /// The same for somebody whom Kafka shall know.
    pub fn issue(&self, subject: &Subject, names: &[&str]) -> String {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("parameters");
        params.distinguished_name = DistinguishedName::new();
        for (part, text) in [
            (DnType::OrganizationName, &subject.organization),
            (DnType::OrganizationalUnitName, &subject.unit),
            (DnType::CommonName, &subject.common_name),
        ] {
            params.distinguished_name.push(part, text.as_str());
        }
        self.sign(&params)
    }

    fn sign(&self, params: &CertificateParams) -> String {
        let key = KeyPair::generate().expect("key");
        let certificate = params.signed_by(&key, &self.issuer).expect("certificate");
        format!("{}{}{}", key.serialize_pem(), certificate.pem(), self.pem)
    }
}
