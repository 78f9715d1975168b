//! Whom a certificate is for.

use std::collections::BTreeSet;
use std::fmt;

/// Who somebody is, as Kafka sees it: the principal is `User:` and this, as it is displayed.
///
/// Organization and unit are the namespace and the cluster: where two clusters have one authority, the nodes of one are nobody
/// in the other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subject {
    pub organization: String,
    pub unit: String,
    pub common_name: String,
}

/// What a certificate is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// It signs others.
    Authority,
    /// A Kafka node: a server, and a client of other nodes.
    Node,
    Client,
}

/// All that a certificate should say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub subject: Subject,
    /// DNS names of a server.
    pub names: BTreeSet<String>,
    pub purpose: Use,
}

impl Subject {
    pub fn new(organization: &str, unit: &str, common_name: &str) -> Self {
        let [organization, unit, common_name] = [organization, unit, common_name].map(str::to_owned);
        Self { organization, unit, common_name }
    }

    /// Kafka's name of whoever shows this certificate (`DefaultKafkaPrincipalBuilder`).
    pub fn principal(&self) -> String {
        format!("User:{self}")
    }
}

impl fmt::Display for Subject {
    /// As RFC 2253 writes it, the last part first. Our parts are names of Kubernetes: there is nothing to escape.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [("CN", &self.common_name), ("OU", &self.unit), ("O", &self.organization)];
        let parts = parts.into_iter().filter(|(_, text)| !text.is_empty());
        for (i, (name, text)) in parts.enumerate() {
            write!(f, "{}{name}={text}", if i > 0 { "," } else { "" })?;
        }
        Ok(())
    }
}
