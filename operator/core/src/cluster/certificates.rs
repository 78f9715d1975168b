//! Who shows which certificate on the listeners that Sluice keeps for itself: all that they carry is the cluster's own.
//!
//! One authority per cluster signs a certificate for the nodes of each pool, one for Sluice, and one for each Connect cluster
//! (`connect::certificate`). Whoever has none gets no further than the handshake.
//!
//! Users have certificates of another authority, which is trusted on the listeners for them and nowhere else: none of theirs gets
//! through a handshake on a listener of Sluice's own.

use std::collections::BTreeSet;

use super::ClusterReason;
use super::names;
use super::plan::Found;
use super::wanted::Wanted;
use crate::condition::Verdict;
use crate::meta::Owner;
use crate::pki::{Identity, Subject, Use};

/// A certificate, and the Secret that holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    pub secret: String,
    /// Whose nodes mount it; `None`: Sluice's own.
    pub pool: Option<String>,
    pub identity: Identity,
}

pub fn authority(owner: &Owner) -> Identity {
    Identity { subject: subject(owner, "ca"), names: BTreeSet::new(), purpose: Use::Authority }
}

/// Every certificate of the cluster's own but the authority's.
pub fn leaves(wanted: &Wanted) -> Vec<Leaf> {
    let cluster = &wanted.owner.name;
    let pools = wanted.pools.iter().map(|pool| Leaf {
        secret: names::node_secret(cluster, &pool.name),
        pool: Some(pool.name.clone()),
        identity: node(wanted, pool.broker),
    });
    std::iter::once(operator(&wanted.owner)).chain(pools).collect()
}

pub fn operator(owner: &Owner) -> Leaf {
    Leaf {
        secret: names::operator_secret(&owner.name),
        pool: None,
        identity: client(subject(owner, "operator")),
    }
}

/// Of the workers of every Connect cluster that uses this Kafka cluster: they all may the same.
pub fn connect(namespace: &str, cluster: &str) -> Identity {
    client(Subject::new(namespace, cluster, "connect"))
}

/// Who signs the certificates of users.
pub fn clients_authority(owner: &Owner) -> Identity {
    Identity { subject: subject(owner, "ca-clients"), names: BTreeSet::new(), purpose: Use::Authority }
}

/// Of a User.
pub fn user(namespace: &str, cluster: &str, name: &str) -> Identity {
    client(Subject::new(namespace, &users(cluster), name))
}

/// Kafka's `ssl.principal.mapping.rules` of a listener for users: `User:<name>`, as if they had come by a password. Whoever
/// else shows a certificate is refused: no rule fits.
pub fn user_mapping(owner: &Owner) -> String {
    format!("RULE:^CN=([a-z0-9.-]+),OU={},O={}$/$1/", users(&owner.name), owner.namespace)
}

/// The unit of users. No cluster can have this name, so no user's subject is that of a node, of Sluice or of Connect.
fn users(cluster: &str) -> String {
    format!("{cluster}:users")
}

/// Kafka's `super.users`. All nodes are one: whoever is a node can become another anyway, by what it may do.
pub fn super_users(owner: &Owner) -> String {
    [subject(owner, "node"), subject(owner, "operator")].map(|subject| subject.principal()).join(";")
}

/// What the user gave us for an authority must be one. What signs meanwhile goes on.
pub(super) fn authority_is_usable(found: &Found<'_>) -> Option<Verdict> {
    let refused = found.seen.certificates.refused.as_ref()?;
    let given = found.wanted.authority.given.as_deref().unwrap_or_default();
    let meanwhile = match &found.seen.certificates.authority {
        Some((secret, _)) => format!("The authority in Secret {secret} goes on"),
        None => "Nothing is started until it can be used".to_owned(),
    };
    Some(Verdict::stalled(
        ClusterReason::CaUnusable,
        format!(
            "spec.certificates.ca.secretName: Secret {given} cannot be the authority: {refused}. {meanwhile}. Put an \
             authority's certificate (tls.crt) and key (tls.key, PKCS #8) into it, as PEM"
        ),
    ))
}

fn client(subject: Subject) -> Identity {
    Identity { subject, names: BTreeSet::new(), purpose: Use::Client }
}

/// Its names end in one wildcard for the nodes' own: a pool that grows needs no other certificate, and a node that joins does
/// not wait for one. Clients also reach brokers by the bootstrap Service, by any of its names.
fn node(wanted: &Wanted, broker: bool) -> Identity {
    let domain = wanted.domain();
    let mut all = BTreeSet::from([format!("*.{domain}"), format!("*.{domain}.{CLUSTER_DOMAIN}")]);
    if broker {
        let service = names::bootstrap_service(&wanted.owner.name);
        let full = format!("{service}.{}", wanted.owner.namespace);
        all.extend([format!("{full}.svc.{CLUSTER_DOMAIN}"), format!("{full}.svc"), full, service]);
    }
    Identity { subject: subject(&wanted.owner, "node"), names: all, purpose: Use::Node }
}

/// Kubernetes' default; nothing of ours depends on it.
const CLUSTER_DOMAIN: &str = "cluster.local";

fn subject(owner: &Owner, name: &str) -> Subject {
    Subject::new(&owner.namespace, &owner.name, name)
}
