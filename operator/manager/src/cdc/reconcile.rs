use std::sync::Arc;
use std::time::Duration;

use kube::core::DeserializeGuard;
use kube::runtime::controller::Action;
use kube::{Resource as _, ResourceExt as _};
use sluice_core::cdc::{self, CdcReason, FINALIZER, Phase, Plan, Wanted};
use sluice_core::condition::{self, Verdict, VerdictKind};
use sluice_core::reason::Reason as _;
use sluice_crds::common::DeletionPolicy;
use sluice_crds::{CdcPipeline, CdcPipelineStatus};

use super::act::{self, Done};
use super::look::Found;
use super::{gauges, teardown};
use crate::act::finalizer;
use crate::context::Context;
use crate::error::Error;
use crate::report::events::Severity;
use crate::report::{self, Farewell};
use crate::scope::{Key, Pass};

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
    let leaving = pipeline.meta().deletion_timestamp.is_some();
    let wanted = match cdc::validate(pipeline) {
        Ok(wanted) => wanted,
        // what could never be meant was never made
        Err(_) if leaving => {
            if pipeline.finalizers().iter().any(|name| name == FINALIZER) {
                finalizer::release(&context, pipeline, FINALIZER).await?;
            }
            return Ok(Action::await_change());
        }
        Err(findings) => {
            let status = cdc::told(pipeline, &Verdict::refused(&findings), Context::now());
            write(&context, pipeline, status).await?;
            return Ok(Action::await_change());
        }
    };
    let found = Found::look(&context, pipeline, &wanted).await;
    if leaving {
        return teardown::teardown(&context, pipeline, &wanted, &found).await;
    }
    let mut plan = cdc::plan(&wanted, found.compiled.as_ref(), &found.seen(&wanted));
    claim(&context, pipeline, &wanted, &plan).await?;
    let again = match act::carry_out(&context, pipeline, &wanted, &found, &plan).await? {
        Done::Nothing => due(plan.phase, plan.verdict.kind),
        Done::Changed => SOON,
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
        tell(&context, pipeline, &wanted, &found, &plan).await?;
    }
    Ok(Action::requeue(again))
}

fn due(phase: Phase, kind: VerdictKind) -> Duration {
    match (phase, kind) {
        (Phase::Snapshot, VerdictKind::Reconciling) => SNAPSHOT,
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

async fn tell(
    context: &Context,
    pipeline: &CdcPipeline,
    wanted: &Wanted,
    found: &Found,
    plan: &Plan,
) -> Result<(), Error> {
    let gauges = gauges::measure(context, wanted, found).await;
    let mut status = cdc::status(pipeline, wanted, plan, &gauges, Context::now());
    if let Some(written) = &pipeline.status {
        status = cdc::settled(written, status, context.cdc.figures_are_due(&found.key));
    }
    let phase = |status: Option<&CdcPipelineStatus>| status.and_then(|status| status.phase.clone());
    let turned = phase(pipeline.status.as_ref()) != phase(Some(&status));
    let conditions = status.conditions.clone();
    if !write(context, pipeline, status).await? {
        return Ok(());
    }
    if turned {
        let severity = match plan.verdict.kind {
            VerdictKind::Stalled => Severity::Warning,
            _ => Severity::Normal,
        };
        let note = format!("{}: {}", plan.phase, plan.verdict.message);
        context.event(pipeline, severity, plan.verdict.reason, "Reconcile", &note).await;
    } else {
        let before = pipeline.status.as_ref().map(|status| &status.conditions);
        context.turned(pipeline, before, &conditions).await;
    }
    Ok(())
}

async fn write(context: &Context, pipeline: &CdcPipeline, status: CdcPipelineStatus) -> Result<bool, Error> {
    let shared = &context.shared;
    let present = pipeline.status.as_ref();
    let written = report::status::patch(&shared.client, &shared.metrics, pipeline, present, &status).await?;
    if written {
        context.cdc.written(&Key::of(pipeline));
    }
    Ok(written)
}
