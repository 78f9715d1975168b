mod debts;
mod keys;
mod left;
mod missed;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

const TOPIC: &str = "shop.public.orders";
const RUN: &str = "copy/first@7";

fn place() -> Place {
    Place { topic: TOPIC.into(), partition: 0 }
}

fn key(row: u8) -> Option<Key> {
    Key::of(Some(&[row]))
}

/// A partition: what stands at each offset, `None` where compaction has been.
#[derive(Clone, Debug, Default)]
struct Log(Vec<Option<Entry>>);

#[derive(Clone, Debug, PartialEq)]
struct Entry {
    /// `None`: TRUNCATE.
    row: Option<u8>,
    copied: Option<Copied>,
    print: Print,
    /// A tombstone.
    empty: bool,
}

impl Entry {
    fn change(row: Option<u8>, nth: usize) -> Self {
        Self { row, copied: None, print: Print::of(None, Some(&nth.to_be_bytes())), empty: false }
    }
}

impl Log {
    fn of(rows: &[u8]) -> Self {
        let mut log = Self::default();
        for row in rows {
            log.changes(Some(*row));
        }
        log
    }

    fn changes(&mut self, row: Option<u8>) {
        self.0.push(Some(Entry::change(row, self.0.len())));
    }

    fn letter(&self, offset: usize) -> Letter {
        let entry = self.0[offset].as_ref().expect("it is there");
        let from = Some((place(), i64::try_from(offset).unwrap()));
        let (key, copied, print) = (entry.row.and_then(key), entry.copied.clone(), entry.print);
        Letter { from, key, copied, print, made: Some(0), lsn: None }
    }

    fn batch(&self, run: &str, letters: &[Letter]) -> Batch {
        let bounds = BTreeMap::from([(place(), (0, i64::try_from(self.0.len()).unwrap()))]);
        let ours = BTreeSet::from([TOPIC.to_owned()]);
        Batch::new(run, letters, &Ground { ours, bounds, ..Ground::default() })
    }

    fn show(&self, batch: &mut Batch) {
        for (place, next) in batch.asks() {
            let from = usize::try_from(next).unwrap();
            for (at, entry) in self.0.iter().enumerate().skip(from) {
                let Some(Entry { row, copied, print, empty }) = entry.clone() else { continue };
                let offset = i64::try_from(at).unwrap();
                let (key, truncates) = (row.and_then(key), row.is_none());
                let seen = Seen { offset, key, copied, truncates, empty, print, made: Some(0) };
                batch.saw(&place, &seen);
            }
            batch.read_to(&place, i64::try_from(self.0.len()).unwrap());
        }
    }

    fn write(&mut self, sends: &[Sending], letters: &[Letter]) {
        for send in sends {
            let row = (0..9).find(|row| key(*row) == letters[send.letter].key);
            let print = match send.what {
                What::Letter => letters[send.letter].print,
                What::Newest(at) => self.0[usize::try_from(at).unwrap()].as_ref().expect("it is there").print,
                What::Nothing => Print::of(None, Some(b"deleted")),
            };
            self.0.push(Some(Entry { row, copied: Some(send.copied.clone()), print, empty: false }));
        }
    }

    /// Reads and writes until there is nothing more to do.
    fn settle(&mut self, run: &str, letters: &[Letter]) -> Sums {
        let mut batch = self.batch(run, letters);
        loop {
            self.show(&mut batch);
            let sends = batch.sends();
            if sends.is_empty() {
                return batch.sums();
            }
            self.write(&sends, letters);
        }
    }

    fn rank(offset: usize, entry: &Entry) -> i64 {
        entry.copied.as_ref().map_or(i64::try_from(offset).unwrap(), |copied| copied.rank)
    }

