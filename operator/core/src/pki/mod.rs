//! Certificates: what is on one (`certificate`), what should be on it (`identity`), what a Secret holds of it (`bundle`), whether
//! it must be issued anew (`next`), and how Kafka is told of it (`properties`).
//!
//! All pure: keys are made and certificates signed in `manager/src/pki`, where there is randomness.

mod bundle;
mod certificate;
mod identity;
mod next;
pub mod properties;
#[cfg(test)]
mod tests;

pub use bundle::{Bundle, CERTIFICATE_FILE, KEY_FILE, KEYSTORE_FILE, REVISION_FILE, TRUSTED_FILE};
pub use certificate::{Certificate, Unreadable};
pub use identity::{Identity, Subject, Use};
pub use next::{AUTHORITY_LIFE, LEAF_LIFE, Life, Why, authority, leaf, renew_at};
