use std::collections::{BTreeMap, BTreeSet};

/// Who there is in Kafka, beside the rules of access.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UsersView {
    /// Who can log in by SCRAM-SHA-512 (`DescribeUserScramCredentials`).
    pub scram: BTreeSet<String>,
    /// Quotas of users by name, whatever their clients are called (`DescribeClientQuotas`).
    pub quotas: BTreeMap<String, BTreeMap<String, f64>>,
}

impl UsersView {
    /// Users that are not in both alike.
    pub fn changed<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a str> {
        let quotas = self.quotas.keys().chain(other.quotas.keys());
        let quotas = quotas.filter(|user| self.quotas.get(*user) != other.quotas.get(*user));
        self.scram.symmetric_difference(&other.scram).chain(quotas).map(String::as_str)
    }
}
