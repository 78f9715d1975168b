use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use sluice_core::cluster::{Doing, Outcome};

use crate::scope::Key;

/// When a failed change is tried again, unless the spec changes earlier.
pub const AGAIN: Duration = Duration::from_secs(5);

/// Changes that failed a moment ago. Passes that something else wakes meanwhile show the failure and do not repeat
/// that change: a cluster that refuses is not asked ten times a second. Changes of other kinds go on.
#[derive(Default)]
pub struct Failures {
    recent: Mutex<HashMap<(Key, Doing), Failure>>,
}

struct Failure {
    at: Instant,
    generation: Option<i64>,
    outcome: Outcome,
}

impl Failures {
    /// The failure that still holds for this spec.
    pub fn standing(&self, key: &Key, generation: Option<i64>, doing: Doing) -> Option<Outcome> {
        let mut recent = self.recent.lock();
        let place = (key.clone(), doing);
        let failure = recent.get(&place)?;
        if failure.generation == generation && failure.at.elapsed() < AGAIN {
            return Some(failure.outcome.clone());
        }
        recent.remove(&place);
        None
    }

    pub fn note(&self, key: &Key, generation: Option<i64>, doing: Doing, outcome: &Outcome) {
        if *outcome != Outcome::Done {
            let failure = Failure { at: Instant::now(), generation, outcome: outcome.clone() };
            self.recent.lock().insert((key.clone(), doing), failure);
        }
    }

    pub fn forget(&self, key: &Key) {
        self.recent.lock().retain(|(other, _), _| other != key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_holds_for_the_spec_that_it_was_about() {
        let failures = Failures::default();
        let key = Key { namespace: "ns".into(), name: "c".into() };
        let failed = Outcome::Failed { doing: Doing::Alter, error: "no".into(), refused: true };
        failures.note(&key, Some(1), Doing::Alter, &failed);
        assert_eq!(failures.standing(&key, Some(1), Doing::Grow), None, "other changes go on");
        assert_eq!(failures.standing(&key, Some(1), Doing::Alter), Some(failed));
        assert_eq!(failures.standing(&key, Some(2), Doing::Alter), None, "another spec is tried at once");
        failures.forget(&key);
        assert!(failures.recent.lock().is_empty());
    }
}