    /// Rank of the last record of a row, and of the newest change of it. A sink passes tombstones over.
    fn end_of(&self, row: u8) -> (i64, i64) {
        let all = || self.0.iter().enumerate().filter_map(|(at, entry)| Some((at, entry.as_ref()?)));
        let there = || all().filter(|(_, entry)| !entry.empty);
        let last = there().rfind(|(_, entry)| entry.row.is_none_or(|of| of == row));
        let made = there().rfind(|(_, e)| e.copied.is_none() && e.row.is_none_or(|of| of == row));
        let rank = |found: Option<(usize, &Entry)>| found.map_or(-1, |(at, entry)| Self::rank(at, entry));
        (rank(last), rank(made))
    }
}

fn counted(sums: &Sums) -> (i64, i64, i64, i64) {
    (sums.replayed, sums.superseded, sums.left_out, sums.failed_again)
}

#[test]
fn the_newest_change_of_a_row_is_sent_and_an_older_one_is_not() {
    let mut log = Log::of(&[1, 2, 1, 3]);
    let letters = [log.letter(0), log.letter(1), log.letter(2)];
    assert_eq!(counted(&log.settle(RUN, &letters)), (2, 1, 0, 0));
    let sent: Vec<_> = log.0[4..].iter().flatten().map(|entry| entry.row).collect();
    assert_eq!(sent, [Some(2), Some(1)]);
    let ranks: Vec<_> = log.0[4..].iter().flatten().filter_map(|e| Some(e.copied.as_ref()?.rank)).collect();
    assert_eq!(ranks, [1, 2], "each says where it stood");
}

#[test]
fn a_run_that_was_interrupted_sends_nothing_twice() {
    let mut log = Log::of(&[1, 2]);
    let letters = [log.letter(0), log.letter(1)];
    let mut batch = log.batch(RUN, &letters);
    log.show(&mut batch);
    let sends = batch.sends();
    log.write(&sends[..1], &letters);
    assert_eq!(counted(&log.settle(RUN, &letters)), (2, 0, 0, 0));
    assert_eq!(log.0.len(), 4);
    let before = log.clone().0;
    assert_eq!(counted(&log.settle("copy/second@9", &letters)), (0, 2, 0, 0), "they were sent before");
    assert_eq!(log.0, before);
}

#[test]
fn a_copy_that_was_overtaken_is_followed_by_the_change_that_overtook_it() {
    let mut log = Log::of(&[1]);
    let letters = [log.letter(0)];
    let mut batch = log.batch(RUN, &letters);
    log.show(&mut batch);
    let sends = batch.sends();
    log.changes(Some(1)); // between looking and writing
    log.write(&sends, &letters);
    log.show(&mut batch);
    let sends = batch.sends();
    assert_eq!((sends.len(), sends[0].what, sends[0].copied.rank), (1, What::Newest(1), 1));
    log.write(&sends, &letters);
    assert_eq!(counted(&log.settle(RUN, &letters)), (1, 0, 0, 0));
    assert_eq!(log.end_of(1), (1, 1));
}

#[test]
fn a_row_that_was_truncated_does_not_come_back() {
    let mut log = Log::of(&[1, 2]);
    let letters = [log.letter(0)];
    let mut batch = log.batch(RUN, &letters);
    log.show(&mut batch);
    let sends = batch.sends();
    log.changes(None);
    assert_eq!(counted(&log.clone().settle(RUN, &letters)), (0, 1, 0, 0));
    log.write(&sends, &letters);
    log.show(&mut batch);
    let sends = batch.sends();
    assert_eq!((sends.len(), sends[0].what), (1, What::Nothing), "it was written behind the TRUNCATE");
    assert_eq!((sends[0].letter, sends[0].copied.rank), (0, 2));
    log.write(&sends, &letters);
    log.settle(RUN, &letters);
    assert_eq!(log.0.len(), 5);
}

