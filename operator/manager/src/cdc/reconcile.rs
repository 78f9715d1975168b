use std::sync::Arc;
use std::time::Duration;

use kube::core::DeserializeGuard;
use kube::runtime::controller::Action;
use kube::{Resource as _, ResourceExt as _};
use sluice_core::cdc::guard::Memory;
use sluice_core::cdc::{self, CdcReason, FINALIZER, Gauges, Phase, Plan, Wanted};
use sluice_core::condition::{self, Verdict, VerdictKind};
use sluice_core::reason::Reason as _;
use sluice_crds::common::DeletionPolicy;
use sluice_crds::{CdcPipeline, CdcPipelineStatus};

use super::act::{self, Done};
use super::look::Found;
use super::replay::{self, Replaying};
use super::verify::{self, Verifying};
use super::{gauges, teardown};
use crate::act::finalizer;
use crate::context::Context;
use crate::error::Error;
use crate::report::events::Severity;
use crate::report::{self, Farewell};
use crate::scope::{self, Key, Pass};

/// When the next pass is due though nothing woke us: figures, and how far the snapshot is.
const FIGURES: Duration = Duration::from_secs(10);
const SNAPSHOT: Duration = Duration::from_secs(2);
/// After a change of ours that an observer is about to see, and wakes us for.
const SOON: Duration = Duration::from_secs(1);
/// When what was refused is tried again.
const REFUSED: Duration = Duration::from_secs(10);

/// One pass over a CdcPipeline: look, decide, act, tell. Never waits for a snapshot, a topic or a connector.
pub async fn reconcile(object: Arc<DeserializeGuard<CdcPipeline>>, context: Arc<Context>) -> Pass {
    let pipeline = match &object.0 {
        Ok(pipeline) => pipeline,
        Err(invalid) => {
            context.cdc.replaying.leave(&Key::of(&*object));
            let farewell = Farewell { finalizer: FINALIZER, left: cdc::left_behind };
            return report::unparsable::<CdcPipeline>(
                &context,
                &object,
                &invalid.error,
                CdcReason::Unparsable,
                Some(farewell),
            )
            .await;
        }
    };
    // what a step needs is read from status: an older copy of it would make the step twice
    if context.written.is_ahead_of(pipeline) {
        return Ok(Action::await_change());
    }
    let leaving = pipeline.meta().deletion_timestamp.is_some();
    if leaving {
        context.cdc.replaying.leave(&Key::of(pipeline));
        // what was made under a spec that could be meant is there, whatever the spec says now
        let Some(mut wanted) = cdc::leaving(pipeline) else { return Ok(Action::await_change()) };
        let found = Found::look(&context, pipeline, &mut wanted).await;
        return teardown::teardown(&context, pipeline, &wanted, &found).await;
    }
    let mut wanted = match cdc::validate(pipeline) {
        Ok(wanted) => wanted,
        Err(findings) => {
            // it goes on once it is known again what is meant
            context.cdc.replaying.leave(&Key::of(pipeline));
            let verdict = cdc::offsets::while_invalid(pipeline, Verdict::refused(&findings));
            let status = cdc::told(pipeline, &verdict, Context::now());
            write(&context, pipeline, status).await?;
            return Ok(Action::await_change());
        }
    };
    let mut found = Found::look(&context, pipeline, &mut wanted).await;
    let mut plan = cdc::plan(&wanted, found.compiled.as_ref(), &found.seen(&wanted));
    if plan.unsure {
        found.look_again().await;
        plan = cdc::plan(&wanted, found.compiled.as_ref(), &found.seen(&wanted));
    }
    claim(&context, pipeline, &wanted, &plan).await?;
    let gauges = gauges::measure(&context, pipeline, &wanted, &found, &plan).await;
    gauges::told(&context, &found, &plan);
    let noted;
    let pipeline = if plan.memory == Memory::of(pipeline.status.as_ref()) {
        pipeline
    } else {
        let status = cdc::status(pipeline, &wanted, &plan, &gauges, Context::now());
        if !write(&context, pipeline, status.clone()).await? {
            return Ok(Action::await_change());
        }
        news(&context, pipeline, &plan, &status).await;
        noted = CdcPipeline { status: Some(status), ..pipeline.clone() };
        &noted
    };
    let again = match act::carry_out(&context, pipeline, &wanted, &found, &plan).await? {
        Done::Nothing if plan.memory.resnapshot.is_some() => SOON,
        Done::Nothing if plan.verdict.reason == CdcReason::SettingOffsets.as_str() => SOON,
        Done::Nothing => due(pipeline, &plan),
        Done::Changed => SOON,
        Done::Unset(words) => {
            if let Some(run) = cdc::offsets::under_way(&plan.memory.offsets) {
                plan.verdict = cdc::offsets::not_set(plan.verdict, run, &words);
            }
            SOON
        }
        Done::Failed { doing, failure } => {
            plan.verdict = cdc::statement_failed(&doing, failure.trouble, &failure.text);
            REFUSED
        }
        Done::Refused { child, words } => {
            plan.verdict = cdc::child_refused(&child, &words);
            REFUSED
        }
    };
    let status = pipeline.status.as_ref();
    let spoken = status.is_some_and(|s| condition::speak_of(&s.conditions, pipeline.metadata.generation));
    // until the databases have been looked at for the first time, what status says still holds
    if !(spoken && plan.verdict.reason == CdcReason::Looking.as_str()) {
        let turn = verify::turn(&context, pipeline, &wanted, &found, &plan);
        let replays = replay::turn(&context, pipeline, &wanted, &found, &plan);
        let stands = tell(&context, pipeline, &wanted, &found, &plan, &gauges, (&turn, &replays)).await?;
        if stands {
            turn.go_on(&context, &found);
            replays.go_on(&context, &found);
        }
        // nobody would end what goes on for one that was deleted meanwhile
        if !stands || matches!(context.shelves.pipelines.refer(&found.key), scope::Found::Missing) {
            context.cdc.forget(&found.key);
        }
    }
    Ok(Action::requeue(again))
}

