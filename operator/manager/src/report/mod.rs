//! What we tell: `status` (patched only when it differs), `events` (for steps and turns for the worse), and
//! `unparsable` (for objects that do not parse, whatever their kind).

pub mod events;
pub mod status;
mod unparsable;

pub use unparsable::unparsable;
