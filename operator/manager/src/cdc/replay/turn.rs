use std::sync::{Arc, Weak};

use sluice_core::cdc::{Plan, Wanted, replay};
use sluice_crds::CdcPipeline;
use sluice_crds::cdc_pipeline::Replay;

use super::task::{self, Job};
use crate::cdc::look::Found;
use crate::context::Context;

/// What status is to say of replays, and what follows once it does.
pub struct Replaying {
    pub runs: Vec<Replay>,
    begins: Option<Job>,
    ended: bool,
}

/// Looks at the replay that runs, or begins the one that is due.
pub fn turn(
    context: &Context,
    pipeline: &CdcPipeline,
    wanted: &Wanted,
    found: &Found,
    plan: &Plan,
) -> Replaying {
    let now = Context::now();
    let status = pipeline.status.as_ref();
    let before = status.map(|status| status.replays.as_slice()).unwrap_or_default();
    let mut turn = Replaying { runs: replay::kept(wanted, before), begins: None, ended: false };
    let desk = &context.cdc.replaying;
    let due = replay::due(&turn.runs).cloned();
    let sink = due.as_ref().and_then(|due| wanted.sinks.iter().find(|sink| sink.name == due.sink));
    let (Some(due), Some(sink)) = (due, sink) else {
        desk.leave(&found.key);
        return turn;
    };
    if let Some(progress) = Job::new(wanted, sink, &due, found).and_then(|job| desk.seen(&found.key, &job)) {
        match progress.outcome {
            _ if wanted.paused => desk.leave(&found.key),
            Some(outcome) => {
                replay::finished(&mut turn.runs, &due, &outcome, now);
                turn.ended = true;
                return turn;
            }
            None => {
                replay::goes_on(&mut turn.runs, &due, progress.to, &progress.sums, &progress.message);
                return turn;
            }
        }
    }
    let name = wanted.sink_connector(sink);
    let connector = found.connectors.get(&name).map(|(connector, child)| (connector, child));
    let of_sink = |connector: &&sluice_crds::Connector| connector.metadata.name.as_ref() == Some(&name);
    let compiled = found.compiled.as_ref().and_then(|compiled| compiled.sinks.iter().find(of_sink));
    let waits = replay::holds(wanted, plan, status, connector, compiled).or_else(|| {
        (!desk.has_room(&found.key)).then_some("waits for the replays of other pipelines to end")
    });
    if let Some(what) = waits {
        desk.leave(&found.key);
        replay::waits(&mut turn.runs, &due, what);
        return turn;
    }
    replay::began(&mut turn.runs, &due, sink, now);
    let began = turn.runs.iter().find(|run| run.sink == due.sink && run.id == due.id);
    turn.begins = began.and_then(|run| Job::new(wanted, sink, run, found));
    turn
}

impl Replaying {
    /// Once status says it: begins what it announces, and lets go of what has ended.
    pub fn go_on(self, context: &Arc<Context>, found: &Found) {
        let desk = &context.cdc.replaying;
        if self.ended {
            desk.leave(&found.key);
        }
        if let Some(job) = self.begins {
            let weak: Weak<Context> = Arc::downgrade(context);
            let key = found.key.clone();
            desk.begin(&found.key, job.clone(), |state| task::run(job, key, weak, state));
        }
    }
}
