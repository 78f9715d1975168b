use proptest::prelude::*;

use super::*;

/// A partition: record `n` of the vector has the offset `begin + n`. `None`: a stranger.
struct Log {
    begin: i64,
    records: Vec<Option<Mark>>,
}

impl Log {
    fn at(&self, offset: i64) -> Option<Spot> {
        let index = usize::try_from(offset - self.begin).expect("an offset that is there");
        self.records.get(index).map(|mark| Spot { offset, at: offset * 10, mark: *mark })
    }

    fn end(&self) -> i64 {
        self.begin + i64::try_from(self.records.len()).unwrap()
    }

    /// What a hunt finds, and how often it looked.
    fn hunt(&self, lsn: u64, known: Option<Run>) -> (Option<Run>, u32) {
        let mut hunt = Hunt::new(Lsn(lsn), self.begin, self.begin..self.end(), known);
        let mut looks = 0;
        while let Some(offset) = hunt.asks() {
            hunt.told(self.at(offset));
            looks += 1;
            assert!(looks < 1000, "it goes on for ever: {hunt:?}");
        }
        (hunt.run(), looks)
    }
}

fn rows(count: usize, lsn: u64, ts: i64) -> Vec<Option<Mark>> {
    let row = |n| {
        let opens = if n == 0 { Opens::Table } else { Opens::Nothing };
        Some(Mark { lsn: Lsn(lsn), ts, row: true, opens })
    };
    (0..count).map(row).collect()
}

fn changes(count: usize, lsn: u64) -> Vec<Option<Mark>> {
    let change = |n| Some(Mark { lsn: Lsn(lsn + n as u64), ts: 0, row: false, opens: Opens::Nothing });
    (0..count).map(change).collect()
}

/// As when transactions that were begun before the snapshot are committed after it, among others.
fn mixed(count: usize, old: u64, new: u64) -> Vec<Option<Mark>> {
    (0..count).flat_map(|n| changes(1, if n % 3 == 2 { new + n as u64 } else { old })).collect()
}

fn log(parts: &[Vec<Option<Mark>>]) -> Log {
    Log { begin: 0, records: parts.concat() }
}

#[test]
fn a_million_rows_are_counted_by_a_few_looks() {
    let log = log(&[rows(1_000_000, 50, 7)]);
    let (run, looks) = log.hunt(50, None);
    let run = run.unwrap();
    assert_eq!((run.first, run.after, run.opens, run.whole), (0, 1_000_000, Opens::Table, true));
    assert!(looks <= 23, "{looks}");
    assert_eq!(log.hunt(50, Some(run)), (Some(run), 1), "what is known is not looked for again");
}

#[test]
fn a_snapshot_that_begins_again_begins_at_nothing() {
    // at another position, and at the same one
    for again in [60, 50] {
        let log = log(&[rows(400, 50, 7), rows(30, again, 9)]);
        let run = log.hunt(again, None).0.unwrap();
        assert_eq!((run.first, run.after, run.ts), (400, 430, 9));
        let known = Run { ts: 7, first: 0, after: 400, ..run };
        assert_eq!(log.hunt(again, Some(known)).0, Some(run));
    }
}

#[test]
fn older_records_and_newer_changes_are_no_rows_of_it() {
    let log = log(&[rows(10, 5, 1), changes(30, 20), rows(100, 60, 9), changes(50, 61)]);
    let run = log.hunt(60, None).0.unwrap();
    assert_eq!((run.first, run.after), (40, 140));
    assert_eq!(log.hunt(70, None).0, None, "few rows may stand among changes that are older than them");
    let none = log.hunt(500, None).0.unwrap();
    assert_eq!((none.first, none.after), (190, 190));
}

#[test]
fn what_came_before_the_snapshot_was_ordered_is_not_looked_at() {
    // of another server, whose positions were further on
    let log = log(&[rows(10, 500, 1), changes(30, 600), rows(100, 60, 9), changes(5, 61)]);
    let mut hunt = Hunt::new(Lsn(60), 0, 40..log.end(), None);
    while let Some(offset) = hunt.asks() {
        hunt.told(log.at(offset));
    }
    let run = hunt.run().unwrap();
    assert_eq!((run.first, run.after, run.whole), (40, 140, true));
    let none = Hunt::new(Lsn(60), 0, 145..145, None).run().unwrap();
    assert!(none.first == none.after && none.whole, "the log has all that was there before");
}

