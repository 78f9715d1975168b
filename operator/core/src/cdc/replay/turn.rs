use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use sluice_crds::cdc_pipeline::Replay;
use sluice_crds::{CdcPipelineStatus, Connector};

use super::Sums;
use crate::cdc::snapshot;
use crate::cdc::wanted::Sink;
use crate::cdc::{CdcReason, Child, Phase, Plan, Wanted};
use crate::condition::{VerdictKind, whole_seconds};
use crate::reason::Reason as _;

const WAITING: &str = "Waiting";
const RUNNING: &str = "Running";
const DONE: &str = "Done";
const FAILED: &str = "Failed";

/// What status is to say of all requests before any of them runs: those that are new wait. Of those that are asked for no more the one that
/// runs stays, and of each sink the one that came furthest: the next begins there.
pub fn kept(wanted: &Wanted, before: &[Replay]) -> Vec<Replay> {
    let mut runs = Vec::new();
    for sink in &wanted.sinks {
        let Some(topic) = &sink.dead_letter else { continue };
        let of = |run: &&Replay| run.sink == sink.name;
        let furthest = before.iter().filter(of).filter(|run| run.topic == *topic).max_by_key(|run| run.to);
        let left = |run: &&Replay| {
            let last = run.to.is_some() && furthest.is_some_and(|furthest| furthest.id == run.id);
            !sink.replay.contains(&run.id) && (run.state == RUNNING || last)
        };
        runs.extend(before.iter().filter(of).filter(left).cloned());
        for id in &sink.replay {
            let known = before.iter().filter(of).find(|run| run.id == *id).cloned();
            let mut run = known.unwrap_or_else(|| Replay {
                sink: sink.name.clone(),
                id: id.clone(),
                state: WAITING.into(),
                ..Default::default()
            });
            if run.state == WAITING {
                run.message.clear();
            }
            runs.push(run);
        }
    }
    runs
}

/// The run that is under way, or is to begin now. One at a time.
pub fn due(runs: &[Replay]) -> Option<&Replay> {
    let of = |state: &str| runs.iter().find(|run| run.state == state);
    of(RUNNING).or_else(|| of(WAITING))
}

/// Names the run in the headers of what it sends.
pub fn run(replay: &Replay) -> String {
    let at = replay.started_at.as_ref().map_or(0, |at| at.0.as_second());
    format!("{}/{}@{at}", replay.sink, replay.id)
}

/// Why nothing may be sent now. `connector`: the sink's, and as it is wanted: before that one runs, the cause is not mended.
pub fn holds(
    wanted: &Wanted,
    plan: &Plan,
    status: Option<&CdcPipelineStatus>,
    connector: Option<(&Connector, &Child)>,
    compiled: Option<&Connector>,
) -> Option<&'static str> {
    let streams = plan.phase == Phase::Streaming
        && (plan.verdict.kind == VerdictKind::Ready || plan.verdict.reason == CdcReason::SinkGap.as_str());
    let same = connector.zip(compiled).is_some_and(|((connector, child), compiled)| {
        child.is_ready() && connector.spec.config == compiled.spec.config
    });
    let counts = status.and_then(|status| status.snapshot.as_ref()).is_some_and(snapshot::is_watched);
    if wanted.paused {
        Some("spec.paused is set")
    } else if !streams {
        Some("waits until the pipeline streams")
    } else if !same {
        Some("waits until the sink's Connector runs as it is declared")
    } else if counts {
        // a copy of a row would be counted
        Some("waits until the rows of the snapshot are counted")
    } else {
        None
    }
}

fn change(runs: &mut [Replay], of: &Replay, change: impl FnOnce(&mut Replay)) {
    if let Some(run) = runs.iter_mut().find(|run| run.sink == of.sink && run.id == of.id) {
        change(run);
    }
}

/// It cannot begin, or go on, yet.
pub fn waits(runs: &mut [Replay], of: &Replay, what: &str) {
    change(runs, of, |run| what.clone_into(&mut run.message));
}

/// It begins: behind the last letter that a run of the same sink has looked at. What begins anew after a restart of ours began when status
/// says.
pub fn began(runs: &mut [Replay], of: &Replay, sink: &Sink, now: Timestamp) {
    let topic = sink.dead_letter.clone().unwrap_or_default();
    let from =
        runs.iter().filter(|run| run.sink == of.sink && run.topic == topic).filter_map(|run| run.to).max();
    change(runs, of, |run| {
        run.message.clear();
        if run.state != RUNNING {
            run.state = RUNNING.into();
            run.started_at = Some(Time(whole_seconds(now)));
            (run.topic, run.from) = (topic, Some(from.unwrap_or(0)));
        }
    });
}

/// What it has done so far. `to`: behind the last letter that it takes, once that is known.
pub fn goes_on(runs: &mut [Replay], of: &Replay, to: Option<i64>, sums: &Sums, message: &str) {
    change(runs, of, |run| {
        told(run, sums);
        run.to = to.or(run.to);
        message.clone_into(&mut run.message);
    });
}

/// It came to its end. `Err`: why it cannot.
pub fn finished(runs: &mut [Replay], of: &Replay, outcome: &Result<(i64, Sums), String>, now: Timestamp) {
    change(runs, of, |run| {
        run.finished_at = Some(Time(whole_seconds(now)));
        match outcome {
            Ok((to, sums)) => {
                told(run, sums);
                run.failed_again = Some(sums.failed_again);
                run.to = Some(*to);
                run.state = DONE.into();
                run.message = sums.message();
            }
            Err(why) => {
                run.to = None;
                run.state = FAILED.into();
                run.message.clone_from(why);
            }
        }
    });
}

fn told(run: &mut Replay, sums: &Sums) {
    run.replayed = Some(sums.replayed);
    run.superseded = Some(sums.superseded);
    run.left_out = Some(sums.left_out).filter(|left| *left > 0);
}

/// Runs that have come to their end since, whether well, and what there is to say of them.
pub fn turned(before: Option<&CdcPipelineStatus>, after: &CdcPipelineStatus) -> Vec<(bool, String)> {
    let known = |run: &Replay| {
        before.is_some_and(|before| {
            let same = |old: &&Replay| old.sink == run.sink && old.id == run.id;
            before.replays.iter().find(same).is_some_and(|old| old.state == run.state)
        })
    };
    let ended =
        after.replays.iter().filter(|run| [DONE, FAILED].contains(&run.state.as_str()) && !known(run));
    let told = |run: &Replay| {
        let (sink, id) = (&run.sink, &run.id);
        let (sent, old) = (run.replayed.unwrap_or(0), run.superseded.unwrap_or(0));
        let more = if run.message.is_empty() { String::new() } else { format!(". {}", run.message) };
        let well = run.state == DONE && run.left_out.is_none() && run.failed_again.unwrap_or(0) == 0;
        match run.state.as_str() {
            DONE => (well, format!("Replay {id} of sink {sink}: {sent} sent again, {old} superseded{more}")),
            _ => (false, format!("Replay {id} of sink {sink} failed{more}")),
        }
    };
    ended.map(told).collect()
}
