//! One Connect cluster: `look` (the rounds of an observer) fills the [`World`]; `worlds` starts and ends them.

mod look;
mod world;
mod worlds;

pub use world::{Workers, World};
pub use worlds::Worlds;
