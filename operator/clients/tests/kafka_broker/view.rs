//! The pieces of a cluster's view, from a real broker.

use std::sync::Arc;

use sluice_core::view::kafka::ClusterView;

use super::support::kafka::{CLUSTER_ID, shared};
use super::support::wait::until;
use super::{create, seen, topic};

#[tokio::test]
async fn a_view_follows_the_cluster_and_shares_what_did_not_change() {
    let client = shared().await.client();
    create(&client, topic("steady", 2)).await;
    create(&client, topic("restless", 1)).await;
    let first = ClusterView::next(None, client.look(None).await.unwrap().0);
    assert_eq!(first.cluster_id, CLUSTER_ID);
    let described = client.describe_topic_configs(&["steady", "restless"]).await.unwrap();
    let first = first.with_configs(described.into_iter().map(|(name, configs)| (name, configs.unwrap())));
    assert_eq!(first.topics["steady"].min_isr, Some(1));

    client.create_partitions(&[("restless", 2)]).await.unwrap().remove(0).1.unwrap();
    seen(&client, "restless", |seen| seen.as_ref().is_ok_and(|view| view.partitions.len() == 2))
        .await
        .unwrap();
    let (look, requests) = client.look(Some(&first)).await.unwrap();
    assert_eq!(requests, 1, "the brokers are as they were");
    let second = ClusterView::next(Some(&first), look);
    assert_eq!(second.brokers, first.brokers);
    assert!(Arc::ptr_eq(&first.topics["steady"], &second.topics["steady"]));
    // other tests of this binary change topics of theirs at the same time
    let changed: Vec<_> = ClusterView::changed(&first, &second).collect();
    assert!(changed.contains(&"restless") && !changed.contains(&"steady"), "{changed:?}");
    assert!(second.topics["restless"].configs.is_some());
}

#[tokio::test]
async fn the_quorum_and_the_features_are_told() {
    let client = shared().await.client();
    let quorum = client.describe_quorum().await.unwrap();
    assert_eq!((quorum.leader, quorum.voters.len(), quorum.observers.len()), (Some(1), 1, 0));
    let voter = &quorum.voters[0];
    assert_eq!(voter.id, 1);
    assert!(!voter.directory.is_zero() && voter.last_caught_up_ms.is_some(), "{voter:?}");
    let log = async || client.describe_quorum().await.unwrap().high_watermark;
    until("the log grows, with a no-op at least twice a second", log, |now| *now > quorum.high_watermark)
        .await;

    let features = client.features().await.unwrap();
    assert!(features["kraft.version"] >= 1, "dynamic quorum: {features:?}");
    assert!(features["metadata.version"] >= 25, "4.0 or later: {features:?}");
}
