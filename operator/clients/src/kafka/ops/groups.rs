//! Consumer groups: how far they are, and their end. Each is asked of its coordinator.

use std::collections::BTreeMap;

use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use kafka_protocol::messages::offset_fetch_response::OffsetFetchResponseGroup;
use kafka_protocol::messages::{DeleteGroupsRequest, FindCoordinatorRequest, GroupId, OffsetFetchRequest};
use sluice_core::view::kafka::NodeId;
use tokio::time::Instant;

use super::super::{Client, Error, ItemError, Items};
use super::offsets::TopicPartition;

/// `CoordinatorType.GROUP`.
const GROUP: i8 = 0;

/// What a group has committed. A partition without a commit is not in it.
pub type Committed = BTreeMap<TopicPartition, i64>;

/// Groups by who coordinates them, and those of which Kafka cannot say.
type Coordinators = (BTreeMap<NodeId, Vec<GroupId>>, Vec<(String, ItemError)>);

impl Client {
    /// `OffsetFetch`: committed offsets of these groups, of all topics. A group that does not exist has
    /// committed nothing.
    ///
    /// `COORDINATOR_NOT_AVAILABLE` of an item is normal for moments on a new cluster, and while a coordinator
    /// moves.
    pub async fn offset_fetch(&self, groups: &[&str]) -> Result<Items<Committed>, Error> {
        let until = self.until::<OffsetFetchRequest>();
        let (by_node, unknown) = self.coordinators(groups, until).await?;
        let mut items: Items<_> = unknown.into_iter().map(|(group, error)| (group, Err(error))).collect();
        for (node, groups) in by_node {
            let group = |id| OffsetFetchRequestGroup::default().with_group_id(id).with_topics(None);
            let request = OffsetFetchRequest::default().with_groups(groups.into_iter().map(group).collect());
            let answer = self.node(node, &request, until).await?;
            items.extend(
                answer.body.groups.iter().map(|group| (group.group_id.to_string(), committed(group))),
            );
        }
        Ok(items)
    }

    /// `DeleteGroups`: their committed offsets are gone. Refused with `NON_EMPTY_GROUP` while a group has
    /// members.
    pub async fn delete_groups(&self, groups: &[&str]) -> Result<Items<()>, Error> {
        let until = self.until::<DeleteGroupsRequest>();
        let (by_node, unknown) = self.coordinators(groups, until).await?;
        let mut items: Items<_> = unknown.into_iter().map(|(group, error)| (group, Err(error))).collect();
        for (node, groups) in by_node {
            let answer =
                self.node(node, &DeleteGroupsRequest::default().with_groups_names(groups), until).await?;
            let results = answer.body.results.iter();
            items.extend(results.map(|r| (r.group_id.to_string(), ItemError::check(r.error_code, None))));
        }
        Ok(items)
    }

    async fn coordinators(&self, groups: &[&str], until: Instant) -> Result<Coordinators, Error> {
        let keys = groups.iter().map(|group| super::text(group)).collect();
        let request = FindCoordinatorRequest::default().with_key_type(GROUP).with_coordinator_keys(keys);
        Ok(sort(&self.any(&request, until).await?.body.coordinators))
    }
}

fn sort(coordinators: &[Coordinator]) -> Coordinators {
    let (mut by_node, mut unknown) = (BTreeMap::<_, Vec<_>>::new(), Vec::new());
    for found in coordinators {
        match ItemError::check(found.error_code, found.error_message.as_deref()) {
            Ok(()) => by_node.entry(*found.node_id).or_default().push(GroupId(super::text(&found.key))),
            Err(error) => unknown.push((found.key.to_string(), error)),
        }
    }
    (by_node, unknown)
}

/// One partition that cannot be read makes the group's answer an error: a lag must not be computed from half
/// of it.
fn committed(group: &OffsetFetchResponseGroup) -> Result<Committed, ItemError> {
    ItemError::check(group.error_code, None)?;
    let mut committed = Committed::new();
    for topic in &group.topics {
        for partition in &topic.partitions {
            ItemError::check(partition.error_code, None)?;
            if partition.committed_offset >= 0 {
                let at =
                    TopicPartition { topic: topic.name.to_string(), partition: partition.partition_index };
                committed.insert(at, partition.committed_offset);
            }
        }
    }
    Ok(committed)
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::BrokerId;
    use kafka_protocol::messages::offset_fetch_response::{
        OffsetFetchResponsePartitions, OffsetFetchResponseTopics,
    };

    use super::super::super::Code;
    use super::*;

    fn group(partitions: &[(i64, i16)]) -> OffsetFetchResponseGroup {
        let partition = |(index, (offset, code)): (i32, &(i64, i16))| {
            let partition = OffsetFetchResponsePartitions::default().with_partition_index(index);
            partition.with_committed_offset(*offset).with_error_code(*code)
        };
        let topic = OffsetFetchResponseTopics::default().with_name(super::super::topic_name("t"));
        let topic = topic.with_partitions((0..).zip(partitions).map(partition).collect());
        OffsetFetchResponseGroup::default().with_topics(vec![topic])
    }

    #[test]
    fn a_partition_without_commit_is_left_out_and_one_that_cannot_be_read_spoils_the_group() {
        let at = TopicPartition { topic: "t".to_owned(), partition: 1 };
        assert_eq!(committed(&group(&[(-1, 0), (7, 0)])), Ok(Committed::from([(at, 7)])));
        assert_eq!(committed(&group(&[(5, 0), (-1, 88)])).unwrap_err().code, Code(88));
        assert_eq!(committed(&group(&[]).with_error_code(16)).unwrap_err().code, Code::NOT_COORDINATOR);
    }

    #[test]
    fn groups_are_sorted_by_their_coordinator() {
        let found = |key: &str, node, code| {
            let found = Coordinator::default().with_key(super::super::text(key)).with_node_id(BrokerId(node));
            found.with_error_code(code)
        };
        let (by_node, unknown) =
            sort(&[found("a", 1, 0), found("b", -1, 15), found("c", 2, 0), found("d", 1, 0)]);
        let id = |name| GroupId(super::super::text(name));
        assert_eq!(by_node, BTreeMap::from([(1, vec![id("a"), id("d")]), (2, vec![id("c")])]));
        assert_eq!((unknown[0].0.as_str(), unknown[0].1.code), ("b", Code::COORDINATOR_NOT_AVAILABLE));
    }
}
