use jiff::Timestamp;
use serde_json::json;
use sluice_crds::CdcPipelineStatus;
use sluice_crds::cdc_pipeline::{Replay, SnapshotStatus};
use sluice_crds::common::RunState;

use super::plan::streaming;
use super::world::{child, fine, wanted};
use crate::cdc::replay::{self, Bound, Sums};
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

/// One pass in which nothing is waited for: the run that is due begins, or what is known of it is told.
fn pass(wanted: &Wanted, runs: &[Replay], came: Came, now: i64) -> Vec<Replay> {
    let mut runs = replay::kept(wanted, true, runs, at(now));
    let Some(due) = replay::choose(&mut runs, None, |_| None) else { return runs };
    match came {
        Came::Nothing => replay::began(&mut runs, &due, &wanted.sinks[0], at(now)),
        Came::End(id, end) => {
            replay::bounded(&mut runs, &due, &Bound { topic_id: id.into(), end });
        }
        Came::Anew(why) => replay::anew(&mut runs, &due, why, at(now)),
        Came::Outcome(outcome) => replay::finished(&mut runs, &due, outcome, at(now)),
    }
    runs
}

/// What a run has told since the last pass.
enum Came {
    Nothing,
    /// The dead-letter topic's id, and where it ends.
    End(&'static str, i64),
    Anew(&'static str),
    Outcome(Result<Sums, String>),
}

/// A run from its beginning to its end, of topic `t`.
fn whole(wanted: &Wanted, runs: &[Replay], end: i64, replayed: i64, now: i64) -> Vec<Replay> {
    let runs = pass(wanted, runs, Came::Nothing, now);
    let runs = pass(wanted, &runs, Came::End("t", end), now + 1);
    pass(wanted, &runs, Came::Outcome(Ok(sent(replayed))), now + 2)
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
    let runs = pass(&both, &[], Came::Nothing, 7);
    assert_eq!(told(&runs), [("a", "Running", None, None), ("b", "Waiting", None, None)]);
    assert_eq!(runs[1].message, "waits for the replay a of the sink warehouse to end");
    assert_eq!(replay::run(&runs[0]), "warehouse/a@7");
    let again = pass(&both, &runs, Came::Nothing, 99);
    assert_eq!(again, runs, "what begins anew began when status says");
    let runs = pass(&both, &again, Came::End("t", 20), 99);
    assert_eq!(told(&runs)[0], ("a", "Running", Some(0), Some(20)));
    let runs = pass(&both, &runs, Came::Outcome(Ok(sent(3))), 100);
    assert_eq!(told(&runs)[0], ("a", "Done", Some(0), Some(20)));
    assert_eq!((runs[0].replayed, runs[0].failed_again), (Some(3), Some(0)));
    let runs = pass(&both, &runs, Came::Nothing, 101);
    let runs = pass(&both, &runs, Came::End("t", 25), 101);
    assert_eq!(told(&runs)[1], ("b", "Running", Some(20), Some(25)));
    let runs = pass(&both, &runs, Came::Outcome(Ok(sent(0))), 102);
    assert_eq!(pass(&both, &runs, Came::Nothing, 103), runs, "nothing is left to do");
}

#[test]
fn after_a_restart_a_run_takes_the_letters_that_it_took_before_and_the_next_those_behind_them() {
    let both = asks(&["a", "b"]);
    let runs = pass(&both, &[], Came::Nothing, 7);
    let runs = pass(&both, &runs, Came::End("t", 20), 8);
    // three letters of it have failed again meanwhile: the topic ends at 23, and the run still at 20
    let again = pass(&both, &runs, Came::Nothing, 50);
    assert_eq!(again, runs);
    let runs = pass(&both, &again, Came::Outcome(Ok(Sums { failed_again: 3, ..sent(5) })), 60);
    assert_eq!(told(&runs)[0], ("a", "Done", Some(0), Some(20)));
    let runs = pass(&both, &runs, Came::Nothing, 61);
    let runs = pass(&both, &runs, Came::End("t", 23), 62);
    assert_eq!(told(&runs)[1], ("b", "Running", Some(20), Some(23)), "it takes them");
}

#[test]
fn letters_of_a_topic_that_was_made_anew_are_counted_anew() {
    let both = asks(&["a", "b"]);
    let done = whole(&both, &[], 20, 3, 1);
    let runs = pass(&both, &done, Came::Nothing, 9);
    for (id, end, from) in [("t", 20, 20), ("t", 25, 20), ("t", 19, 0), ("u", 25, 0), ("u", 3, 0)] {
        let runs = pass(&both, &runs, Came::End(id, end), 10);
        assert_eq!(told(&runs)[1], ("b", "Running", Some(from), Some(end)), "{id}");
        assert_eq!(runs[1].topic_id, id);
    }
    // while it runs
    let runs = pass(&both, &runs, Came::End("t", 25), 10);
    let name = replay::run(&runs[1]);
    for at in [9, 11] {
        let runs = pass(&both, &runs, Came::Anew("it was made anew"), at);
        assert_ne!(
            replay::run(&runs[1]),
            name,
            "what was put aside of its copies is not taken for sent by it"
        );
    }
    let runs = pass(&both, &runs, Came::Anew("it was made anew"), 11);
    assert_eq!(told(&runs)[1], ("b", "Running", None, None));
    assert_eq!(runs[1].message, "it was made anew");
    let runs = pass(&both, &runs, Came::Nothing, 12);
    let runs = pass(&both, &runs, Came::End("u", 4), 13);
    assert_eq!(told(&runs)[1], ("b", "Running", Some(0), Some(4)));
}

#[test]
fn of_requests_that_are_taken_out_the_last_one_is_remembered() {
    let runs = pass(&asks(&["a"]), &[], Came::Nothing, 1);
    let taken_out = pass(&asks(&[]), &runs, Came::Nothing, 2);
    assert_eq!(told(&taken_out), [("a", "Failed", None, None)]);
    assert!(taken_out[0].message.contains("taken out"), "{}", taken_out[0].message);
    let runs = pass(&asks(&["a"]), &runs, Came::End("t", 20), 3);
    let runs = pass(&asks(&["a"]), &runs, Came::Outcome(Ok(sent(3))), 3);
    let runs = whole(&asks(&["a", "b"]), &runs, 30, 1, 4);
    let runs = pass(&asks(&["b"]), &runs, Came::Nothing, 7);
    let runs = pass(&asks(&[]), &runs, Came::Nothing, 8);
    assert_eq!(told(&runs), [("b", "Done", Some(20), Some(30))]);
    let runs = pass(&asks(&["c"]), &runs, Came::Nothing, 9);
    let runs = pass(&asks(&["c"]), &runs, Came::End("t", 40), 9);
    assert_eq!(told(&runs), [("b", "Done", Some(20), Some(30)), ("c", "Running", Some(30), Some(40))]);
}

#[test]
fn one_whose_topic_is_exchanged_fails_and_the_next_begins_anew() {
    let elsewhere = wanted(|spec| {
        spec["sinks"][0]["deadLetter"] = json!({"topic": "other"});
        spec["sinks"][0]["replay"] = json!([{"id": "a"}, {"id": "d"}]);
    });
    let runs = pass(&asks(&["a"]), &[], Came::Nothing, 1);
    let runs = pass(&asks(&["a"]), &runs, Came::End("t", 20), 2);
    let runs = pass(&elsewhere, &runs, Came::Nothing, 3);
    assert_eq!(told(&runs), [("a", "Failed", Some(0), None), ("d", "Running", None, None)]);
    for words in ["to other", "Sluice sends no more", "deadLetter.topic back", "spec.snapshots"] {
        assert!(runs[0].message.contains(words), "{words}: {}", runs[0].message);
    }
    let runs = pass(&elsewhere, &runs, Came::End("u", 9), 4);
    assert_eq!(told(&runs)[1], ("d", "Running", Some(0), Some(9)));
    // one that was done before is no beginning in another topic
    let done = whole(&asks(&["a"]), &[], 20, 3, 1);
    let runs = pass(&elsewhere, &done, Came::Nothing, 5);
    let runs = pass(&elsewhere, &runs, Came::End("u", 40), 6);
    assert_eq!(told(&runs)[1], ("d", "Running", Some(0), Some(40)));
}

#[test]
fn one_that_failed_does_not_run_again_and_keeps_no_letter_from_the_next() {
    let both = asks(&["a", "b"]);
    let runs = pass(&both, &[], Came::Nothing, 1);
    let runs = pass(&both, &runs, Came::End("t", 20), 1);
    let runs = pass(&both, &runs, Came::Outcome(Err("it cannot be".into())), 2);
    let runs = pass(&both, &runs, Came::Nothing, 3);
    let runs = pass(&both, &runs, Came::End("t", 20), 3);
    assert_eq!(told(&runs), [("a", "Failed", Some(0), None), ("b", "Running", Some(0), Some(20))]);
    assert_eq!(runs[0].message, "it cannot be");
}

type Asked = Option<(&'static str, &'static str)>;

#[test]
fn the_first_sink_that_is_not_held_has_its_turn_and_all_others_say_what_they_wait_for() {
    let run = |sink: &str, id: &str, state: &str| Replay {
        sink: sink.into(),
        id: id.into(),
        state: state.into(),
        ..Default::default()
    };
    let runs = [
        run("x", "done", "Done"),
        run("x", "1", "Waiting"),
        run("x", "2", "Waiting"),
        run("y", "1", "Waiting"),
        run("z", "1", "Running"),
    ];
    let (other, held) = ("waits for the replay 1 of the sink z to end", "it is held");
    let cases: [(&[&str], Asked, Asked, [&str; 5]); 5] = [
        (&[], None, Some(("z", "1")), ["", other, "waits for the replay 1 of the sink x to end", other, ""]),
        (
            &["z"],
            None,
            Some(("x", "1")),
            [
                "",
                "",
                "waits for the replay 1 of the sink x to end",
                "waits for the replay 1 of the sink x to end",
                held,
            ],
        ),
        (&["x", "z"], None, Some(("y", "1")), ["", held, held, "", held]),
        (&["x", "y", "z"], None, None, ["", held, held, held, held]),
        (
            &[],
            Some(("y", "1")),
            Some(("y", "1")),
            [
                "",
                "waits for the replay 1 of the sink y to end",
                "waits for the replay 1 of the sink x to end",
                "",
                "waits for the replay 1 of the sink y to end",
            ],
        ),
    ];
    for (stopped, seated, chosen, messages) in cases {
        let mut runs = runs.clone();
        let due =
            replay::choose(&mut runs, seated, |run| stopped.contains(&run.sink.as_str()).then_some(held));
        assert_eq!(due.as_ref().map(|run| (run.sink.as_str(), run.id.as_str())), chosen, "{stopped:?}");
        assert_eq!(runs.each_ref().map(|run| run.message.as_str()), messages, "{stopped:?} {seated:?}");
    }
}

#[test]
fn what_has_ended_is_told_once() {
    let status = |runs: Vec<Replay>| CdcPipelineStatus { replays: runs, ..Default::default() };
    let runs = pass(&asks(&["a"]), &[], Came::Nothing, 1);
    let running = status(pass(&asks(&["a"]), &runs, Came::End("t", 20), 1));
    assert_eq!(replay::turned(None, &running), []);
    let done = status(pass(&asks(&["a"]), &running.replays, Came::Outcome(Ok(sent(3))), 2));
    let note = "Replay a of sink warehouse: 3 sent again, 0 superseded".to_owned();
    assert_eq!(replay::turned(Some(&running), &done), [(true, note)]);
    assert_eq!(replay::turned(Some(&done), &done), []);
    let again = Came::Outcome(Ok(Sums { failed_again: 2, ..sent(3) }));
    let done = status(pass(&asks(&["a"]), &running.replays, again, 2));
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

#[test]
fn what_a_pipeline_that_is_made_anew_asks_for_was_asked_long_ago() {
    let both = asks(&["a", "b"]);
    let runs = replay::kept(&both, false, &[], at(1));
    assert_eq!(told(&runs), [("a", "Failed", None, None), ("b", "Failed", None, None)]);
    assert!(runs[0].message.contains("give it another id"), "{}", runs[0].message);
    let runs = replay::kept(&asks(&["a", "b", "c"]), true, &runs, at(2));
    assert_eq!(told(&runs)[2], ("c", "Waiting", None, None));
    assert_eq!(told(&runs)[0].1, "Failed");
}
