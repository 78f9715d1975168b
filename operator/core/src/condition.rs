//! From a verdict to kstatus conditions: `Ready` always, `Reconciling` and `Stalled` only while they are true.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use crate::finding::{self, Finding};
use crate::reason::Reason;

/// The most characters a condition's message may have (`metav1.Condition` allows 32,768; people read fewer).
const MESSAGE_LIMIT: usize = 2048;

/// What we conclude about an object in one pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub kind: VerdictKind,
    pub reason: &'static str,
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerdictKind {
    /// The declared state is in force and works.
    Ready,
    /// We are on the way and need nobody.
    Reconciling,
    /// Nothing moves until somebody changes something; the message says what.
    Stalled,
    /// We cannot see. Never success.
    Unknown,
}

impl Verdict {
    pub fn ready(reason: impl Reason, message: impl Into<String>) -> Self {
        Self { kind: VerdictKind::Ready, reason: reason.as_str(), message: message.into() }
    }
    pub fn reconciling(reason: impl Reason, message: impl Into<String>) -> Self {
        Self { kind: VerdictKind::Reconciling, reason: reason.as_str(), message: message.into() }
    }
    pub fn stalled(reason: impl Reason, message: impl Into<String>) -> Self {
        Self { kind: VerdictKind::Stalled, reason: reason.as_str(), message: message.into() }
    }
    pub fn unknown(reason: impl Reason, message: impl Into<String>) -> Self {
        Self { kind: VerdictKind::Unknown, reason: reason.as_str(), message: message.into() }
    }

    /// The input is refused: the first finding gives the reason, all of them the message.
    ///
    /// # Panics
    /// When there is no finding: then nothing was refused.
    pub fn refused<R: Reason>(findings: &[Finding<R>]) -> Self {
        Self::stalled(findings[0].reason, finding::join(findings))
    }

    pub fn is_ready(&self) -> bool {
        self.kind == VerdictKind::Ready
    }
}

/// Whether `conditions` say something about this generation of the spec.
pub fn speak_of(conditions: &[Condition], generation: Option<i64>) -> bool {
    conditions
        .iter()
        .any(|c| c.type_ == "Ready" && generation.is_some() && c.observed_generation == generation)
}

/// The conditions that say `verdict`. A condition that keeps its status keeps its `lastTransitionTime`.
pub fn build(
    verdict: &Verdict,
    generation: Option<i64>,
    now: Timestamp,
    previous: &[Condition],
) -> Vec<Condition> {
    let ready = match verdict.kind {
        VerdictKind::Ready => "True",
        VerdictKind::Reconciling | VerdictKind::Stalled => "False",
        VerdictKind::Unknown => "Unknown",
    };
    let abnormal = match verdict.kind {
        VerdictKind::Reconciling => Some("Reconciling"),
        VerdictKind::Stalled => Some("Stalled"),
        VerdictKind::Ready | VerdictKind::Unknown => None,
    };
    std::iter::once(("Ready", ready))
        .chain(abnormal.map(|kind| (kind, "True")))
        .map(|(kind, status)| one(kind, status, verdict, generation, now, previous))
        .collect()
}

/// A condition of a kind's own beside `Ready`. `holds`: `None` where nobody knows.
pub fn further(
    kind: &str,
    holds: impl Into<Option<bool>>,
    reason: impl Reason,
    message: impl Into<String>,
    generation: Option<i64>,
    now: Timestamp,
    previous: &[Condition],
) -> Condition {
    let status = match holds.into() {
        Some(true) => "True",
        Some(false) => "False",
        None => "Unknown",
    };
    let verdict = Verdict::ready(reason, message);
    one(kind, status, &verdict, generation, now, previous)
}

fn one(
    kind: &str,
    status: &str,
    verdict: &Verdict,
    generation: Option<i64>,
    now: Timestamp,
    previous: &[Condition],
) -> Condition {
    let since = previous
        .iter()
        .find(|c| c.type_ == kind && c.status == status)
        // the schema's default for an object that nobody has looked at yet carries the epoch
        .filter(|c| c.last_transition_time.0 != Timestamp::UNIX_EPOCH)
        .map_or_else(|| whole_seconds(now), |c| c.last_transition_time.0);
    Condition {
        type_: kind.into(),
        status: status.into(),
        reason: verdict.reason.into(),
        message: shorten(&verdict.message),
        observed_generation: generation,
        last_transition_time: Time(since),
    }
}

/// As the API server gives a time back: to the second. A finer one would differ from what the next pass reads.
pub(crate) fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

fn shorten(message: &str) -> String {
    if message.chars().count() <= MESSAGE_LIMIT {
        return message.into();
    }
    message.chars().take(MESSAGE_LIMIT - 1).chain(std::iter::once('…')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::reasons! {
        enum Why {
            /// It works.
            Fine,
            /// It does not.
            Broken,
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_condition_keeps_its_time_while_its_status_stays() {
        let first = build(&Verdict::reconciling(Why::Broken, "a"), Some(1), at(10), &[]);
        let second = build(&Verdict::reconciling(Why::Broken, "b"), Some(2), at(20), &first);
        assert_eq!(second[0].last_transition_time.0, at(10));
        assert_eq!((second[0].message.as_str(), second[0].observed_generation), ("b", Some(2)));
        let third = build(&Verdict::ready(Why::Fine, ""), Some(2), at(30), &second);
        assert_eq!(third.len(), 1, "Reconciling is gone once it is not true");
        assert_eq!(third[0].last_transition_time.0, at(30));
    }

    #[test]
    fn a_time_that_was_written_equals_the_one_that_comes_back() {
        let fine = at(10) + jiff::SignedDuration::from_millis(999);
        assert_eq!(whole_seconds(fine), at(10));
        let ready = build(&Verdict::ready(Why::Fine, ""), Some(1), fine, &[]);
        assert_eq!(ready[0].last_transition_time.0, at(10));
    }

    #[test]
    fn stalled_is_not_ready_and_says_so_twice() {
        let conditions = build(&Verdict::stalled(Why::Broken, "x"), Some(1), at(1), &[]);
        let seen: Vec<_> = conditions.iter().map(|c| (c.type_.as_str(), c.status.as_str())).collect();
        assert_eq!(seen, [("Ready", "False"), ("Stalled", "True")]);
    }

    #[test]
    fn reasons_carry_their_meaning() {
        assert_eq!(Why::ALL[1].0, "Broken");
        assert_eq!(Why::ALL[1].1.trim(), "It does not.");
    }
}
