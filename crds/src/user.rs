//! `User`: somebody who may use a Kafka cluster.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::common::{LocalRef, SecretKeyRef};

/// Somebody who may use a Kafka cluster.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "sluice.dev",
    version = "v1alpha1",
    kind = "User",
    namespaced,
    status = "UserStatus",
    derive = "PartialEq",
    derive = "Default",
    shortname = "ku",
    category = "sluice",
    doc = "Somebody who may use a Kafka cluster: a password or a certificate, what they may do (ACLs), how much of it (quotas), and the Secret that their clients mount.",
    selectable = ".spec.clusterRef.name",
    printcolumn(name = "Cluster", type_ = "string", json_path = ".spec.clusterRef.name"),
    printcolumn(name = "Secret", type_ = "string", json_path = ".status.secretName"),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Message",
        type_ = "string",
        priority = 1,
        json_path = ".status.conditions[?(@.type==\"Ready\")].message"
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.clusterRef.name == oldSelf.clusterRef.name")
        .message("clusterRef cannot change: create a User for the other cluster"),
)]
pub struct UserSpec {
    /// The KafkaCluster, in the same namespace. Immutable. It needs a listener with the authentication of this user.
    pub cluster_ref: LocalRef,
    /// How the user says who they are. Default: by a password that Sluice makes.
    #[serde(default)]
    pub authentication: UserAuthentication,
    /// What the user may do. What is not declared here is taken away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub acls: Vec<AclRule>,
    /// How much the user may do. What is not declared here has no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quotas: Option<Quotas>,
    /// Sluice observes and reports, and changes nothing.
    #[serde(default)]
    pub paused: bool,
}

/// How a user says who they are.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.type != 'tls' || !has(self.passwordFrom)")
        .message("a user with a certificate has no password: remove passwordFrom"),
)]
pub struct UserAuthentication {
    /// `scram-sha-512` (default): by name and password. `tls`: by a certificate that Sluice issues and renews.
    #[serde(default, rename = "type")]
    pub kind: UserAuthenticationType,
    /// Where the password is. Default: Sluice makes one. Another value there is set in Kafka at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_from: Option<SecretKeyRef>,
}

/// `scram-sha-512` or `tls`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum UserAuthenticationType {
    #[default]
    #[serde(rename = "scram-sha-512")]
    ScramSha512,
    #[serde(rename = "tls")]
    Tls,
}

/// Operations on one resource, or on all whose name begins alike.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AclRule {
    /// On what.
    pub resource: AclResource,
    /// `All`, `Read`, `Write`, `Create`, `Delete`, `Alter`, `Describe`, `DescribeConfigs`, `AlterConfigs` or `IdempotentWrite`, as
    /// far as the resource knows them.
    #[schemars(length(min = 1, max = 10), extend("x-kubernetes-list-type" = "set"))]
    pub operations: Vec<AclOperation>,
}

/// What a rule is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AclResource {
    /// `topic`, `group`, `transactionalId` or `cluster`.
    #[serde(rename = "type")]
    pub kind: AclResourceType,
    /// Its name; `*` for every name. A cluster has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub name: Option<String>,
    /// `Literal` (default): this name. `Prefix`: all names that begin with it.
    #[serde(default)]
    pub pattern: AclPattern,
}

/// `topic`, `group`, `transactionalId` or `cluster`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum AclResourceType {
    #[default]
    Topic,
    Group,
    TransactionalId,
    Cluster,
}

/// `Literal` or `Prefix`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AclPattern {
    #[default]
    Literal,
    Prefix,
}

/// Kafka's operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AclOperation {
    All,
    Read,
    Write,
    Create,
    Delete,
    Alter,
    Describe,
    DescribeConfigs,
    AlterConfigs,
    IdempotentWrite,
}

/// Limits of all clients of a user together, on each broker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Quotas {
    /// Bytes that may be produced each second: `10Mi`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), regex(pattern = r"^[1-9][0-9]{0,11}(Ki|Mi|Gi)?$"))]
    pub producer_byte_rate: Option<String>,
    /// Bytes that may be consumed each second: `10Mi`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), regex(pattern = r"^[1-9][0-9]{0,11}(Ki|Mi|Gi)?$"))]
    pub consumer_byte_rate: Option<String>,
    /// Percent of the time of one thread that requests may take; more than 100 is more than one thread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub request_percentage: Option<i32>,
}

/// What Sluice sees and does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct UserStatus {
    /// Generation of the spec that this status speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready`, and where they apply `Reconciling` and `Stalled`.
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// Name in Kafka: its ACLs are of `User:<this>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The Secret that clients mount: `client.properties`, and each part of it by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_name: Option<String>,
    /// Until when the certificate of a user of type `tls` is good. Another one is in the Secret when two thirds of its life are over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_not_after: Option<Time>,
}
