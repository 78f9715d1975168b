use std::collections::BTreeMap;

use super::hunt::Run;
use super::mark::Opens;
use crate::view::source::{Lsn, TableName};

/// A partition as it was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// One past its last record.
    pub end: i64,
    /// `None`: nobody can tell what is in it.
    pub run: Option<Run>,
}

/// What a snapshot has brought of one table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    pub rows: i64,
    /// Records behind them.
    pub changes: i64,
    /// All of it could be counted.
    pub whole: bool,
}

/// What a snapshot has brought, as it was begun last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Where the server was when it began.
    pub lsn: Lsn,
    /// When its first row came to Kafka, in milliseconds since 1970.
    pub began: Option<i64>,
    pub tables: BTreeMap<TableName, Rows>,
}

impl Tally {
    /// `parts`: all partitions of each table.
    pub fn of(lsn: Lsn, parts: &BTreeMap<TableName, Vec<Part>>) -> Self {
        let runs =
            || parts.values().flatten().filter_map(|part| part.run).filter(|run| run.first < run.after);
        // what was read before the first row of all is of an attempt that was cut short, at the same position
        let since = runs().filter(|run| run.opens == Opens::Snapshot).map(|run| run.ts).max();
        let of_this = |run: &Run| since.is_none_or(|since| run.ts >= since);
        let table = |parts: &Vec<Part>| {
            let mut sum = Rows { whole: !parts.is_empty(), ..Default::default() };
            for part in parts {
                let Some(run) = part.run else {
                    sum.whole = false;
                    continue;
                };
                sum.rows += if of_this(&run) { run.after - run.first } else { 0 };
                sum.changes += (part.end - run.after).max(0);
                sum.whole &= run.whole;
            }
            sum
        };
        Self {
            lsn,
            began: runs().filter(of_this).map(|run| run.began).min(),
            tables: parts.iter().map(|(name, parts)| (name.clone(), table(parts))).collect(),
        }
    }

    pub fn rows(&self) -> i64 {
        self.tables.values().map(|table| table.rows).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(ts: i64, first: i64, after: i64, opens: Opens) -> Run {
        Run { lsn: Lsn(50), ts, first, after, opens, began: first * 10, whole: true }
    }

    fn part(end: i64, run: Run) -> Part {
        Part { end, run: Some(run) }
    }

    #[test]
    fn partitions_of_a_table_are_summed_up_with_the_changes_behind_their_rows() {
        let (orders, items) = (TableName::new("public", "orders"), TableName::new("public", "items"));
        let parts = [
            (
                orders.clone(),
                vec![part(120, run(7, 20, 110, Opens::Table)), part(5, run(7, 1, 5, Opens::Nothing))],
            ),
            (items.clone(), vec![part(40, run(6, 10, 40, Opens::Snapshot)), Part { end: 9, run: None }]),
        ];
        let tally = Tally::of(Lsn(50), &parts.into());
        assert_eq!(tally.tables[&orders], Rows { rows: 94, changes: 10, whole: true });
        assert_eq!(tally.tables[&items], Rows { rows: 30, changes: 0, whole: false });
        assert_eq!((tally.rows(), tally.began), (124, Some(10)));
    }

    #[test]
    fn an_attempt_that_was_cut_short_at_the_same_position_does_not_count() {
        let (first, second) = (TableName::new("public", "a"), TableName::new("public", "b"));
        let parts = [
            (first.clone(), vec![part(130, run(9, 100, 130, Opens::Snapshot))]),
            (second.clone(), vec![part(60, run(7, 0, 60, Opens::Table))]),
        ];
        let tally = Tally::of(Lsn(50), &parts.into());
        assert_eq!((tally.tables[&first].rows, tally.tables[&second].rows), (30, 0));
        assert_eq!(tally.began, Some(1000));
    }
}
