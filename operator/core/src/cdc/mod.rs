//! One pipeline: source database → topics → sinks.
//!
//! `sql`: the statements that prepare and clean up a database, and that people are told to run.

pub mod sql;
