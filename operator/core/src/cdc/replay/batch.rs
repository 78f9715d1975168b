use std::collections::{BTreeMap, BTreeSet};

use super::letter::{Copied, Key, Letter, Place, Print};
use super::log::{Log, Row};
use super::missed::Missed;
use super::sums::{Sums, Why};

/// Some letters, and what their partitions hold from the first of them on.
///
/// Invariant: once [`Batch::sends`] gives nothing more, the last record of each row that was sent is the newest one, whatever was written to
/// the partitions meanwhile: a copy that a newer change has overtaken is followed by a copy of that change. Where that cannot be known
/// nothing is sent.
#[derive(Clone, Debug)]
pub struct Batch {
    run: String,
    letters: Vec<Kept>,
    logs: BTreeMap<Place, Log>,
    /// Of letters that are not looked for.
    sums: Sums,
}

/// What is known of topics before their records are looked at.
#[derive(Clone, Debug, Default)]
pub struct Ground {
    /// Topics of the pipeline's tables.
    pub ours: BTreeSet<String>,
    /// Those of them that are compacted.
    pub compacted: BTreeSet<String>,
    /// Those whose records the broker packs so that they cannot be opened, copies too.
    pub packed: BTreeSet<String>,
    /// Those that have several partitions: a row whose key is written otherwise, or from when there were fewer, is in another one, and between
    /// two there is no order.
    pub several: BTreeSet<String>,
    /// Where their partitions begin and end.
    pub bounds: BTreeMap<Place, (i64, i64)>,
    /// Copies of the run may be there already, which a newer change has to come behind.
    pub again: bool,
    pub missed: Missed,
}

/// A letter of which something is known, or may have been sent.
#[derive(Clone, Debug)]
struct Kept {
    /// Which of all letters.
    index: usize,
    place: Place,
    offset: i64,
    rank: i64,
    key: Key,
    print: Print,
    made: Option<i64>,
    /// Its record stands where it was read.
    found: bool,
    /// Why it is not sent in any case.
    barred: Option<Why>,
    refused: bool,
}

/// A record of a partition.
#[derive(Clone, Debug)]
pub struct Seen {
    pub offset: i64,
    pub key: Option<Key>,
    pub copied: Option<Copied>,
    /// It empties the table.
    pub truncates: bool,
    /// It has no value.
    pub empty: bool,
    pub print: Print,
    /// Its time, in milliseconds since 1970, where it is its writer's.
    pub made: Option<i64>,
}

/// A record that is to be written to the end of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sending {
    pub place: Place,
    /// Which letter has its key.
    pub letter: usize,
    pub copied: Copied,
    pub what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The letter itself.
    Letter,
    /// The record at this offset: a copy of an older one came behind it.
    Newest(i64),
    /// The end of the row: a copy came behind a TRUNCATE.
    Nothing,
}

/// What becomes of a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Sent,
    Superseded,
    Due,
    Left(Why),
}

impl Batch {
    pub fn new(run: &str, letters: &[Letter], ground: &Ground) -> Self {
        let mut batch =
            Self { run: run.to_owned(), letters: Vec::new(), logs: BTreeMap::new(), sums: Sums::default() };
        let mut known = BTreeSet::new();
        for (index, letter) in letters.iter().enumerate() {
            let Some((place, offset)) = &letter.from else {
                batch.sums.leave(Why::NoOrigin);
                continue;
            };
            if letter.copied.as_ref().is_some_and(|copied| copied.run == run) {
                batch.sums.failed_again += 1;
            } else if !ground.ours.contains(&place.topic) {
                batch.sums.leave(Why::NotOurs);
            } else if !known.insert((place, offset)) {
                // a sink that was restarted has put it aside twice
                batch.sums.superseded += 1;
            } else if let Some(key) = &letter.key {
                let rank = letter.copied.as_ref().map_or(*offset, |copied| copied.rank);
                // of a copy too all is looked at that came behind what it is a copy of
                let inside = ground
                    .bounds
                    .get(place)
                    .is_some_and(|(begin, end)| *begin <= rank.min(*offset) && *offset < *end);
                let barred = [
                    ground.packed.contains(&place.topic).then_some(Why::Repacked),
                    ground.several.contains(&place.topic).then_some(Why::Several),
                    ground.compacted.contains(&place.topic).then_some(Why::Compacted),
                    (!inside).then_some(Why::Expired),
                    ground.missed.covers(letter).then_some(Why::Missed),
                ];
                batch.letters.push(Kept {
                    index,
                    place: place.clone(),
                    offset: *offset,
                    rank,
                    key: key.clone(),
                    print: letter.print,
                    made: letter.made,
                    found: false,
                    barred: barred.into_iter().flatten().next(),
                    refused: false,
                });
            } else {
                batch.sums.leave(Why::NoKey);
            }
        }
        batch.lay(ground);
        batch
    }