fn due(pipeline: &CdcPipeline, plan: &Plan) -> Duration {
    let snapshot = pipeline.status.as_ref().and_then(|status| status.snapshot.as_ref());
    let watched =
        snapshot.is_some_and(cdc::snapshot::is_watched) || cdc::adhoc::under_way(&plan.memory.runs).is_some();
    match (plan.phase, plan.verdict.kind) {
        (Phase::Streaming, _) if watched => SNAPSHOT,
        (Phase::Snapshot | Phase::Preparing, VerdictKind::Reconciling) => SNAPSHOT,
        _ => FIGURES,
    }
}

/// The finalizer stands before anything is made that it answers for, and goes with the policy.
async fn claim(context: &Context, pipeline: &CdcPipeline, wanted: &Wanted, plan: &Plan) -> Result<(), Error> {
    let held = pipeline.finalizers().iter().any(|name| name == FINALIZER);
    if wanted.deletion == DeletionPolicy::Retain && !wanted.paused {
        return if held { finalizer::release(context, pipeline, FINALIZER).await } else { Ok(()) };
    }
    let makes = !plan.work.is_empty() || !plan.topics.is_empty() || !plan.connectors.is_empty();
    if makes { finalizer::hold(context, pipeline, FINALIZER).await } else { Ok(()) }
}

