//! What `spec.objectives` asks for beside the WAL budget: how far sinks may be behind the source, and how long a snapshot may take. Each
//! is a condition, which says what to do where it does not hold.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use sluice_crds::CdcPipelineStatus;
use sluice_crds::cdc_pipeline::{SinkStatus, SnapshotStatus};
use sluice_crds::common::RunState;

use super::plan::Phase;
use super::{CdcReason, Wanted};
use crate::condition;
use crate::units::human_seconds;

/// Whether no sink is further behind the source than it may be.
pub const LAG_BUDGET: &str = "LagBudget";
/// Whether the snapshot takes no longer than it may.
pub const SNAPSHOT_BUDGET: &str = "SnapshotBudget";

/// A condition's status, reason and message.
pub(super) type Said = (Option<bool>, CdcReason, String);

/// `source`: seconds that the topics are behind; `None`: nobody can tell.
pub(super) fn lag(wanted: &Wanted, phase: Phase, source: Option<i64>, sinks: &[SinkStatus]) -> Option<Said> {
    let max = wanted.max_lag?;
    let limit = format!("{} (objectives.maxLag)", human_seconds(max));
    if phase == Phase::Snapshot {
        let message = "Changes wait until all rows have been read: status.snapshot says how far that is";
        return Some((None, CdcReason::Snapshotting, message.into()));
    }
    if let Some(seconds) = source.filter(|seconds| *seconds > max) {
        let what =
            format!("The topics are {} behind the source, longer than {limit}", human_seconds(seconds));
        let mend = if wanted.state == RunState::Running {
            format!(
                "Look at the Connector {}: does it run, and is it restarted? A long transaction in the source also keeps changes back \
                 (pg_stat_activity)",
                wanted.source_connector()
            )
        } else {
            format!("spec.state is {:?}; set it to Running to go on", wanted.state)
        };
        return Some((Some(false), CdcReason::LagExceeded, format!("{what}. {mend}")));
    }
    let late = sinks.iter().filter(|sink| sink.lag_seconds > Some(max)).max_by_key(|sink| sink.lag_seconds);
    if let Some(sink) = late {
        let message = format!(
            "Sink {} is {} behind the source, longer than {limit}; {} records wait in the topics. Look at the Connector {}. If it runs and \
             is slow, raise its tasksMax, with topics.partitions of at least as many, or give its database more",
            sink.name,
            human_seconds(sink.lag_seconds.unwrap_or_default()),
            sink.lag_records.unwrap_or_default(),
            sink.connector
        );
        return Some((Some(false), CdcReason::LagExceeded, message));
    }
    let unseen = sinks.iter().find(|sink| sink.lag_seconds.is_none());
    Some(match (source, unseen) {
        (None, _) => {
            let message =
                "Nobody can tell how far the topics are behind: the source or its slot cannot be seen";
            (None, CdcReason::LagUnknown, message.into())
        }
        (Some(_), Some(sink)) => {
            let message = format!("Nobody can tell how far sink {} is behind: Kafka does not say", sink.name);
            (None, CdcReason::LagUnknown, message)
        }
        (Some(_), None) => {
            let what = if sinks.is_empty() { "The topics are not" } else { "No sink is" };
            (Some(true), CdcReason::LagWithin, format!("{what} further behind the source than {limit}"))
        }
    })
}

pub(super) fn snapshot(wanted: &Wanted, status: Option<&SnapshotStatus>, now: Timestamp) -> Option<Said> {
    let max = wanted.max_snapshot?;
    let status = status?;
    let since = status.since.as_ref()?.0;
    let ended = status.completed_at.as_ref().map(|at| at.0);
    let limit = format!("{} (objectives.maxSnapshotDuration)", human_seconds(max));
    let late = ended.unwrap_or(now).as_second() - since.as_second() > max;
    Some(match (late, ended) {
        (false, None) => (
            Some(true),
            CdcReason::SnapshotInTime,
            format!("Rows are read since {since}, and may be for {limit}"),
        ),
        (false, Some(_)) => {
            (Some(true), CdcReason::SnapshotInTime, format!("All rows were read in less than {limit}"))
        }
        (true, None) => {
            let message = format!(
                "Rows are read since {since}, longer than {limit}, and the slot keeps all WAL meanwhile. status.snapshot says how far that \
                 is. If its attempts rise, see why the Connector {} is restarted; if not, give Connect and the source more, or split \
                 the tables among several pipelines",
                wanted.source_connector()
            );
            (Some(false), CdcReason::SnapshotLate, message)
        }
        (true, Some(ended)) => {
            let message = format!(
                "All rows were read, from {since} to {ended}, longer than {limit}. Another snapshot would take as long: give Connect and \
                 the source more, split the tables among several pipelines, or allow more time"
            );
            (Some(false), CdcReason::SnapshotLate, message)
        }
    })
}

/// Puts a condition where it stood before, or takes it away where nothing asks for it.
pub(super) fn put(
    conditions: &mut Vec<Condition>,
    kind: &str,
    said: Option<Said>,
    generation: Option<i64>,
    now: Timestamp,
) {
    let at = conditions.iter().position(|condition| condition.type_ == kind);
    let before: Vec<Condition> = at.map(|at| conditions.remove(at)).into_iter().collect();
    if let Some((holds, reason, message)) = said {
        conditions.push(condition::further(kind, holds, reason, message, generation, now, &before));
    }
}

