use std::collections::BTreeMap;

use super::tally::Tally;
use crate::cdc::preflight;
use crate::view::source::{Lsn, TableName};

/// Rows of the source, counted after the snapshot had been read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// No change that they hold is behind this.
    pub position: Lsn,
    pub rows: BTreeMap<TableName, i64>,
}

/// How far counting them is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Counted {
    #[default]
    NotYet,
    Done(Counts),
    /// It is tried again.
    Failed(String),
    /// It is not, for it took the source too long.
    GivenUp(String),
}

/// Whether as many rows have come as the source has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Judged {
    /// Changes that the source holds may still be on their way.
    Waits,
    /// `same`: to the row; else as far as changes meanwhile explain it.
    Agree { same: bool },
    /// In words, table by table.
    Differ(String),
    /// Nobody can tell of these tables.
    Unsure(String),
}

/// Changes go on while rows are counted, and each adds or takes one row at most: the difference between the rows that came and the
/// rows that are there must be no larger than the number of changes that came behind them. Where there are none it must be nothing.
/// `confirmed`: up to where changes are in the topics.
pub(super) fn judge(tally: &Tally, counts: &Counts, confirmed: Option<Lsn>) -> Judged {
    let (mut differ, mut unsure, mut same) = (Vec::new(), Vec::new(), true);
    for (table, rows) in &tally.tables {
        let Some(count) = counts.rows.get(table) else { continue };
        same &= *count == rows.rows;
        if !rows.whole {
            unsure.push(table.to_string());
        } else if (count - rows.rows).abs() > rows.changes {
            let what =
                if count > &rows.rows { "fewer came than there are" } else { "more came than there are" };
            differ.push(format!(
                "{table}: {} rows and {} changes came, the source has {count} rows: {what}",
                rows.rows, rows.changes
            ));
        }
    }
    // every change until then explains a row, and none after that: so it is judged at the first moment at which it can be
    let caught_up = confirmed.is_some_and(|confirmed| confirmed >= counts.position);
    if !same && !caught_up {
        return Judged::Waits;
    }
    let listed = |mut all: Vec<String>| {
        let more = all.len().saturating_sub(3);
        all.truncate(3);
        let rest = if more > 0 { format!("; and {more} tables more") } else { String::new() };
        format!("{}{rest}", all.join("; "))
    };
    match (differ.is_empty(), unsure.is_empty()) {
        (false, _) => Judged::Differ(listed(differ)),
        (true, false) => Judged::Unsure(preflight::list(&unsure)),
        (true, true) => Judged::Agree { same },
    }
}

#[cfg(test)]
mod tests {
    use super::super::tally::Rows;
    use super::*;

    fn judged(rows: i64, changes: i64, whole: bool, count: i64, confirmed: u64) -> Judged {
        let table = TableName::new("public", "orders");
        let tally = Tally {
            lsn: Lsn(50),
            began: None,
            tables: [(table.clone(), Rows { rows, changes, whole })].into(),
        };
        let counts = Counts { position: Lsn(100), rows: [(table, count)].into() };
        judge(&tally, &counts, Some(Lsn(confirmed)))
    }

    #[test]
    fn without_changes_the_counts_must_be_the_same() {
        assert_eq!(judged(1000, 0, true, 1000, 0), Judged::Agree { same: true });
        assert_eq!(judged(1000, 0, true, 1001, 99), Judged::Waits, "a change may be on its way");
        let Judged::Differ(words) = judged(1000, 0, true, 1001, 100) else { panic!() };
        assert_eq!(
            words,
            "public.orders: 1000 rows and 0 changes came, the source has 1001 rows: fewer came than there are"
        );
        assert!(
            matches!(judged(1000, 0, true, 999, 100), Judged::Differ(words) if words.contains("more came"))
        );
    }

    #[test]
    fn changes_meanwhile_explain_as_many_rows_as_they_are() {
        assert_eq!(judged(1000, 10, true, 1010, 100), Judged::Agree { same: false });
        assert_eq!(judged(1000, 10, true, 990, 100), Judged::Agree { same: false });
        assert_eq!(judged(1000, 10, true, 990, 99), Judged::Waits, "more changes would explain more");
        assert!(matches!(judged(1000, 10, true, 1011, 100), Judged::Differ(_)));
    }

    #[test]
    fn what_could_not_be_counted_is_no_success() {
        assert_eq!(judged(1000, 0, false, 1000, 100), Judged::Unsure("public.orders".into()));
    }
}
