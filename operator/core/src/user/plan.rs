//! What is to be changed so that a user can log in and may what is declared, and what we say about it.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::Secret;
use sluice_crds::KafkaCluster;
use sluice_crds::kafka_cluster::Authentication;

use super::validate::Wanted;
use super::{UserReason, secret};
use crate::cluster::names;
use crate::condition::Verdict;
use crate::referent::{self, Referent};
use crate::view::Sight;
use crate::view::kafka::{Acl, ClusterView, UsersView};

/// The listener by which a user comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Door {
    pub bootstrap: String,
    pub protocol: String,
    /// Who has signed the brokers' certificates, PEM; `None`: it is not encrypted.
    pub trusted: Option<String>,
}

/// The first listener for names and passwords, an encrypted one before others. `trusted` is the cluster's.
pub fn door(cluster: &KafkaCluster, trusted: Option<&str>) -> Option<Door> {
    let scram = |tls: bool| {
        let mut all = cluster.spec.listeners.iter();
        all.find(move |l| l.authentication == Authentication::ScramSha512 && l.tls == tls)
    };
    let listener = scram(true).or_else(|| scram(false))?;
    let namespace = cluster.metadata.namespace.as_deref().unwrap_or_default();
    let service = names::bootstrap_service(cluster.metadata.name.as_deref().unwrap_or_default());
    Some(Door {
        bootstrap: format!("{service}.{namespace}.svc:{}", listener.port),
        protocol: if listener.tls { "SASL_SSL" } else { "SASL_PLAINTEXT" }.to_owned(),
        trusted: trusted.filter(|_| listener.tls).map(str::to_owned),
    })
}

/// What there is where `spec.authentication.passwordFrom` points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    Password(String),
    NoSecret,
    NoKey,
    /// Empty, or nothing that can be typed.
    Unusable,
}

/// What a pass over a User knows.
pub struct Seen<'a> {
    pub cluster: Referent,
    pub kafka: Option<&'a Sight<ClusterView>>,
    /// Who there is in Kafka; `None` until it was described once.
    pub users: Option<&'a UsersView>,
    /// Every rule of access.
    pub access: Option<&'a BTreeSet<Acl>>,
    pub door: Option<&'a Door>,
    /// The password that clients have.
    pub held: Option<&'a str>,
    pub given: Option<&'a Given>,
    /// One that nobody has had yet.
    pub fresh: &'a str,
}

/// What is changed in Kafka, in this order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    pub password: Option<String>,
    pub make: Vec<Acl>,
    pub drop: Vec<Acl>,
    pub quotas: BTreeMap<String, Option<f64>>,
}

impl Changes {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub changes: Changes,
    /// Applied after the changes: clients are told of a password that Kafka knows.
    pub secret: Option<Secret>,
    /// What holds once all of it is done.
    pub verdict: Verdict,
}

pub fn plan(wanted: &Wanted, seen: &Seen<'_>) -> Plan {
    match ready(wanted, seen) {
        Ok(plan) => plan,
        Err(verdict) => Plan { changes: Changes::default(), secret: None, verdict },
    }
}