/// The conditions of this module that have turned, and whether they hold. That one holds from the beginning is no news.
pub fn turned<'a>(
    before: Option<&CdcPipelineStatus>,
    after: &'a CdcPipelineStatus,
) -> Vec<(bool, &'a Condition)> {
    fn of<'s>(status: &'s CdcPipelineStatus, kind: &str) -> Option<&'s Condition> {
        status.conditions.iter().find(|condition| condition.type_ == kind)
    }
    let one = |kind| {
        let now = of(after, kind).filter(|now| now.status != "Unknown")?;
        let then = before.and_then(|before| of(before, kind));
        let news = then.map_or(now.status == "False", |then| {
            // who cannot see for a moment has not turned
            then.status != now.status && (then.status != "Unknown" || now.status == "False")
        });
        news.then_some((now.status == "True", now))
    };
    [LAG_BUDGET, SNAPSHOT_BUDGET].into_iter().filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use serde_json::json;

    use super::super::tests::world::wanted;
    use super::*;

    fn bounded() -> Wanted {
        wanted(|spec| spec["objectives"] = json!({"maxLag": "2m", "maxSnapshotDuration": "2h"}))
    }

    fn sink(seconds: Option<i64>) -> SinkStatus {
        SinkStatus {
            name: "warehouse".into(),
            connector: "shop-warehouse".into(),
            lag_records: Some(7),
            lag_seconds: seconds,
            ..Default::default()
        }
    }

    fn judged(phase: Phase, source: Option<i64>, sinks: &[SinkStatus]) -> (Option<bool>, CdcReason, String) {
        lag(&bounded(), phase, source, sinks).unwrap()
    }

    #[test]
    fn whoever_is_furthest_behind_is_named_with_what_to_do() {
        let fine = judged(Phase::Streaming, Some(0), &[sink(Some(120))]);
        assert_eq!((fine.0, fine.1), (Some(true), CdcReason::LagWithin));
        let (holds, reason, message) = judged(Phase::Streaming, Some(0), &[sink(Some(50)), sink(Some(130))]);
        assert_eq!((holds, reason), (Some(false), CdcReason::LagExceeded));
        assert!(
            message.starts_with("Sink warehouse is 130 s behind the source, longer than 2 min"),
            "{message}"
        );
        assert!(message.contains("7 records") && message.contains("tasksMax"), "{message}");
        let (_, reason, message) = judged(Phase::Failed, Some(7200), &[sink(Some(7200))]);
        assert_eq!(reason, CdcReason::LagExceeded);
        assert!(message.contains("2 h behind") && message.contains("Connector shop-source"), "{message}");
        assert_eq!(lag(&wanted(|_| {}), Phase::Streaming, Some(9000), &[]), None, "nobody asks for it");
    }

    #[test]
    fn what_cannot_be_seen_is_no_success_and_what_can_be_is_told() {
        assert_eq!(judged(Phase::Streaming, None, &[sink(Some(0))]).1, CdcReason::LagUnknown);
        assert_eq!(judged(Phase::Streaming, Some(0), &[sink(None)]).1, CdcReason::LagUnknown);
        assert_eq!(judged(Phase::Unknown, None, &[sink(Some(300))]).1, CdcReason::LagExceeded);
        assert_eq!(judged(Phase::Snapshot, Some(300), &[]).0, None, "changes wait for the rows");
    }

    #[test]
    fn a_pipeline_that_was_told_to_rest_is_late_all_the_same() {
        let resting = wanted(|spec| {
            spec["objectives"] = json!({"maxLag": "2m"});
            spec["state"] = "Paused".into();
        });
        let (holds, _, message) = lag(&resting, Phase::Paused, Some(600), &[]).unwrap();
        assert!(holds == Some(false) && message.contains("10 min behind"), "{message}");
        assert!(message.contains("spec.state is Paused"), "{message}");
    }

    #[test]
    fn a_snapshot_is_late_while_it_runs_and_stays_so() {
        let at = |second| Some(Time(Timestamp::from_second(second).unwrap()));
        let seen = |ended: Option<i64>, now| {
            let status =
                SnapshotStatus { since: at(1000), completed_at: ended.and_then(at), ..Default::default() };
            snapshot(&bounded(), Some(&status), Timestamp::from_second(now).unwrap()).unwrap()
        };
        assert_eq!(seen(None, 8200).0, Some(true));
        let (holds, reason, message) = seen(None, 8201);
        assert_eq!((holds, reason), (Some(false), CdcReason::SnapshotLate));
        assert!(message.contains("1970-01-01T00:16:40Z, longer than 2 h"), "{message}");
        assert_eq!(seen(Some(8200), 90_000).0, Some(true));
        assert_eq!(seen(Some(8201), 90_000).1, CdcReason::SnapshotLate);
        assert_eq!(snapshot(&bounded(), None, Timestamp::UNIX_EPOCH), None, "no rows are to be read");
    }

    #[test]
    fn news_is_what_turns() {
        let status = |holds: Option<bool>| {
            let mut status = CdcPipelineStatus::default();
            let said = (holds, CdcReason::LagUnknown, String::new());
            put(&mut status.conditions, LAG_BUDGET, Some(said), None, Timestamp::UNIX_EPOCH);
            status
        };
        let news = |before: Option<Option<bool>>, after| {
            let (before, after) = (before.map(status), status(after));
            turned(before.as_ref(), &after).first().map(|(holds, _)| *holds)
        };
        assert_eq!(news(None, Some(true)), None);
        assert_eq!(news(None, Some(false)), Some(false));
        assert_eq!(news(Some(Some(true)), Some(false)), Some(false));
        assert_eq!(news(Some(Some(false)), Some(true)), Some(true));
        assert_eq!(news(Some(None), Some(true)), None);
        assert_eq!(news(Some(None), Some(false)), Some(false));
        assert_eq!(news(Some(Some(true)), None), None);
    }
}
