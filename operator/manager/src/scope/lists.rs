use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;
use tracing::warn;

/// How often we say what we still wait for.
const TELL: Duration = Duration::from_secs(10);

/// Which kinds of a scope have been listed. Before all are in no pass runs: an unread object would look like a missing one.
#[derive(Default)]
pub struct Lists {
    state: watch::Sender<State>,
}

#[derive(Default)]
struct State {
    /// By kind, whether its first list is in.
    kinds: BTreeMap<String, bool>,
    /// Whether all kinds are named.
    complete: bool,
}

impl State {
    fn in_full(&self) -> bool {
        self.complete && self.kinds.values().all(|listed| *listed)
    }
}

impl Lists {
    /// Another kind is to be waited for.
    pub fn expect(&self, kind: &str) {
        self.state.send_modify(|state| {
            state.kinds.insert(kind.to_owned(), false);
        });
    }

    /// There are no others.
    pub fn complete(&self) {
        self.state.send_modify(|state| state.complete = true);
    }

    /// A list of this kind is in.
    pub fn listed(&self, kind: &str) {
        self.state.send_if_modified(|state| {
            let listed = state.kinds.entry(kind.to_owned()).or_default();
            !std::mem::replace(listed, true)
        });
    }

    /// Every kind, and whether it has been listed.
    pub fn kinds(&self) -> BTreeMap<String, bool> {
        self.state.borrow().kinds.clone()
    }

    /// Resolves once every kind has been listed.
    pub async fn filled(&self) {
        let mut state = self.state.subscribe();
        // the sender lives in `self`
        let _ = state.wait_for(State::in_full).await;
    }

    /// The same, and says from time to time what is missing: a CRD or a right that is not there would else be a silent halt.
    pub async fn filled_aloud(&self, namespace: Option<&str>) {
        while timeout(TELL, self.filled()).await.is_err() {
            let missing: Vec<_> =
                self.kinds().into_iter().filter(|(_, listed)| !listed).map(|(kind, _)| kind).collect();
            warn!(
                namespace = namespace.unwrap_or("all"),
                kinds = missing.join(", "),
                "these kinds could not be listed yet, and nothing is worked on before: are the CRDs and the rights there?"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[test]
    fn one_kind_that_is_missing_holds_everything_up_and_is_named() {
        let lists = Lists::default();
        lists.expect("Topic");
        lists.listed("Topic");
        assert!(lists.filled().now_or_never().is_none(), "others may follow");
        lists.expect("Connector");
        lists.complete();
        assert!(lists.filled().now_or_never().is_none());
        assert_eq!(lists.kinds(), [("Connector".to_owned(), false), ("Topic".to_owned(), true)].into());
        lists.listed("Connector");
        assert!(lists.filled().now_or_never().is_some());
    }
}
