//! Sets what two databases say against each other.

use std::collections::BTreeMap;

use super::TableOutcome;
use super::sql::Key;

/// Count and checksum of a range of rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Digest {
    pub rows: i64,
    pub sum: String,
}

/// What is known of one row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    pub hash: String,
    /// Another one after every change: a row that was changed there and back is not taken for one that rested.
    pub version: String,
}

pub type Rows = BTreeMap<Key, Row>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The source has the row, the sink does not.
    Missing,
    /// The sink has the row, the source does not.
    Extra,
    /// Both have it, with other values.
    Different,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub kind: Kind,
    pub key: Key,
}

fn differs(source: Option<&Row>, sink: Option<&Row>) -> Option<Kind> {
    match (source, sink) {
        (Some(_), None) => Some(Kind::Missing),
        (None, Some(_)) => Some(Kind::Extra),
        (Some(a), Some(b)) if a.hash != b.hash => Some(Kind::Different),
        _ => None,
    }
}

/// Keys that differed when they were looked at last, with the source's row as it was then.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Suspects(BTreeMap<Key, Option<Row>>);

impl Suspects {
    /// Takes in what both sides have in a range.
    pub fn add(&mut self, source: &Rows, sink: &Rows) {
        for key in source.keys().chain(sink.keys()) {
            if differs(source.get(key), sink.get(key)).is_some() {
                self.0.insert(key.clone(), source.get(key).cloned());
            }
        }
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.0.keys()
    }

    /// Takes in a second look at these keys: at the sink after it had applied everything that the source had at the first, and at the
    /// source after that. What rests in the source and still differs is a difference; what has changed meanwhile stays a suspect.
    pub fn look_again(&mut self, source: &Rows, sink: &Rows) -> Vec<Difference> {
        let mut found = Vec::new();
        for (key, first) in std::mem::take(&mut self.0) {
            let (now, copy) = (source.get(&key), sink.get(&key));
            let Some(kind) = differs(first.as_ref(), copy).and(differs(now, copy)) else { continue };
            if first.as_ref() == now {
                found.push(Difference { kind, key });
            } else {
                self.0.insert(key, now.cloned());
            }
        }
        found
    }
}

/// Differences that are named.
const FIRST: usize = 5;

impl TableOutcome {
    pub fn count(&mut self, found: Vec<Difference>) {
        for difference in found {
            match difference.kind {
                Kind::Missing => self.missing += 1,
                Kind::Extra => self.extra += 1,
                Kind::Different => self.different += 1,
            }
            if self.first.len() < FIRST {
                self.first.push(difference);
            }
        }
    }
}
