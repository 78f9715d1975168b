//! When something that failed is restarted: in pauses that double, at the pace of its kind of failure. What was done is in status
//! before it is done, so that a restart of the operator forgets none.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use sluice_crds::ConnectorStatus;
use sluice_crds::connector::{AutoRestart, Restarts};

use super::failure::Pace;
use crate::condition::whole_seconds;

/// Healthy for so long, a connector has its attempts back.
const HEALTHY: SignedDuration = SignedDuration::from_mins(10);
/// What was restarted must have run for so long before we call it well: most failures return at the first record.
const PROBATION: SignedDuration = SignedDuration::from_secs(10);

/// What status remembers of what was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    pub restarts: Option<Restarts>,
    /// `spec.restartedAt` that was carried out.
    pub restarted_at: Option<Timestamp>,
    /// Revision of the connectors' Secret whose values the running connector has.
    pub secrets_revision: Option<i64>,
}

impl Progress {
    pub fn of(status: &ConnectorStatus) -> Self {
        Self {
            restarts: status.restarts.clone(),
            restarted_at: status.restarted_at.as_ref().map(|time| time.0),
            secrets_revision: status.secrets_revision,
        }
    }
}

/// What to do about a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Restart what failed; this is to be remembered first.
    Now(Restarts),
    /// At this time; this is to be remembered.
    At(Timestamp, Restarts),
    /// So many attempts were made, and no more are.
    GivenUp(i32),
    /// `spec.autoRestart.enabled` is false.
    Off,
}

pub fn next(policy: &AutoRestart, pace: Pace, done: Option<&Restarts>, now: Timestamp) -> Next {
    if !policy.enabled {
        return Next::Off;
    }
    let done = done.cloned().unwrap_or_default();
    if pace.limited && done.attempts >= policy.max_attempts {
        return Next::GivenUp(done.attempts);
    }
    match &done.next {
        Some(due) if due.0 <= now => {
            let last = Some(Time(whole_seconds(now)));
            Next::Now(Restarts { attempts: done.attempts + 1, last, next: None })
        }
        Some(due) => Next::At(due.0, done.clone()),
        None => {
            let due = whole_seconds(now + backoff(pace, done.attempts));
            Next::At(due, Restarts { next: Some(Time(due)), ..done })
        }
    }
}

/// What is remembered while nothing has failed, and when that changes.
pub fn healthy(done: Option<&Restarts>, now: Timestamp) -> (Option<Restarts>, Option<Timestamp>) {
    let Some(done) = done else { return (None, None) };
    match &done.last {
        Some(last) if now < last.0 + HEALTHY => {
            (Some(Restarts { next: None, ..done.clone() }), Some(last.0 + HEALTHY))
        }
        _ => (None, None),
    }
}

/// Until when what was restarted is only on probation.
pub fn probation(done: Option<&Restarts>, now: Timestamp) -> Option<Timestamp> {
    let until = done?.last.as_ref()?.0 + PROBATION;
    (now < until).then_some(until)
}

fn backoff(pace: Pace, attempts: i32) -> SignedDuration {
    let doubled = pace.first.saturating_mul(1 << attempts.clamp(0, 10));
    SignedDuration::from_secs(doubled.min(pace.longest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::failure::Class;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// Fails again at once after every restart; when the restarts come.
    fn restarts(policy: &AutoRestart) -> (Vec<i64>, Next) {
        let pace = Class::Unknown.pace().unwrap();
        let (mut now, mut done, mut times) = (at(0), None, vec![]);
        loop {
            match next(policy, pace, done.as_ref(), now) {
                Next::Now(restarts) => {
                    times.push(now.as_second());
                    done = Some(restarts);
                }
                Next::At(due, restarts) => {
                    now = due;
                    done = Some(restarts);
                }
                end => return (times, end),
            }
        }
    }

    #[test]
    fn pauses_double_from_ten_seconds_to_five_minutes_until_we_give_up() {
        let (times, end) = restarts(&AutoRestart { enabled: true, max_attempts: 8 });
        let pauses: Vec<_> = std::iter::once(times[0]).chain(times.windows(2).map(|w| w[1] - w[0])).collect();
        assert_eq!(pauses, [10, 20, 40, 80, 160, 300, 300, 300]);
        assert_eq!(end, Next::GivenUp(8));
        assert_eq!(restarts(&AutoRestart { enabled: false, max_attempts: 8 }), (vec![], Next::Off));
    }

    #[test]
    fn ten_healthy_minutes_give_the_attempts_back_and_less_do_not() {
        let done = Restarts { attempts: 3, last: Some(Time(at(100))), next: None };
        assert_eq!(healthy(Some(&done), at(699)), (Some(done.clone()), Some(at(700))));
        assert_eq!(healthy(Some(&done), at(700)), (None, None));
    }

    #[test]
    fn a_failure_that_went_away_by_itself_leaves_no_restart_behind() {
        let pace = Class::Unknown.pace().unwrap();
        let Next::At(_, waiting) = next(&AutoRestart::default(), pace, None, at(0)) else {
            panic!("it waits")
        };
        assert_eq!(healthy(Some(&waiting), at(5)), (None, None));
        let done = Restarts { attempts: 1, last: Some(Time(at(0))), next: Some(Time(at(40))) };
        assert_eq!(healthy(Some(&done), at(30)).0.unwrap().next, None);
    }

    #[test]
    fn what_was_given_up_stays_given_up_however_long_it_fails() {
        let done = Restarts { attempts: 10, last: Some(Time(at(0))), next: None };
        let next =
            |class: Class| next(&AutoRestart::default(), class.pace().unwrap(), Some(&done), at(1_000_000));
        assert_eq!(next(Class::Unknown), Next::GivenUp(10));
        assert!(matches!(next(Class::Transient), Next::At(..)), "a night's outage ends, and nobody is awake");
    }
}
