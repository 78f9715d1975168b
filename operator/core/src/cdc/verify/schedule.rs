use std::str::FromStr;

use croner::Cron;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use thiserror::Error;

/// When a verification runs again: five fields of cron, in UTC.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule(Cron);

#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadSchedule {
    #[error(
        "{0:?} is no schedule like \"30 3 * * *\" (minute, hour, day of the month, month, day of the week)"
    )]
    Unreadable(String),
    #[error("{0:?} never comes")]
    Never(String),
}

impl Schedule {
    /// One that never comes is refused.
    pub fn read(text: &str) -> Result<Self, BadSchedule> {
        let unreadable = || BadSchedule::Unreadable(text.to_owned());
        // croner would take a sixth as seconds, and names like @hourly
        if text.split_whitespace().count() != 5 {
            return Err(unreadable());
        }
        let schedule = Self(Cron::from_str(text).map_err(|_| unreadable())?);
        // without a field for years, what comes comes again
        let comes = schedule.next(Timestamp::UNIX_EPOCH).is_some();
        if comes { Ok(schedule) } else { Err(BadSchedule::Never(text.to_owned())) }
    }

    /// The first time after `now`.
    pub fn next(&self, now: Timestamp) -> Option<Timestamp> {
        let now = now.to_zoned(TimeZone::UTC);
        self.0.find_next_occurrence(&now, false).ok().map(|next| next.timestamp())
    }

    /// Whether `at` is one of its times.
    pub fn has(&self, at: Timestamp) -> bool {
        self.0.is_time_matching(&at.to_zoned(TimeZone::UTC)).unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_schedule_says_when_it_comes_next() {
        let now = at("2026-11-29T21:10:30Z");
        for (text, next) in [
            ("30 3 * * *", "2026-11-30T03:30:00Z"),
            ("*/15 * * * *", "2026-11-29T21:15:00Z"),
            ("0 0 29 2 *", "2028-02-29T00:00:00Z"),
            ("0 9 * * 1", "2026-11-30T09:00:00Z"),
        ] {
            let schedule = Schedule::read(text).unwrap();
            assert_eq!(schedule.next(now), Some(at(next)), "{text}");
            assert!(schedule.has(at(next)) && !schedule.has(now), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for text in ["", "daily", "@daily", "61 * * * *", "* * * *", "0 0 3 * * *", "0 0 32 1 *"] {
            assert_eq!(Schedule::read(text), Err(BadSchedule::Unreadable(text.into())), "{text}");
        }
        for text in ["0 0 30 2 *", "0 0 31 4 *"] {
            assert_eq!(Schedule::read(text), Err(BadSchedule::Never(text.into())), "{text}");
        }
    }
}
