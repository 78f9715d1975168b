use std::collections::BTreeMap;

use super::letter::Place;

/// Where copies stand: of each partition the last one, for a sink reads a partition in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Copies {
    last: BTreeMap<Place, i64>,
    count: i64,
}

impl Copies {
    /// Those of a partition come in their order. What comes once more, because a sink was restarted, counts once.
    pub fn note(&mut self, place: &Place, offset: i64) {
        let last = self.last.entry(place.clone()).or_insert(-1);
        if offset > *last {
            *last = offset;
            self.count += 1;
        }
    }

    pub fn count(&self) -> i64 {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.last.is_empty()
    }

    pub fn places(&self) -> impl Iterator<Item = &Place> {
        self.last.keys()
    }

    /// Forgets those that no partition holds: its topic was made anew, and nobody reads them any more.
    pub fn forget(&mut self, ends: &BTreeMap<Place, i64>) {
        self.last.retain(|place, last| ends.get(place).is_none_or(|end| *last < *end));
    }

    /// Whether a sink has read all of them. `committed`: where it goes on; `again`: what it has put aside. Debezium's sink commits what it
    /// has written (`JdbcSinkConnectorTask.preCommit`): a record that was put aside, and is the last, is not committed.
    pub fn are_read(&self, committed: &BTreeMap<Place, i64>, again: &Self) -> bool {
        self.last.iter().all(|(place, last)| {
            committed.get(place).is_some_and(|next| next > last)
                || again.last.get(place).is_some_and(|aside| aside >= last)
        })
    }
}