fn ready(wanted: &Wanted, seen: &Seen<'_>) -> Result<Plan, Verdict> {
    cluster_is_there(wanted, seen)?;
    if wanted.paused {
        return Err(Verdict::stalled(UserReason::Paused, "spec.paused is set: nothing is changed"));
    }
    let Some(door) = seen.door else {
        return Err(Verdict::stalled(
            UserReason::ListenerMissing,
            format!(
                "KafkaCluster {} has no listener with authentication: scram-sha-512, so nobody can log in by name and password. \
                 Add one to its spec.listeners",
                wanted.cluster
            ),
        ));
    };
    let password = password(wanted, seen)?;
    let kafka = seen.kafka.and_then(Sight::current);
    let (Some(_), Some(users), Some(access)) = (kafka, seen.users, seen.access) else {
        return Err(not_seen(seen));
    };
    let known = users.scram.contains(&wanted.name);
    let principal = wanted.principal();
    let theirs: BTreeSet<_> = access.iter().filter(|rule| rule.principal == principal).cloned().collect();
    let none = BTreeMap::new();
    let changes = Changes {
        password: (!known || seen.held != Some(password)).then(|| password.to_owned()),
        make: wanted.acls.difference(&theirs).cloned().collect(),
        drop: theirs.difference(&wanted.acls).cloned().collect(),
        quotas: quotas(&wanted.quotas, users.quotas.get(&wanted.name).unwrap_or(&none)),
    };
    Ok(Plan {
        changes,
        secret: Some(secret::build(wanted, door, password)),
        verdict: Verdict::ready(
            UserReason::AsDeclared,
            format!("{principal} can log in at {}: {}", door.bootstrap, may(wanted)),
        ),
    })
}

fn may(wanted: &Wanted) -> String {
    match wanted.acls.len() {
        0 => "no ACL lets it do anything".to_owned(),
        1 => "1 ACL".to_owned(),
        many => format!("{many} ACLs"),
    }
}

fn cluster_is_there(wanted: &Wanted, seen: &Seen<'_>) -> Result<(), Verdict> {
    match seen.cluster {
        Referent::There => Ok(()),
        Referent::Missing => Err(Verdict::stalled(
            UserReason::ClusterMissing,
            format!(
                "There is no KafkaCluster {} in this namespace. Nothing is changed until there is",
                wanted.cluster
            ),
        )),
        Referent::Unparsable => {
            let message = referent::unparsable("KafkaCluster", &wanted.cluster, "The user stays as it is");
            Err(Verdict::unknown(UserReason::ClusterUnparsable, message))
        }
    }
}

fn password<'a>(wanted: &Wanted, seen: &'a Seen<'_>) -> Result<&'a str, Verdict> {
    let from =
        wanted.password.as_ref().map(|from| format!("{}, key {}", from.name, from.key)).unwrap_or_default();
    let missing = |what: &str| {
        Err(Verdict::stalled(
            UserReason::SecretMissing,
            format!(
                "spec.authentication.passwordFrom: {what}: Secret {from}. Who logs in now goes on to; put the password there"
            ),
        ))
    };
    match seen.given {
        Some(Given::Password(password)) => Ok(password),
        Some(Given::NoSecret) => missing("there is no such Secret"),
        Some(Given::NoKey) => missing("it has no such key"),
        Some(Given::Unusable) => {
            missing("what is there is empty, or has line breaks or other characters that nobody types")
        }
        None => Ok(seen.held.unwrap_or(seen.fresh)),
    }
}

fn not_seen(seen: &Seen<'_>) -> Verdict {
    match seen.kafka.and_then(Sight::blind) {
        Some((since, Some(error))) => Verdict::unknown(
            UserReason::KafkaUnreachable,
            format!("Kafka has not answered since {since:.0}: {error}. Sluice keeps asking"),
        ),
        _ => Verdict::reconciling(UserReason::Describing, "Sluice reads who there is in Kafka"),
    }
}

/// Whether the verdict will change by itself in a moment.
pub fn is_for_now(verdict: &Verdict) -> bool {
    use crate::reason::Reason as _;
    verdict.reason == UserReason::Describing.as_str()
}

fn quotas(wanted: &BTreeMap<String, f64>, seen: &BTreeMap<String, f64>) -> BTreeMap<String, Option<f64>> {
    let differs = |key: &String, value: f64| seen.get(key).is_none_or(|seen| (seen - value).abs() > 0.5);
    let set = wanted
        .iter()
        .filter(|(key, value)| differs(key, **value))
        .map(|(key, value)| (key.clone(), Some(*value)));
    let gone = seen.keys().filter(|key| !wanted.contains_key(*key)).map(|key| (key.clone(), None));
    set.chain(gone).collect()
}
