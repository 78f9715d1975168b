//! Passes over `User` objects: `reconcile` is the table of contents, `act` changes Kafka, for many users at once, `passwords` reads what clients and
//! users' own Secrets hold, `news` wakes whom a change concerns.

mod act;
mod news;
mod passwords;
mod reconcile;

pub use act::{Crowd, Refusal, UserWish, serve};
pub use news::{access_changed, cluster_changed, secret_changed, secrets_relisted, wake_all_of};
pub use passwords::Passwords;
pub use reconcile::reconcile;
