//! Where the rows of a snapshot begin and end in a partition, by as few looks as a binary search needs.
//!
//! A partition holds, in this order: what older snapshots and changes brought; the rows of this snapshot, once for each time that it was
//! begun; the changes since. Positions grow along all of it, but for the first of those changes: one that was made before the
//! snapshot began, by a transaction that was committed after that, comes behind the rows and has an older position. A snapshot that is
//! cut short begins again with all rows, mostly at another position, always at another time.

use std::ops::Range;

use super::mark::{Mark, Opens};
use crate::view::source::Lsn;

/// Records that are looked at where one is nobody's, or a tombstone, before the partition is given up.
const STRANGERS: i64 = 16;

/// A record that was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot {
    pub offset: i64,
    /// Milliseconds since 1970, when it came to Kafka.
    pub at: i64,
    /// `None`: it is none of Debezium's, or a tombstone.
    pub mark: Option<Mark>,
}

/// The rows of a snapshot in a partition, as it was begun last: `first..after`. Changes follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    pub lsn: Lsn,
    /// See [`Mark::ts`]; of the rows, where there are any.
    pub ts: i64,
    pub first: i64,
    pub after: i64,
    pub opens: Opens,
    /// When its first row came to Kafka, in milliseconds since 1970.
    pub began: i64,
    /// Nothing of it has been removed, as far as can be told.
    pub whole: bool,
}

/// A binary search for the first offset of `low..=high` from which on something holds.
#[derive(Clone, Debug)]
struct Search {
    low: i64,
    high: i64,
    /// Behind the middle, where that was nobody's.
    probe: Option<i64>,
}

impl Search {
    fn new(low: i64, high: i64) -> Self {
        Self { low, high, probe: None }
    }

    fn asks(&self) -> Option<i64> {
        (self.low < self.high).then(|| self.probe.unwrap_or(self.middle()))
    }

    fn middle(&self) -> i64 {
        self.low + (self.high - self.low) / 2
    }

    /// `false`: there are too many strangers.
    fn told(&mut self, spot: Option<Spot>, holds: impl Fn(Mark) -> bool) -> bool {
        let middle = self.middle();
        // what lies between the middle and what was found is not there any more, or is nobody's
        match spot.filter(|spot| spot.offset < self.high) {
            None => (self.high, self.probe) = (middle, None),
            Some(Spot { offset, mark: None, .. }) => {
                self.probe = Some(offset + 1).filter(|probe| *probe < self.high);
                if self.probe.is_none() {
                    self.high = middle;
                }
                return offset - middle < STRANGERS;
            }
            Some(Spot { mark: Some(mark), .. }) if holds(mark) => (self.high, self.probe) = (middle, None),
            Some(Spot { offset, .. }) => (self.low, self.probe) = (offset + 1, None),
        }
        true
    }
}

/// The search in one partition: say what is at the offset that it `asks` for, until it asks for none.
#[derive(Clone, Debug)]
pub struct Hunt {
    lsn: Lsn,
    /// Of the log.
    log: i64,
    begin: i64,
    end: i64,
    known: Option<Run>,
    /// Records that were nobody's, where one had to be somebody's.
    strangers: i64,
    step: Step,
}

#[derive(Clone, Debug)]
enum Step {
    /// The newest record.
    Tail(i64),
    /// The first change behind the rows.
    After(Search),
    /// The last row before that.
    Last(i64),
    /// A row at all, where a change stands that is older than the snapshot: in strides that double, from behind.
    Back {
        at: i64,
        stride: i64,
        high: i64,
        /// Changes that are newer have been seen.
        newer: bool,
    },
    /// The first change behind a row that was found so.
    Border(Search),
    /// The first row of the same time.
    First {
        after: i64,
        ts: i64,
        search: Search,
    },
    Opening {
        after: i64,
        ts: i64,
        first: i64,
    },
    Ended(Option<Run>),
}

