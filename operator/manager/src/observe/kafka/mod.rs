//! One Kafka cluster: `look` (the rounds of an observer; `disks` takes turns) fills the [`World`]; `batch` gathers the changes that many
//! Topics want into few requests and shows their result in the view at once; `worlds` starts and ends them.

mod batch;
mod disks;
mod look;
mod moves;
mod world;
mod worlds;

pub use batch::{Change, Refusal};
pub use world::{Pace, World};
pub use worlds::Worlds;
