//! What is well with a connector that is as declared, what is on its way, and what has failed.

use jiff::Timestamp;
use sluice_crds::common::RunState as Declared;

use super::failure::{self, Class};
use super::plan::{Plan, Step};
use super::restart::{self, Next};
use super::status::shown;
use super::{ConnectorReason as Why, Wanted};
use crate::condition::Verdict;
use crate::view::connect::{ConnectorView, RunState};

/// What we say of a connector that is as declared, and what is done about failures.
pub(super) fn judge(mut plan: Plan, wanted: &Wanted, connector: &ConnectorView, now: Timestamp) -> Plan {
    let done = plan.before.restarts.clone();
    if let Some((reason, what)) = failure(connector) {
        let class = failure::classify(&what);
        let Some(pace) = class.pace() else {
            let message = format!(
                "{what}. {}. Mend the cause, then set spec.restartedAt to the current time",
                class.mend()
            );
            plan.verdict = Verdict::stalled(reason, message);
            return plan;
        };
        let mend = if class.mend().is_empty() { String::new() } else { format!(". {}", class.mend()) };
        let restarts = match restart::next(&wanted.auto_restart, pace, done.as_ref(), now) {
            Next::Now(restarts) => {
                plan.step = Step::RestartFailed(wanted.state);
                let of = wanted.auto_restart.max_attempts;
                let of = if pace.limited { format!(" of {of}") } else { String::new() };
                let message = format!("{what}{mend}. Restarting it: attempt {}{of}", restarts.attempts);
                plan.verdict = Verdict::reconciling(reason, message);
                Some(restarts)
            }
            Next::At(due, restarts) => {
                plan.again = Some(due);
                let message = format!("{what}{mend}. It is restarted at {due:.0}");
                // somebody has to do something, whatever we try meanwhile
                plan.verdict = match class {
                    Class::Credentials => Verdict::stalled(reason, message),
                    _ => Verdict::reconciling(reason, message),
                };
                Some(restarts)
            }
            Next::GivenUp(attempts) => {
                let message = format!(
                    "{what}. {attempts} restarts did not help, and no more are made. Mend the cause, then set spec.restartedAt to \
                     the current time"
                );
                plan.verdict = Verdict::stalled(reason, message);
                done
            }
            Next::Off => {
                let message = format!(
                    "{what}. spec.autoRestart.enabled is false: mend the cause, then set spec.restartedAt to the current time"
                );
                plan.verdict = Verdict::stalled(reason, message);
                done
            }
        };
        plan.before.restarts.clone_from(&restarts);
        plan.after.restarts = restarts;
        return plan;
    }
    let (restarts, until) = restart::healthy(done.as_ref(), now);
    let probation = restart::probation(done.as_ref(), now);
    plan.again = probation.or(until);
    plan.before.restarts.clone_from(&restarts);
    plan.after.restarts = restarts;
    plan.verdict = match (moving(connector), probation) {
        (Some(verdict), _) if wanted.state == Declared::Running => verdict,
        (None, Some(until)) if wanted.state == Declared::Running => Verdict::reconciling(
            Why::Recovering,
            format!("It was restarted after a failure and runs. It counts as well at {until:.0}"),
        ),
        _ => well(wanted, connector),
    };
    plan
}

fn well(wanted: &Wanted, connector: &ConnectorView) -> Verdict {
    let count = connector.tasks.len();
    let tasks = format!("{count} {}", if count == 1 { "task runs" } else { "tasks run" });
    match wanted.state {
        Declared::Running => Verdict::ready(Why::Running, tasks),
        Declared::Paused => Verdict::ready(Why::ConnectorPaused, "It is paused, as spec.state says"),
        Declared::Stopped => {
            Verdict::ready(Why::ConnectorStopped, "It is stopped, as spec.state says; its offsets are kept")
        }
    }
}

/// What is on its way in a connector that should run.
fn moving(connector: &ConnectorView) -> Option<Verdict> {
    let unassigned = connector.tasks.iter().filter(|task| task.state != RunState::Running).count();
    if connector.state != RunState::Running || unassigned > 0 {
        let message = match unassigned {
            0 => "Connect is assigning the connector to a worker".to_owned(),
            n => format!(
                "Connect is assigning tasks to workers: {n} of {} do not run yet",
                connector.tasks.len()
            ),
        };
        return Some(Verdict::reconciling(Why::Rebalancing, message));
    }
    connector.tasks.is_empty().then(|| {
        Verdict::reconciling(
            Why::NoTasks,
            "The connector runs and has made no task yet. If this lasts it finds nothing to do: no table, topic or partition that it is \
             configured for",
        )
    })
}

/// The worst that has failed, in words.
pub(super) fn failure(connector: &ConnectorView) -> Option<(Why, String)> {
    if connector.state == RunState::Failed {
        return Some((
            Why::ConnectorFailed,
            format!("The connector has failed: {}", words(connector, connector.trace.as_deref())),
        ));
    }
    let failed: Vec<_> = connector.tasks.iter().filter(|task| task.state == RunState::Failed).collect();
    let first = failed.first()?;
    let who = match failed.len() {
        1 => format!("Task {} has failed", first.id),
        n => format!("{n} of {} tasks have failed, task {} with", connector.tasks.len(), first.id),
    };
    Some((Why::TaskFailed, format!("{who}: {}", words(connector, first.trace.as_deref()))))
}

/// What kind of failure it is, where it has failed.
pub(super) fn class(connector: &ConnectorView) -> Option<Class> {
    failure(connector).map(|(_, what)| failure::classify(&what))
}

/// Both lines of a trace on one.
fn words(connector: &ConnectorView, trace: Option<&str>) -> String {
    trace.map_or_else(
        || "Connect does not say why".to_owned(),
        |trace| shown(connector, trace).replace('\n', "; "),
    )
}
