//! How Kafka's own programs are told of certificates that they mount (KIP-651: PEM files).

use std::collections::BTreeMap;

use super::bundle::{KEYSTORE_FILE, TRUSTED_FILE};

/// Key, certificate, and who is trusted, mounted at `path`.
pub fn stores(path: &str) -> BTreeMap<String, String> {
    [
        ("ssl.keystore.type", "PEM".to_owned()),
        ("ssl.keystore.location", format!("{path}/{KEYSTORE_FILE}")),
        ("ssl.truststore.type", "PEM".to_owned()),
        ("ssl.truststore.location", format!("{path}/{TRUSTED_FILE}")),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into()
}

/// What a client sets that shows its certificate.
pub fn client(path: &str) -> BTreeMap<String, String> {
    let mut all = stores(path);
    all.insert("security.protocol".into(), "SSL".into());
    all
}
