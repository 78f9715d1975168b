//! What lies on brokers' disks: as Kafka tells it, and what of it is kept.

use std::collections::BTreeMap;

/// One log directory of a broker (`DescribeLogDirs`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogDir {
    pub path: String,
    /// Why it cannot be used.
    pub error: Option<String>,
    /// Size of the volume; `None` where the broker cannot tell.
    pub total_bytes: Option<i64>,
    /// What of it is free for the broker.
    pub usable_bytes: Option<i64>,
    /// Topics with what lies here of each.
    pub topics: Vec<(String, Vec<ReplicaOnDisk>)>,
}

/// A replica as it lies on a disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplicaOnDisk {
    pub partition: i32,
    pub bytes: i64,
    /// How far behind, in records: the high watermark for the current replica, the current replica for a future one.
    pub lag: i64,
    /// It is being moved here from another directory of the same broker.
    pub future: bool,
}

/// What of a broker's log directories is worth knowing all the time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DiskView {
    /// Of the fullest directory.
    pub total_bytes: i64,
    pub usable_bytes: i64,
    /// Directories that cannot be used: path and why.
    pub failed: Vec<(String, String)>,
    /// Topics with most bytes over all directories, the largest first.
    pub fullest: Vec<(String, i64)>,
}

/// How many topics are kept.
const FULLEST: usize = 3;

impl DiskView {
    pub fn of(dirs: &[LogDir]) -> Self {
        let sized = dirs.iter().filter_map(|dir| Some((dir.total_bytes?, dir.usable_bytes?)));
        let fullest_dir = sized.max_by_key(|(total, usable)| used_per_mille(*total, *usable));
        let (total_bytes, usable_bytes) = fullest_dir.unwrap_or_default();
        let mut topics: BTreeMap<&str, i64> = BTreeMap::new();
        for (name, replicas) in dirs.iter().flat_map(|dir| &dir.topics) {
            *topics.entry(name).or_default() += replicas.iter().map(|replica| replica.bytes).sum::<i64>();
        }
        let mut fullest: Vec<_> = topics.into_iter().collect();
        fullest.sort_by_key(|(name, bytes)| (std::cmp::Reverse(*bytes), *name));
        fullest.truncate(FULLEST);
        let failed = |dir: &LogDir| Some((dir.path.clone(), dir.error.clone()?));
        Self {
            total_bytes,
            usable_bytes,
            failed: dirs.iter().filter_map(failed).collect(),
            fullest: fullest.into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).collect(),
        }
    }

    pub fn used_percent(&self) -> i32 {
        i32::try_from(used_per_mille(self.total_bytes, self.usable_bytes) / 10).unwrap_or(0)
    }
}

fn used_per_mille(total: i64, usable: i64) -> i64 {
    if total <= 0 {
        return 0;
    }
    let used = i128::from(total - usable.clamp(0, total)) * 1000 / i128::from(total);
    i64::try_from(used).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dir(total: i64, usable: i64, topics: &[(&str, &[i64])]) -> LogDir {
        let replica = |bytes: &i64| ReplicaOnDisk { bytes: *bytes, ..ReplicaOnDisk::default() };
        let topics = topics.iter().map(|(name, all)| ((*name).to_owned(), all.iter().map(replica).collect()));
        LogDir {
            total_bytes: Some(total),
            usable_bytes: Some(usable),
            topics: topics.collect(),
            ..LogDir::default()
        }
    }

    #[test]
    fn the_fullest_directory_counts_and_a_topic_over_all_of_them() {
        let dirs = [
            dir(100, 90, &[("a", &[3, 3]), ("b", &[5])]),
            dir(200, 20, &[("a", &[1]), ("c", &[1]), ("d", &[0])]),
        ];
        let view = DiskView::of(&dirs);
        assert_eq!((view.used_percent(), view.total_bytes), (90, 200));
        let fullest: Vec<_> = view.fullest.iter().map(|(name, bytes)| (name.as_str(), *bytes)).collect();
        assert_eq!(fullest, [("a", 7), ("b", 5), ("c", 1)]);
    }

    #[test]
    fn a_broker_that_tells_no_size_is_not_full() {
        let dirs = [LogDir { error: Some("broken".into()), ..LogDir::default() }];
        let view = DiskView::of(&dirs);
        assert_eq!((view.used_percent(), view.failed.len()), (0, 1));
        assert_eq!(DiskView::of(&[]), DiskView::default());
    }
}
