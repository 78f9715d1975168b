//! Moves partitions so that every broker carries its share, with as few moves as possible, and proves that there
//! are none fewer. Why it is made so, and what is exact: `docs/decisions/0012-the-rebalance-planner.md`.
//!
//! `model` (brokers, partitions) → `check` (can there be a plan?) → `problem` (the model in numbers; `racks`: where a
//! partition may lie) → `share` (what each broker should hold; over `fluid`) → `flow` (exact minimal movement) →
//! `polish` (even bytes and topics, with no more moves) → `leaders` (by order alone) → `certificate` (the bound) →
//! `plan`. All of that is [`plan()`], in `solve`. Then `batch`: what runs at once.
//!
//! All pure; the moves are made in `manager`. `generate` makes clusters for tests and benchmarks.

pub mod batch;
mod bits;
mod certificate;
mod check;
mod flow;
mod fluid;
pub mod generate;
mod leaders;
mod lists;
mod model;
mod plan;
mod polish;
mod problem;
mod racks;
mod reason;
mod share;
mod solve;
#[cfg(test)]
mod tests;

pub use model::{Broker, Model, Options, Partition, RackRule};
pub use plan::{Change, Held, Load, Plan};
pub use reason::RebalanceReason;
pub use solve::{lower_bound, misplaced, plan};
