//! Passes over Topics: `reconcile` is the table of contents, `act` carries one step out; `news` wakes
//! those that their cluster's news concern.

mod act;
mod news;
mod reconcile;

pub use news::cluster_changed;
pub use reconcile::reconcile;
