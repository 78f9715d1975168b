//! One pipeline: source database → topics → sinks.
//!
//! spec → [`Wanted`] (`validate`, `names`) → what must hold in the databases (`preflight`) and what is missing in them (`prepare`)
//! → the Topics and Connectors it owns (`compile`) → what happens next (`plan`, with its verdicts in `told`) or, once the object is
//! deleted, what is left to do (`teardown`) → `status`.
//!
//! `guard` stands before every start of the source connector: are all changes still there to be read? `budget`: how much WAL the
//! slot keeps.
//!
//! `sql`: the statements that prepare and clean up a database, and that people are told to run. `lag`, `since` and `snapshot`: how far it
//! has come; `adhoc`: rows that are read anew while changes flow; `objectives`: whether that is as far as it should be.
//! `child`: a Topic or Connector of the pipeline as its status shows it. `claim`: whose slot it is. `missed`: records that no
//! sink will read. `verify`: whether the sinks hold what the source holds. `delivery`: how often a change arrives. `offsets`:
//! where a sink or the source goes on, on request. `replay`: dead letters that are sent again.

pub mod adhoc;
pub mod budget;
mod child;
mod claim;
pub mod compile;
pub mod delivery;
pub mod guard;
pub mod lag;
pub mod missed;
pub mod names;
pub mod objectives;
pub mod offsets;
mod plan;
pub mod preflight;
mod prepare;
mod reason;
mod removals;
pub mod replay;
mod since;
pub mod snapshot;
pub mod sql;
mod start;
mod status;
mod teardown;
#[cfg(test)]
pub(crate) mod tests;
mod told;
mod validate;
pub mod verify;
mod wanted;

pub use child::{Child, Says};
pub use claim::{Claim, claimed_by, host, started};
pub use compile::{Compiled, compile};
pub use plan::{Look, Phase, Plan, Seen, Work, plan};
pub use reason::CdcReason;
pub use removals::{ChildKind, Removal};
pub use status::{
    GUARD_AGAIN, Gauges, Letter, Newest, SinkGauge, WAL_BUDGET, budget_turned, deleting, settled, status,
    told,
};
pub use teardown::{Teardown, TeardownSeen, left_behind, teardown};
pub use told::{child_refused, statement_failed};
pub use validate::{leaving, validate};
pub use wanted::{Sink, Source, Topics, Wanted};

/// Finalizer of pipelines whose `deletionPolicy` is `Delete`.
pub const FINALIZER: &str = "sluice.dev/cdc";
