//! Passes over `ConnectCluster` objects: `reconcile` is the table of contents, `gather` makes one Secret of all that connectors name, `act`
//! applies the objects and carries one step out.

mod act;
mod gather;
mod reconcile;

pub use gather::Gathered;
pub use reconcile::{credentials, reconcile};
