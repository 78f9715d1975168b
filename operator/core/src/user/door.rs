//! The listeners by which a user comes.

use sluice_crds::KafkaCluster;
use sluice_crds::kafka_cluster::{Authentication, Listener};

use super::validate::Login;
use crate::cluster::names;

/// Every listener with the authentication of a user, encrypted ones before others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Door {
    first: Entrance,
    more: Vec<Entrance>,
    /// Who has signed the brokers' certificates, PEM; `None`: there is no encrypted one.
    pub trusted: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entrance {
    /// The listener's name.
    pub name: String,
    pub bootstrap: String,
    pub protocol: &'static str,
}

impl Door {
    pub fn first(&self) -> &Entrance {
        &self.first
    }

    pub fn all(&self) -> impl Iterator<Item = &Entrance> {
        std::iter::once(&self.first).chain(&self.more)
    }
}

/// `trusted` is the cluster's.
pub fn door(cluster: &KafkaCluster, login: &Login, trusted: Option<&str>) -> Option<Door> {
    let wanted = match login {
        Login::Password(_) => Authentication::ScramSha512,
        Login::Certificate(_) => Authentication::Tls,
    };
    let namespace = cluster.metadata.namespace.as_deref().unwrap_or_default();
    let service = names::bootstrap_service(cluster.metadata.name.as_deref().unwrap_or_default());
    let mut fitting: Vec<_> = cluster.spec.listeners.iter().filter(|l| l.authentication == wanted).collect();
    fitting.sort_by_key(|listener| !listener.tls);
    let encrypted = fitting.first().is_some_and(|listener| listener.tls);
    let mut all = fitting.into_iter().map(|listener| Entrance {
        name: listener.name.clone(),
        bootstrap: format!("{service}.{namespace}.svc:{}", listener.port),
        protocol: protocol(listener),
    });
    Some(Door {
        first: all.next()?,
        more: all.collect(),
        trusted: trusted.filter(|_| encrypted).map(str::to_owned),
    })
}

fn protocol(listener: &Listener) -> &'static str {
    match (listener.authentication, listener.tls) {
        (Authentication::Tls, _) => "SSL",
        (_, true) => "SASL_SSL",
        (_, false) => "SASL_PLAINTEXT",
    }
}
