use std::collections::VecDeque;

use jiff::Timestamp;

use crate::view::source::{Lsn, Slot};

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
    /// Its last reply, and when that was seen first.
    replied: Option<(String, Timestamp)>,
    retained: VecDeque<(Timestamp, i64)>,
}

impl Reader {
    pub(in crate::cdc) fn observe(&mut self, now: Timestamp, confirmed: Lsn, slot: &Slot, retained: i64) {
        if slot.is_read() {
            (self.read_to, self.ended_at, self.seen_active) = (Some(confirmed), None, Some(now));
        } else if let Some(seen) = self.seen_active.take() {
            // who took its place may have moved it already
            let alone = now.as_second() - seen.as_second() <= TOGETHER && !slot.active;
            self.ended_at = alone.then_some(confirmed);
        }
        let reply = slot.reader.as_ref().filter(|_| slot.active).and_then(|reader| reader.replied.as_ref());
        if self.replied.as_ref().map(|(last, _)| last) != reply {
            self.replied = reply.map(|reply| (reply.clone(), now));
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

    /// Seconds since its reader was seen to send something new.
    pub(in crate::cdc) fn silent(&self, now: Timestamp) -> i64 {
        self.replied.as_ref().map_or(0, |(_, since)| now.as_second() - since.as_second())
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
    use crate::view::source::SlotReader;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn slot(active: bool) -> Slot {
        Slot { active, ..Slot::default() }
    }

    fn read_by(application: &str, replied: &str) -> Slot {
        let reader = SlotReader { application: Some(application.into()), replied: Some(replied.into()) };
        Slot { reader: Some(reader), ..slot(true) }
    }

    #[test]
    fn what_somebody_else_confirms_is_not_delivered() {
        let mut reader = Reader::default();
        reader.observe(at(2), Lsn(20), &read_by("Debezium Streaming", "a"), 0);
        reader.observe(at(4), Lsn(30), &read_by("pg_recvlogical", "b"), 0);
        assert_eq!((reader.read_to, reader.ended_at), (Some(Lsn(20)), None));
        reader.observe(at(6), Lsn(30), &slot(false), 0);
        assert_eq!((reader.read_to, reader.ended_at), (Some(Lsn(20)), None));
        assert!(read_by("", "c").is_read(), "who is not named may be the connector");
    }

    #[test]
    fn who_sends_nothing_new_is_silent_whatever_its_clock_says() {
        let mut reader = Reader::default();
        let see = |reader: &mut Reader, second, slot: &Slot| {
            reader.observe(at(second), Lsn(1), slot, 0);
            reader.silent(at(second))
        };
        assert_eq!(see(&mut reader, 0, &read_by("Debezium", "2031")), 0);
        assert_eq!(see(&mut reader, 9, &read_by("Debezium", "2031")), 9);
        assert_eq!(see(&mut reader, 12, &read_by("Debezium", "2030")), 0);
        assert_eq!(see(&mut reader, 70, &read_by("Debezium", "2030")), 58);
        assert_eq!(see(&mut reader, 71, &slot(false)), 0);
        assert_eq!(see(&mut reader, 90, &slot(true)), 0, "nobody says when it has replied");
    }

    #[test]
    fn what_was_confirmed_while_it_read_is_remembered_and_where_it_ended() {
        let mut reader = Reader::default();
        reader.observe(at(0), Lsn(10), &slot(false), 0);
        assert_eq!((reader.read_to, reader.ended_at), (None, None), "nobody was seen reading");
        reader.observe(at(2), Lsn(20), &slot(true), 0);
        reader.observe(at(4), Lsn(30), &slot(false), 0);
        reader.observe(at(6), Lsn(90), &slot(false), 0);
        assert_eq!(
            (reader.read_to, reader.ended_at),
            (Some(Lsn(20)), Some(Lsn(30))),
            "later moves are others'"
        );
        reader.observe(at(8), Lsn(95), &slot(true), 0);
        reader.observe(at(60), Lsn(99), &slot(false), 0);
        assert_eq!((reader.read_to, reader.ended_at), (Some(Lsn(95)), None), "too long unwatched");
    }

    #[test]
    fn growth_needs_a_while_and_never_is_negative() {
        let mut reader = Reader::default();
        for second in 0..10 {
            reader.observe(at(second), Lsn(1), &slot(false), second * 1000);
        }
        assert_eq!(reader.growth(), 0);
        for second in 10..1000 {
            reader.observe(at(second), Lsn(1), &slot(false), second * 1000);
        }
        assert_eq!(reader.growth(), 1000);
        assert!(reader.retained.len() < 70);
        for second in 1000..1400 {
            reader.observe(at(second), Lsn(1), &slot(true), 0);
        }
        assert_eq!(reader.growth(), 0);
    }
}
