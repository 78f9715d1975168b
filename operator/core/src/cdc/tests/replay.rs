use jiff::Timestamp;
use serde_json::json;
use sluice_crds::CdcPipelineStatus;
use sluice_crds::cdc_pipeline::{Replay, SnapshotStatus};
use sluice_crds::common::RunState;

use super::plan::streaming;
use super::world::{child, fine, wanted};
use crate::cdc::replay::{self, Sums};
use crate::cdc::snapshot::Snapshot;
use crate::cdc::{Plan, Wanted};
use crate::condition::VerdictKind;

fn asks(ids: &[&str]) -> Wanted {
    let ids: Vec<_> = ids.iter().map(|id| json!({"id": id})).collect();
    wanted(|spec| spec["sinks"][0]["replay"] = json!(ids))
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

/// One pass in which nothing is waited for: the run that is due begins, or ends with this.
fn pass(
    wanted: &Wanted,
    runs: &[Replay],
    outcome: Option<Result<(i64, Sums), String>>,
    now: i64,
) -> Vec<Replay> {
    let mut runs = replay::kept(wanted, runs);
    let Some(due) = replay::due(&runs).cloned() else { return runs };
    match outcome {
        Some(outcome) => replay::finished(&mut runs, &due, &outcome, at(now)),
        None => replay::began(&mut runs, &due, &wanted.sinks[0], at(now)),
    }
    runs
}

fn sent(replayed: i64) -> Sums {
    Sums { replayed, ..Default::default() }
}

fn told(runs: &[Replay]) -> Vec<(&str, &str, Option<i64>, Option<i64>)> {
    runs.iter().map(|run| (run.id.as_str(), run.state.as_str(), run.from, run.to)).collect()
}

#[test]
fn each_request_runs_once_from_where_the_one_before_has_ended() {
    let both = asks(&["a", "b"]);
    let runs = pass(&both, &[], None, 7);
    assert_eq!(told(&runs), [("a", "Running", Some(0), None), ("b", "Waiting", None, None)]);
    assert_eq!(replay::run(&runs[0]), "warehouse/a@7");
    let again = pass(&both, &runs, None, 99);
    assert_eq!(again, runs, "what begins anew began when status says");
    let runs = pass(&both, &again, Some(Ok((20, sent(3)))), 100);
    assert_eq!(told(&runs)[0], ("a", "Done", Some(0), Some(20)));
    assert_eq!((runs[0].replayed, runs[0].failed_again), (Some(3), Some(0)));
    let runs = pass(&both, &runs, None, 101);
    assert_eq!(told(&runs)[1], ("b", "Running", Some(20), None));
    let runs = pass(&both, &runs, Some(Ok((25, sent(0)))), 102);
    assert_eq!(pass(&both, &runs, None, 103), runs, "nothing is left to do");
}

#[test]
fn of_requests_that_are_taken_out_the_last_one_is_remembered() {
    let runs = pass(&asks(&["a"]), &[], None, 1);
    assert_eq!(pass(&asks(&[]), &runs, None, 2), runs, "one that runs comes to its end");
    let runs = pass(&asks(&["a"]), &runs, Some(Ok((20, sent(3)))), 3);
    let runs = pass(&asks(&["a", "b"]), &runs, None, 4);
    let runs = pass(&asks(&["b"]), &runs, Some(Ok((30, sent(1)))), 5);
    let runs = pass(&asks(&[]), &runs, None, 6);
    assert_eq!(told(&runs), [("b", "Done", Some(20), Some(30))]);
    let runs = pass(&asks(&["c"]), &runs, None, 7);
    assert_eq!(told(&runs), [("b", "Done", Some(20), Some(30)), ("c", "Running", Some(30), None)]);
    let elsewhere = wanted(|spec| {
        spec["sinks"][0]["deadLetter"] = json!({"topic": "other"});
        spec["sinks"][0]["replay"] = json!([{"id": "d"}]);
    });
    let runs = pass(&elsewhere, &runs, Some(Ok((40, sent(0)))), 8);
    assert_eq!(told(&pass(&elsewhere, &runs, None, 9)), [("d", "Running", Some(0), None)], "another topic");
}

#[test]
fn one_that_failed_does_not_run_again_and_keeps_no_letter_from_the_next() {
    let runs = pass(&asks(&["a"]), &[], None, 1);
    let runs = pass(&asks(&["a", "b"]), &runs, Some(Err("it cannot be".into())), 2);
    let runs = pass(&asks(&["a", "b"]), &runs, None, 3);
    assert_eq!(told(&runs), [("a", "Failed", Some(0), None), ("b", "Running", Some(0), None)]);
    assert_eq!(runs[0].message, "it cannot be");
}

#[test]
fn what_has_ended_is_told_once() {
    let status = |runs: Vec<Replay>| CdcPipelineStatus { replays: runs, ..Default::default() };
    let running = status(pass(&asks(&["a"]), &[], None, 1));
    assert_eq!(replay::turned(None, &running), []);
    let done = status(pass(&asks(&["a"]), &running.replays, Some(Ok((20, sent(3)))), 2));
    let note = "Replay a of sink warehouse: 3 sent again, 0 superseded".to_owned();
    assert_eq!(replay::turned(Some(&running), &done), [(true, note)]);
    assert_eq!(replay::turned(Some(&done), &done), []);
    let again = Ok((20, Sums { failed_again: 2, ..sent(3) }));
    let done = status(pass(&asks(&["a"]), &running.replays, Some(again), 2));
    let told = replay::turned(Some(&running), &done);
    assert!(!told[0].0 && told[0].1.contains("Put aside again by the sink: 2"), "{told:?}");
}

#[test]
fn nothing_is_sent_before_the_cause_can_be_mended() {
    let wanted = asks(&["a"]);
    let mut world = streaming(&wanted);
    world.snapshot = Snapshot::Completed;
    let compiled = world.compiled(&wanted).unwrap().sinks.remove(0);
    let plan = world.plan(&wanted);
    let counting = CdcPipelineStatus {
        snapshot: Some(SnapshotStatus { state: "Counting".into(), ..Default::default() }),
        ..Default::default()
    };
    let fine = fine();
    let holds = |wanted: &Wanted, plan: &Plan, status| {
        replay::holds(wanted, plan, status, Some((&compiled, &fine)), Some(&compiled))
    };
    assert_eq!(holds(&wanted, &plan, None), None);
    assert_eq!(
        holds(&wanted, &plan, Some(&counting)),
        Some("waits until the rows of the snapshot are counted")
    );
    let paused = Wanted { paused: true, ..wanted.clone() };
    assert_eq!(holds(&paused, &plan, None), Some("spec.paused is set"));
    let stopped = Wanted { state: RunState::Stopped, ..wanted.clone() };
    let at_rest = world.plan(&stopped);
    assert_eq!(holds(&stopped, &at_rest, None), Some("waits until the pipeline streams"));

    let as_declared = Some("waits until the sink's Connector runs as it is declared");
    let mut other = compiled.clone();
    other.spec.config.clear();
    let of = |connector| replay::holds(&wanted, &plan, None, connector, Some(&compiled));
    assert_eq!(of(Some((&other, &fine))), as_declared, "it has another configuration");
    let starts = child(VerdictKind::Reconciling, "Creating", "");
    assert_eq!(of(Some((&compiled, &starts))), as_declared);
    assert_eq!(of(None), as_declared);
}
