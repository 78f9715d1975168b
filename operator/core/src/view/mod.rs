//! What observers saw of the worlds outside Kubernetes, as plain data.
//!
//! `kafka` (a cluster), `connect` (a Connect cluster), `source` (a database). The clients crate builds these;
//! the planners read them. A view is replaced as a whole, never edited.

pub mod connect;
pub mod kafka;
mod sight;
pub mod source;

pub use sight::Sight;
