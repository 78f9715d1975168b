use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::letter::{Copied, Key, Letter, Place};
use super::sums::{Sums, Why};

/// Some letters, and what their partitions hold from the first of them on.
///
/// Invariant: once [`Batch::sends`] gives nothing more, the last record of each of their rows is the newest one, whatever was written to the
/// partitions meanwhile: a copy that a newer change has overtaken is followed by a copy of that change.
#[derive(Clone, Debug)]
pub struct Batch {
    run: String,
    letters: Vec<Kept>,
    logs: BTreeMap<Place, Log>,
    /// Of letters that are not looked for.
    sums: Sums,
}

/// A letter that may be sent.
#[derive(Clone, Debug)]
struct Kept {
    /// Which of all letters.
    index: usize,
    place: Place,
    offset: i64,
    rank: i64,
    key: Key,
    there: There,
    refused: bool,
}

/// What stands where the letter was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum There {
    /// Nothing: compaction has removed it, for a newer record of its row.
    Nothing,
    /// The record itself.
    Itself,
    /// Another record, or the partition does not reach there: the letter is of another time.
    Gone,
}

#[derive(Clone, Debug)]
struct Log {
    next: i64,
    /// Letters by the offset at which they were read.
    letters: HashMap<i64, usize>,
    rows: HashMap<Key, Row>,
    /// Offset of the last TRUNCATE.
    truncated: Option<i64>,
}

/// What a partition holds of one row.
#[derive(Clone, Debug, Default)]
struct Row {
    last: Option<Mark>,
    newest: Option<Mark>,
    /// Offsets of the copies that this run has sent, by their ranks.
    sent: BTreeMap<i64, i64>,
}

#[derive(Clone, Copy, Debug)]
struct Mark {
    offset: i64,
    rank: i64,
}

/// A record of a partition.
#[derive(Clone, Debug)]
pub struct Seen {
    pub offset: i64,
    pub key: Option<Key>,
    pub copied: Option<Copied>,
    /// It empties the table.
    pub truncates: bool,
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
    /// A tombstone: a copy came behind a TRUNCATE.
    Nothing,
}

