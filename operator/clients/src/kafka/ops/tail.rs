//! What came to a partition since the last look.

use kafka_protocol::messages::FetchRequest;

use super::super::records::{MOST, Record, Sealed, all};
use super::super::{At, Client, Error};
use super::offsets::TopicPartition;
use super::peek::request;

/// Answers that are asked for in one call, at most: what is left comes with the next.
const ROUNDS: usize = 16;

/// Records of a partition, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tail {
    pub records: Vec<Record>,
    /// Where to go on.
    pub next: i64,
    /// Where the partition ended when it was asked: below `next` all of it was read.
    pub end: i64,
    /// Records in between that cannot be opened.
    pub sealed: Vec<Sealed>,
}

impl Client {
    /// `Fetch`: the records of a partition from `offset` on, or from the first that came at `since` (milliseconds since 1970) or later; some
    /// megabytes of them, where there are more. `None`: the partition cannot be read now, or not from
    /// there.
    pub async fn tail(
        &self,
        at: &TopicPartition,
        offset: Option<i64>,
        since: i64,
    ) -> Result<Option<Tail>, Error> {
        let find = async |which| -> Result<Option<i64>, Error> {
            Ok(self.list_offsets(&[&at.topic], which).await?.remove(at).and_then(Result::ok))
        };
        let Some(end) = find(At::Latest).await? else { return Ok(None) };
        let mut next = match offset {
            Some(offset) => offset,
            None => match find(At::Time(since)).await? {
                Some(found) if found >= 0 => found,
                Some(_) => end,
                None => return Ok(None),
            },
        };
        let (mut records, mut sealed) = (Vec::new(), Vec::new());
        if next >= end {
            return Ok(Some(Tail { records, next, end, sealed }));
        }
        let (by_leader, _) = self.leaders(&[&at.topic], self.until::<FetchRequest>()).await?;
        let Some((&leader, _)) = by_leader.iter().find(|(_, led)| led.contains(at)) else {
            return Ok(None);
        };
        let mut size = 0;
        for _ in 0..ROUNDS {
            let until = self.until::<FetchRequest>();
            let answer = self.node(leader, &request(&[(at.clone(), next)]), until).await?;
            let mut partitions = answer.body.responses.iter().flat_map(|topic| &topic.partitions);
            let Some(partition) = partitions.find(|one| one.partition_index == at.partition) else {
                return Ok(None);
            };
            if partition.error_code != 0 {
                return Ok(None);
            }
            let Ok(found) = all(partition.records.as_deref().unwrap_or_default(), next) else {
                break;
            };
            if found.next == next {
                break;
            }
            sealed.extend(found.sealed);
            size += found.records.iter().map(Record::size).sum::<usize>();
            records.extend(found.records);
            next = found.next;
            if next >= end || size >= MOST {
                break;
            }
        }
        Ok(Some(Tail { records, next, end, sealed }))
    }
}