/// Whether status says it now: not if the pipeline is gone.
async fn tell(
    context: &Context,
    pipeline: &CdcPipeline,
    wanted: &Wanted,
    found: &Found,
    plan: &Plan,
    gauges: &Gauges,
    (turn, replays): (&Verifying, &Replaying),
) -> Result<bool, Error> {
    let now = Context::now();
    let mut status = cdc::status(pipeline, wanted, plan, gauges, now);
    cdc::verify::tell(&mut status, &wanted.verify, turn.runs.clone(), pipeline.metadata.generation, now);
    status.replays.clone_from(&replays.runs);
    gauges::verified(context, found, &status);
    gauges::behind(context, found, gauges, &status);
    status.resnapshot = status.resnapshot.or_else(|| turn.resnapshot.clone());
    if let Some(written) = &pipeline.status {
        status = cdc::settled(
            written,
            status,
            context.cdc.figures_are_due(&found.key, plan.phase == Phase::Snapshot),
        );
    }
    if pipeline.status.as_ref() == Some(&status) {
        return Ok(true);
    }
    let written = write(context, pipeline, status.clone()).await?;
    if written {
        news(context, pipeline, plan, &status).await;
    }
    Ok(written)
}

/// Events for what is new in status: another phase, a budget that no longer holds or holds again, a gap that was gone over.
async fn news(context: &Context, pipeline: &CdcPipeline, plan: &Plan, status: &CdcPipelineStatus) {
    let before = pipeline.status.as_ref();
    let turned = before.and_then(|before| before.phase.as_ref()) != status.phase.as_ref();
    let severity = match report::events::turn(before.map(|before| &before.conditions), &status.conditions) {
        Some(news) => Some(news.severity),
        None => turned.then_some(Severity::Normal),
    };
    if let Some(severity) = severity {
        let note = format!("{}: {}", plan.phase, plan.verdict.message);
        context.event(pipeline, severity, plan.verdict.reason, "Reconcile", &note).await;
    }
    if let Some((holds, budget)) = cdc::budget_turned(before, status) {
        let severity = if holds { Severity::Normal } else { Severity::Warning };
        context.event(pipeline, severity, &budget.reason, "WatchWal", &budget.message).await;
    }
    for (holds, objective) in cdc::objectives::turned(before, status) {
        let severity = if holds { Severity::Normal } else { Severity::Warning };
        context.event(pipeline, severity, &objective.reason, "WatchObjectives", &objective.message).await;
    }
    if let Some((holds, snapshot)) = cdc::snapshot::turned(before, status) {
        let severity = if holds { Severity::Normal } else { Severity::Warning };
        context.event(pipeline, severity, &snapshot.reason, "Snapshot", &snapshot.message).await;
    }
    if let Some((holds, verified)) = cdc::verify::turned(before, status) {
        let severity = if holds { Severity::Normal } else { Severity::Warning };
        context.event(pipeline, severity, &verified.reason, "Verify", &verified.message).await;
    }
    for (well, note) in cdc::replay::turned(before, status) {
        let (severity, reason) =
            if well { (Severity::Normal, "Replayed") } else { (Severity::Warning, "ReplayIncomplete") };
        context.event(pipeline, severity, reason, "Replay", &note).await;
    }
    for (set, note) in cdc::offsets::turned(before, status) {
        let (severity, reason) =
            if set { (Severity::Normal, cdc::offsets::SET) } else { (Severity::Warning, "OffsetRefused") };
        context.event(pipeline, severity, reason, "SetOffset", &note).await;
    }
    // what a request asks to skip is told once that is done
    let accepted = |status: Option<&CdcPipelineStatus>| {
        status?.guard.as_ref()?.accepted.clone().filter(|gap| gap.reason != cdc::offsets::SET)
    };
    if let Some(gap) = accepted(Some(status)).filter(|gap| accepted(before).as_ref() != Some(gap)) {
        let (from, to) = (gap.from_lsn.unwrap_or_default(), gap.to_lsn.unwrap_or_default());
        let note = format!(
            "onGap is Continue: changes from {from} to {to} are not in Kafka, and reading goes on behind them"
        );
        context.event(pipeline, Severity::Warning, &gap.reason, "Continue", &note).await;
    }
}

async fn write(context: &Context, pipeline: &CdcPipeline, status: CdcPipelineStatus) -> Result<bool, Error> {
    let written =
        report::status::write(context, pipeline, pipeline.status.as_ref(), &status).await?.is_some();
    if written {
        context.cdc.written(&Key::of(pipeline));
    }
    Ok(written)
}
