use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use sluice_crds::cdc_pipeline::{
    DeliveryStatus, GuardStatus, LastDeadLetter, PreflightFinding, SinkStatus, SourceStatus, Summary,
    WalStatus,
};
use sluice_crds::{CdcPipeline, CdcPipelineStatus};

use super::budget::Budget;
use super::guard::Guarded;
use super::missed::{self, Gone};
use super::objectives::{self, LAG_BUDGET, SNAPSHOT_BUDGET};
use super::plan::{Phase, Plan};
use super::preflight::{Failed, Severity};
use super::snapshot::{Counted, Tally};
use super::verify::VERIFIED;
use super::{Wanted, adhoc, claim, lag, since, snapshot};
use crate::condition::{self, Verdict, whole_seconds};
use crate::reason::Reason as _;
use crate::units::human_bytes;
use crate::view::source::{Lag, Lsn, TableName};

/// Whether the slot keeps no more WAL than it may.
pub const WAL_BUDGET: &str = "WalBudget";
/// Conditions beside kstatus's.
const FURTHER: [&str; 5] = [WAL_BUDGET, snapshot::COMPLETE, LAG_BUDGET, SNAPSHOT_BUDGET, VERIFIED];
/// What the guard compared is written again after so many seconds though nothing changed.
pub const GUARD_AGAIN: i64 = 600;

/// Figures that move all the time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gauges {
    /// Of the pipeline's slot.
    pub lag: Option<Lag>,
    /// What its reader has confirmed.
    pub confirmed: Option<Lsn>,
    /// In the order of the wanted sinks.
    pub sinks: Vec<SinkGauge>,
    /// What the snapshot has brought, while that is asked for.
    pub tally: Option<Tally>,
    /// The planner's estimates of rows, of tables that have one.
    pub estimates: BTreeMap<TableName, i64>,
    pub counted: Counted,
    /// What the connectors that run promise.
    pub delivery: Option<DeliveryStatus>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SinkGauge {
    pub lag_records: Option<i64>,
    /// When the oldest change that it has not applied was made, in milliseconds since 1970.
    pub oldest: Option<i64>,
    pub dead_letters: Option<i64>,
    /// `None`: it could not be asked for.
    pub newest: Option<Newest>,
    pub gone: Gone,
}

/// The newest dead letter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Newest {
    /// Topic, and the sum of its partitions' ends: what it is the newest of.
    pub of: (String, i64),
    /// `None`: there is none, or it does not say.
    pub letter: Option<Letter>,
}

/// A record that a sink could not take, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Letter {
    /// Where it was read.
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    pub error: String,
    /// Milliseconds since 1970.
    pub at: i64,
}

