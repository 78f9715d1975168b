use jiff::{SignedDuration, Timestamp};
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

/// Which letters a run takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// The dead-letter topic's, as Kafka knows it: one that was made anew counts anew.
    pub topic_id: String,
    /// Offset behind the last letter.
    pub end: i64,
}

/// What status is to say of all requests before any of them runs: those that are new wait, and those that a pipeline has before it was `started` were
/// meant for one that was there before. Of those that are asked for no more the one that runs ends, and of each sink the one that was done
/// last stays: the next begins there.
pub fn kept(wanted: &Wanted, started: bool, before: &[Replay], now: Timestamp) -> Vec<Replay> {
    let mut runs = Vec::new();
    for sink in &wanted.sinks {
        let Some(topic) = &sink.dead_letter else { continue };
        let of = |run: &&Replay| run.sink == sink.name;
        let done = |run: &&Replay| run.state == DONE && run.topic == *topic;
        let at = |run: &&Replay| (run.finished_at.as_ref().map(|at| at.0), run.to);
        let newest = before.iter().filter(of).filter(done).max_by_key(at);
        let left = |run: &&Replay| {
            let last = newest.is_some_and(|newest| newest.id == run.id);
            !sink.replay.contains(&run.id) && (run.state == RUNNING || last)
        };
        let first = runs.len();
        runs.extend(before.iter().filter(of).filter(left).cloned());
        for run in runs[first..].iter_mut().filter(|run| run.state == RUNNING) {
            let why = "It was taken out of replay before it was done: what it has sent stands. Letters that were not sent are taken by the next id";
            end(run, Err(why.into()), now);
        }
        for id in &sink.replay {
            let known = before.iter().filter(of).find(|run| run.id == *id).cloned();
            let mut run = known.unwrap_or_else(|| new(sink, id, started, now));
            if run.state == WAITING {
                run.message.clear();
            }
            runs.push(run);
        }
        for run in runs[first..].iter_mut().filter(|run| run.state == RUNNING && run.topic != *topic) {
            let old = std::mem::take(&mut run.topic);
            let why = format!(
                "deadLetter.topic was changed from {old} to {topic} while letters of {old} were being sent: Sluice sends no more of them, and \
                 what it has sent stands. To send the rest set deadLetter.topic back and add another id; or read their rows anew, by an id in \
                 spec.snapshots with type: Incremental"
            );
            end(run, Err(why), now);
            run.topic = old;
        }
    }
    runs
}

fn new(sink: &Sink, id: &str, started: bool, now: Timestamp) -> Replay {
    let mut run =
        Replay { sink: sink.name.clone(), id: id.to_owned(), state: WAITING.into(), ..Default::default() };
    if !started {
        let why = "The pipeline was started for the first time with this request already in its spec: what it asked of one that was there before \
                   is not asked again. If it is meant, give it another id";
        end(&mut run, Err(why.into()), now);
    }
    run
}

/// The run that goes on, or is to begin now: one at a time, and of each sink one after the other. All others that wait, or cannot go on, say for
/// what. `seated`: sink and id of the one that is being carried out. `held`: why nothing may be sent to a sink now.
pub fn choose(
    runs: &mut [Replay],
    seated: Option<(&str, &str)>,
    held: impl Fn(&Replay) -> Option<&'static str>,
) -> Option<Replay> {
    let is = |run: &Replay, other: &Replay| run.sink == other.sink && run.id == other.id;
    let mut heads: Vec<Replay> = Vec::new();
    for state in [RUNNING, WAITING] {
        for run in runs.iter().filter(|run| run.state == state) {
            if !heads.iter().any(|head| head.sink == run.sink) {
                heads.push(run.clone());
            }
        }
    }
    heads.sort_by_key(|head| seated != Some((head.sink.as_str(), head.id.as_str())));
    let chosen = heads.iter().find(|head| held(head).is_none()).cloned();
    for run in runs.iter_mut().filter(|run| [RUNNING, WAITING].contains(&run.state.as_str())) {
        if chosen.as_ref().is_some_and(|chosen| is(chosen, run)) {
            continue;
        }
        let before = heads.iter().find(|head| head.sink == run.sink && !is(head, run));
        let what = held(run).map(str::to_owned).or_else(|| {
            let other = before.or(chosen.as_ref())?;
            Some(format!("waits for the replay {} of the sink {} to end", other.id, other.sink))
        });
        run.message = what.unwrap_or_default();
    }
    chosen
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

/// It begins. What begins anew after a restart of ours began when status says.
pub fn began(runs: &mut [Replay], of: &Replay, sink: &Sink, now: Timestamp) {
    change(runs, of, |run| {
        run.message.clear();
        if run.state != RUNNING {
            run.state = RUNNING.into();
            run.started_at = Some(Time(whole_seconds(now)));
            run.topic = sink.dead_letter.clone().unwrap_or_default();
        }
    });
}

/// Which letters it takes, told before the first of them is sent: those that come later are the next run's, also after a restart of ours. It
/// begins behind the last one that a run of the same sink has looked at, if that was in the same topic.
pub fn bounded(runs: &mut [Replay], of: &Replay, bound: &Bound) {
    let before = |run: &&Replay| {
        run.state == DONE && run.sink == of.sink && run.topic == of.topic && run.topic_id == bound.topic_id
    };
    let from = runs.iter().filter(before).filter_map(|run| run.to).max();
    change(runs, of, |run| {
        run.topic_id.clone_from(&bound.topic_id);
        run.from = Some(from.filter(|from| *from <= bound.end).unwrap_or(0));
        run.to = Some(bound.end);
    });
}

/// Its dead-letter topic is not the one any more that it began with: it asks anew which letters it takes. It has another name from then on: what the
/// sink has put aside of its copies are letters like all others.
pub fn anew(runs: &mut [Replay], of: &Replay, why: &str, now: Timestamp) {
    change(runs, of, |run| {
        let before = run.started_at.as_ref().map(|at| at.0 + SignedDuration::from_secs(1));
        run.started_at = Some(Time(whole_seconds(now).max(before.unwrap_or(now))));
        run.topic_id.clear();
        (run.from, run.to) = (None, None);
        why.clone_into(&mut run.message);
    });
}

/// What it has done so far.
pub fn goes_on(runs: &mut [Replay], of: &Replay, sums: Option<&Sums>, message: &str) {
    change(runs, of, |run| {
        if let Some(sums) = sums {
            told(run, sums);
        }
        message.clone_into(&mut run.message);
    });
}

/// It came to its end. `Err`: why it cannot.
pub fn finished(runs: &mut [Replay], of: &Replay, outcome: Result<Sums, String>, now: Timestamp) {
    change(runs, of, |run| end(run, outcome, now));
}

fn end(run: &mut Replay, outcome: Result<Sums, String>, now: Timestamp) {
    run.finished_at = Some(Time(whole_seconds(now)));
    match outcome {
        Ok(sums) => {
            told(run, &sums);
            run.failed_again = Some(sums.failed_again);
            run.state = DONE.into();
            run.message = sums.message();
        }
        Err(why) => {
            // the next run takes its letters
            run.to = None;
            run.state = FAILED.into();
            run.message = why;
        }
    }
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
