//! `world` builds what a pipeline sees; a test changes one thing in it.

mod adhoc;
mod blocking;
mod budget;
mod compile;
mod guard;
mod offsets;
mod offsets_beside;
mod offsets_told;
mod plan;
mod preflight;
mod replay;
mod running;
mod snapshot;
mod teardown;
mod validate;
mod warned;
pub(crate) mod world;
