use std::sync::Arc;

use jiff::Timestamp;

/// How well we see a world right now. Unknown is never success.
#[derive(Debug)]
pub enum Sight<V> {
    /// We have not reached it yet. `error` is why, once an attempt has failed.
    Never { since: Timestamp, error: Option<String> },
    /// The newest look succeeded.
    Clear(Arc<V>),
    /// It answered before and does not now; `last` is what we saw then.
    Lost { since: Timestamp, error: String, last: Arc<V> },
}

// by hand: `V` itself need not be Clone
impl<V> Clone for Sight<V> {
    fn clone(&self) -> Self {
        match self {
            Self::Never { since, error } => Self::Never { since: *since, error: error.clone() },
            Self::Clear(view) => Self::Clear(Arc::clone(view)),
            Self::Lost { since, error, last } => {
                Self::Lost { since: *since, error: error.clone(), last: Arc::clone(last) }
            }
        }
    }
}

impl<V> Sight<V> {
    /// Whether a look has ended at all, well or badly. Before that, what status says still holds: a Sluice that has just
    /// started knows no better.
    pub fn has_looked(&self) -> bool {
        !matches!(self, Self::Never { error: None, .. })
    }

    /// The view, if the newest look succeeded. What a plan may act on.
    pub fn current(&self) -> Option<&Arc<V>> {
        match self {
            Self::Clear(view) => Some(view),
            _ => None,
        }
    }

    /// The newest view there ever was, also when we have lost sight since. What a status may show.
    pub fn latest(&self) -> Option<&Arc<V>> {
        match self {
            Self::Never { .. } => None,
            Self::Clear(view) | Self::Lost { last: view, .. } => Some(view),
        }
    }

    /// What follows from a failed look at `now`: the first failure sets `since`, later ones keep it.
    #[must_use]
    pub fn failed(&self, now: Timestamp, error: String) -> Self {
        match self {
            Self::Never { since, .. } => Self::Never { since: *since, error: Some(error) },
            Self::Clear(last) => Self::Lost { since: now, error, last: Arc::clone(last) },
            Self::Lost { since, last, .. } => Self::Lost { since: *since, error, last: Arc::clone(last) },
        }
    }

    /// Since when we cannot see, and why.
    pub fn blind(&self) -> Option<(Timestamp, Option<&str>)> {
        match self {
            Self::Never { since, error } => Some((*since, error.as_deref())),
            Self::Clear(_) => None,
            Self::Lost { since, error, .. } => Some((*since, Some(error))),
        }
    }
}
