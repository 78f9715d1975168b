use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use sluice_crds::connector::{Summary, TaskStatus};
use sluice_crds::{Connector, ConnectorStatus};

use super::ConnectorReason;
use super::restart::Progress;
use crate::condition::{self, Verdict};
use crate::view::connect::{ConnectorView, RunState};

/// The status that says `verdict`. `view` is the newest there is, also while Connect does not answer; `None` where the connector does
/// not exist, or is not ours.
pub fn status(
    connector: &Connector,
    verdict: &Verdict,
    view: Option<&ConnectorView>,
    progress: &Progress,
    owned: bool,
    now: Timestamp,
) -> ConnectorStatus {
    let previous = connector.status.as_ref().map_or(&[][..], |status| &status.conditions);
    let generation = connector.metadata.generation;
    ConnectorStatus {
        observed_generation: generation,
        conditions: condition::build(verdict, generation, now, previous),
        state: view.map(|view| state(worst(view)).to_owned()),
        summary: view.map(|view| {
            let running = view.tasks.iter().filter(|task| task.state == RunState::Running).count();
            Summary { tasks: format!("{running}/{}", view.tasks.len()) }
        }),
        tasks: view.into_iter().flat_map(tasks).collect(),
        restarts: progress.restarts.clone(),
        restarted_at: progress.restarted_at.map(Time),
        secrets_revision: progress.secrets_revision,
        owned,
    }
}

/// `Failed` also when only a task failed.
fn worst(view: &ConnectorView) -> RunState {
    let failed = view.tasks.iter().any(|task| task.state == RunState::Failed);
    if failed { RunState::Failed } else { view.state }
}

fn tasks(view: &ConnectorView) -> impl Iterator<Item = TaskStatus> + '_ {
    view.tasks.iter().map(|task| TaskStatus {
        id: i32::try_from(task.id).unwrap_or(i32::MAX),
        state: state(task.state).to_owned(),
        worker: task.worker.clone(),
        error: task.trace.clone(),
    })
}

fn state(state: RunState) -> &'static str {
    match state {
        RunState::Unassigned => "Unassigned",
        RunState::Running => "Running",
        RunState::Paused => "Paused",
        RunState::Stopped => "Stopped",
        RunState::Restarting => "Restarting",
        RunState::Failed => "Failed",
    }
}

/// What a plugin has against the value of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldErrors {
    pub field: String,
    pub errors: Vec<String>,
}

/// The verdict when a plugin refused the configuration. Nothing was changed.
pub fn invalid(errors: &[FieldErrors], exists: bool) -> Verdict {
    let told: Vec<_> = errors.iter().map(|e| format!("{}: {}", e.field, e.errors.join(" "))).collect();
    let then = if exists { "The connector goes on as it was" } else { "Nothing was created" };
    Verdict::stalled(
        ConnectorReason::InvalidConfig,
        format!(
            "The plugin refuses the configuration. {then}; it is asked again every 30 s. {}",
            told.join("; ")
        ),
    )
}

/// The verdict when Connect refused an order for good: its own words, and who has to act.
pub fn refused(words: &str) -> Verdict {
    Verdict::stalled(
        ConnectorReason::ConnectRefused,
        format!("{words}. It is tried again every 30 s; change the spec accordingly"),
    )
}

/// The verdict when an order could not be given now: what was to be done, and why it was not.
pub fn not_yet(planned: &Verdict, words: &str) -> Verdict {
    Verdict { message: format!("{}. Not yet: {words}", planned.message), ..planned.clone() }
}

/// The first few, and how many more there are.
pub(super) fn list(names: &[String], most: usize) -> String {
    let shown = names.iter().take(most).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(most) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
