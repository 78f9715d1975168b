//! The Secret that a client mounts: all that it needs in one `client.properties`, and each part by itself.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;

use super::door::Door;
use super::validate::Wanted;
use super::{COMPONENT, secret_name};
use crate::pki::{Bundle, TRUSTED_FILE};
use crate::properties;

pub const PASSWORD: &str = "password";

/// The password in a Secret that we made.
pub fn password(secret: &Secret) -> Option<String> {
    let value = secret.data.as_ref()?.get(PASSWORD)?;
    String::from_utf8(value.0.clone()).ok().filter(|password| !password.is_empty())
}

/// What a client shows.
#[derive(Clone, Copy)]
pub enum Credential<'a> {
    Password(&'a str),
    Certificate(&'a Bundle),
}

pub fn build(wanted: &Wanted, door: &Door, credential: Credential<'_>) -> Secret {
    let mut settings = BTreeMap::new();
    let mut set = |key: &str, value: &str| drop(settings.insert(key.to_owned(), value.to_owned()));
    let mut files = BTreeMap::from([("username".to_owned(), wanted.name.clone())]);
    set("bootstrap.servers", &door.first().bootstrap);
    set("security.protocol", door.first().protocol);
    match credential {
        Credential::Password(password) => {
            set("sasl.mechanism", "SCRAM-SHA-512");
            set("sasl.jaas.config", &jaas(&wanted.name, password));
            files.insert(PASSWORD.into(), password.to_owned());
        }
        Credential::Certificate(bundle) => files.extend(bundle.files()),
    }
    // each of these by itself too
    files.extend(settings.clone());
    let mut set = |key: &str, value: &str| drop(settings.insert(key.to_owned(), value.to_owned()));
    if let Credential::Certificate(bundle) = credential {
        // in the file itself (KIP-651): it does not depend on where the Secret is mounted
        set("ssl.keystore.type", "PEM");
        set("ssl.keystore.certificate.chain", &bundle.certificate);
        set("ssl.keystore.key", &bundle.key);
    }
    if let Some(trusted) = &door.trusted {
        set("ssl.truststore.type", "PEM");
        set("ssl.truststore.certificates", trusted);
        files.insert(TRUSTED_FILE.into(), trusted.clone());
    }
    for entrance in door.all() {
        files.insert(format!("{}.bootstrap.servers", entrance.name), entrance.bootstrap.clone());
        files.insert(format!("{}.security.protocol", entrance.name), entrance.protocol.to_owned());
    }
    files.insert("client.properties".into(), properties::render(&settings));
    Secret {
        metadata: wanted.owner.child(secret_name(&wanted.owner.name), COMPONENT),
        // also of one with a certificate: a Secret's type cannot change, and a User's can
        type_: Some("Opaque".into()),
        data: Some(files.into_iter().map(|(file, text)| (file, ByteString(text.into_bytes()))).collect()),
        ..Default::default()
    }
}

fn jaas(name: &str, password: &str) -> String {
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    format!(
        "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"{}\" password=\"{}\";",
        quoted(name),
        quoted(password)
    )
}
