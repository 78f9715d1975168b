//! Children of a pipeline that its spec wants no more.

use std::collections::BTreeMap;

use super::child::Child;
use super::compile::Compiled;
use super::plan::Seen;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChildKind {
    Topic,
    Connector,
}

/// A child of ours that is wanted no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removal {
    pub kind: ChildKind,
    pub name: String,
    pub uid: String,
}

pub(super) fn removals(compiled: &Compiled, seen: &Seen<'_>) -> Vec<Removal> {
    let topics: Vec<_> = compiled.topics.iter().filter_map(|topic| topic.metadata.name.as_deref()).collect();
    let connectors: Vec<_> = compiled.connectors().filter_map(|one| one.metadata.name.as_deref()).collect();
    let left = |kind: ChildKind, children: &BTreeMap<String, Child>, wanted: &[&str]| {
        let ours = children
            .iter()
            .filter(|(name, child)| child.owned && !child.deleting && !wanted.contains(&name.as_str()));
        ours.map(|(name, child)| Removal { kind, name: name.clone(), uid: child.uid.clone() })
            .collect::<Vec<_>>()
    };
    let mut all = left(ChildKind::Connector, &seen.connectors, &connectors);
    all.extend(left(ChildKind::Topic, &seen.topics, &topics));
    all
}