impl Batch {
    /// `ours`: topics of the pipeline's tables. `bounds`: where partitions begin and end.
    pub fn new(
        run: &str,
        letters: &[Letter],
        ours: &BTreeSet<String>,
        bounds: &BTreeMap<Place, (i64, i64)>,
    ) -> Self {
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
            } else if !ours.contains(&place.topic) {
                batch.sums.leave(Why::NotOurs);
            } else if !known.insert((place, offset)) {
                // a sink that was restarted has put it aside twice
                batch.sums.superseded += 1;
            } else if let Some(key) = &letter.key {
                let inside = bounds.get(place).is_some_and(|(begin, end)| (begin..end).contains(&offset));
                batch.letters.push(Kept {
                    index,
                    place: place.clone(),
                    offset: *offset,
                    rank: letter.copied.as_ref().map_or(*offset, |copied| copied.rank),
                    key: key.clone(),
                    there: if inside { There::Nothing } else { There::Gone },
                    refused: false,
                });
            } else {
                batch.sums.leave(Why::NoKey);
            }
        }
        for (at, letter) in batch.letters.iter().enumerate() {
            if letter.there == There::Gone {
                continue;
            }
            let log = batch.logs.entry(letter.place.clone()).or_insert_with(|| Log {
                next: letter.offset,
                letters: HashMap::new(),
                rows: HashMap::new(),
                truncated: None,
            });
            log.next = log.next.min(letter.offset);
            log.letters.insert(letter.offset, at);
            log.rows.entry(letter.key.clone()).or_default();
        }
        batch
    }

    /// Where each partition is to be read on.
    pub fn asks(&self) -> Vec<(Place, i64)> {
        self.logs.iter().map(|(place, log)| (place.clone(), log.next)).collect()
    }

    /// A record that was read, in their order.
    pub fn saw(&mut self, place: &Place, seen: &Seen) {
        let Some(log) = self.logs.get_mut(place).filter(|log| seen.offset >= log.next) else { return };
        log.next = seen.offset + 1;
        if let Some(letter) = log.letters.get(&seen.offset).and_then(|at| self.letters.get_mut(*at)) {
            let same = seen.key.as_ref() == Some(&letter.key);
            letter.there = if same { There::Itself } else { There::Gone };
        }
        let Some(key) = &seen.key else {
            if seen.truncates {
                log.truncated = Some(seen.offset);
            }
            return;
        };
        let Some(row) = log.rows.get_mut(key) else { return };
        let rank = seen.copied.as_ref().map_or(seen.offset, |copied| copied.rank);
        let mark = Mark { offset: seen.offset, rank };
        row.last = Some(mark);
        if row.newest.is_none_or(|newest| newest.rank <= rank) {
            row.newest = Some(mark);
        }
        if seen.copied.as_ref().is_some_and(|copied| copied.run == self.run) {
            row.sent.insert(rank, seen.offset);
        }
    }

    /// All before this offset was read.
    pub fn read_to(&mut self, place: &Place, next: i64) {
        if let Some(log) = self.logs.get_mut(place) {
            log.next = log.next.max(next);
        }
    }

    /// What is to be written now that all partitions were read to their ends: at most one record of each row. Afterwards they are to be read
    /// on.
    pub fn sends(&self) -> Vec<Sending> {
        let mut sends: Vec<Sending> = Vec::new();
        let mut rows = BTreeSet::new();
        for letter in self.letters.iter().filter(|letter| letter.there != There::Gone && !letter.refused) {
            let Some((log, row)) = self.row(letter) else { continue };
            let of = |rank, what| Sending {
                place: letter.place.clone(),
                letter: letter.index,
                copied: Copied { rank, run: self.run.clone() },
                what,
            };
            let send = overtaken(log, row)
                .map(|(rank, what)| of(rank, what))
                .or_else(|| matches!(self.fate(letter), Fate::Due).then(|| of(letter.rank, What::Letter)));
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

    pub fn sums(&self) -> Sums {
        let mut sums = self.sums.clone();
        for letter in &self.letters {
            match self.fate(letter) {
                Fate::Sent => sums.replayed += 1,
                Fate::Superseded => sums.superseded += 1,
                Fate::Gone => sums.leave(Why::Expired),
                Fate::Due => sums.leave(Why::Refused),
            }
        }
        sums
    }

    /// Where the copies stand that this run has sent.
    pub fn copies(&self) -> BTreeSet<(Place, i64)> {
        let of = |log: &Log| log.rows.values().flat_map(|row| row.sent.values().copied()).collect::<Vec<_>>();
        let at = |(place, log): (&Place, &Log)| {
            of(log).into_iter().map(move |at| (place.clone(), at)).collect::<Vec<_>>()
        };
        self.logs.iter().flat_map(at).collect()
    }

    fn row(&self, letter: &Kept) -> Option<(&Log, &Row)> {
        let log = self.logs.get(&letter.place)?;
        Some((log, log.rows.get(&letter.key)?))
    }

    fn fate(&self, letter: &Kept) -> Fate {
        let Some((log, row)) = self.row(letter).filter(|_| letter.there != There::Gone) else {
            return Fate::Gone;
        };
        if row.sent.contains_key(&letter.rank) {
            return Fate::Sent;
        }
        let later = row.newest.is_some_and(|newest| {
            newest.rank > letter.rank || (newest.rank == letter.rank && newest.offset > letter.offset)
        });
        let emptied = log.truncated.is_some_and(|at| at > letter.rank);
        if later || emptied || letter.there == There::Nothing { Fate::Superseded } else { Fate::Due }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Sent,
    Superseded,
    Gone,
    Due,
}

/// The last record of a row is a copy of an older one: what has to come behind it.
fn overtaken(log: &Log, row: &Row) -> Option<(i64, What)> {
    let (last, newest) = (row.last?, row.newest?);
    match log.truncated {
        Some(at) if at > newest.rank => (at < last.offset && last.rank < at).then_some((at, What::Nothing)),
        _ => (last.rank < newest.rank).then_some((newest.rank, What::Newest(newest.offset))),
    }
}
