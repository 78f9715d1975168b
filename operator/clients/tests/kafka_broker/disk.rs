//! What lies on a real broker's disk.

use super::support::kafka::shared;
use super::support::wait::until;
use super::{create, topic};

#[tokio::test]
async fn the_disk_of_a_broker_is_told_with_its_size_and_its_replicas() {
    let client = shared().await.client();
    create(&client, topic("weighed", 3)).await;
    // a broker makes the logs of a new topic one after the other
    let dirs = until(
        "the broker has made all three logs",
        async || client.describe_log_dirs(1).await.unwrap(),
        |dirs| {
            let mut topics = dirs.iter().flat_map(|dir| &dir.topics);
            topics.any(|(name, replicas)| name == "weighed" && replicas.len() == 3)
        },
    );
    let dirs = dirs.await;
    let [dir] = dirs.as_slice() else { panic!("one directory: {dirs:?}") };
    let (total, usable) = (dir.total_bytes.unwrap(), dir.usable_bytes.unwrap());
    assert!(0 < usable && usable < total, "{usable} of {total}");
    assert_eq!(dir.error, None);
    let weighed = dir.topics.iter().find(|(name, _)| name == "weighed").unwrap();
    let mut partitions: Vec<_> = weighed.1.iter().map(|replica| replica.partition).collect();
    partitions.sort_unstable();
    assert_eq!(partitions, [0, 1, 2]);
}
