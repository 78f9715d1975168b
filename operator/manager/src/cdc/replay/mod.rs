//! Dead letters that are sent again. That runs beside the passes: a pass begins it (`turn`), shows how far it is, and takes its outcome;
//! `desk` says who may run, `task` is the work: part after part of the dead-letter topic is compared with the topics that its letters came
//! from and sent (`part`), and then the sink is waited for.

mod desk;
mod part;
mod task;
mod turn;

pub use desk::Desk;
pub use turn::{Replaying, turn};
