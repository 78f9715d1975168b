use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use sluice_crds::connector::{Summary, TaskStatus};
use sluice_crds::{Connector, ConnectorStatus};

use super::restart::Progress;
use super::{ConnectorReason, Wanted, health};
use crate::condition::{self, Verdict};
use crate::connect::credentials;
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
        failure: view.and_then(health::class).map(|class| class.to_string()),
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
        error: task.trace.as_deref().map(|trace| shown(view, trace)),
    })
}

/// A trace as far as it may be told.
pub(super) fn shown(view: &ConnectorView, trace: &str) -> String {
    credentials::tellable(&view.config, trace).unwrap_or(HIDDEN).to_owned()
}

const HIDDEN: &str = "the value of a Secret was refused (it is hidden; the log of the workers has the trace)";

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

/// The verdict when a plugin refused the configuration. Nothing was changed. What it says of a value that is a Secret's is not told.
pub fn invalid(wanted: &Wanted, errors: &[FieldErrors], exists: bool) -> Verdict {
    let secret = |field: &str| wanted.config.get(field).is_some_and(|value| credentials::is_reference(value));
    let words = |of: &FieldErrors| -> String {
        let words = of.errors.join(" ");
        match credentials::tellable(&wanted.config, &words) {
            Some(words) if !secret(&of.field) => words.to_owned(),
            _ => "refused (the value is hidden)".into(),
        }
    };
    let told: Vec<_> = errors.iter().map(|e| format!("{}: {}", e.field, words(e))).collect();
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
pub fn refused(wanted: &Wanted, words: &str) -> Verdict {
    let words = credentials::tellable(&wanted.config, words).unwrap_or(
        "Connect refused the value of a Secret (it is hidden; the log of the workers has Connect's words)",
    );
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
