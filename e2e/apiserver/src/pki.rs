//! What the API server needs of keys and certificates, as PEM files. Elliptic curves: made in milliseconds.

use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

/// The file of the authority that clients trust.
pub const CA: &str = "ca.crt";
/// The server's certificate for 127.0.0.1, and its key.
pub const SERVER: (&str, &str) = ("server.crt", "server.key");

/// Writes them into `dir`; returns the authority's certificate as DER.
pub fn write(dir: &Path) -> Vec<u8> {
    let key = KeyPair::generate().expect("key");
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = params.self_signed(&key).expect("self-signed certificate");
    let issuer = Issuer::new(params, key);

    let key = KeyPair::generate().expect("key");
    let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
    let server =
        CertificateParams::new(names).expect("parameters").signed_by(&key, &issuer).expect("certificate");

    for (name, text) in [(CA, ca.pem()), (SERVER.0, server.pem()), (SERVER.1, key.serialize_pem())] {
        std::fs::write(dir.join(name), text).expect("write a certificate");
    }
    ca.der().to_vec()
}
