use std::sync::{Arc, Weak};

use sluice_core::cdc::replay::{self, Missed};
use sluice_core::cdc::{self, Plan, Wanted};
use sluice_crds::CdcPipeline;
use sluice_crds::cdc_pipeline::Replay;

use super::desk::Outcome;
use super::task::{self, Job, Start};
use crate::cdc::look::Found;
use crate::context::Context;

/// What status is to say of replays, and what follows once it does.
pub struct Replaying {
    pub runs: Vec<Replay>,
    begins: Option<(Job, Start)>,
    ended: bool,
}

/// Looks at the replay that runs, or begins the one that is due. One that may not go on now gives its place back.
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
    let mut turn = Replaying {
        runs: replay::kept(wanted, cdc::started(pipeline), before, now),
        begins: None,
        ended: false,
    };
    let desk = &context.cdc.replaying;
    let of = |run: &Replay| wanted.sinks.iter().find(|sink| sink.name == run.sink);
    let held = |run: &Replay| {
        let name = wanted.sink_connector(of(run)?);
        let connector = found.connectors.get(&name).map(|(connector, child)| (connector, child));
        let of_sink = |connector: &&sluice_crds::Connector| connector.metadata.name.as_ref() == Some(&name);
        let compiled = found.compiled.as_ref().and_then(|compiled| compiled.sinks.iter().find(of_sink));
        replay::holds(wanted, plan, status, connector, compiled)
    };
    let seated = desk.job(&found.key);
    let seated = seated.as_ref().map(|job| (job.sink.as_str(), job.id.as_str()));
    let due = replay::choose(&mut turn.runs, seated, held);
    let sink = due.as_ref().and_then(of);
    let (Some(due), Some(sink)) = (due, sink) else {
        desk.leave(&found.key);
        return turn;
    };
    let missed = Missed::of(wanted, status);
    // what is to be done for a run as status is about to show it
    let begins = |runs: &[Replay]| {
        let run = runs.iter().find(|run| run.sink == due.sink && run.id == due.id)?;
        Job::new(wanted, sink, run, found, missed.clone())
    };
    let job = Job::new(wanted, sink, &due, found, missed.clone());
    if let Some(progress) = job.and_then(|job| desk.seen(&found.key, &job)) {
        let runs = &mut turn.runs;
        turn.ended = progress.outcome.is_some();
        match progress.outcome {
            None => replay::goes_on(runs, &due, progress.sums.as_ref(), &progress.message),
            Some(Outcome::Bounded(bound)) => {
                replay::bounded(runs, &due, &bound);
                turn.begins = begins(runs).map(|job| (job, Start::New));
            }
            Some(Outcome::Anew(why)) => replay::anew(runs, &due, &why, now),
            Some(Outcome::Done(sums)) => replay::finished(runs, &due, Ok(sums), now),
            Some(Outcome::Failed(why)) => replay::finished(runs, &due, Err(why), now),
        }
        return turn;
    }
    desk.leave(&found.key);
    replay::began(&mut turn.runs, &due, sink, now);
    turn.begins = begins(&turn.runs).map(|job| (job, Start::Again));
    turn
}

impl Replaying {
    /// Once status says it: begins what it announces, and lets go of what has ended.
    pub fn go_on(self, context: &Arc<Context>, found: &Found) {
        let desk = &context.cdc.replaying;
        if self.ended {
            desk.leave(&found.key);
        }
        if let Some((job, start)) = self.begins {
            let weak: Weak<Context> = Arc::downgrade(context);
            let key = found.key.clone();
            let room = context.shared.replaying.clone();
            desk.begin(&found.key, job.clone(), |state| task::run(job, (start, room), key, weak, state));
        }
    }
}
