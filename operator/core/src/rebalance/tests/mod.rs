//! The planner against tables, against every plan there is, and against generated clusters.

mod batches;
mod cases;
mod oracle;
mod properties;
mod worlds;