    /// Which partitions are looked at, and from where on.
    fn lay(&mut self, ground: &Ground) {
        let begin = |place: &Place| ground.bounds.get(place).map_or(0, |(begin, _)| *begin);
        for (at, letter) in self.letters.iter().enumerate() {
            let begin = begin(&letter.place);
            // of one that is not sent any more a copy may be there
            if letter.barred.is_some() && !(ground.again && ground.bounds.contains_key(&letter.place)) {
                continue;
            }
            let from = letter.rank.min(letter.offset).max(begin);
            let log = self.logs.entry(letter.place.clone()).or_insert_with(|| Log::new(from));
            log.next = log.next.min(from);
            log.letters.insert(letter.offset, at);
            log.rows.entry(letter.key.clone()).or_default();
        }
    }

    /// Where each partition is to be read on.
    pub fn asks(&self) -> Vec<(Place, i64)> {
        self.logs.iter().map(|(place, log)| (place.clone(), log.next)).collect()
    }

    /// A record that was read, in their order.
    pub fn saw(&mut self, place: &Place, seen: &Seen) {
        let Some(log) = self.logs.get_mut(place).filter(|log| seen.offset >= log.next) else { return };
        if let Some(letter) = log.letters.get(&seen.offset).and_then(|at| self.letters.get_mut(*at)) {
            let time = seen.made.zip(letter.made).is_none_or(|(there, letter)| there == letter);
            let same = seen.key.as_ref() == Some(&letter.key) && seen.print == letter.print && time;
            letter.found = true;
            if !same {
                letter.barred.get_or_insert(Why::Expired);
            }
        }
        log.saw(seen, &self.run);
    }

    /// All before this offset was read.
    pub fn read_to(&mut self, place: &Place, next: i64) {
        if let Some(log) = self.logs.get_mut(place) {
            log.next = log.next.max(next);
        }
    }

    /// What stood before this offset was removed before it was read. Of letters before it nobody can tell any more what came behind them.
    pub fn forgot(&mut self, place: &Place, begin: i64) {
        let Some(log) = self.logs.get_mut(place) else { return };
        log.next = begin;
        for at in log.letters.values() {
            let letter = &mut self.letters[*at];
            if letter.rank.min(letter.offset) < begin {
                letter.barred.get_or_insert(Why::Expired);
            }
        }
    }

    /// Somewhere before this offset are records that cannot be opened.
    pub fn sealed(&mut self, place: &Place, before: i64) {
        if let Some(log) = self.logs.get_mut(place) {
            log.hidden.sealed = log.hidden.sealed.max(Some(before));
        }
    }

    /// What is to be written now that all partitions were read to their ends: at most one record of each row. Afterwards they are to be read
    /// on.
    pub fn sends(&self) -> Vec<Sending> {
        let mut sends: Vec<Sending> = Vec::new();
        let mut rows = BTreeSet::new();
        for letter in &self.letters {
            let fate = self.fate(letter);
            let Some((log, row)) = self.row(letter).filter(|(_, row)| !row.stuck) else { continue };
            let correction = if Self::mends(letter, fate, log, row) { log.overtaken(row) } else { None };
            let of = |rank, what| Sending {
                place: letter.place.clone(),
                letter: letter.index,
                copied: Copied { rank, run: self.run.clone() },
                what,
            };
            let send = correction
                .map(|(rank, what)| of(rank, what))
                .or_else(|| (fate == Fate::Due).then(|| of(letter.rank, What::Letter)));
            if let Some(send) = send
                && rows.insert((&letter.place, &letter.key))
            {
                sends.push(send);
            }
        }
        sends
    }

