//! Certificates: `core::pki` says which are to be issued and when, `mint` makes them, `vault` reads and keeps their Secrets,
//! `issue` brings the three together, for a Kafka cluster and for whoever is its client. `authority` is who signs, and is
//! replaced once `spread` sees that all know the next one. `users` have an authority of their own. `news` wakes who has to do with a Secret.

mod authority;
mod issue;
mod mint;
mod news;
mod spread;
mod users;
mod vault;

pub use issue::{due_in, of_client, of_cluster, sluices_own, tls_of};
pub use mint::Trouble;
pub use news::{secret_changed, secrets_relisted};
pub use users::{Issued, of_user};
pub use vault::Vault;
