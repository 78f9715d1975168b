//! Since when a reader is behind, across restarts of ours: an observer that has just begun to watch has seen nothing become old.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use sluice_crds::cdc_pipeline::SourceStatus;

use super::Gauges;
use super::lag;
use crate::view::source::Lag;

/// What status remembers of a reader that is behind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Behind {
    pub since: Option<Time>,
    /// What it had confirmed.
    pub from: Option<String>,
}

/// The lag as status shows it, and what is remembered of it. As long as the reader has confirmed nothing more, its oldest change is
/// as old as status says, whoever has watched.
pub fn figures(
    gauges: &Gauges,
    heartbeat: Option<i32>,
    before: Option<&SourceStatus>,
    now: Timestamp,
) -> (Option<Lag>, Behind) {
    let known = Behind {
        since: before.and_then(|source| source.lag_since.clone()),
        from: before.and_then(|source| source.lag_from.clone()),
    };
    let Some(seen) = gauges.lag else { return (None, known) };
    let confirmed = gauges.confirmed.map(|lsn| lsn.to_string());
    let still = known.since.filter(|_| seen.bytes > 0 && known.from.is_some() && known.from == confirmed);
    let age = |since: &Time| now.as_second().saturating_sub(since.0.as_second());
    let seconds = still.as_ref().map_or(0, age).max(seen.seconds);
    let shown = lag::quantized(Lag { seconds, ..seen }, heartbeat);
    if shown.seconds == 0 {
        return (Some(shown), Behind::default());
    }
    let since = still.filter(|since| age(since) >= seconds);
    let first = || Timestamp::from_second(now.as_second().saturating_sub(seconds)).ok().map(Time);
    (Some(shown), Behind { since: since.or_else(first), from: confirmed })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::source::Lsn;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn gauges(seconds: i64, confirmed: u64) -> Gauges {
        let lag = Lag { bytes: 5 << 20, seconds, ..Default::default() };
        Gauges { lag: Some(lag), confirmed: Some(Lsn(confirmed)), ..Default::default() }
    }

    fn written(behind: &Behind) -> SourceStatus {
        SourceStatus { lag_since: behind.since.clone(), lag_from: behind.from.clone(), ..Default::default() }
    }

    #[test]
    fn a_stuck_reader_is_as_far_behind_after_a_restart_of_ours() {
        let (lag, behind) = figures(&gauges(300, 7), Some(10), None, at(1000));
        assert_eq!((lag.unwrap().seconds, behind.since.clone()), (300, Some(Time(at(700)))));
        let restarted = figures(&gauges(0, 7), Some(10), Some(&written(&behind)), at(1100));
        assert_eq!((restarted.0.unwrap().seconds, &restarted.1), (400, &behind));
        let blind = figures(&Gauges::default(), Some(10), Some(&written(&behind)), at(1200));
        assert_eq!(blind, (None, behind), "and stays so while nothing can be seen");
    }

    #[test]
    fn a_reader_that_goes_on_is_measured_by_what_is_seen() {
        let (_, behind) = figures(&gauges(300, 7), Some(10), None, at(1000));
        let (lag, moved) = figures(&gauges(60, 8), Some(10), Some(&written(&behind)), at(1100));
        assert_eq!((lag.unwrap().seconds, moved.since), (60, Some(Time(at(1040)))));
        let (lag, rest) = figures(&gauges(5, 9), Some(10), Some(&written(&behind)), at(1100));
        assert_eq!((lag.unwrap().seconds, rest), (0, Behind::default()), "at rest nothing is written");
    }
}
