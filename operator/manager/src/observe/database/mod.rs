//! One database that pipelines read from, or one schema that they write to: `look` (the rounds of an observer) fills the [`World`],
//! by way of `entry` (the Secret, the session); `eyes` is what a look at a source, or at a sink, is; `worlds` starts and ends them.

mod entry;
mod eyes;
mod look;
mod world;
mod worlds;

pub use entry::Failure;
pub use world::{Interest, Place, Seen, World};
pub use worlds::Worlds;
