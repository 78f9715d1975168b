//! Certificates: `core::pki` says which are to be issued and when, `mint` makes them, `vault` reads and keeps their Secrets,
//! `issue` brings the three together, for a Kafka cluster and for whoever is its client.

mod issue;
mod mint;
mod vault;

pub use issue::{due_in, of_client, of_cluster, sluices_own, tls_of};
pub use mint::Trouble;
pub use vault::Vault;
