//! What lies on a broker's disks, and how much room is left (KIP-113, KIP-827).

use kafka_protocol::messages::describe_log_dirs_response::{DescribeLogDirsPartition, DescribeLogDirsResult};
use kafka_protocol::messages::{DescribeLogDirsRequest, DescribeLogDirsResponse};
use sluice_core::view::kafka::{LogDir, NodeId, ReplicaOnDisk};

use super::super::{Client, Error, ItemError};

impl Client {
    /// All log directories of this broker with every replica in them: some 20 bytes a replica on the wire.
    pub async fn describe_log_dirs(&self, id: NodeId) -> Result<Vec<LogDir>, Error> {
        // no topics: all of them
        let request = DescribeLogDirsRequest::default().with_topics(None);
        let answer = self.node(id, &request, self.until::<DescribeLogDirsRequest>()).await?;
        read(&answer.body).map_err(|e| answer.refused(e))
    }
}

fn read(body: &DescribeLogDirsResponse) -> Result<Vec<LogDir>, ItemError> {
    ItemError::check(body.error_code, None)?;
    Ok(body.results.iter().map(dir).collect())
}

fn dir(result: &DescribeLogDirsResult) -> LogDir {
    let replica = |p: &DescribeLogDirsPartition| ReplicaOnDisk {
        partition: p.partition_index,
        bytes: p.partition_size,
        lag: p.offset_lag,
        future: p.is_future_key,
    };
    let topics = result.topics.iter().map(|topic| {
        (topic.name.as_str().to_owned(), topic.partitions.iter().map(replica).collect::<Vec<_>>())
    });
    let known = |bytes: i64| Some(bytes).filter(|bytes| *bytes >= 0);
    LogDir {
        path: result.log_dir.as_str().to_owned(),
        error: ItemError::check(result.error_code, None).err().map(|error| error.to_string()),
        total_bytes: known(result.total_bytes),
        usable_bytes: known(result.usable_bytes),
        topics: topics.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_is_broken_is_told_with_its_error_and_the_others_too() {
        let broken = DescribeLogDirsResult::default()
            .with_error_code(56)
            .with_log_dir(super::super::text("/data/b"))
            .with_total_bytes(-1)
            .with_usable_bytes(-1);
        let fine = DescribeLogDirsResult::default()
            .with_log_dir(super::super::text("/data/a"))
            .with_total_bytes(100)
            .with_usable_bytes(60);
        let dirs = read(&DescribeLogDirsResponse::default().with_results(vec![fine, broken])).unwrap();
        assert_eq!(
            (dirs[0].total_bytes, dirs[0].usable_bytes, dirs[0].error.as_ref()),
            (Some(100), Some(60), None)
        );
        assert_eq!((dirs[1].total_bytes, dirs[1].usable_bytes), (None, None));
        assert!(dirs[1].error.as_ref().unwrap().contains("KAFKA_STORAGE_ERROR"), "{:?}", dirs[1].error);
    }

    #[test]
    fn a_broker_that_refuses_is_no_broker_without_data() {
        assert!(read(&DescribeLogDirsResponse::default().with_error_code(31)).is_err());
    }
}
