//! PostgreSQL, as a source and as a sink: what its catalogs say, and the few statements that prepare it.
//!
//! A call goes down: [`source`](Session::source), [`pulse`](Session::pulse) and [`sink`](Session::sink) (one query each,
//! into core's view types) or [`run`](Session::run) (statements, one transaction) → `session` (a transaction with
//! deadlines) → tokio-postgres. `error` sorts what goes wrong into core's [`Trouble`](sluice_core::view::source::Trouble).
//!
//! [`compare`] walks through a table and its copy with one session each, and says where they differ.
//!
//! - Every session has one deadline for entering and one for each call; the server is told to give up earlier.
//! - All settings are local to a transaction and no statement is prepared by name, so that a pooler in between does no harm
//!   and carries nothing of ours to others.
//! - Passwords are in no error and no log; [`Password`] does not print.
//! - TLS is what [`Tls`] says and nothing else: there is no falling back to plain text.

mod compare;
mod compare_sql;
mod error;
mod facts;
mod session;
mod sink_sql;
mod source_sql;
mod target;
mod tls;

pub use compare::{Watch, compare};
pub use error::Error;
pub use facts::SourceQuestion;
pub use session::Session;
pub use target::{Password, Target};
pub use tls::Tls;
