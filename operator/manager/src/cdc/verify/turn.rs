use std::sync::{Arc, Weak};

use sluice_core::cdc::verify::{self, Request};
use sluice_core::cdc::{Phase, Plan, Wanted};
use sluice_crds::CdcPipeline;
use sluice_crds::cdc_pipeline::{Resnapshot, Verification};

use super::desk::Seen;
use super::task::{self, Job};
use crate::cdc::look::Found;
use crate::context::Context;

/// What status is to say of comparisons, and what follows once it does.
pub struct Verifying {
    pub runs: Vec<Verification>,
    /// All rows are to be read anew.
    pub resnapshot: Option<Resnapshot>,
    begins: Option<Job>,
    ended: bool,
}

/// Looks at the comparison that runs, or takes a place for the one that is due.
pub fn turn(
    context: &Context,
    pipeline: &CdcPipeline,
    wanted: &Wanted,
    found: &Found,
    plan: &Plan,
) -> Verifying {
    let now = Context::now();
    let before = pipeline.status.as_ref().map(|status| status.verification.as_slice()).unwrap_or_default();
    let runs = verify::kept(&wanted.verify, before, now);
    let mut turn = Verifying { runs, resnapshot: None, begins: None, ended: false };
    let desk = &context.cdc.verifying;
    let Some(request) = verify::due(&wanted.verify, &turn.runs, now) else {
        desk.leave(&found.key);
        return turn;
    };
    let job = Job::new(wanted, request, found);
    match desk.seen(&found.key, &job) {
        Seen::Running(rows) => verify::progress(&mut turn.runs, &request.id, rows),
        Seen::Ended(outcome) => {
            verify::finished(&mut turn.runs, &request.id, &outcome, now);
            if plan.memory.resnapshot.is_none()
                && verify::repair(&mut turn.runs, &request.id, wanted.repair, now)
            {
                turn.resnapshot = Some(verify::resnapshot(now));
            }
            turn.ended = true;
        }
        Seen::Nothing => turn.begin(context, wanted, request, found, plan, job),
    }
    turn
}

impl Verifying {
    fn begin(
        &mut self,
        context: &Context,
        wanted: &Wanted,
        request: &Request,
        found: &Found,
        plan: &Plan,
        job: Job,
    ) {
        let waits = if wanted.paused {
            Some("spec.paused is set")
        } else if plan.phase != Phase::Streaming {
            Some("waits until the pipeline streams")
        } else if context.cdc.verifying.take(&found.key, &job) {
            None
        } else {
            Some("waits for the comparison of another pipeline to end")
        };
        if let Some(what) = waits {
            // what ran under another spec must not go on
            if plan.phase != Phase::Streaming || wanted.paused {
                context.cdc.verifying.leave(&found.key);
            }
            verify::waits(&mut self.runs, &request.id, what);
        } else {
            verify::began(&mut self.runs, request, Context::now());
            self.begins = Some(job);
        }
    }

    /// Once status says it: begins what it announces, and lets go of what has ended.
    pub fn go_on(self, context: &Arc<Context>, found: &Found) {
        let desk = &context.cdc.verifying;
        if self.ended {
            desk.leave(&found.key);
        }
        if let Some(job) = self.begins {
            let weak: Weak<Context> = Arc::downgrade(context);
            let worlds = (Arc::clone(&found.source), found.sinks.clone());
            let (key, cluster) = (found.key.clone(), found.cluster.clone());
            desk.begin(&found.key, |state| task::run(job, worlds, key, cluster, weak, state));
        }
    }
}
