//! Dead letters that are sent again. That runs beside the passes: a pass begins it (`turn`), shows how far it is, and takes its outcome;
//! `desk` says who may run, `task` is the work: part after part of the dead-letter topic is compared with the topics that its letters came
//! from (`ground`) and sent (`part`, `write`), and then the sink is waited for (`wait`).

mod desk;
mod ground;
mod part;
mod task;
mod turn;
mod wait;
mod write;

pub use desk::{Desk, Room};
pub use turn::{Replaying, turn};
