//! Passes over each `CdcPipeline`: `reconcile` is the table of contents, `look` gathers what core wants to know, `act` carries a plan
//! out, `gauges` measures how far sinks are, `progress` what a snapshot has brought, `adhoc` what is heard of rows that are read while changes flow, `count` how many rows the source has, `teardown` is the end (`namespace`: and perhaps of more). `notes` is what a pass remembers of the one before, `verify`
//! compares source and sinks, `replay` sends dead letters again.

mod act;
mod adhoc;
mod count;
mod gauges;
mod look;
mod namespace;
mod notes;
mod offsets;
mod progress;
mod reconcile;
mod replay;
mod teardown;
mod verify;

pub use namespace::is_going as namespace_is_going;
pub use notes::Notes;
pub use reconcile::reconcile;
pub use replay::Room;
pub use teardown::gone;
