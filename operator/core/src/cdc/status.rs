use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use sluice_crds::cdc_pipeline::{PreflightFinding, SinkStatus, SourceStatus, Summary};
use sluice_crds::{CdcPipeline, CdcPipelineStatus};

use super::plan::{Phase, Plan};
use super::preflight::{Failed, Severity};
use super::{Wanted, lag};
use crate::condition::{self, Verdict};
use crate::reason::Reason as _;
use crate::units::human_bytes;
use crate::view::source::Lag;

/// Figures that move all the time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gauges {
    /// Of the pipeline's slot.
    pub lag: Option<Lag>,
    /// In the order of the wanted sinks.
    pub sinks: Vec<SinkGauge>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SinkGauge {
    pub lag_records: Option<i64>,
    pub dead_letters: Option<i64>,
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
    let lag = gauges.lag.map(|seen| lag::quantized(seen, wanted.source.heartbeat));
    let before = previous.source.as_ref();
    let blocked = |checks: &[Failed]| checks.iter().any(|check| check.severity == Severity::Block);
    let passed = match &plan.checks {
        Some(checks) if blocked(checks) => None,
        // told once, not at every look
        Some(_) => previous.preflight_passed_at.clone().or(Some(Time(whole(now)))),
        None => previous.preflight_passed_at.clone(),
    };
    CdcPipelineStatus {
        phase: Some(plan.phase.to_string()),
        summary: summary(plan.phase, lag),
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
        }),
        sinks: sinks(wanted, gauges, &previous),
        ..told(pipeline, &plan.verdict, now)
    }
}

/// What was known before, with another verdict.
pub fn told(pipeline: &CdcPipeline, verdict: &Verdict, now: Timestamp) -> CdcPipelineStatus {
    let previous = pipeline.status.clone().unwrap_or_default();
    let generation = pipeline.metadata.generation;
    CdcPipelineStatus {
        observed_generation: generation,
        conditions: condition::build(verdict, generation, now, &previous.conditions),
        ..previous
    }
}

/// The same with a phase.
pub fn deleting(pipeline: &CdcPipeline, verdict: &Verdict, now: Timestamp) -> CdcPipelineStatus {
    CdcPipelineStatus { phase: Some(Phase::Deleting.to_string()), ..told(pipeline, verdict, now) }
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
        still.summary = None;
        if let Some(source) = &mut still.source {
            (source.lag_bytes, source.lag_seconds, source.retained_wal_bytes) = (None, None, None);
        }
        for sink in &mut still.sinks {
            sink.lag_records = None;
        }
        still
    };
    if still(written) == still(&next) { written.clone() } else { next }
}

fn whole(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

fn summary(phase: Phase, lag: Option<Lag>) -> Option<Summary> {
    let lag = lag?;
    if phase == Phase::Preflight {
        return None;
    }
    Some(Summary { lag: format!("{}, {} s", human_bytes(lag.bytes), lag.seconds) })
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

fn sinks(wanted: &Wanted, gauges: &Gauges, previous: &CdcPipelineStatus) -> Vec<SinkStatus> {
    let one = |(at, sink): (usize, &super::wanted::Sink)| {
        let gauge = gauges.sinks.get(at).copied().unwrap_or_default();
        let before = previous.sinks.iter().find(|other| other.name == sink.name);
        SinkStatus {
            name: sink.name.clone(),
            connector: wanted.sink_connector(sink),
            lag_records: gauge.lag_records.or_else(|| before?.lag_records),
            dead_letter_topic: sink.dead_letter.clone(),
            dead_letters: sink
                .dead_letter
                .as_ref()
                .and_then(|_| gauge.dead_letters.or_else(|| before?.dead_letters)),
        }
    };
    wanted.sinks.iter().enumerate().map(one).collect()
}