impl Hunt {
    /// `lsn`: the snapshot's position; `log`: where the partition begins; `span`: where in it rows may be; `known`: what was
    /// found before.
    pub fn new(lsn: Lsn, log: i64, span: Range<i64>, known: Option<Run>) -> Self {
        let Range { start: begin, end } = span;
        let known = known.filter(|run| run.lsn == lsn);
        let step = if begin < end {
            Step::Tail(end - 1)
        } else {
            Step::Ended(Some(Run {
                lsn,
                ts: 0,
                first: end,
                after: end,
                opens: Opens::Nothing,
                began: 0,
                whole: log == 0 || begin > log,
            }))
        };
        Self { lsn, log, begin, end, known, strangers: 0, step }
    }

    /// The offset that is to be looked at next.
    pub fn asks(&self) -> Option<i64> {
        match &self.step {
            Step::Tail(offset) | Step::Last(offset) | Step::Opening { first: offset, .. } => Some(*offset),
            Step::Back { at, .. } => Some(*at),
            Step::After(search) | Step::Border(search) | Step::First { search, .. } => search.asks(),
            Step::Ended(_) => None,
        }
    }

    /// What was found; `None`: nobody can tell.
    pub fn run(&self) -> Option<Run> {
        match self.step {
            Step::Ended(run) => run,
            _ => None,
        }
    }

    /// The first record at the offset or behind it; `None`: there is none.
    pub fn told(&mut self, spot: Option<Spot>) {
        let lsn = self.lsn;
        let step = std::mem::replace(&mut self.step, Step::Ended(None));
        self.step = match step {
            Step::Tail(offset) => self.tail(offset, spot),
            Step::After(mut search) => {
                if search.told(spot, |mark| mark.lsn > lsn) {
                    Step::After(search)
                } else {
                    Step::Ended(None)
                }
            }
            Step::Last(offset) => self.last(offset, spot),
            Step::Back { at, stride, high, newer } => self.back(at, stride, high, newer, spot),
            Step::Border(mut search) => {
                if search.told(spot, |mark| !mark.row) {
                    Step::Border(search)
                } else {
                    Step::Ended(None)
                }
            }
            Step::First { after, ts, mut search } => {
                if search.told(spot, |mark| (mark.lsn, mark.ts) >= (lsn, ts)) {
                    Step::First { after, ts, search }
                } else {
                    Step::Ended(None)
                }
            }
            Step::Opening { after, ts, first } => {
                let there = spot.filter(|spot| spot.offset < after);
                let opens = there.and_then(|spot| spot.mark).map_or(Opens::Nothing, |mark| mark.opens);
                // what begins with the log may have begun before it
                let whole = self.log == 0 || first > self.log || opens != Opens::Nothing;
                let began = there.map_or(0, |spot| spot.at);
                Step::Ended(there.map(|_| Run { lsn, ts, first, after, opens, began, whole }))
            }
            ended @ Step::Ended(_) => ended,
        };
        self.settle();
    }

    fn tail(&mut self, offset: i64, spot: Option<Spot>) -> Step {
        match spot.and_then(|spot| spot.mark) {
            Some(mark) if mark.lsn > self.lsn => {
                let low = self.known.map_or(self.begin, |run| run.first.max(self.begin));
                Step::After(Search::new(low, self.end))
            }
            Some(mark) if !mark.row => self.look_back(offset, false),
            Some(mark) => self.rows(offset + 1, mark),
            None => self.before(offset).map_or(Step::Ended(None), Step::Tail),
        }
    }

    fn last(&mut self, offset: i64, spot: Option<Spot>) -> Step {
        match spot.and_then(|spot| spot.mark) {
            Some(mark) if !mark.row => self.look_back(offset, true),
            Some(mark) => self.rows(offset + 1, mark),
            None => self.before(offset).map_or(Step::Ended(None), Step::Last),
        }
    }

