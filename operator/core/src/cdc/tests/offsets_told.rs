//! What is told of offsets that are set.

use serde_json::json;
use sluice_crds::CdcPipelineStatus;
use sluice_crds::cdc_pipeline::{OffsetReason, OffsetRun, SourceStatus};
use sluice_crds::common::RunState;

use super::offsets::{at, pass, positions, sink, source, world};
use super::offsets_beside::being_set;
use super::plan::nothing_is_made;
use super::world::{World, child, pipeline, spec};
use crate::cdc::guard::Stored;
use crate::cdc::offsets::{turned, while_invalid};
use crate::cdc::{self, CdcReason, Wanted};
use crate::condition::{Verdict, VerdictKind};

#[test]
fn what_holds_it_up_is_told() {
    let wanted = sink("Earliest");
    let name = wanted.sink_connector(&wanted.sinks[0]);
    let told = |change: &dyn Fn(&mut World)| {
        let mut world = world();
        world.positions = Some(positions(at(10), at(50), at(10)));
        pass(&mut world, &wanted);
        world.positions = None;
        change(&mut world);
        pass(&mut world, &wanted).verdict
    };
    let verdict = told(&|_| {});
    assert_eq!((verdict.kind, verdict.reason), (VerdictKind::Reconciling, "SettingOffsets"));
    assert!(verdict.message.contains("Kafka to say where the topics"), "{}", verdict.message);
    let verdict = told(&|world| {
        let mut stuck = child(VerdictKind::Stalled, "ConnectUnreachable", "nobody answers");
        stuck.declared = RunState::Stopped;
        world.connectors.insert(name.clone(), stuck);
    });
    assert_eq!((verdict.kind, verdict.reason), (VerdictKind::Stalled, "SinkNotReady"), "{}", verdict.message);
    assert!(verdict.message.contains("which says ConnectUnreachable: nobody answers"), "{}", verdict.message);
    let verdict = told(&|world| world.source = world.source.clone().failed(world.now, "away".into()));
    assert!(
        verdict.reason != "SettingOffsets" && verdict.message.contains("is being set"),
        "{}",
        verdict.message
    );
    // an offset that is not known yet stops nothing
    let mut world = world();
    world.stored = Stored::Unknown;
    let plan = pass(&mut world, &source("0/4800"));
    assert!(plan.memory.offsets.is_empty() && plan.verdict.kind == VerdictKind::Ready);
    assert!(
        plan.verdict.message.contains("what offset the source connector has"),
        "{}",
        plan.verdict.message
    );
}

#[test]
fn a_pipeline_that_is_paused_meanwhile_says_which_connector_is_stopped() {
    let mut world = world();
    let wanted = sink("Earliest");
    being_set(&mut world, &wanted);
    let before = world.memory.clone();
    let plan = pass(&mut world, &Wanted { paused: true, ..wanted.clone() });
    assert!(nothing_is_made(&plan) && plan.set.is_none() && plan.memory == before);
    assert_eq!(plan.verdict.reason, "Paused");
    assert!(
        plan.verdict.message.contains("The connector shop-warehouse was stopped"),
        "{}",
        plan.verdict.message
    );
    assert!(pass(&mut world, &wanted).set.is_some());
}

#[test]
fn an_invalid_spec_says_which_connector_is_stopped() {
    let refused = || Verdict::stalled(CdcReason::OffsetInvalid, "there is no sink elsewhere");
    let run = |sink: Option<&str>, state: &str| OffsetRun {
        id: "a".into(),
        sink: sink.map(str::to_owned),
        state: state.into(),
        ..Default::default()
    };
    let told = |run: OffsetRun| {
        let mut pipeline = pipeline(&spec());
        pipeline.status = Some(CdcPipelineStatus { offsets: vec![run], ..Default::default() });
        while_invalid(&pipeline, refused()).message
    };
    for (run, name) in [
        (run(Some("warehouse"), "Setting"), "shop-warehouse"),
        (run(None, "Stopping"), "shop-source"),
        (run(None, "Resuming"), "shop-source"),
    ] {
        let message = told(run);
        assert!(
            message.contains(&format!("The connector {name} was stopped for the request a")),
            "{message}"
        );
    }
    assert_eq!(told(run(None, "Done")), refused().message);
}

#[test]
fn offsets_of_the_wrong_shape_are_refused_at_their_field() {
    for (request, field, mend) in [
        (json!({"id": "a", "sink": "elsewhere", "to": "Latest"}), "spec.offsets[0].sink", "warehouse"),
        (json!({"id": "a", "lsn": "here"}), "spec.offsets[0].lsn", "pg_current_wal_lsn"),
    ] {
        let mut spec = spec();
        spec["offsets"] = json!([request]);
        let source = SourceStatus { started: true, ..Default::default() };
        let status = CdcPipelineStatus { source: Some(source), ..Default::default() };
        let mut pipeline = pipeline(&spec);
        let new = cdc::validate(&pipeline);
        assert!(
            new.is_ok() || field.ends_with("lsn"),
            "what a new pipeline asks for was asked of one before it"
        );
        pipeline.status = Some(status);
        let findings = cdc::validate(&pipeline).unwrap_err();
        assert_eq!(
            (findings[0].reason, findings[0].field.as_deref()),
            (CdcReason::OffsetInvalid, Some(field))
        );
        assert!(findings[0].mend.as_ref().unwrap().contains(mend));
    }
}

#[test]
fn an_event_tells_once_what_was_set_and_what_was_refused() {
    let run = |id: &str, state: &str, change: fn(&mut OffsetRun)| {
        let mut run = OffsetRun { id: id.into(), state: state.into(), ..Default::default() };
        change(&mut run);
        run
    };
    let of_source = |run: &mut OffsetRun| (run.from_lsn, run.lsn) = (Some("0/1".into()), Some("0/2".into()));
    let of_sink = |run: &mut OffsetRun| {
        (run.sink, run.repeated_records, run.skipped_records) = (Some("copy".into()), Some(4), Some(0));
    };
    let refused = |run: &mut OffsetRun| {
        (run.reason, run.message) = (Some(OffsetReason::LsnBehind), "It is behind".into());
    };
    let long_ago = |run: &mut OffsetRun| run.reason = Some(OffsetReason::BeforeStart);
    let status = |offsets: Vec<OffsetRun>| CdcPipelineStatus { offsets, ..Default::default() };
    let before = status(vec![run("a", "Setting", of_source), run("c", "Stopping", refused)]);
    let now = status(vec![
        run("a", "Resuming", of_source),
        run("b", "Stopping", of_sink),
        run("c", "Failed", refused),
        run("d", "Failed", long_ago),
    ]);
    let later = status(vec![run("a", "Done", of_source), run("b", "Done", of_sink)]);
    let told = |before: &CdcPipelineStatus, now: &CdcPipelineStatus| turned(Some(before), now);
    let skipped = "changes from 0/1 to 0/2 are not in Kafka, and reading goes on behind them";
    assert_eq!(
        told(&before, &now),
        [(true, format!("spec.offsets, a: {skipped}")), (false, "spec.offsets, c: It is behind".into())]
    );
    let again = "spec.offsets, b: 4 records come to sink copy again, and 0 are skipped";
    assert_eq!(told(&now, &later), [(true, again.into())]);
    assert_eq!(told(&later, &later), []);
}
