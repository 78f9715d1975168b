//! Which addresses a cluster has: the bootstrap list, and what `DescribeCluster` said last.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sluice_core::view::kafka::{BrokerView, NodeId};

use super::address::Address;
use super::broker::Broker;

pub struct Routes {
    bootstrap: Vec<Arc<Broker>>,
    nodes: BTreeMap<NodeId, (Arc<Broker>, Serving)>,
    /// Answered last, so it is asked first.
    preferred: Option<Arc<Broker>>,
    lost: Arc<AtomicBool>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Serving {
    Yes,
    Fenced,
}

impl Routes {
    pub fn new(bootstrap: &[Address]) -> Self {
        let mut routes =
            Self { bootstrap: vec![], nodes: BTreeMap::new(), preferred: None, lost: Arc::default() };
        routes.reach(bootstrap);
        routes
    }

    /// Where first questions go. Connections to addresses that stay are kept.
    pub fn reach(&mut self, bootstrap: &[Address]) {
        let known = self.known();
        // in the given order, each once
        let mut left: BTreeSet<_> = bootstrap.iter().collect();
        let distinct = bootstrap.iter().filter(|address| left.remove(address));
        self.bootstrap = distinct.map(|address| self.broker(&known, address)).collect();
        self.forget_preferred_if_gone();
    }

    /// Takes over the brokers of the cluster. Connections to addresses that stay are kept.
    pub fn learn(&mut self, brokers: &BTreeMap<NodeId, BrokerView>) {
        let known = self.known();
        self.nodes = brokers
            .iter()
            .map(|(id, view)| {
                let address = Address::new(view.host.clone(), view.port);
                let broker = self.broker(&known, &address);
                (*id, (broker, if view.fenced { Serving::Fenced } else { Serving::Yes }))
            })
            .collect();
        self.forget_preferred_if_gone();
    }

    fn known(&self) -> BTreeMap<Address, Arc<Broker>> {
        self.all().map(|broker| (broker.address.clone(), Arc::clone(broker))).collect()
    }

    fn broker(&self, known: &BTreeMap<Address, Arc<Broker>>, address: &Address) -> Arc<Broker> {
        known.get(address).map_or_else(|| Arc::new(Broker::new(address.clone(), &self.lost)), Arc::clone)
    }

    fn forget_preferred_if_gone(&mut self) {
        let gone = |broker: &Arc<Broker>| !self.all().any(|known| Arc::ptr_eq(known, broker));
        if self.preferred.as_ref().is_some_and(gone) {
            self.preferred = None;
        }
    }

    pub fn node(&self, id: NodeId) -> Option<Arc<Broker>> {
        self.nodes.get(&id).map(|(broker, _)| Arc::clone(broker))
    }

    /// Its address may be out of date: ask the cluster again before the next call to it.
    pub fn forget(&mut self, id: NodeId) {
        self.nodes.remove(&id);
    }

    pub fn prefer(&mut self, broker: &Arc<Broker>) {
        self.preferred = Some(Arc::clone(broker));
    }

    /// Whom to ask what any broker can answer, best first, each once.
    pub fn candidates(&self) -> Vec<Arc<Broker>> {
        let serving =
            self.nodes.values().filter(|(_, serving)| *serving == Serving::Yes).map(|(broker, _)| broker);
        let mut seen = BTreeSet::new();
        let all = self.preferred.iter().chain(&self.bootstrap).chain(serving);
        all.filter(|broker| seen.insert(&broker.address)).cloned().collect()
    }

    /// See [`super::Client::has_lost_a_broker`].
    pub fn was_one_lost(&self) -> bool {
        self.all().for_each(|broker| broker.sweep());
        self.lost.swap(false, Ordering::Relaxed)
    }

    /// Every broker that is known, some twice.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Broker>> {
        self.bootstrap.iter().chain(self.nodes.values().map(|(broker, _)| broker))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broker(port: u16, fenced: bool) -> BrokerView {
        BrokerView { host: "b".to_owned(), port, fenced, ..BrokerView::default() }
    }

    fn ports(routes: &Routes) -> Vec<u16> {
        routes.candidates().iter().map(|broker| broker.address.port).collect()
    }

    #[test]
    fn the_one_that_answered_last_is_asked_first_and_a_fenced_one_never() {
        let mut routes = Routes::new(&[Address::new("b", 1), Address::new("b", 2), Address::new("b", 1)]);
        assert_eq!(ports(&routes), [1, 2]);
        routes.learn(&BTreeMap::from([(7, broker(2, false)), (8, broker(3, false)), (9, broker(4, true))]));
        assert_eq!(ports(&routes), [1, 2, 3]);
        let third = routes.node(8).unwrap();
        routes.prefer(&third);
        assert_eq!(ports(&routes), [3, 1, 2]);
        assert!(routes.node(9).is_some(), "a fenced broker can still be asked by its id");
    }

    #[test]
    fn a_broker_that_left_is_not_preferred_and_one_that_stays_keeps_its_connections() {
        let mut routes = Routes::new(&[Address::new("b", 1)]);
        routes.learn(&BTreeMap::from([(1, broker(1, false)), (2, broker(2, false))]));
        let (first, second) = (routes.node(1).unwrap(), routes.node(2).unwrap());
        routes.prefer(&second);
        routes.learn(&BTreeMap::from([(1, broker(1, false))]));
        assert_eq!(ports(&routes), [1]);
        assert!(Arc::ptr_eq(&first, &routes.node(1).unwrap()));
    }

    #[test]
    fn brokers_that_come_are_asked_too_and_those_that_stay_keep_their_connections() {
        let mut routes = Routes::new(&[Address::new("b", 1), Address::new("b", 2)]);
        let [first, second] = [0, 1].map(|i| Arc::clone(&routes.candidates()[i]));
        routes.prefer(&second);
        routes.reach(&[Address::new("b", 1), Address::new("b", 3)]);
        assert_eq!(ports(&routes), [1, 3], "who left is not preferred");
        assert!(Arc::ptr_eq(&first, &routes.candidates()[0]));
    }
}