/// The status of a pipeline whose spec was understood.
pub fn status(
    pipeline: &CdcPipeline,
    wanted: &Wanted,
    plan: &Plan,
    gauges: &Gauges,
    now: Timestamp,
) -> CdcPipelineStatus {
    let previous = pipeline.status.clone().unwrap_or_default();
    let before = previous.source.as_ref();
    let (lag, behind) = since::figures(gauges, wanted.source.heartbeat, before, now);
    let blocked = |checks: &[Failed]| checks.iter().any(|check| check.severity == Severity::Block);
    let passed = match &plan.checks {
        Some(checks) if blocked(checks) => None,
        // told once, not at every look
        Some(_) => previous.preflight_passed_at.clone().or(Some(Time(whole_seconds(now)))),
        None => previous.preflight_passed_at.clone(),
    };
    let told = told(pipeline, &plan.verdict, now);
    let generation = pipeline.metadata.generation;
    let (snapshot, said) = snapshot::next(wanted, plan, gauges, previous.snapshot.as_ref(), now);
    let mut conditions = with_budget(told.conditions, wanted, plan, generation, now);
    snapshot::tell(&mut conditions, snapshot.as_ref(), said, generation, now);
    let sinks = sinks(wanted, plan, gauges, pipeline.status.as_ref(), lag, now);
    let said = objectives::lag(wanted, plan.phase, lag.map(|lag| lag.seconds), &sinks);
    objectives::put(&mut conditions, LAG_BUDGET, said, generation, now);
    let said = objectives::snapshot(wanted, snapshot.as_ref(), now);
    objectives::put(&mut conditions, SNAPSHOT_BUDGET, said, generation, now);
    CdcPipelineStatus {
        conditions,
        snapshot,
        guard: guard(plan, previous.guard.as_ref(), now),
        wal: plan.budget.as_ref().map_or(previous.wal, |budget| Some(wal(budget))),
        resnapshot: plan.memory.resnapshot.clone(),
        snapshots: plan.memory.runs.clone(),
        offsets: plan.memory.offsets.clone(),
        phase: Some(plan.phase.to_string()),
        summary: summary(plan.phase, lag, &sinks),
        preflight: plan.checks.as_deref().map_or(previous.preflight.clone(), findings),
        preflight_passed_at: passed,
        source: Some(SourceStatus {
            connector: wanted.source_connector(),
            slot: wanted.source.slot.clone(),
            publication: wanted.source.publication.clone(),
            tables: i32::try_from(wanted.tables.len()).unwrap_or(i32::MAX),
            lag_bytes: lag.map(|lag| lag.bytes).or_else(|| before?.lag_bytes),
            lag_seconds: lag.map(|lag| lag.seconds).or_else(|| before?.lag_seconds),
            retained_wal_bytes: lag.map(|lag| lag.retained).or_else(|| before?.retained_wal_bytes),
            snapshot_completed: plan.snapshot_completed,
            snapshot_tables: snapshot::tables(
                wanted,
                before,
                plan.snapshot_completed,
                plan.connector(&wanted.source_connector()).is_some(),
            )
            .map(|read| adhoc::read_since(&read, wanted, &previous.snapshots, &plan.memory.runs)),
            signal_table: wanted.signals.as_ref().map(ToString::to_string),
            started: claim::started(pipeline) || starts(plan),
            lag_since: behind.since,
            lag_from: behind.from,
        }),
        verification: previous.verification,
        delivery: gauges.delivery.clone(),
        replays: previous.replays,
        sinks,
        observed_generation: told.observed_generation,
    }
}

/// What was known before, with another verdict.
pub fn told(pipeline: &CdcPipeline, verdict: &Verdict, now: Timestamp) -> CdcPipelineStatus {
    let previous = pipeline.status.clone().unwrap_or_default();
    let generation = pipeline.metadata.generation;
    let mut conditions = condition::build(verdict, generation, now, &previous.conditions);
    let further = |other: &&Condition| FURTHER.contains(&other.type_.as_str());
    conditions.extend(previous.conditions.iter().filter(further).cloned());
    CdcPipelineStatus { observed_generation: generation, conditions, ..previous }
}

/// The condition `WalBudget` where it turned, and whether it holds. That it holds from the beginning is no news.
pub fn budget_turned<'a>(
    before: Option<&CdcPipelineStatus>,
    after: &'a CdcPipelineStatus,
) -> Option<(bool, &'a Condition)> {
    fn of(status: &CdcPipelineStatus) -> Option<&Condition> {
        status.conditions.iter().find(|condition| condition.type_ == WAL_BUDGET)
    }
    let now = of(after)?;
    let then = before.and_then(of);
    let turned =
        then.map_or(now.status == "False", |then| then.status != now.status || then.reason != now.reason);
    turned.then_some((now.status == "True", now))
}

/// The same with a phase. `started`: the source connector is, or was, there.
pub fn deleting(
    pipeline: &CdcPipeline,
    verdict: &Verdict,
    started: bool,
    now: Timestamp,
) -> CdcPipelineStatus {
    let mut status = told(pipeline, verdict, now);
    status.phase = Some(Phase::Deleting.to_string());
    if let Some(source) = &mut status.source {
        source.started |= started;
    }
    status
}

/// The source connector is there, or is about to be made.
fn starts(plan: &Plan) -> bool {
    !plan.connectors.is_empty() || !matches!(plan.phase, Phase::Preflight | Phase::Preparing)
}

