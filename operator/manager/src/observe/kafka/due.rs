use jiff::Timestamp;
use parking_lot::Mutex;

/// Which kind of step is due, and since when. What made it due may be newer than all that was seen of Kafka.
#[derive(Default)]
pub struct Due(Mutex<Option<(&'static str, Timestamp)>>);

impl Due {
    /// Whether a look that began at `looked_at` shows what there was when such a step was found to be due, or later.
    pub fn is_shown(&self, step: Option<&'static str>, looked_at: Option<Timestamp>, now: Timestamp) -> bool {
        let mut due = self.0.lock();
        *due = step.map(|step| due.filter(|(known, _)| *known == step).unwrap_or((step, now)));
        due.zip(looked_at).is_some_and(|((_, since), looked_at)| looked_at > since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_made_by_a_look_that_began_after_it_was_due() {
        let (due, at) = (Due::default(), |second| Timestamp::from_second(second).unwrap());
        let shows = |step, looked_at, now| due.is_shown(step, Some(at(looked_at)), at(now));
        assert!(!shows(Some("Restart"), 9, 10), "its cause may have come since");
        assert!(!shows(Some("Restart"), 10, 12));
        assert!(shows(Some("Restart"), 11, 12));
        assert!(!shows(Some("AddVoter"), 11, 12), "another one");
        assert!(!shows(None, 13, 14));
        assert!(!shows(Some("AddVoter"), 13, 15), "it was not due meanwhile");
        assert!(!due.is_shown(Some("AddVoter"), None, at(16)));
    }
}
