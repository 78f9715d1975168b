//! New records, few and small: what must be fast goes through a producer.

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{FetchRequest, ProduceRequest, ProduceResponse};
use kafka_protocol::records::{
    Compression, Record as Wire, RecordBatchEncoder, RecordEncodeOptions, TimestampType,
};

use super::super::{Client, Code, Error, ItemError};
use super::offsets::TopicPartition;

/// A record that is to be written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewRecord {
    pub key: Option<Vec<u8>>,
    /// `None`: a tombstone.
    pub value: Option<Vec<u8>>,
    /// Of two with one name the last is written.
    pub headers: Vec<(String, Vec<u8>)>,
}

impl Client {
    /// `Produce`: these records, as one batch, at the end of a partition, acknowledged by all replicas that are in sync. `at_ms`: when they
    /// were made, in milliseconds since 1970. Gives the offset of the first. They are written all or none, and a second time by a
    /// second call: see [`Error::outcome_unknown`].
    pub async fn produce(
        &self,
        at: &TopicPartition,
        records: &[NewRecord],
        at_ms: i64,
    ) -> Result<Result<i64, ItemError>, Error> {
        let until = self.until::<ProduceRequest>();
        let (by_leader, _) = self.leaders(&[&at.topic], self.until::<FetchRequest>().min(until)).await?;
        let Some((&leader, _)) = by_leader.iter().find(|(_, led)| led.contains(at)) else {
            return Ok(Err(ItemError { code: Code::LEADER_NOT_AVAILABLE, message: None }));
        };
        let data = PartitionProduceData::default()
            .with_index(at.partition)
            .with_records(Some(batch(records, at_ms)));
        let topic = TopicProduceData::default()
            .with_name(super::topic_name(&at.topic))
            .with_partition_data(vec![data]);
        let request = ProduceRequest::default()
            .with_acks(-1)
            .with_timeout_ms(super::millis(until))
            .with_topic_data(vec![topic]);
        let answer = self.node(leader, &request, until).await?;
        read(&answer.body, at)
            .ok_or_else(|| answer.nonsense(format!("nothing of {}-{}", at.topic, at.partition)))
    }
}

fn batch(records: &[NewRecord], at_ms: i64) -> Bytes {
    let wire = |(offset, record): (i32, &NewRecord)| Wire {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: -1,
        producer_id: -1,
        producer_epoch: -1,
        timestamp_type: TimestampType::Creation,
        offset: offset.into(),
        // records whose numbers do not follow on each other would each be a batch
        sequence: offset,
        timestamp: at_ms,
        key: record.key.clone().map(Bytes::from),
        value: record.value.clone().map(Bytes::from),
        headers: record
            .headers
            .iter()
            .map(|(name, value)| (super::text(name), Some(Bytes::from(value.clone()))))
            .collect(),
    };
    let records: Vec<Wire> = (0..).zip(records).map(wire).collect();
    let mut bytes = BytesMut::new();
    let options = RecordEncodeOptions { version: 2, compression: Compression::None };
    RecordBatchEncoder::encode(&mut bytes, &records, &options).expect("memory takes everything");
    bytes.freeze()
}

fn read(body: &ProduceResponse, at: &TopicPartition) -> Option<Result<i64, ItemError>> {
    let topic = body.responses.iter().find(|topic| topic.name.as_str() == at.topic)?;
    let partition = topic.partition_responses.iter().find(|one| one.index == at.partition)?;
    let error = ItemError::check(partition.error_code, partition.error_message.as_deref());
    Some(error.map(|()| partition.base_offset))
}

#[cfg(test)]
mod tests {
    use super::super::super::records::all;
    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        let headers = vec![("a".to_owned(), b"1".to_vec()), ("b".to_owned(), vec![])];
        let full = NewRecord { key: Some(b"k".to_vec()), value: Some(b"v".to_vec()), headers };
        let records = [full.clone(), NewRecord::default(), full];
        let read = all(&batch(&records, 77), 0).unwrap();
        assert_eq!((read.next, read.sealed), (3, vec![]));
        for ((offset, new), old) in (0..).zip(&records).zip(&read.records) {
            assert_eq!((old.offset, old.timestamp), (offset, 77));
            let same =
                NewRecord { key: old.key.clone(), value: old.value.clone(), headers: old.headers.clone() };
            assert_eq!(*new, same);
        }
    }
}
