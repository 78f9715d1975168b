//! What a User's clients have.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;

pub type Files = BTreeMap<String, String>;

pub fn files(secret: &Secret) -> Result<Files> {
    let data = secret.data.clone().context("the Secret is empty")?;
    data.into_iter().map(|(file, ByteString(bytes))| Ok((file, String::from_utf8(bytes)?))).collect()
}

/// librdkafka's settings for what is in a User's Secret.
pub fn settings(files: &Files) -> Vec<String> {
    let text = |file: &str| files.get(file).cloned();
    [
        ("security.protocol", text("security.protocol").map(|protocol| protocol.to_lowercase())),
        ("sasl.mechanism", text("sasl.mechanism")),
        ("sasl.username", text("sasl.mechanism").and(text("username"))),
        ("sasl.password", text("password")),
        ("ssl.ca.pem", text("ca.crt")),
        ("ssl.certificate.pem", text("tls.crt")),
        ("ssl.key.pem", text("tls.key")),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some(format!("{key}={}", value?)))
    .collect()
}
