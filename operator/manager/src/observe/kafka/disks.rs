use std::time::{Duration, Instant};

use sluice_clients::kafka::Client;
use sluice_core::view::kafka::{ClusterView, DiskView, NodeId};
use tracing::debug;

use super::world::World;
use crate::scope::chain;

/// Only a broker itself tells what lies on its disk, so the brokers take turns: some of them every so long.
const EVERY: Duration = Duration::from_secs(9);
/// One that is slower is asked again when it is its turn: meanwhile nobody looks at the others.
const PATIENCE: Duration = Duration::from_secs(3);
/// In how many turns all brokers of a large cluster have been asked. Of a small one it is one broker a turn.
const TURNS: usize = 16;

/// Whose turn it is.
#[derive(Default)]
pub struct Disks {
    last: Option<Instant>,
    /// The broker that was asked last.
    cursor: Option<NodeId>,
    /// Whether something is worth a pass since this was taken.
    pub news: bool,
}

impl Disks {
    /// Asks those whose turn it is; how many requests that took.
    pub async fn look(&mut self, world: &World, client: &Client) -> u64 {
        if self.last.is_some_and(|last| last.elapsed() < EVERY) {
            return 0;
        }
        let sight = world.sight();
        let Some(view) = sight.current() else { return 0 };
        self.last = Some(Instant::now());
        let turn = next(view, &mut self.cursor);
        let mut requests = 0;
        for id in turn {
            requests += 1;
            match client.within(PATIENCE).describe_log_dirs(id).await {
                Ok(dirs) => self.news |= world.set_disk(id, DiskView::of(&dirs)),
                // a broker that does not answer is missed elsewhere
                Err(error) => debug!(cluster = %world.key, id, error = %chain(&error), "disk not described"),
            }
        }
        self.news |= world.keep_disks(|id| view.brokers.contains_key(id));
        requests
    }
}

/// The brokers after the cursor, and from the beginning when there are no more.
fn next(view: &ClusterView, cursor: &mut Option<NodeId>) -> Vec<NodeId> {
    let serving: Vec<NodeId> = view.serving().collect();
    let at_once = serving.len().div_ceil(TURNS);
    let from = cursor.map_or(0, |cursor| serving.partition_point(|id| *id <= cursor));
    let turn: Vec<_> = serving.iter().cycle().skip(from).take(at_once).copied().collect();
    *cursor = turn.last().copied();
    turn
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_core::view::kafka::BrokerView;

    fn asked(brokers: i32, turns: usize) -> Vec<NodeId> {
        let all = (0..brokers).map(|id| (id * 10, BrokerView::default()));
        let view = ClusterView { brokers: all.collect(), ..ClusterView::default() };
        let mut cursor = None;
        (0..turns).flat_map(|_| next(&view, &mut cursor)).collect()
    }

    #[test]
    fn every_broker_has_its_turn() {
        assert_eq!(asked(3, 5), [0, 10, 20, 0, 10]);
        assert_eq!(asked(0, 3), [] as [NodeId; 0]);
        let mut many = asked(100, TURNS);
        many.sort_unstable();
        many.dedup();
        assert_eq!(many.len(), 100, "all of a large cluster in {TURNS} turns");
    }
}
