//! Whether a certificate must be issued: an ordered list of checks, each one fact.

use jiff::{SignedDuration, Timestamp};

use super::certificate::Certificate;
use super::identity::Identity;

/// Long enough that nobody has to think of it, and replaced while it is still good.
pub const AUTHORITY_LIFE: SignedDuration = SignedDuration::from_hours(10 * 365 * 24);
/// A restart of each node once in eight months, and four months in which it may be put off.
pub const LEAF_LIFE: SignedDuration = SignedDuration::from_hours(365 * 24);
/// Clocks of machines differ.
pub(super) const SKEW: SignedDuration = SignedDuration::from_mins(10);

/// From when to when a certificate is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    pub not_before: Timestamp,
    pub not_after: Timestamp,
}

/// Why a certificate is issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// There is none, or it cannot be read.
    Missing,
    /// Two thirds of its life are over.
    Expires,
    /// It is another authority's.
    Issuer,
    /// It says something else than it should.
    Identity,
    /// Somebody asked for it.
    Requested,
    /// Somebody gave another one.
    Given,
}

impl Why {
    pub fn text(self) -> &'static str {
        match self {
            Self::Missing => "there is none",
            Self::Expires => "two thirds of its life are over",
            Self::Issuer => "another authority signs now",
            Self::Identity => "its names have changed",
            Self::Requested => "spec.certificates.renewedAt asks for it",
            Self::Given => "spec.certificates.ca names another",
        }
    }
}

impl Life {
    /// Of an authority of its own.
    pub fn of_authority(now: Timestamp) -> Self {
        Self { not_before: earlier(now), not_after: later(now, AUTHORITY_LIFE) }
    }

    /// Of what `authority` signs: not longer than its own.
    pub fn of_leaf(authority: &Certificate, now: Timestamp) -> Self {
        let not_after = later(now, LEAF_LIFE).min(authority.not_after);
        Self { not_before: earlier(now).max(authority.not_before), not_after }
    }
}

fn earlier(now: Timestamp) -> Timestamp {
    // certificates know whole seconds
    Timestamp::from_second(now.as_second() - SKEW.as_secs()).unwrap_or(now)
}

fn later(now: Timestamp, life: SignedDuration) -> Timestamp {
    Timestamp::from_second(now.as_second() + life.as_secs()).unwrap_or(Timestamp::MAX)
}

/// When it is time for the next one: two thirds of its life are over.
pub fn renew_at(certificate: &Certificate) -> Timestamp {
    let (from, to) = (certificate.not_before.as_second(), certificate.not_after.as_second());
    Timestamp::from_second(from + (to - from) / 3 * 2).unwrap_or(certificate.not_after)
}

/// Whether a certificate must be signed by `authority`.
pub fn leaf(
    held: Option<&Certificate>,
    wanted: &Identity,
    authority: &Certificate,
    now: Timestamp,
) -> Option<Why> {
    let Some(held) = held else { return Some(Why::Missing) };
    let says = held.subject.as_ref() == Some(&wanted.subject) && held.names == wanted.names;
    [
        (!says, Why::Identity),
        (held.issuer_key_id.is_none() || held.issuer_key_id != authority.key_id, Why::Issuer),
        // an authority's own end cannot be put off by what it signs
        (now >= renew_at(held) && held.not_after < authority.not_after, Why::Expires),
    ]
    .into_iter()
    .find_map(|(is_so, why)| is_so.then_some(why))
}
