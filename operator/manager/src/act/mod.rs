//! How we change the world: `apply` (Kubernetes children, by server-side apply), `finalizer` (what keeps an object until what it
//! answers for is gone).

pub mod apply;
pub mod finalizer;

pub use apply::{Applied, Applier};
