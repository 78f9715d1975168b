//! One Kafka cluster: `look` (the rounds of an observer; `disks` takes turns) fills the [`World`]; `gather` makes few requests of what
//! many objects want at the same time: `batch` of what Topics do, and shows the result in the view at once. `due` says whether a step
//! was looked at since it was due; `canary` writes and reads records of its own; `worlds` starts and ends all of it.

mod batch;
mod canary;
mod disks;
mod due;
mod gather;
mod look;
mod moves;
mod world;
mod worlds;

pub use batch::{Change, Refusal};
pub use gather::{Gathering, Wish, Wishes};
pub use world::{Pace, World};
pub use worlds::Worlds;