/// `next`, or what is written already where they differ only in figures that move all the time: those may wait.
pub fn settled(
    written: &CdcPipelineStatus,
    next: CdcPipelineStatus,
    gauges_are_due: bool,
) -> CdcPipelineStatus {
    if gauges_are_due {
        return next;
    }
    let still = |status: &CdcPipelineStatus| {
        let mut still = status.clone();
        (still.summary, still.wal) = (None, None);
        if let Some(source) = &mut still.source {
            (source.lag_bytes, source.lag_seconds, source.retained_wal_bytes) = (None, None, None);
            (source.lag_since, source.lag_from) = (None, None);
        }
        if let Some(snapshot) = &mut still.snapshot {
            (snapshot.rows, snapshot.percent, snapshot.seconds_left) = (None, None, None);
            snapshot.estimated_rows = None;
            snapshot.tables.clear();
        }
        for sink in &mut still.sinks {
            (sink.lag_records, sink.lag_seconds) = (None, None);
        }
        for run in &mut still.verification {
            run.progress_rows = None;
        }
        still
    };
    if still(written) == still(&next) { written.clone() } else { next }
}

fn summary(phase: Phase, lag: Option<Lag>, sinks: &[SinkStatus]) -> Option<Summary> {
    let lag = lag?;
    if phase == Phase::Preflight {
        return None;
    }
    let seconds = sinks.iter().filter_map(|sink| sink.lag_seconds).fold(lag.seconds, i64::max);
    Some(Summary { lag: format!("{}, {seconds} s", human_bytes(lag.bytes)) })
}

fn findings(checks: &[Failed]) -> Vec<PreflightFinding> {
    let finding = |check: &Failed| PreflightFinding {
        check: check.check.as_str().to_owned(),
        severity: check.severity.to_string(),
        message: match &check.sink {
            Some(sink) => format!("sink {sink}: {}", check.message),
            None => check.message.clone(),
        },
        mend: check.mend.clone(),
    };
    checks.iter().map(finding).collect()
}

/// The conditions, with a new `WalBudget` where the slot could be seen.
fn with_budget(
    mut conditions: Vec<Condition>,
    wanted: &Wanted,
    plan: &Plan,
    generation: Option<i64>,
    now: Timestamp,
) -> Vec<Condition> {
    // without a slot there is nothing to keep
    let seen = plan.guarded.is_some();
    let at = conditions.iter().position(|condition| condition.type_ == WAL_BUDGET);
    let before = if seen { at.map(|at| conditions.remove(at)) } else { None };
    if let Some((holds, reason, message)) = plan.budget.as_ref().and_then(|budget| budget.told(wanted)) {
        let before: Vec<_> = before.into_iter().collect();
        conditions.push(condition::further(WAL_BUDGET, holds, reason, message, generation, now, &before));
    }
    conditions
}

/// Positions move all the time: they are written when what they mean changes, and now and then.
fn guard(plan: &Plan, before: Option<&GuardStatus>, now: Timestamp) -> Option<GuardStatus> {
    let memory = &plan.memory;
    let (remembered, accepted) = (memory.remembered.clone(), memory.accepted.clone());
    let Some(Guarded { gap, stored, confirmed, restart, server }) = &plan.guarded else {
        let unknown = GuardStatus {
            verdict: "Unknown".into(),
            message: "The source could not be looked at".into(),
            remembered,
            accepted,
            ..Default::default()
        };
        return before.map(|before| {
            let same = before.verdict == unknown.verdict;
            GuardStatus {
                checked_at: if same { before.checked_at.clone() } else { Some(Time(whole_seconds(now))) },
                ..unknown
            }
        });
    };
    let text = |lsn: Option<crate::view::source::Lsn>| lsn.map(|lsn| lsn.to_string());
    let next = GuardStatus {
        verdict: if gap.is_some() { "Gap" } else { "Fine" }.into(),
        reason: gap.as_ref().map(|gap| gap.reason.as_str().to_owned()),
        message: gap.as_ref().map(|gap| gap.what.clone()).unwrap_or_default(),
        gap_bytes: gap.as_ref().and_then(super::guard::Gap::bytes),
        stored_lsn: text(*stored),
        confirmed_lsn: text(*confirmed),
        restart_lsn: text(*restart),
        server_lsn: text(Some(*server)),
        checked_at: Some(Time(whole_seconds(now))),
        remembered,
        accepted,
    };
    let Some(before) = before else { return Some(next) };
    let meaning = |guard: &GuardStatus| {
        (guard.verdict.clone(), guard.reason.clone(), guard.remembered.clone(), guard.accepted.clone())
    };
    let recent =
        before.checked_at.as_ref().is_some_and(|at| now.as_second() - at.0.as_second() < GUARD_AGAIN);
    // a gap is what it was when it was found: while it lasts the server goes on
    let stays = meaning(before) == meaning(&next) && (recent || gap.is_some());
    Some(if stays { before.clone() } else { next })
}

