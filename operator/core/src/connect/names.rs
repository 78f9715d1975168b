//! Names and ports of what belongs to a Connect cluster.

/// `app.kubernetes.io/name` of everything.
pub const APP: &str = "kafka-connect";
/// `app.kubernetes.io/component` of everything.
pub const COMPONENT: &str = "worker";
/// The container that runs Connect.
pub const CONTAINER: &str = "connect";
/// Of the REST API.
pub const REST_PORT: i32 = 8083;
/// Where the workers mount the connectors' Secret.
pub const SECRETS_PATH: &str = "/opt/sluice/secrets";
/// Where the workers mount their certificate.
pub const CERTIFICATES_PATH: &str = "/opt/sluice/certificates";
/// `StatefulSet`, `ConfigMap`, `PodDisruptionBudget`, `ServiceAccount` and the Service of the REST API.
pub fn whole(connect: &str) -> String {
    format!("{connect}-connect")
}

/// The headless Service: every worker's stable name is `<pod>.<this>.<namespace>.svc`.
pub fn workers_service(connect: &str) -> String {
    format!("{connect}-connect-workers")
}

/// The Secret with everything that the connectors' configurations name.
pub fn secret(connect: &str) -> String {
    format!("{connect}-connector-secrets")
}

/// The Secret with the certificate that the workers show Kafka.
pub fn certificate_secret(connect: &str) -> String {
    format!("{connect}-connect-client")
}

/// `group.id` of the workers. Consumers of sink connectors are in groups `connect-<connector>`: this must never be one of them.
pub fn group(connect: &str) -> String {
    format!("sluice-connect-{connect}")
}

/// Where the REST API is.
pub fn url(namespace: &str, connect: &str) -> String {
    format!("http://{}.{namespace}.svc:{REST_PORT}", whole(connect))
}

/// A topic in which the workers keep what they know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Internal {
    Configs,
    Offsets,
    Status,
}

impl Internal {
    pub const ALL: [Self; 3] = [Self::Configs, Self::Offsets, Self::Status];

    /// The Topic object and the topic: the same for the same name, so that a Connect cluster that is deleted and created again
    /// finds its connectors' offsets.
    pub fn topic(self, connect: &str) -> String {
        let kind = match self {
            Self::Configs => "configs",
            Self::Offsets => "offsets",
            Self::Status => "status",
        };
        format!("connect-{connect}-{kind}")
    }

    /// Connect's own defaults; the configs must stay in one order.
    pub fn partitions(self) -> i32 {
        match self {
            Self::Configs => 1,
            Self::Offsets => 25,
            Self::Status => 5,
        }
    }
}
