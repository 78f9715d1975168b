//! What a real API server makes of the CRDs.
//!
//! `session` talks to it in JSON as kubectl does, `objects` are the smallest objects that it takes; then one file per
//! question: is the `schema` sound, which `defaults` does it fill in, what is refused at once (`refused`, `pipelines`) and as a
//! change
//! (`immutable`), what may change (`growing`), what do users see (`columns`), who owns what (`merging`), and what is left
//! of objects that were stored under another schema (`upgrade`).

// `json!({ … })` reads best where it is used, as an argument
#![allow(clippy::needless_pass_by_value)]

mod columns;
mod defaults;
mod growing;
mod immutable;
mod merging;
mod objects;
mod pipelines;
mod rebalance;
mod refused;
mod schema;
mod session;
mod upgrade;