fn wal(budget: &Budget) -> WalStatus {
    let seconds = |seconds: i64| if seconds < 600 { seconds / 10 * 10 } else { lag::coarse(seconds) };
    // what a pipeline at rest keeps goes up and down with each beat
    let kept =
        lag::quantized(Lag { retained: budget.retained, growth: budget.growth, ..Default::default() }, None);
    WalStatus {
        retained_bytes: kept.retained,
        growth_bytes_per_second: kept.growth,
        budget_bytes: budget.budget,
        seconds_to_budget: budget.seconds_to_budget().filter(|_| kept.growth > 0).map(seconds),
        bytes_to_limit: budget.left.map(|left| lag::coarse(left.max(0))),
        seconds_to_limit: budget.seconds_to_limit().filter(|_| kept.growth > 0).map(seconds),
    }
}

/// `lag`: of the topics.
fn sinks(
    wanted: &Wanted,
    plan: &Plan,
    gauges: &Gauges,
    previous: Option<&CdcPipelineStatus>,
    lag: Option<Lag>,
    now: Timestamp,
) -> Vec<SinkStatus> {
    let age = |gauge: &SinkGauge| match (gauge.lag_records?, gauge.oldest) {
        (0, _) => Some(0),
        (_, oldest) => Some((now.as_millisecond() - oldest?).max(0) / 1000),
    };
    // what is read anew brings all
    let anew = plan.memory.resnapshot.is_some() || !plan.snapshot_completed;
    // a change that is in no topic yet is not applied either
    let behind =
        |gauge: &SinkGauge| Some(lag::seconds(age(gauge)?, wanted.source.heartbeat).max(lag?.seconds));
    let one = |(at, sink): (usize, &super::wanted::Sink)| {
        let gauge = gauges.sinks.get(at).cloned().unwrap_or_default();
        let before =
            previous.and_then(|previous| previous.sinks.iter().find(|other| other.name == sink.name));
        SinkStatus {
            name: sink.name.clone(),
            connector: wanted.sink_connector(sink),
            lag_records: gauge.lag_records.or_else(|| before?.lag_records),
            lag_seconds: behind(&gauge),
            missed: if anew {
                Vec::new()
            } else {
                let known = before.map_or(&[][..], |before| &before.missed);
                missed::next(wanted, known, &gauge.gone, &plan.memory.runs, now)
            },
            dead_letter_topic: sink.dead_letter.clone(),
            dead_letters: sink
                .dead_letter
                .as_ref()
                .and_then(|_| gauge.dead_letters.or_else(|| before?.dead_letters)),
            last_dead_letter: match (gauge.dead_letters, gauge.newest) {
                (Some(0), _) => None,
                (_, Some(newest)) => newest.letter.map(told_letter),
                (_, None) => {
                    let same = before.filter(|before| before.dead_letter_topic == sink.dead_letter);
                    same.and_then(|before| before.last_dead_letter.clone())
                }
            },
        }
    };
    wanted.sinks.iter().enumerate().map(one).collect()
}

fn told_letter(letter: Letter) -> LastDeadLetter {
    let at = Timestamp::from_millisecond(letter.at).ok().map(|at| Time(whole_seconds(at)));
    LastDeadLetter {
        topic: letter.topic,
        partition: letter.partition,
        offset: letter.offset,
        error: letter.error,
        at,
    }
}
