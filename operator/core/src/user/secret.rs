//! The Secret that a client mounts: all that it needs in one `client.properties`, and each part by itself.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;

use super::plan::Door;
use super::validate::Wanted;
use super::{COMPONENT, secret_name};
use crate::pki::TRUSTED_FILE;
use crate::properties;

pub const PASSWORD: &str = "password";

/// The password in a Secret that we made.
pub fn password(secret: &Secret) -> Option<String> {
    let value = secret.data.as_ref()?.get(PASSWORD)?;
    String::from_utf8(value.0.clone()).ok().filter(|password| !password.is_empty())
}

pub fn build(wanted: &Wanted, door: &Door, password: &str) -> Secret {
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    let jaas = format!(
        "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"{}\" password=\"{}\";",
        quoted(&wanted.name),
        quoted(password)
    );
    let mut settings: BTreeMap<String, String> = [
        ("bootstrap.servers", door.bootstrap.as_str()),
        ("security.protocol", door.protocol.as_str()),
        ("sasl.mechanism", "SCRAM-SHA-512"),
        ("sasl.jaas.config", &jaas),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into();
    let mut files = settings.clone();
    if let Some(trusted) = &door.trusted {
        // in the file itself (KIP-651): it does not depend on where the Secret is mounted
        settings.insert("ssl.truststore.type".into(), "PEM".into());
        settings.insert("ssl.truststore.certificates".into(), trusted.clone());
        files.insert(TRUSTED_FILE.into(), trusted.clone());
    }
    files.insert("username".into(), wanted.name.clone());
    files.insert(PASSWORD.into(), password.to_owned());
    files.insert("client.properties".into(), properties::render(&settings));
    Secret {
        metadata: wanted.owner.child(secret_name(&wanted.owner.name), COMPONENT),
        type_: Some("Opaque".into()),
        data: Some(files.into_iter().map(|(file, text)| (file, ByteString(text.into_bytes()))).collect()),
        ..Default::default()
    }
}
