//! Passes over Connectors: `reconcile` is the table of contents, `act` carries one step out.

mod act;
mod reconcile;

pub use reconcile::reconcile;
