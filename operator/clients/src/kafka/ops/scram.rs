//! Names and passwords (SCRAM, KIP-554). Kafka keeps what is derived from a password, and never tells it.

use std::collections::BTreeSet;

use bytes::Bytes;
use kafka_protocol::messages::alter_user_scram_credentials_request::{
    ScramCredentialDeletion, ScramCredentialUpsertion,
};
use kafka_protocol::messages::alter_user_scram_credentials_response::AlterUserScramCredentialsResult;
use kafka_protocol::messages::describe_user_scram_credentials_response::DescribeUserScramCredentialsResult;
use kafka_protocol::messages::{AlterUserScramCredentialsRequest, DescribeUserScramCredentialsRequest};
use ring::rand::SecureRandom as _;

use super::super::sasl::salted;
use super::super::{Client, Error, ItemError, Items};

/// `ScramMechanism.SCRAM_SHA_512`.
const SHA_512: i8 = 2;
/// Kafka's own default, and the least that it takes.
const ITERATIONS: std::num::NonZeroU32 = std::num::NonZeroU32::new(4096).unwrap();

impl Client {
    /// `DescribeUserScramCredentials`: who can log in by SCRAM-SHA-512.
    pub async fn describe_scram_users(&self) -> Result<BTreeSet<String>, Error> {
        let request = DescribeUserScramCredentialsRequest::default().with_users(None);
        let answer = self.any(&request, self.until::<DescribeUserScramCredentialsRequest>()).await?;
        ItemError::check(answer.body.error_code, answer.body.error_message.as_deref())
            .map_err(|e| answer.refused(e))?;
        Ok(users(&answer.body.results))
    }

    /// `AlterUserScramCredentials`, by user: from now on these log in with these passwords, and nobody as those that are dropped. Who is connected
    /// stays so.
    pub async fn alter_scram(
        &self,
        passwords: &[(&str, &str)],
        dropped: &[&str],
    ) -> Result<Items<()>, Error> {
        if passwords.is_empty() && dropped.is_empty() {
            return Ok(Vec::new());
        }
        let deletion = |user: &&str| {
            ScramCredentialDeletion::default().with_name(super::text(user)).with_mechanism(SHA_512)
        };
        let request = AlterUserScramCredentialsRequest::default()
            .with_upsertions(derived(passwords).await)
            .with_deletions(dropped.iter().map(deletion).collect());
        let answer = self.any(&request, self.until::<AlterUserScramCredentialsRequest>()).await?;
        let results = answer.body.results.iter();
        let item = |result: &AlterUserScramCredentialsResult| {
            let said = ItemError::check(result.error_code, result.error_message.as_deref());
            (result.user.as_str().to_owned(), said)
        };
        Ok(results.map(item).collect())
    }
}

/// What is derived takes milliseconds each, and nothing else must wait for it.
async fn derived(passwords: &[(&str, &str)]) -> Vec<ScramCredentialUpsertion> {
    let passwords: Vec<_> =
        passwords.iter().map(|(user, password)| ((*user).to_owned(), (*password).to_owned())).collect();
    let derive = move || passwords.iter().map(|(user, password)| upsertion(user, password)).collect();
    tokio::task::spawn_blocking(derive).await.expect("no panic while deriving")
}

fn users(results: &[DescribeUserScramCredentialsResult]) -> BTreeSet<String> {
    let has = |result: &&DescribeUserScramCredentialsResult| {
        result.error_code == 0 && result.credential_infos.iter().any(|info| info.mechanism == SHA_512)
    };
    results.iter().filter(has).map(|result| result.user.as_str().to_owned()).collect()
}

/// The broker never sees the password: it gets what RFC 5802 derives from it.
fn upsertion(user: &str, password: &str) -> ScramCredentialUpsertion {
    let mut salt = [0; 32];
    ring::rand::SystemRandom::new().fill(&mut salt).expect("the system has random numbers");
    ScramCredentialUpsertion::default()
        .with_name(super::text(user))
        .with_mechanism(SHA_512)
        .with_iterations(i32::try_from(ITERATIONS.get()).unwrap_or(i32::MAX))
        .with_salt(Bytes::copy_from_slice(&salt))
        .with_salted_password(Bytes::copy_from_slice(&salted(password, &salt, ITERATIONS)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafka_protocol::messages::describe_user_scram_credentials_response::CredentialInfo;

    #[test]
    fn only_who_has_our_mechanism_is_told() {
        let result = |user: &str, mechanism: i8, code: i16| {
            DescribeUserScramCredentialsResult::default()
                .with_user(super::super::text(user))
                .with_error_code(code)
                .with_credential_infos(vec![CredentialInfo::default().with_mechanism(mechanism)])
        };
        let results = [result("alice", 2, 0), result("bob", 1, 0), result("carol", 2, 91)];
        assert_eq!(users(&results), BTreeSet::from(["alice".to_owned()]));
    }

    #[test]
    fn each_credential_has_a_salt_of_its_own_and_not_the_password() {
        let (a, b) = (upsertion("alice", "secret"), upsertion("alice", "secret"));
        assert_ne!((&a.salt, &a.salted_password), (&b.salt, &b.salted_password));
        assert_eq!((a.salted_password.len(), a.iterations), (64, 4096));
    }
}
