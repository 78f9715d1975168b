//! `spec` → [`Wanted`], or everything that is wrong with it at once.

use std::collections::{BTreeMap, BTreeSet};

use sluice_crds::User;
use sluice_crds::common::SecretKeyRef;
use sluice_crds::user::{
    self as api, AclOperation, AclPattern, AclResourceType, AclRule, UserAuthentication,
    UserAuthenticationType,
};

use super::{APP, UserReason};
use crate::cluster::certificates;
use crate::finding::Finding;
use crate::meta::Owner;
use crate::pki::Identity;
use crate::units;
use crate::view::kafka::{Acl, Operation, Pattern, Permission, ResourceKind};

/// What a User means. Only [`validate`] makes one.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    pub owner: Owner,
    pub generation: Option<i64>,
    /// In Kafka.
    pub name: String,
    pub cluster: String,
    pub login: Login,
    pub acls: BTreeSet<Acl>,
    /// By Kafka's keys.
    pub quotas: BTreeMap<String, f64>,
    pub paused: bool,
}

/// How a user says who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// Where the password is; `None`: Sluice makes one.
    Password(Option<SecretKeyRef>),
    /// What the certificate says.
    Certificate(Identity),
}

impl Wanted {
    pub fn principal(&self) -> String {
        principal(&self.name)
    }
}

pub fn principal(user: &str) -> String {
    format!("User:{user}")
}

type Findings = Vec<Finding<UserReason>>;

pub fn validate(user: &User) -> Result<Wanted, Findings> {
    let spec = &user.spec;
    let Some(owner) = Owner::of(user, APP) else {
        return Err(vec![invalid("the object has no namespace, name and uid yet")]);
    };
    let mut findings = Findings::new();
    let mut acls = BTreeSet::new();
    for (i, rule) in spec.acls.iter().enumerate() {
        match rules(rule, &principal(&owner.name)) {
            Ok(rules) => acls.extend(rules),
            Err((field, words)) => findings.push(invalid(words).at(format!("spec.acls[{i}].{field}"))),
        }
    }
    let quotas = quotas(spec.quotas.as_ref(), &mut findings);
    let login = login(&spec.authentication, &owner, &spec.cluster_ref.name, &mut findings);
    if !findings.is_empty() {
        return Err(findings);
    }
    Ok(Wanted {
        generation: user.metadata.generation,
        name: owner.name.clone(),
        cluster: spec.cluster_ref.name.clone(),
        login,
        acls,
        quotas,
        paused: spec.paused,
        owner,
    })
}

/// `ub-common-name` of RFC 5280: some read no certificate with a longer one.
const LONGEST_COMMON_NAME: usize = 64;

fn login(spec: &UserAuthentication, owner: &Owner, cluster: &str, findings: &mut Findings) -> Login {
    match spec.kind {
        UserAuthenticationType::ScramSha512 => Login::Password(spec.password_from.clone()),
        UserAuthenticationType::Tls => {
            if spec.password_from.is_some() {
                let text = "a user with a certificate has no password: remove it";
                findings.push(invalid(text).at("spec.authentication.passwordFrom"));
            }
            if owner.name.len() > LONGEST_COMMON_NAME {
                let text = format!(
                    "a certificate's name has {LONGEST_COMMON_NAME} characters at most, and this one has {}: create the User \
                     under a shorter name",
                    owner.name.len()
                );
                findings.push(invalid(text).at("metadata.name"));
            }
            Login::Certificate(certificates::user(&owner.namespace, cluster, &owner.name))
        }
    }
}

fn invalid(message: impl Into<String>) -> Finding<UserReason> {
    Finding::new(UserReason::InvalidSpec, message)
}

/// Kafka's name of the one resource of kind `Cluster`.
const THE_CLUSTER: &str = "kafka-cluster";