#[test]
fn tombstones_and_strangers_are_passed_by() {
    let mut records = log(&[rows(50, 50, 7), changes(40, 51)]).records;
    for at in [45, 60, 61, 89] {
        records[at] = None;
    }
    let run = Log { begin: 0, records }.hunt(50, None).0.unwrap();
    assert_eq!((run.first, run.after), (0, 50));
    let strange = Log { begin: 0, records: vec![None; 100] };
    assert_eq!(strange.hunt(50, None).0, None, "nobody can tell");
}

#[test]
fn what_retention_has_cut_off_is_not_whole() {
    let cut = |begin, mut records: Vec<Option<Mark>>| {
        records.drain(..3);
        Log { begin, records }.hunt(50, None).0.unwrap().whole
    };
    assert!(!cut(3, rows(50, 50, 7)));
    assert!(!cut(3, [rows(3, 50, 7), changes(5, 51)].concat()), "all of its rows may have been there");
    assert!(cut(3, [rows(4, 40, 5), rows(5, 50, 7)].concat()));
    let emptied = Log { begin: 3, records: rows(50, 50, 7) };
    assert!(emptied.hunt(50, None).0.unwrap().whole, "it begins with the first row of its table");
    let empty = |begin| Log { begin, records: Vec::new() }.hunt(50, None).0.unwrap().whole;
    assert!(empty(0) && !empty(9));
}

#[test]
fn the_position_of_a_snapshot_is_found_behind_its_changes() {
    let found = |log: &Log, lsn| {
        let mut floor = Floor::new(Lsn(lsn), log.begin, log.end());
        while let Some(offset) = floor.asks() {
            floor.told(log.at(offset));
        }
        floor.snapshot()
    };
    let log = log(&[rows(10, 5, 1), changes(3, 20), rows(100, 60, 9), changes(50, 61)]);
    assert_eq!(found(&log, 30), Some(Lsn(60)));
    assert_eq!(found(&log, 5), Some(Lsn(5)));
    assert_eq!(found(&log, 61), None, "a change is no row");
    assert_eq!(found(&log, 500), None);
}

proptest! {
    #[test]
    fn the_newest_run_is_always_found(
        before in 0_usize..40, cut_short in 0_usize..40, count in 0_usize..60, behind in 0_usize..40,
        same in any::<bool>(), begin in 0_i64..3,
    ) {
        let lsn = 60;
        let first = if same { lsn } else { 55 };
        let parts = [changes(before, 2), rows(cut_short, first, 7), rows(count, lsn, 9), changes(behind, 61)];
        let log = Log { begin, ..log(&parts) };
        let Some(run) = log.hunt(lsn, None).0 else {
            // among changes that are older than the snapshot a row may stand that was not looked at
            prop_assert_eq!((count, cut_short), (0, 0), "rows are always found");
            return Ok(());
        };
        let at = |n: usize| begin + i64::try_from(n).unwrap();
        prop_assert_eq!(run.after, at(before + cut_short + count));
        if count > 0 {
            prop_assert_eq!(run.first, at(before + cut_short));
        } else if !same {
            prop_assert_eq!(run.first, run.after);
        }
    }
}

#[test]
fn changes_that_are_older_than_the_snapshot_and_came_behind_its_rows_are_no_rows() {
    for count in [1, 2, 3, 7, 40, 500] {
        for tail in [0, 1, 900] {
            let log = log(&[rows(1000, 50, 7), mixed(count, 48, 60), changes(tail, 2000)]);
            let run = log.hunt(50, None).0.unwrap();
            assert_eq!((run.first, run.after, run.whole), (0, 1000, true), "{count} {tail}");
        }
    }
    // a table without rows, whose first changes were such ones
    let log = log(&[changes(5, 40), changes(9, 60)]);
    let run = log.hunt(50, None).0.unwrap();
    assert_eq!((run.after - run.first, run.whole), (0, true));
}

#[test]
fn few_rows_before_many_such_changes_are_found_or_not_told_of() {
    for few in 1..40 {
        let log = log(&[changes(30, 10), rows(few, 50, 7), changes(300, 48), changes(10, 60)]);
        let found = log.hunt(50, None).0;
        let right = |run: Run| run.after - run.first == i64::try_from(few).unwrap();
        assert!(found.is_none_or(right), "{few}: {found:?}");
    }
}
