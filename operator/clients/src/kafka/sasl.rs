//! Who we are, by name and password: SCRAM-SHA-512 (RFC 5802; KIP-84, KIP-152). The password itself is never sent.

use std::num::NonZeroU32;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use kafka_protocol::messages::SaslAuthenticateRequest;
use ring::rand::SecureRandom as _;
use ring::{digest, hmac, pbkdf2};

use super::connection::{Connection, Fault};
use super::error::{ItemError, ProtocolError};

const MECHANISM: &str = "SCRAM-SHA-512";
/// No channel binding: TLS vouches for the channel.
const HEADER: &str = "n,,";
/// Bytes of a SHA-512.
const LENGTH: usize = 64;
/// More rounds are not computed: a server could keep a client busy by a number.
const MOST_ITERATIONS: u32 = 100_000;

/// A name and its password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub name: String,
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Says on a new connection who we are, and has the broker show that it knows us.
pub async fn authenticate(connection: Connection, who: &Credentials) -> Result<Connection, Fault> {
    let connection = connection.handshake(MECHANISM).await?;
    let begun = Begun::new(&who.name, &nonce());
    let (connection, challenge) = say(connection, &begun.message()).await?;
    let password = who.password.clone();
    // thousands of rounds, and nothing else must wait for them
    let finished = tokio::task::spawn_blocking(move || begun.finish(&password, &challenge));
    let finished = finished.await.expect("no panic while deriving")?;
    let (connection, verdict) = say(connection, &finished.message).await?;
    finished.check(&verdict)?;
    Ok(connection)
}

async fn say(connection: Connection, message: &str) -> Result<(Connection, String), Fault> {
    let request =
        SaslAuthenticateRequest::default().with_auth_bytes(Bytes::copy_from_slice(message.as_bytes()));
    let (connection, answer) = connection.call(&request).await?;
    ItemError::check(answer.error_code, answer.error_message.as_deref())?;
    let text =
        String::from_utf8(answer.auth_bytes.to_vec()).map_err(|_| nonsense("bytes that are no text"))?;
    Ok((connection, text))
}

fn nonce() -> String {
    let mut bytes = [0; 24];
    ring::rand::SystemRandom::new().fill(&mut bytes).expect("the system has random numbers");
    STANDARD.encode(bytes)
}

fn nonsense(what: &str) -> ProtocolError {
    ProtocolError::Content(format!("{MECHANISM}: {what}"))
}

/// What was said first.
struct Begun {
    nonce: String,
    bare: String,
}

/// What is said last, and what the server must answer.
struct Finished {
    message: String,
    signature: Vec<u8>,
}

impl Begun {
    fn new(name: &str, nonce: &str) -> Self {
        let name = name.replace('=', "=3D").replace(',', "=2C");
        Self { bare: format!("n={name},r={nonce}"), nonce: nonce.to_owned() }
    }

    fn message(&self) -> String {
        format!("{HEADER}{}", self.bare)
    }

    fn finish(&self, password: &str, challenge: &str) -> Result<Finished, ProtocolError> {
        let field = |name: &str| challenge.split(',').find_map(|field| field.strip_prefix(name));
        let nonce = field("r=").filter(|nonce| nonce.starts_with(&self.nonce) && *nonce != self.nonce);
        let nonce = nonce.ok_or_else(|| nonsense("the broker answers to another client"))?;
        let salt = field("s=").and_then(|salt| STANDARD.decode(salt).ok());
        let salt = salt.ok_or_else(|| nonsense("no salt"))?;
        let rounds = field("i=").and_then(|rounds| rounds.parse::<NonZeroU32>().ok());
        let rounds = rounds.filter(|rounds| rounds.get() <= MOST_ITERATIONS);
        let rounds = rounds.ok_or_else(|| nonsense("no number of iterations that is meant"))?;
        let salted = salted(password, &salt, rounds);
        let without_proof = format!("c={},r={nonce}", STANDARD.encode(HEADER));
        let said = format!("{},{challenge},{without_proof}", self.bare);
        let client = mac(&salted, b"Client Key");
        let stored = digest::digest(&digest::SHA512, &client);
        let signed = mac(stored.as_ref(), said.as_bytes());
        let proof: Vec<u8> = client.iter().zip(&signed).map(|(key, signed)| key ^ signed).collect();
        Ok(Finished {
            message: format!("{without_proof},p={}", STANDARD.encode(proof)),
            signature: mac(&mac(&salted, b"Server Key"), said.as_bytes()),
        })
    }
}

impl Finished {
    /// Whether the broker knows what only somebody who has our credentials can know.
    fn check(&self, verdict: &str) -> Result<(), ProtocolError> {
        let signature = verdict.strip_prefix("v=").and_then(|signature| STANDARD.decode(signature).ok());
        if signature.as_ref() == Some(&self.signature) {
            Ok(())
        } else {
            Err(nonsense("the broker does not show that it knows this user"))
        }
    }
}

/// `SaltedPassword`: all that a broker keeps is derived from it. Takes milliseconds.
pub fn salted(password: &str, salt: &[u8], rounds: NonZeroU32) -> [u8; LENGTH] {
    let mut salted = [0; LENGTH];
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA512, rounds, salt, password.as_bytes(), &mut salted);
    salted
}

fn mac(key: &[u8], message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA512, key), message).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHALLENGE: &str = "r=abcDEF,s=c2FsdA==,i=4096";

    #[test]
    fn names_are_escaped_and_passwords_are_not_shown() {
        assert_eq!(Begun::new("a=b,c", "x").message(), "n,,n=a=3Db=2Cc,r=x");
        let who = Credentials { name: "alice".into(), password: "hunter2".into() };
        assert!(!format!("{who:?}").contains("hunter2"));
    }

    #[test]
    fn only_who_knows_the_credentials_signs_what_was_said() {
        let begun = Begun::new("alice", "abc");
        let finished = begun.finish("secret", CHALLENGE).unwrap();
        assert!(finished.message.starts_with("c=biws,r=abcDEF,p="), "{}", finished.message);
        assert!(finished.check(&format!("v={}", STANDARD.encode(&finished.signature))).is_ok());
        let other = begun.finish("guess", CHALLENGE).unwrap();
        assert!(finished.check(&format!("v={}", STANDARD.encode(&other.signature))).is_err());
        assert!(finished.check("e=other-error").is_err());
    }

    #[test]
    fn a_challenge_that_is_none_is_refused() {
        let begun = Begun::new("alice", "abc");
        for challenge in [
            "",
            "r=abc,s=c2FsdA==,i=4096",
            "r=xyzDEF,s=c2FsdA==,i=4096",
            "r=abcDEF,s=?,i=4096",
            "r=abcDEF,s=c2FsdA==,i=0",
            "r=abcDEF,s=c2FsdA==,i=4000000000",
        ] {
            assert!(begun.finish("secret", challenge).is_err(), "{challenge}");
        }
    }
}
