//! Disks of the brokers as status shows them: figures that move all the time, told so that they rest.

use std::collections::BTreeMap;

use sluice_crds::kafka_cluster::{DiskStatus, TopicSize};

use crate::units::human_bytes;
use crate::view::kafka::{DiskView, NodeId};

/// How many disks status lists.
const LISTED: usize = 20;
/// Percent between two figures that are told.
const STEP: i32 = 5;
/// Topics below this size are not worth naming.
const WORTH_NAMING: i64 = 1 << 20;

/// What status says, given what it said before. A figure that is told stays until it is off by a whole step: one that
/// sways around a boundary would be written again and again.
pub fn told(seen: &BTreeMap<NodeId, DiskView>, before: &[DiskStatus]) -> Vec<DiskStatus> {
    let mut disks: Vec<_> = seen
        .iter()
        .filter(|(_, disk)| disk.total_bytes > 0)
        .map(|(id, disk)| match before.iter().find(|told| told.broker == *id && still_holds(told, disk)) {
            Some(told) => told.clone(),
            None => status(*id, disk),
        })
        .collect();
    disks.sort_by_key(|disk| (-disk.used_percent, disk.broker));
    disks.truncate(LISTED);
    disks.sort_by_key(|disk| disk.broker);
    disks
}

fn status(id: NodeId, disk: &DiskView) -> DiskStatus {
    let named = disk.fullest.iter().filter(|(_, bytes)| *bytes >= WORTH_NAMING);
    DiskStatus {
        broker: id,
        used_percent: disk.used_percent() / STEP * STEP,
        size: human_bytes(disk.total_bytes),
        fullest: named
            .map(|(topic, bytes)| TopicSize { topic: topic.clone(), size: human_bytes(*bytes) })
            .collect(),
    }
}

fn still_holds(told: &DiskStatus, disk: &DiskView) -> bool {
    (told.used_percent..told.used_percent + STEP * 2).contains(&(disk.used_percent() + STEP / 2))
        && told.size == human_bytes(disk.total_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(used: i64) -> BTreeMap<NodeId, DiskView> {
        let disk = DiskView {
            total_bytes: 1000 << 20,
            usable_bytes: (1000 - used * 10) << 20,
            fullest: vec![("orders".into(), (used * 10) << 20), ("small".into(), 7)],
            ..DiskView::default()
        };
        [(1, disk)].into()
    }

    #[test]
    fn a_figure_that_sways_is_told_once() {
        let mut before = told(&seen(49), &[]);
        assert_eq!((before[0].used_percent, before[0].fullest.len()), (45, 1));
        let first = before.clone();
        for used in [50, 49, 51, 49, 48, 50, 44, 46, 51] {
            before = told(&seen(used), &before);
            assert_eq!(before, first, "{used} %");
        }
        before = told(&seen(54), &before);
        assert_eq!(before[0].used_percent, 50);
        assert_eq!(before[0].fullest[0].size, "540.0 MiB");
    }

    #[test]
    fn of_many_disks_the_fullest_are_listed_in_order_of_their_brokers() {
        let all: BTreeMap<_, _> = (0..50)
            .map(|id| (id, seen(i64::from(if id < 30 { 10 } else { 90 })).remove(&1).unwrap()))
            .collect();
        let listed: Vec<_> = told(&all, &[]).iter().map(|disk| disk.broker).collect();
        assert_eq!(listed, (30..50).collect::<Vec<_>>());
    }
}
