//! How far a reader is behind, from what can be seen in the source alone. A connector that is stuck reports a lag that stands
//! still; the source's position goes on.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;

use super::guard::Reader;
use crate::view::source::{Lag, Lsn, Slot};

/// Positions kept. When there are more, every other one of the older half goes: what is long ago needs no precision.
const SAMPLES: usize = 512;

/// When the source's position was first seen where (grows only when the position moves), and what each slot's reader did.
#[derive(Clone, Debug, Default)]
pub struct Track {
    samples: VecDeque<(Timestamp, Lsn)>,
    readers: BTreeMap<String, Reader>,
}

impl Track {
    /// Takes in a look at `now`.
    pub fn observe(&mut self, now: Timestamp, position: Lsn) {
        match self.samples.back() {
            Some((_, last)) if *last == position => return,
            // a restored or failed-over server: its past is not this one's
            Some((_, last)) if *last > position => self.samples.clear(),
            _ => {}
        }
        self.samples.push_back((now, position));
        if self.samples.len() > SAMPLES {
            let half = SAMPLES / 2;
            let mut at = 0;
            self.samples.retain(|_| {
                at += 1;
                at > half || at % 2 == 1
            });
        }
    }

    /// Seconds since the position was first seen beyond `confirmed`; 0 where it is not.
    pub fn seconds_behind(&self, now: Timestamp, confirmed: Lsn) -> i64 {
        let first = self.samples.iter().find(|(_, position)| *position > confirmed);
        first.map_or(0, |(seen, _)| now.as_second().saturating_sub(seen.as_second()).max(0))
    }

    /// Takes in what a look at `now` shows of all slots, and says how far each one's reader is. A slot without a position has no lag.
    pub fn lags(
        &mut self,
        now: Timestamp,
        position: Lsn,
        slots: &BTreeMap<String, Slot>,
    ) -> BTreeMap<String, Lag> {
        self.observe(now, position);
        self.readers.retain(|name, _| slots.contains_key(name));
        let mut lags = BTreeMap::new();
        for (name, slot) in slots {
            let Some(confirmed) = slot.confirmed_flush_lsn else { continue };
            let retained = slot.restart_lsn.map_or(0, |kept| position.since(kept).max(0));
            let reader = self.readers.entry(name.clone()).or_default();
            reader.observe(now, confirmed, slot, retained);
            let (read_to, ended_at, growth) = (reader.read_to, reader.ended_at, reader.growth());
            let silent = reader.silent(now);
            let bytes = position.since(confirmed).max(0);
            let seconds = self.seconds_behind(now, confirmed);
            lags.insert(name.clone(), Lag { bytes, seconds, retained, growth, read_to, ended_at, silent });
        }
        lags
    }
}

/// As status shows it: steps coarse enough that a pipeline at rest, whose heartbeat always is a little on its way, writes nothing.
#[must_use]
pub fn quantized(lag: Lag, heartbeat: Option<i32>) -> Lag {
    const MIB: i64 = 1 << 20;
    let step = |bytes: i64, least: i64| if bytes < least { 0 } else { coarse(bytes) };
    // a heartbeat and the server's own records are no growth
    let growth = step(lag.growth, 64 << 10);
    let seconds = seconds(lag.seconds, heartbeat);
    Lag { bytes: step(lag.bytes, MIB), seconds, retained: step(lag.retained, 64 * MIB), growth, ..lag }
}

/// Seconds behind, as status shows them: none below what a pipeline at rest has.
pub(super) fn seconds(seconds: i64, heartbeat: Option<i32>) -> i64 {
    // a beat, Connect's flush of offsets (10 s), and the connector's own report to the server (10 s)
    let normal = i64::from(heartbeat.unwrap_or(0)) + 30;
    match seconds {
        s if s < normal => 0,
        s if s < 600 => s / 10 * 10,
        s => s / 60 * 60,
    }
}

/// Three significant binary digits.
pub(super) fn coarse(figure: i64) -> i64 {
    let grain = 1_i64 << (63 - figure.max(1).leading_zeros()).saturating_sub(3);
    figure / grain * grain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_stuck_reader_falls_behind_though_it_reports_nothing() {
        let mut track = Track::default();
        for second in 0..100 {
            track.observe(at(second), Lsn(1000 + u64::try_from(second).unwrap() * 10));
        }
        // it stopped at what was written at second 40
        assert_eq!(track.seconds_behind(at(100), Lsn(1400)), 59);
        assert_eq!(track.seconds_behind(at(400), Lsn(1400)), 359, "also when the source rests");
        assert_eq!(track.seconds_behind(at(400), Lsn(1990)), 0);
    }

    #[test]
    fn a_long_history_keeps_its_beginning() {
        let mut track = Track::default();
        for second in 0..100_000_i64 {
            track.observe(at(second), Lsn(u64::try_from(second).unwrap() + 1));
        }
        assert!(track.samples.len() <= SAMPLES);
        assert_eq!(track.seconds_behind(at(100_000), Lsn(0)), 100_000);
        assert!(track.seconds_behind(at(100_000), Lsn(99_900)) <= 100);
    }

    #[test]
    fn another_servers_history_is_forgotten() {
        let mut track = Track::default();
        track.observe(at(0), Lsn(1 << 40));
        track.observe(at(10), Lsn(5));
        assert_eq!(track.seconds_behind(at(30), Lsn(1)), 20);
    }

    #[test]
    fn rest_is_zero_and_trouble_shows() {
        let lag = |bytes, seconds| quantized(Lag { bytes, seconds, ..Default::default() }, Some(10));
        assert_eq!((lag(30_000, 25).bytes, lag(30_000, 25).seconds), (0, 0));
        assert_eq!((lag(5 << 20, 47).bytes, lag(5 << 20, 47).seconds), (5 << 20, 40));
        assert_eq!(lag((1 << 30) + 12345, 4000).bytes, 1 << 30);
        assert_eq!(lag(0, 4000).seconds, 3960);
    }
}
