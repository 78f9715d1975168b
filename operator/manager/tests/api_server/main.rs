//! How the operator behaves towards a real API server: who leads (`lease`), children (`apply`), `status`.

// `json!({ … })` reads best where it is used, as an argument
#![allow(clippy::needless_pass_by_value)]

mod apply;
mod lease;
mod status;