fn rules(rule: &AclRule, principal: &str) -> Result<Vec<Acl>, (&'static str, String)> {
    let resource = &rule.resource;
    let (kind, known) = known(resource.kind);
    let name = match (&resource.name, kind) {
        (None, ResourceKind::Cluster) => THE_CLUSTER.to_owned(),
        (Some(_), ResourceKind::Cluster) => {
            return Err(("resource.name", "there is one cluster, and it has no name here".into()));
        }
        (None, _) => return Err(("resource.name", "a name is missing; * is every name".into())),
        (Some(name), _) => name.clone(),
    };
    let pattern = match resource.pattern {
        AclPattern::Literal => Pattern::Literal,
        AclPattern::Prefix if name == "*" => {
            return Err(("resource.pattern", "* stands for every name only as Literal".into()));
        }
        AclPattern::Prefix => Pattern::Prefix,
    };
    let mut all = Vec::new();
    for operation in &rule.operations {
        let operation = operation_of(*operation);
        if operation != Operation::All && !known.contains(&operation) {
            let names: Vec<_> = known.iter().map(|known| format!("{known:?}")).collect();
            let words =
                format!("{operation:?} is nothing that Kafka knows of it; it knows {}", names.join(", "));
            return Err(("operations", words));
        }
        all.push(Acl {
            kind,
            name: name.clone(),
            pattern,
            principal: principal.to_owned(),
            host: "*".to_owned(),
            operation,
            permission: Permission::Allow,
        });
    }
    Ok(all)
}

/// `AclEntry.supportedOperations` of Kafka, without what is for brokers alone.
fn known(kind: AclResourceType) -> (ResourceKind, &'static [Operation]) {
    use Operation as O;
    match kind {
        AclResourceType::Topic => (
            ResourceKind::Topic,
            &[
                O::Read,
                O::Write,
                O::Create,
                O::Delete,
                O::Alter,
                O::Describe,
                O::DescribeConfigs,
                O::AlterConfigs,
            ],
        ),
        AclResourceType::Group => {
            (ResourceKind::Group, &[O::Read, O::Delete, O::Describe, O::DescribeConfigs, O::AlterConfigs])
        }
        AclResourceType::TransactionalId => (ResourceKind::TransactionalId, &[O::Write, O::Describe]),
        AclResourceType::Cluster => (
            ResourceKind::Cluster,
            &[O::Create, O::Alter, O::Describe, O::DescribeConfigs, O::AlterConfigs, O::IdempotentWrite],
        ),
    }
}

fn operation_of(operation: AclOperation) -> Operation {
    match operation {
        AclOperation::All => Operation::All,
        AclOperation::Read => Operation::Read,
        AclOperation::Write => Operation::Write,
        AclOperation::Create => Operation::Create,
        AclOperation::Delete => Operation::Delete,
        AclOperation::Alter => Operation::Alter,
        AclOperation::Describe => Operation::Describe,
        AclOperation::DescribeConfigs => Operation::DescribeConfigs,
        AclOperation::AlterConfigs => Operation::AlterConfigs,
        AclOperation::IdempotentWrite => Operation::IdempotentWrite,
    }
}

/// Kafka's keys (`QuotaConfig`).
fn quotas(quotas: Option<&api::Quotas>, findings: &mut Findings) -> BTreeMap<String, f64> {
    let mut all = BTreeMap::new();
    let Some(quotas) = quotas else { return all };
    for (field, key, text) in [
        ("producerByteRate", "producer_byte_rate", &quotas.producer_byte_rate),
        ("consumerByteRate", "consumer_byte_rate", &quotas.consumer_byte_rate),
    ] {
        match text.as_deref().map(units::bytes) {
            None => {}
            // a rate beyond 2^53 bytes a second is none
            #[allow(clippy::cast_precision_loss)]
            Some(Ok(bytes)) => drop(all.insert(key.to_owned(), bytes as f64)),
            Some(Err(error)) => findings.push(invalid(error.to_string()).at(format!("spec.quotas.{field}"))),
        }
    }
    if let Some(percentage) = quotas.request_percentage {
        all.insert("request_percentage".to_owned(), percentage.into());
    }
    all
}
