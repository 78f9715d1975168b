//! What should exist, what happens next, and what to tell the user.
//!
//! No async, no I/O, no clock (`now` is a parameter), no randomness. One folder per kind, and in each:
//! `validate` (spec + references → wanted model, or findings) → `desired` (Kubernetes objects) and
//! `plan` (what happens next) → `status` (what we tell the user). `view` holds what the observers saw.

pub mod view;
