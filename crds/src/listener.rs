//! Ports for clients.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A port for clients inside the Kubernetes cluster.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(self.authentication) || self.authentication != 'tls' || (has(self.tls) && self.tls)")
        .message("authentication: tls needs tls: true"),
)]
pub struct Listener {
    /// Name of the listener.
    #[schemars(length(min = 1, max = 15), regex(pattern = r"^[a-z]([a-z0-9]*)$"))]
    pub name: String,
    /// Port of the brokers and of the bootstrap Service. 9090 and 9091 are Sluice's own.
    #[schemars(range(min = 9092, max = 65535))]
    pub port: i32,
    /// Whether it is encrypted. The brokers' certificates are signed by the authority in Secret `<cluster>-ca-cert`, key `ca.crt`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tls: bool,
    /// How clients say who they are: `none` (default; they may do what clients do, with everybody's topics), `scram-sha-512` (by
    /// name and password) or `tls` (by a certificate of a User's; it needs `tls: true`). The latter two may do what ACLs allow them.
    #[serde(default, skip_serializing_if = "Authentication::is_none")]
    pub authentication: Authentication,
}

/// How clients say who they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Authentication {
    #[default]
    #[serde(rename = "none")]
    None,
    #[serde(rename = "scram-sha-512")]
    ScramSha512,
    #[serde(rename = "tls")]
    Tls,
}

impl Authentication {
    #[allow(clippy::trivially_copy_pass_by_ref)] // serde asks so
    fn is_none(&self) -> bool {
        *self == Self::None
    }
}

/// Where clients connect.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ListenerStatus {
    /// Name of the listener.
    pub name: String,
    /// `bootstrap.servers` for this listener.
    pub bootstrap_servers: String,
    /// `security.protocol` for this listener.
    pub security_protocol: String,
}
