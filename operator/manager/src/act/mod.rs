//! How we change the world: `apply` (Kubernetes children, by server-side apply), `finalizer` (what keeps an object until what it
//! answers for is gone), `live` (what the API server has, before a step that cannot be taken back).

pub mod apply;
pub mod finalizer;
pub mod live;

pub use apply::{Applied, Applier};
