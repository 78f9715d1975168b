//! What is to be changed so that a user can log in and may what is declared, and what we say about it.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::Secret;
use sluice_crds::common::SecretKeyRef;

use super::UserReason;
use super::door::Door;
use super::secret::{self, Credential};
use super::validate::{Login, Wanted, principal};
use crate::condition::Verdict;
use crate::pki::Bundle;
use crate::referent::{self, Referent};
use crate::view::Sight;
use crate::view::kafka::{Acl, ClusterView, UsersView};

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
    /// The certificate that clients have or, where another is due, that they are given. `None`: nobody signs it.
    pub certificate: Option<&'a Bundle>,
}

/// What is changed in Kafka, in this order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    pub password: Option<String>,
    /// Nobody logs in by a password any more.
    pub drop_password: bool,
    pub make: Vec<Acl>,
    pub drop: Vec<Acl>,
    /// Every rule of it goes, whether it was seen or not.
    pub drop_rules: bool,
    pub quotas: BTreeMap<String, Option<f64>>,
}

/// What users can have quotas of (`QuotaConfigs.userAndClientQuotaConfigs`).
const QUOTAS: [&str; 4] =
    ["producer_byte_rate", "consumer_byte_rate", "request_percentage", "controller_mutation_rate"];

impl Changes {
    /// Nothing of a user stays, whatever was seen of it: a change whose outcome is not known yet may have left something.
    pub fn removal() -> Self {
        let quotas = QUOTAS.into_iter().map(|key| (key.to_owned(), None)).collect();
        Self { drop_password: true, drop_rules: true, quotas, ..Self::default() }
    }

    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Shows by what rules it goes once Kafka has taken all of it.
    pub fn show_rules(&self, name: &str, rules: &mut BTreeSet<Acl>) {
        for rule in &self.drop {
            rules.remove(rule);
        }
        if self.drop_rules {
            let principal = principal(name);
            rules.retain(|rule| rule.principal != principal);
        }
        rules.extend(self.make.iter().cloned());
    }

    /// The same of who there is.
    pub fn show(&self, name: &str, users: &mut UsersView) {
        if self.password.is_some() {
            users.scram.insert(name.to_owned());
        }
        if self.drop_password {
            users.scram.remove(name);
        }
        let quotas = users.quotas.entry(name.to_owned()).or_default();
        for (key, value) in &self.quotas {
            match value {
                Some(value) => drop(quotas.insert(key.clone(), *value)),
                None => drop(quotas.remove(key)),
            }
        }
        if quotas.is_empty() {
            users.quotas.remove(name);
        }
    }

    /// Whether rules are made or dropped: those that brokers learn of one by one.
    pub fn touch_rules(&self) -> bool {
        !self.make.is_empty() || !self.drop.is_empty() || self.drop_rules
    }

    /// Whether who goes by these rules knows of the change.
    pub fn are_in(&self, name: &str, rules: &BTreeSet<Acl>) -> bool {
        let principal = principal(name);
        let of_it = |rule: &Acl| rule.principal == principal;
        !(self.drop_rules && rules.iter().any(of_it))
            && self.make.iter().all(|rule| rules.contains(rule))
            && !self.drop.iter().any(|rule| rules.contains(rule))
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
    let Some(door) = seen.door else { return Err(no_door(wanted)) };
    let credential = match &wanted.login {
        Login::Password(from) => Credential::Password(password(from.as_ref(), seen)?),
        Login::Certificate(_) => Credential::Certificate(certificate(wanted, seen, door)?),
    };
    let kafka = seen.kafka.and_then(Sight::current);
    let (Some(_), Some(users), Some(access)) = (kafka, seen.users, seen.access) else {
        return Err(not_seen(seen));
    };
    let known = users.scram.contains(&wanted.name);
    let (password, drop_password) = match credential {
        Credential::Password(password) => {
            ((!known || seen.held != Some(password)).then(|| password.to_owned()), false)
        }
        // who had one before cannot log in by it any more
        Credential::Certificate(_) => (None, known),
    };
    let principal = wanted.principal();
    let theirs: BTreeSet<_> = access.iter().filter(|rule| rule.principal == principal).cloned().collect();
    let none = BTreeMap::new();
    let changes = Changes {
        password,
        drop_password,
        make: wanted.acls.difference(&theirs).cloned().collect(),
        drop: theirs.difference(&wanted.acls).cloned().collect(),
        drop_rules: false,
        quotas: quotas(&wanted.quotas, users.quotas.get(&wanted.name).unwrap_or(&none)),
    };
    Ok(Plan {
        changes,
        secret: Some(secret::build(wanted, door, credential)),
        verdict: Verdict::ready(
            UserReason::AsDeclared,
            format!("{principal} can log in at {}: {}", door.first().bootstrap, may(wanted)),
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

fn no_door(wanted: &Wanted) -> Verdict {
    let (listener, how) = match wanted.login {
        Login::Password(_) => ("authentication: scram-sha-512", "by name and password"),
        Login::Certificate(_) => ("authentication: tls and tls: true", "by a certificate"),
    };
    let cluster = &wanted.cluster;
    Verdict::stalled(
        UserReason::ListenerMissing,
        format!(
            "KafkaCluster {cluster} has no listener with {listener}, so nobody can log in {how}. Add one to its spec.listeners"
        ),
    )
}

fn certificate<'a>(wanted: &Wanted, seen: &'a Seen<'_>, door: &Door) -> Result<&'a Bundle, Verdict> {
    // and who signs the brokers': clients must know that too
    seen.certificate.filter(|_| door.trusted.is_some()).ok_or_else(|| {
        Verdict::reconciling(
            UserReason::AuthorityMissing,
            format!(
                "KafkaCluster {} has no authority for certificates of users yet. It makes one as soon as it can; its conditions \
                 say what keeps it",
                wanted.cluster
            ),
        )
    })
}

fn password<'a>(from: Option<&SecretKeyRef>, seen: &'a Seen<'_>) -> Result<&'a str, Verdict> {
    let from = from.map(|from| format!("{}, key {}", from.name, from.key)).unwrap_or_default();
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
