//! Certificates: what is on one (`certificate`), what should be on it (`identity`), what a Secret holds of it (`bundle`), whether
//! it must be issued anew (`next`), how one authority follows another (`replace`; `spread`: who is behind;
//! `given`: one that somebody brings), and how Kafka is told of it (`properties`).
//!
//! All pure: keys are made and certificates signed in `manager/src/pki`, where there is randomness.

mod bundle;
mod certificate;
mod given;
mod identity;
mod next;
pub mod properties;
mod replace;
mod spread;
#[cfg(test)]
mod tests;

pub use bundle::{
    Before, Bundle, CERTIFICATE_FILE, KEY_FILE, KEYSTORE_FILE, REVISION_FILE, TRUSTED_FILE, trust_secret,
};
pub use certificate::{Certificate, Unreadable};
pub use given::{Refusal, given};
pub use identity::{Identity, Subject, Use};
pub use next::{AUTHORITY_LIFE, LEAF_LIFE, Life, Why, leaf, renew_at};
pub use replace::{Phase, Turn, Wish, certificates, turn};
pub use spread::{REVISION_ANNOTATION, runs};
