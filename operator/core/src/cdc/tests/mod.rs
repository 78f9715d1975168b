//! `world` builds what a pipeline sees; a test changes one thing in it.

mod compile;
mod plan;
mod preflight;
mod teardown;
mod validate;
mod world;
