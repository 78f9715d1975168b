//! What a KafkaCluster says of its certificates.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who signs the certificates with which nodes, Sluice and Connect know each other.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Certificates {
    /// An authority of your own, best one for this cluster alone. Default: Sluice makes one and keeps it. Another one is
    /// trusted by all nodes before it signs, and the one before is trusted until nobody shows anything of it: nodes are
    /// restarted three times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<CaReference>,
    /// Set to the current time to have Sluice's own authority replaced by one with another key, in the same way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewed_at: Option<Time>,
}

/// A Secret of the same namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CaReference {
    /// Name of the Secret, which holds the authority's certificate (`tls.crt`) and its key (`tls.key`, PKCS #8), as PEM.
    #[schemars(length(min = 1, max = 253))]
    pub secret_name: String,
}

/// A certificate that is in use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertificateStatus {
    /// The Secret that holds it.
    pub secret_name: String,
    /// Until when it is good. It is replaced when two thirds of its life are over.
    pub not_after: Time,
    /// Of an authority that takes another one's place: `Trust` until everybody trusts it, then `Use` until nobody shows
    /// anything of the one before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
}
