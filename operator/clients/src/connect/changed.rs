use std::collections::BTreeSet;
use std::sync::Arc;

use sluice_core::view::connect::ConnectView;

/// Names of the connectors that are new, gone or different in `next`: whom the observer wakes.
pub fn changed<'a>(previous: &'a ConnectView, next: &'a ConnectView) -> BTreeSet<&'a str> {
    let new_or_different = next.connectors.iter().filter(|(name, view)| {
        // an equal view is shared between the two, so most of this is a comparison of pointers
        !previous.connectors.get(*name).is_some_and(|before| Arc::ptr_eq(before, view) || before == *view)
    });
    let gone = previous.connectors.iter().filter(|(name, _)| !next.connectors.contains_key(*name));
    new_or_different.chain(gone).map(|(name, _)| name.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_core::view::connect::{ConnectorView, RunState};

    fn view(connectors: &[(&str, RunState)]) -> ConnectView {
        let connectors = connectors.iter().map(|(name, state)| {
            ((*name).to_owned(), Arc::new(ConnectorView { state: *state, ..Default::default() }))
        });
        ConnectView { connectors: connectors.collect(), ..Default::default() }
    }

    #[test]
    fn new_gone_and_different_connectors_are_named_and_no_other() {
        use RunState::{Failed, Running};
        let before = view(&[("same", Running), ("breaks", Running), ("goes", Running)]);
        let after = view(&[("same", Running), ("breaks", Failed), ("comes", Running)]);
        assert_eq!(changed(&before, &after).into_iter().collect::<Vec<_>>(), ["breaks", "comes", "goes"]);
        assert!(changed(&after, &after.clone()).is_empty());
    }
}
