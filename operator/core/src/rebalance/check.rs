//! What a plan cannot be made for. One finding names what is alike, so that a large cluster's message stays short.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{Model, Partition};
use super::reason::RebalanceReason;
use crate::finding::Finding;

const NAMED: usize = 3;

pub fn findings(model: &Model) -> Vec<Finding<RebalanceReason>> {
    let checks = [brokers_are_listed_once, partitions_are_listed_once, replicas_are_known, factors_can_be];
    checks.iter().flat_map(|check| check(model)).collect()
}

fn brokers_are_listed_once(model: &Model) -> Vec<Finding<RebalanceReason>> {
    let mut seen = BTreeSet::new();
    let twice = model.brokers.iter().map(|broker| broker.id).filter(|id| !seen.insert(*id));
    twice
        .map(|id| Finding::new(RebalanceReason::ListedTwice, format!("broker {id} is listed twice")))
        .collect()
}

fn partitions_are_listed_once(model: &Model) -> Vec<Finding<RebalanceReason>> {
    let mut seen = BTreeSet::new();
    let twice = model.partitions.iter().filter(|p| !seen.insert((&p.topic, p.index))).map(name);
    let replicas = model.partitions.iter().filter(|p| {
        let distinct: BTreeSet<_> = p.replicas.iter().collect();
        distinct.len() < p.replicas.len()
    });
    let mut found = Vec::new();
    if let Some(names) = first(twice) {
        found
            .push(Finding::new(RebalanceReason::ListedTwice, format!("partitions {names} are listed twice")));
    }
    if let Some(names) = first(replicas.map(name)) {
        let message = format!("partitions {names} have two replicas on one broker");
        found.push(Finding::new(RebalanceReason::ListedTwice, message));
    }
    found
}

fn replicas_are_known(model: &Model) -> Vec<Finding<RebalanceReason>> {
    let known: BTreeSet<_> = model.brokers.iter().map(|broker| broker.id).collect();
    let mut unknown = BTreeMap::<_, Vec<&Partition>>::new();
    for partition in &model.partitions {
        for id in partition.replicas.iter().filter(|id| !known.contains(id)) {
            unknown.entry(*id).or_default().push(partition);
        }
    }
    let finding = |(id, partitions): (_, Vec<&Partition>)| {
        let names = first(partitions.into_iter().map(name)).unwrap_or_default();
        let message = format!("broker {id} is not known, but has replicas of {names}");
        Finding::new(RebalanceReason::UnknownBroker, message)
            .mend(format!("Start broker {id} again, or reassign these partitions by hand"))
    };
    unknown.into_iter().map(finding).collect()
}

fn factors_can_be(model: &Model) -> Vec<Finding<RebalanceReason>> {
    let brokers = model.brokers.iter().filter(|broker| broker.takes()).count();
    let mut wrong = BTreeMap::<&str, usize>::new();
    for p in model.partitions.iter().filter(|p| p.wanted > brokers || p.wanted == 0) {
        let wanted = wrong.entry(&p.topic).or_insert(p.wanted);
        *wanted = (*wanted).max(p.wanted);
    }
    let topics = |none: bool| {
        let alike = wrong.iter().filter(move |(_, wanted)| (**wanted == 0) == none);
        first(alike.map(|(topic, wanted)| if none { (*topic).into() } else { format!("{topic} ({wanted})") }))
    };
    let mut found = Vec::new();
    if let Some(topics) = topics(false) {
        let message =
            format!("topics {topics} want more replicas than the {brokers} brokers that may hold them");
        found.push(Finding::new(RebalanceReason::TooFewBrokers, message).mend(
            "Keep as many brokers as the largest replication factor, or lower the topics' replication first",
        ));
    }
    if let Some(topics) = topics(true) {
        found.push(Finding::new(
            RebalanceReason::NoReplicasWanted,
            format!("topics {topics} want no replicas"),
        ));
    }
    found
}

fn name(partition: &Partition) -> String {
    format!("{}-{}", partition.topic, partition.index)
}

/// The first few, and how many more; `None` where there are none.
fn first(mut names: impl Iterator<Item = String>) -> Option<String> {
    let mut text: Vec<_> = names.by_ref().take(NAMED).collect();
    if text.is_empty() {
        return None;
    }
    let more = names.count();
    if more > 0 {
        text.push(format!("and {more} more"));
    }
    Some(text.join(", "))
}
