//! Comparisons of source and sinks. They run beside the passes: a pass begins one (`turn`), shows how far it is, and takes its outcome;
//! `desk` says who may run, `task` is the work, `watch` waits for the sinks.

mod desk;
mod task;
mod turn;
mod watch;

pub use desk::Desk;
pub use turn::{Verifying, turn};
