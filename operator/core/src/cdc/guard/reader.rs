use std::collections::VecDeque;

use jiff::Timestamp;

use crate::view::source::Lsn;

/// Between two looks further apart than this a reader may have come, gone, and somebody else may have moved the slot.
const TOGETHER: i64 = 15;
/// Growth is measured over this many seconds, and not before there are so many.
const WINDOW: i64 = 300;
const ENOUGH: i64 = 15;
/// Between samples.
const APART: i64 = 5;

/// What an observer has seen of one slot's reader.
///
/// A slot that is in use cannot be advanced or dropped by others, so what it confirmed then its reader has delivered. That is more
/// than the stored offset shows: Connect stores offsets first and Debezium confirms a moment later what Kafka has acknowledged by
/// then, so that after a crash the slot may be a little ahead of an offset though nothing is missing.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    pub(in crate::cdc) read_to: Option<Lsn>,
    pub(in crate::cdc) ended_at: Option<Lsn>,
    seen_active: Option<Timestamp>,
    retained: VecDeque<(Timestamp, i64)>,
}

impl Reader {
    pub(in crate::cdc) fn observe(&mut self, now: Timestamp, confirmed: Lsn, active: bool, retained: i64) {
        if active {
            (self.read_to, self.ended_at, self.seen_active) = (Some(confirmed), None, Some(now));
        } else if let Some(seen) = self.seen_active.take() {
            let together = now.as_second() - seen.as_second() <= TOGETHER;
            self.ended_at = together.then_some(confirmed);
        }
        let due = self.retained.back().is_none_or(|(last, _)| now.as_second() - last.as_second() >= APART);
        if due {
            self.retained.push_back((now, retained));
            let past = |(at, _): &(Timestamp, i64)| now.as_second() - at.as_second() > WINDOW;
            while self.retained.front().is_some_and(past) {
                self.retained.pop_front();
            }
        }
    }

    /// Bytes in a second; 0 while it shrinks, and until it has been watched long enough.
    pub(in crate::cdc) fn growth(&self) -> i64 {
        let (Some((from, least)), Some((to, most))) = (self.retained.front(), self.retained.back()) else {
            return 0;
        };
        let seconds = to.as_second() - from.as_second();
        if seconds < ENOUGH { 0 } else { ((most - least) / seconds).max(0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn what_was_confirmed_while_it_read_is_remembered_and_where_it_ended() {
        let mut reader = Reader::default();
        reader.observe(at(0), Lsn(10), false, 0);
        assert_eq!((reader.read_to, reader.ended_at), (None, None), "nobody was seen reading");
        reader.observe(at(2), Lsn(20), true, 0);
        reader.observe(at(4), Lsn(30), false, 0);
        reader.observe(at(6), Lsn(90), false, 0);
        assert_eq!(
            (reader.read_to, reader.ended_at),
            (Some(Lsn(20)), Some(Lsn(30))),
            "later moves are others'"
        );
        reader.observe(at(8), Lsn(95), true, 0);
        reader.observe(at(60), Lsn(99), false, 0);
        assert_eq!((reader.read_to, reader.ended_at), (Some(Lsn(95)), None), "too long unwatched");
    }

    #[test]
    fn growth_needs_a_while_and_never_is_negative() {
        let mut reader = Reader::default();
        for second in 0..10 {
            reader.observe(at(second), Lsn(1), false, second * 1000);
        }
        assert_eq!(reader.growth(), 0);
        for second in 10..1000 {
            reader.observe(at(second), Lsn(1), false, second * 1000);
        }
        assert_eq!(reader.growth(), 1000);
        assert!(reader.retained.len() < 70);
        for second in 1000..1400 {
            reader.observe(at(second), Lsn(1), true, 0);
        }
        assert_eq!(reader.growth(), 0);
    }
}
