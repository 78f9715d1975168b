use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use parking_lot::Mutex;
use sluice_clients::connect::Client;
use sluice_core::view::Sight;
use sluice_core::view::connect::{ConnectView, ConnectorView};
use tokio::sync::Notify;

use crate::scope::Key;

/// How long after an order a view may still be older than the order: Connect answers first and acts then, and a worker that
/// does not lead reads what the leader wrote a moment later.
const SETTLING: Duration = Duration::from_secs(3);

/// A Connect cluster as we see it and reach it.
pub struct World {
    pub key: Key,
    pub client: Client,
    sight: ArcSwap<Sight<ConnectView>>,
    /// Connectors that we gave an order.
    ordered: Mutex<HashMap<String, Ordered>>,
    workers: Mutex<Workers>,
    nudge: Notify,
}

/// When an order was given, and how the connector looked then.
type Ordered = (Instant, Option<Arc<ConnectorView>>);

/// Whom to ask what of the connectors' Secret they have mounted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workers {
    /// Base addresses of the ready ones, sorted.
    pub urls: Vec<String>,
    /// The revision that they should have.
    pub revision: i64,
}

impl World {
    pub fn new(key: Key, client: Client, now: Timestamp) -> Self {
        Self {
            key,
            client,
            sight: ArcSwap::from_pointee(Sight::Never { since: now, error: None }),
            ordered: Mutex::default(),
            workers: Mutex::default(),
            nudge: Notify::new(),
        }
    }

    pub fn sight(&self) -> Arc<Sight<ConnectView>> {
        self.sight.load_full()
    }

    /// Asks for a look now rather than at the next round.
    pub fn look_soon(&self) {
        self.nudge.notify_one();
    }

    pub(super) async fn nudged(&self) {
        self.nudge.notified().await;
    }

    pub fn set_workers(&self, workers: Workers) {
        let mut present = self.workers.lock();
        if *present != workers {
            *present = workers;
            self.look_soon();
        }
    }

    pub(super) fn workers(&self) -> Workers {
        self.workers.lock().clone()
    }

    /// Notes that we gave the connector an order.
    pub fn ordered(&self, connector: &str) {
        let view = self.connector(connector);
        let mut ordered = self.ordered.lock();
        ordered.insert(connector.to_owned(), (Instant::now(), view));
        self.look_soon();
    }

    /// Whether the view of this connector may be older than our last order.
    pub fn is_settling(&self, connector: &str) -> bool {
        let now = self.connector(connector);
        let mut ordered = self.ordered.lock();
        let Some((at, before)) = ordered.get(connector) else { return false };
        let same = match (before, &now) {
            (Some(before), Some(now)) => Arc::ptr_eq(before, now),
            (None, None) => true,
            _ => false,
        };
        let settling = same && at.elapsed() < SETTLING;
        if !settling {
            ordered.remove(connector);
        }
        settling
    }

    /// Whether any connector is.
    pub(super) fn anything_settles(&self) -> bool {
        let ordered = self.ordered.lock();
        ordered.values().any(|(at, _)| at.elapsed() < SETTLING)
    }

    pub(super) fn looked(&self, view: ConnectView) {
        self.sight.store(Arc::new(Sight::Clear(Arc::new(view))));
    }

    pub(super) fn failed(&self, now: Timestamp, error: String) {
        let next = self.sight.load().failed(now, error);
        self.sight.store(Arc::new(next));
    }

    fn connector(&self, name: &str) -> Option<Arc<ConnectorView>> {
        self.sight.load().latest()?.connectors.get(name).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_clients::connect::Deadlines;
    use sluice_core::view::connect::RunState;

    fn world() -> World {
        let _ = rustls::crypto::ring::default_provider().install_default(); // an error: it was done before
        let key = Key { namespace: "shop".into(), name: "cdc".into() };
        let client = Client::new("http://127.0.0.1:9".parse().expect("an URL"), Deadlines::default());
        World::new(key, client, Timestamp::UNIX_EPOCH)
    }

    fn view(state: RunState) -> ConnectView {
        let connector = Arc::new(ConnectorView { state, ..Default::default() });
        ConnectView { connectors: [("orders".to_owned(), connector)].into(), ..Default::default() }
    }

    #[test]
    fn a_connector_settles_until_it_looks_different() {
        let world = world();
        let before = view(RunState::Running);
        world.looked(before.clone());
        assert!(!world.is_settling("orders"), "nothing was ordered");
        world.ordered("orders");
        world.looked(before);
        assert!(world.is_settling("orders"), "the look shows what was there before");
        assert!(!world.is_settling("others"));
        world.looked(view(RunState::Paused));
        assert!(!world.is_settling("orders"));
    }
}
