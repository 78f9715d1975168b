//! What we tell: `status` (patched only when it differs), `events` (for steps and turns for the worse), and
//! `unparsable` (for objects that do not parse, whatever their kind). `written` knows what we wrote last.

pub mod events;
pub mod status;
mod unparsable;
mod written;

pub use unparsable::{Farewell, let_go, tell_unparsable, unparsable};
pub use written::Written;
