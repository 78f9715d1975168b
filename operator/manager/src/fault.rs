//! Moments at which a test ends Sluice (feature `fault-points`; without it there is nothing here). Each that
//! `SLUICE_FAULT_POINTS` names ends it once: the process begins anew in its own place (`execve`), with all that it
//! remembered and every connection gone, as a container that is restarted, and without the kubelet's back-off.

use sluice_core::cluster::Step;
use sluice_core::cluster::rebalance::{Act, ThrottleChange};

/// Where in a pass.
#[derive(Clone, Copy, Debug)]
pub enum Moment {
    /// Status says what is going to be done; nothing is done.
    Told,
    /// It is done, and stands nowhere yet.
    Done,
}

/// At a step of a KafkaCluster: `Told:Move`.
pub fn step(moment: Moment, step: &Step) {
    let what = match step {
        Step::Rebalance(Act::Throttle(ThrottleChange { no_rate: true, .. })) => Some("Unthrottle"),
        Step::Rebalance(Act::Throttle(_)) => Some("Throttle"),
        Step::Rebalance(Act::Move(_)) => Some("Move"),
        Step::Rebalance(Act::Cancel(_)) => Some("Cancel"),
        Step::Rebalance(Act::Elect(_)) => Some("Elect"),
        step => step.kind(),
    };
    if let Some(what) = what {
        reached(&format!("{moment:?}:{what}"));
    }
}

#[cfg(not(feature = "fault-points"))]
pub fn reached(_: &str) {}

#[cfg(feature = "fault-points")]
pub fn reached(point: &str) {
    use std::os::unix::process::CommandExt as _;
    const POINTS: &str = "SLUICE_FAULT_POINTS";
    let points = std::env::var(POINTS).unwrap_or_default();
    if points.split(',').all(|other| other != point) {
        return;
    }
    let left: Vec<_> = points.split(',').filter(|other| *other != point).collect();
    tracing::warn!(point, left = left.len(), "fault point: begins anew");
    let error = std::process::Command::new("/proc/self/exe")
        .args(std::env::args_os().skip(1))
        .env(POINTS, left.join(","))
        .exec();
    panic!("begin anew at {point}: {error}");
}
