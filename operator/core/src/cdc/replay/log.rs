use std::collections::{BTreeMap, HashMap};

use super::batch::{Seen, What};
use super::letter::{Form, Key};
use super::sums::Why;

/// What was seen of a partition.
#[derive(Clone, Debug)]
pub(super) struct Log {
    /// Where it is to be read on.
    pub next: i64,
    /// Letters by the offset at which they were read.
    pub letters: HashMap<i64, usize>,
    pub rows: HashMap<Key, Row>,
    pub hidden: Hidden,
    /// Offset of the last TRUNCATE.
    pub truncated: Option<i64>,
}

/// Records that may be changes of a row, though nobody can tell.
#[derive(Clone, Debug, Default)]
pub(super) struct Hidden {
    /// Of what fields keys were seen to be, and the highest rank of each.
    forms: BTreeMap<Form, i64>,
    /// Behind the last records that could not be opened.
    pub sealed: Option<i64>,
}

/// What a partition holds of one row.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    pub last: Option<Mark>,
    pub newest: Option<Mark>,
    /// Offsets of the copies that this run has sent, by their ranks.
    pub sent: BTreeMap<i64, i64>,
    /// The same of the last ones of other runs.
    others: BTreeMap<i64, i64>,
    /// Why nobody can tell whether a newer change stands before the last copy that this run has sent.
    pub doubt: Option<Why>,
    /// Kafka does not take what has to come behind its last copy.
    pub stuck: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    pub offset: i64,
    pub rank: i64,
}

impl Log {
    pub fn new(next: i64) -> Self {
        Self {
            next,
            letters: HashMap::new(),
            rows: HashMap::new(),
            hidden: Hidden::default(),
            truncated: None,
        }
    }

    /// A record, in their order. `run`: the one that looks.
    pub fn saw(&mut self, seen: &Seen, run: &str) {
        self.next = seen.offset + 1;
        let Some(key) = &seen.key else {
            if seen.truncates {
                self.truncated = Some(seen.offset);
            }
            return;
        };
        let rank = seen.copied.as_ref().map_or(seen.offset, |copied| copied.rank);
        self.hidden.forms.entry(key.form()).and_modify(|last| *last = rank.max(*last)).or_insert(rank);
        let Some(row) = self.rows.get_mut(key) else { return };
        // a tombstone says nothing that the delete before it does not, and the sinks pass it over: it does not say of which table it is
        if seen.empty && seen.copied.is_none() {
            return;
        }
        let mark = Mark { offset: seen.offset, rank };
        row.last = Some(mark);
        if row.newest.is_none_or(|newest| newest.rank <= rank) {
            row.newest = Some(mark);
        }
        let Some(copied) = &seen.copied else { return };
        if copied.run == run {
            row.sent.insert(rank, seen.offset);
            row.doubt = self.hidden.since(key, newest(row, self.truncated));
        } else {
            row.others.insert(rank, seen.offset);
        }
    }

    /// Why nobody can tell whether a row has a newer change than is known.
    pub fn hides(&self, key: &Key, row: &Row) -> Option<Why> {
        self.hidden.since(key, newest(row, self.truncated))
    }

    /// The last record of a row is a copy of an older one: what has to come behind it.
    pub fn overtaken(&self, row: &Row) -> Option<(i64, What)> {
        let (last, newest) = (row.last?, row.newest?);
        match self.truncated {
            Some(at) if at > newest.rank => {
                (at < last.offset && last.rank < at).then_some((at, What::Nothing))
            }
            _ => (last.rank < newest.rank).then_some((newest.rank, What::Newest(newest.offset))),
        }
    }
}

/// Rank of what is known to be the newest of a row: what is older than that is no matter.
fn newest(row: &Row, truncated: Option<i64>) -> i64 {
    row.newest.map(|newest| newest.rank).max(truncated).unwrap_or(-1)
}

impl Hidden {
    /// Why nobody can see which changes of this key's row came behind `rank`.
    pub fn since(&self, key: &Key, rank: i64) -> Option<Why> {
        if self.sealed.is_some_and(|before| rank < before) {
            return Some(Why::Sealed);
        }
        let other = self.forms.iter().any(|(form, last)| *form != key.form() && *last > rank);
        other.then_some(Why::OtherKeys)
    }
}

impl Row {
    /// A copy that this run has sent is the last record of it.
    pub fn ends_sent(&self) -> bool {
        self.last.is_some_and(|last| self.sent.get(&last.rank) == Some(&last.offset))
    }

    /// This run has sent the letter of this rank that was read there. Where a copy of another run was put aside too, that one is meant, and
    /// not what it is a copy of.
    pub fn has_sent(&self, rank: i64, offset: i64) -> bool {
        self.sent.contains_key(&rank) && self.others.get(&rank).is_none_or(|other| *other <= offset)
    }
}
