//! The health of the partitions, and where the brokers are, from Kafka.

use sluice_crds::kafka_cluster::PartitionHealth;

use super::gate;
use super::node::Node;
use crate::view::kafka::ClusterView;

/// How many partitions status names.
const EXAMPLES: usize = 5;

pub fn partitions(view: &ClusterView) -> PartitionHealth {
    let mut health = PartitionHealth::default();
    let mut worst: Vec<(u8, String)> = Vec::new();
    for (name, topic) in &view.topics {
        let moving = view.reassignments.as_ref().and_then(|all| all.get(name));
        for (number, partition) in (0..).zip(&topic.partitions) {
            health.total += 1;
            let offline = partition.leader.is_none();
            // a replica that is being added is not missing
            let added = moving.and_then(|moving| moving.get(&number)).map_or(&[][..], |m| &m.adding);
            let under_replicated =
                partition.replicas.iter().any(|id| !partition.isr.contains(id) && !added.contains(id));
            let under_min_isr =
                topic.min_isr.is_some_and(|min| partition.isr.len() < gate::effective(min, partition));
            health.offline += i32::from(offline);
            health.under_replicated += i32::from(under_replicated);
            health.under_min_isr += i32::from(under_min_isr);
            let (rank, what) = match (offline, under_min_isr, under_replicated) {
                (true, ..) => (0, "offline"),
                (_, true, _) => (1, "under min.insync.replicas"),
                (.., true) => (2, "under-replicated"),
                _ => continue,
            };
            let text = format!(
                "{name}-{number}: {what}, in sync {:?} of {:?}",
                sorted(&partition.isr),
                partition.replicas
            );
            // ranks only get better: what is worse than the worst five needs no place
            let at = worst.partition_point(|(other, _)| *other <= rank);
            if at < EXAMPLES {
                worst.insert(at, (rank, text));
                worst.truncate(EXAMPLES);
            }
        }
    }
    health.examples = worst.into_iter().map(|(_, text)| text).collect();
    health
}

fn sorted(ids: &[i32]) -> Vec<i32> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids
}

/// Why a broker's rack is not the zone of its machine, if it is not. It reads the zone when it starts.
pub fn rack(node: &Node, view: &ClusterView) -> Option<String> {
    let zone = node.zone.as_ref().filter(|_| node.broker)?;
    let broker = view.brokers.get(&node.id)?;
    (broker.rack.as_ref() != Some(zone)).then(|| {
        let rack = broker.rack.as_ref().map_or_else(|| "no rack".into(), |rack| format!("rack {rack}"));
        format!(
            "its machine is in zone {zone}, and it started with {rack}: Kafka spreads replicas by racks. Restart it by \
             spec.restartedAt"
        )
    })
}