#[test]
fn what_cannot_be_told_is_left_out() {
    let mut log = Log::of(&[1, 2, 3]);
    let mut letters = vec![log.letter(0), log.letter(1), log.letter(1)];
    letters.push(Letter { from: None, ..log.letter(2) });
    letters.push(Letter { key: None, ..log.letter(2) });
    letters.push(Letter { from: Some((Place { topic: "other".into(), partition: 0 }, 2)), ..log.letter(2) });
    letters.push(Letter { from: Some((place(), 77)), ..log.letter(2) }); // of a topic that was made anew
    letters.push(Letter { copied: Some(Copied { rank: 1, run: RUN.into() }), ..log.letter(2) });
    log.0[0] = None; // it was removed
    let sums = log.settle(RUN, &letters);
    assert_eq!(counted(&sums), (1, 1, 5, 1));
    assert_eq!(sums.why.len(), 4);
    for words in [
        "Left out: 5",
        "no key",
        "no table of spec.tables",
        "spec.snapshots",
        "Put aside again by the sink: 1",
    ] {
        assert!(sums.message().contains(words), "{words}: {}", sums.message());
    }
    log.0[1] = Some(Entry::change(Some(3), 1));
    let told = counted(&log.settle("other", &letters[1..2]));
    assert_eq!(told, (0, 0, 1, 0), "another row stands there now");
}

#[test]
fn a_letter_that_kafka_refuses_is_told() {
    let log = Log::of(&[1, 2]);
    let mut batch = log.batch(RUN, &[log.letter(0), log.letter(1)]);
    log.show(&mut batch);
    batch.refused(0);
    batch.refused(1);
    assert_eq!(batch.sends(), []);
    assert_eq!(counted(&batch.sums()), (0, 0, 2, 0));
}

#[test]
fn what_was_put_aside_again_is_sent_by_the_next_run() {
    let mut log = Log::of(&[1]);
    assert_eq!(counted(&log.settle(RUN, &[log.letter(0)])), (1, 0, 0, 0));
    let again = [log.letter(1)];
    assert_eq!(counted(&log.settle(RUN, &again)), (0, 0, 0, 1));
    assert_eq!(counted(&log.settle("copy/second@9", &again)), (1, 0, 0, 0));
    assert_eq!(log.end_of(1), (0, 0));
}

#[test]
fn a_header_says_what_was_written_into_it() {
    let copied = Copied { rank: 12, run: RUN.into() };
    assert_eq!(Copied::read(&copied.write()), Some(copied));
    assert_eq!(Copied::read(b"12"), None);
    assert_eq!(Copied::read(b"x y"), None);
}

proptest! {
    /// Whatever is written to a partition meanwhile, and wherever the run is interrupted.
    #[test]
    fn the_last_record_of_a_row_is_its_newest(
        rows in prop::collection::vec(0_u8..3, 1..12),
        aside in prop::collection::vec(any::<prop::sample::Index>(), 1..6),
        meanwhile in prop::collection::vec(prop::collection::vec(prop::option::weighted(0.9, 0_u8..3), 0..3), 0..5),
        partly in prop::collection::vec(any::<prop::sample::Index>(), 5),
        crashes in prop::collection::vec(any::<bool>(), 5),
    ) {
        let mut log = Log::of(&rows);
        let letters: Vec<_> = aside.iter().map(|at| log.letter(at.index(rows.len()))).collect();
        let mut batch = log.batch(RUN, &letters);
        for (round, changes) in meanwhile.iter().enumerate() {
            log.show(&mut batch);
            let sends = batch.sends();
            for row in changes {
                log.changes(*row);
            }
            let count = if crashes[round] { partly[round].index(sends.len() + 1) } else { sends.len() };
            log.write(&sends[..count], &letters);
            if crashes[round] {
                batch = log.batch(RUN, &letters);
            }
        }
        let sums = log.settle(RUN, &letters);
        prop_assert_eq!(sums.replayed + sums.superseded, i64::try_from(letters.len()).unwrap());
        for letter in &letters {
            let row = (0..3).find(|row| key(*row) == letter.key).unwrap();
            let (last, newest) = log.end_of(row);
            prop_assert_eq!(last, newest, "{:?}", log);
            let from = letter.from.as_ref().unwrap().1;
            let copies = log.0.iter().flatten().filter(|e| e.copied.as_ref().is_some_and(|c| c.rank == from));
            prop_assert!(newest != from || copies.count() == 1, "the newest is sent, once");
        }
        let before = log.0.len();
        log.settle(RUN, &letters);
        prop_assert_eq!(log.0.len(), before, "it is done");
    }
}