    /// Kafka does not take this letter, and never will.
    pub fn refused(&mut self, letter: usize) {
        for one in self.letters.iter_mut().filter(|one| one.index == letter) {
            one.refused = true;
        }
    }

    /// Kafka does not take what has to come behind a copy of this letter's row.
    pub fn stuck(&mut self, letter: usize) {
        let Some(one) = self.letters.iter().find(|one| one.index == letter) else { return };
        if let Some(row) = self.logs.get_mut(&one.place).and_then(|log| log.rows.get_mut(&one.key)) {
            row.stuck = true;
        }
    }

    pub fn sums(&self) -> Sums {
        let mut sums = self.sums.clone();
        for letter in &self.letters {
            match self.fate(letter) {
                Fate::Sent => sums.replayed += 1,
                Fate::Superseded => sums.superseded += 1,
                Fate::Left(why) => sums.leave(why),
                Fate::Due => {}
            }
        }
        sums
    }

    /// Where the copies stand that this run has sent.
    pub fn copies(&self) -> impl Iterator<Item = (&Place, i64)> {
        self.logs.iter().flat_map(|(place, log)| {
            log.rows.values().flat_map(|row| row.sent.values()).map(move |at| (place, *at))
        })
    }

    fn row(&self, letter: &Kept) -> Option<(&Log, &Row)> {
        let log = self.logs.get(&letter.place)?;
        Some((log, log.rows.get(&letter.key)?))
    }

    fn fate(&self, letter: &Kept) -> Fate {
        if let Some(why) = letter.barred {
            return Fate::Left(why);
        }
        let Some((log, row)) = self.row(letter) else { return Fate::Left(Why::Expired) };
        if let Some(why) = log.hidden.since(&letter.key, letter.rank) {
            return Fate::Left(why);
        }
        if !letter.found {
            return Fate::Left(Why::Expired);
        }
        if row.has_sent(letter.rank, letter.offset) {
            return Fate::Sent;
        }
        let later = row.newest.is_some_and(|newest| {
            newest.rank > letter.rank || (newest.rank == letter.rank && newest.offset > letter.offset)
        });
        let emptied = log.truncated.is_some_and(|at| at > letter.rank);
        if later || emptied {
            Fate::Superseded
        } else if letter.refused {
            Fate::Left(Why::Refused)
        } else {
            Fate::Due
        }
    }

    /// Whether an older copy at the end of a row is mended. Of a letter that is left out only if this run wrote it, and if it is known what has to
    /// come behind it.
    fn mends(letter: &Kept, fate: Fate, log: &Log, row: &Row) -> bool {
        match fate {
            Fate::Sent | Fate::Superseded | Fate::Due | Fate::Left(Why::Refused) => true,
            Fate::Left(_) => row.ends_sent() && !Self::is_doubtful(letter, log, row),
        }
    }

    /// Rows that end with a copy of this run, though a newer change may stand before it that nobody can see, or that cannot be written again: of
    /// each a letter.
    pub fn doubtful(&self) -> Vec<usize> {
        let mut rows = BTreeSet::new();
        let mut doubtful = Vec::new();
        for letter in &self.letters {
            let Some((log, row)) = self.row(letter).filter(|(_, row)| row.ends_sent()) else { continue };
            if Self::is_doubtful(letter, log, row) && rows.insert((&letter.place, &letter.key)) {
                doubtful.push(letter.index);
            }
        }
        doubtful
    }

    /// Of a row that ends with a copy of this run.
    fn is_doubtful(letter: &Kept, log: &Log, row: &Row) -> bool {
        let overtaken = log.overtaken(row).is_some();
        match letter.barred {
            Some(Why::Several) => true,
            // what is written now nobody sees
            Some(Why::Repacked) => row.doubt.is_some() || overtaken,
            // what would be written behind the copy may be older than what is hidden there
            _ => row.doubt.is_some() || (overtaken && log.hides(&letter.key, row).is_some()),
        }
    }
}
