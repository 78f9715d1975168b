//! How we change the world: `apply` (Kubernetes children, by server-side apply).

pub mod apply;

pub use apply::{Applied, Applier};