    /// `offset`: of a change that is older than the snapshot.
    fn look_back(&self, offset: i64, newer: bool) -> Step {
        if offset == self.begin {
            return Step::Ended(Some(self.none(offset + 1)));
        }
        Step::Back { at: offset - 1, stride: 1, high: offset, newer }
    }

    fn back(&self, at: i64, stride: i64, high: i64, newer: bool, spot: Option<Spot>) -> Step {
        match spot.filter(|spot| spot.offset < high).and_then(|spot| Some((spot.offset, spot.mark?))) {
            Some((offset, mark)) if mark.row && mark.lsn == self.lsn => {
                Step::Border(Search::new(offset + 1, high))
            }
            Some((_, mark)) if mark.row && !newer => Step::Ended(Some(self.none(high + 1))),
            // rows of an older one: between them and the changes there may be some of this one that were stepped over
            Some((_, mark)) if mark.row => Step::Ended(None),
            _ if at > self.begin => {
                let further = (at - 2 * stride).max(self.begin);
                Step::Back { at: further, stride: 2 * stride, high, newer }
            }
            // from its beginning on this partition has changes, and rows would be before them
            _ if self.begin == 0 || !newer => Step::Ended(Some(self.none(high + 1))),
            _ => Step::Ended(None),
        }
    }

    /// Where to look instead of at a stranger.
    fn before(&mut self, offset: i64) -> Option<i64> {
        self.strangers += 1;
        (offset > self.begin && self.strangers < STRANGERS).then(|| offset - 1)
    }

    /// `last`: what stands before `after`.
    fn rows(&self, after: i64, last: Mark) -> Step {
        if last.lsn < self.lsn || !last.row {
            return Step::Ended(Some(self.none(after)));
        }
        match self.known.filter(|run| run.ts == last.ts && run.first < run.after) {
            Some(run) => Step::Ended(Some(Run { after, ..run })),
            None => Step::First { after, ts: last.ts, search: Search::new(self.begin, after - 1) },
        }
    }

    /// No rows before `after`. Where the log begins there, they may be gone.
    fn none(&self, after: i64) -> Run {
        let whole = after > self.log || self.log == 0;
        Run { lsn: self.lsn, ts: 0, first: after, after, opens: Opens::Nothing, began: 0, whole }
    }

    /// A search that has ended leads on.
    fn settle(&mut self) {
        self.step = match &self.step {
            Step::After(search) if search.asks().is_none() => match search.low {
                at if at == self.begin => Step::Ended(Some(self.none(at))),
                at => Step::Last(at - 1),
            },
            Step::Border(search) if search.asks().is_none() => Step::Last(search.low - 1),
            Step::First { after, ts, search } if search.asks().is_none() => {
                Step::Opening { after: *after, ts: *ts, first: search.low }
            }
            _ => return,
        };
    }
}

/// The search for the first record of a partition that is not older than a position: of a snapshot of which nothing else is known.
#[derive(Clone, Debug)]
pub struct Floor {
    lsn: Lsn,
    search: Search,
    end: i64,
    ended: bool,
    found: Option<Mark>,
}

impl Floor {
    pub fn new(lsn: Lsn, begin: i64, end: i64) -> Self {
        Self { lsn, search: Search::new(begin, end), end, ended: false, found: None }
    }

    pub fn asks(&self) -> Option<i64> {
        let first = || Some(self.search.low).filter(|low| *low < self.end);
        if self.ended { None } else { self.search.asks().or_else(first) }
    }

    pub fn told(&mut self, spot: Option<Spot>) {
        let lsn = self.lsn;
        if self.search.asks().is_none() {
            (self.ended, self.found) = (true, spot.and_then(|spot| spot.mark));
        } else if !self.search.told(spot, |mark| mark.lsn >= lsn) {
            self.ended = true;
        }
    }

    /// Where the snapshot stands whose row that record is.
    pub fn snapshot(&self) -> Option<Lsn> {
        self.found.filter(|mark| mark.row).map(|mark| mark.lsn)
    }
}

#[cfg(test)]
#[path = "hunt_tests.rs"]
mod tests;
