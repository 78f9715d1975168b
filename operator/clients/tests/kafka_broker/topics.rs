//! Topics: created, seen, grown, deleted.

use std::collections::BTreeMap;

use sluice_clients::kafka::{Code, NewTopic, Topics};

use super::support::kafka::{CLUSTER_ID, shared};
use super::{create, seen, topic};

#[tokio::test]
async fn a_cluster_names_itself_and_its_brokers() {
    let kafka = shared().await;
    let cluster = kafka.client().describe_cluster().await.unwrap();
    assert_eq!(cluster.cluster_id, CLUSTER_ID);
    let broker = &cluster.brokers[&1];
    assert_eq!((broker.host.as_str(), broker.port, broker.fenced), ("127.0.0.1", kafka.nodes[0].port, false));
}

#[tokio::test]
async fn a_topic_is_created_seen_and_deleted_by_its_id() {
    let client = shared().await.client();
    let mut orders = topic("life-of-a-topic", 3);
    orders.configs.insert("cleanup.policy".to_owned(), "compact".to_owned());
    let created = client.create_topics(&[orders], false).await.unwrap();
    let id = *created[0].1.as_ref().unwrap();

    let view = seen(&client, "life-of-a-topic", Result::is_ok).await.unwrap();
    assert_eq!((view.id, view.internal, view.partitions.len()), (id, false, 3));
    assert!(
        view.partitions.iter().all(|p| p.replicas == [1] && p.isr == [1] && p.leader == Some(1)),
        "{view:?}"
    );

    assert_eq!(client.delete_topics(&[id]).await.unwrap(), [(id, Ok(()))]);
    let gone = seen(&client, "life-of-a-topic", Result::is_err).await.unwrap_err();
    assert_eq!(gone.code, Code::UNKNOWN_TOPIC_OR_PARTITION);
}

#[tokio::test]
async fn a_topic_that_was_created_anew_is_not_deleted_by_the_old_id() {
    let client = shared().await.client();
    let old = *client.create_topics(&[topic("recreated", 1)], false).await.unwrap()[0].1.as_ref().unwrap();
    assert_eq!(
        client.delete_topics_by_name(&["recreated"]).await.unwrap(),
        [("recreated".to_owned(), Ok(()))]
    );
    let new = *client.create_topics(&[topic("recreated", 1)], false).await.unwrap()[0].1.as_ref().unwrap();
    assert_ne!(old, new);

    let outcome = client.delete_topics(&[old, new]).await.unwrap();
    let outcome: BTreeMap<_, _> = outcome.into_iter().collect();
    assert_eq!(outcome[&old].as_ref().unwrap_err().code, Code::UNKNOWN_TOPIC_ID);
    assert_eq!(outcome[&new], Ok(()));
}

#[tokio::test]
async fn each_topic_of_a_batch_has_its_own_result() {
    let client = shared().await.client();
    client.create_topics(&[topic("taken", 1)], false).await.unwrap();
    let mut unknown_key = topic("unknown-key", 1);
    unknown_key.configs.insert("cleanup.polizy".to_owned(), "compact".to_owned());
    let wide = NewTopic { replication_factor: Some(3), ..topic("too-wide", 1) };
    let batch = [topic("fine", 1), topic("taken", 1), topic("no spaces", 1), wide, unknown_key];

    let items: BTreeMap<_, _> = client.create_topics(&batch, false).await.unwrap().into_iter().collect();
    let code = |name: &str| items[name].as_ref().unwrap_err().code;
    assert!(items["fine"].is_ok());
    assert_eq!(code("taken"), Code::TOPIC_ALREADY_EXISTS);
    assert_eq!(code("no spaces"), Code::INVALID_TOPIC_EXCEPTION);
    assert_eq!(code("too-wide"), Code::INVALID_REPLICATION_FACTOR);
    assert_eq!(code("unknown-key"), Code::INVALID_CONFIG);
    let said = items["unknown-key"].as_ref().unwrap_err().to_string();
    assert!(said.starts_with("INVALID_CONFIG: ") && said.contains("cleanup.polizy"), "{said}");
}

#[tokio::test]
async fn validate_only_creates_nothing_and_none_means_the_clusters_default() {
    let client = shared().await.client();
    let plain = NewTopic { partitions: None, replication_factor: None, ..topic("defaults", 1) };
    assert!(client.create_topics(std::slice::from_ref(&plain), true).await.unwrap()[0].1.is_ok());
    // a real topic made after it is seen, so this one would be too
    client.create_topics(&[topic("after-defaults", 1)], false).await.unwrap();
    seen(&client, "after-defaults", Result::is_ok).await.unwrap();
    assert!(client.metadata(Topics::Named(&["defaults"])).await.unwrap()[0].1.is_err());

    client.create_topics(&[plain], false).await.unwrap();
    let view = seen(&client, "defaults", Result::is_ok).await.unwrap();
    assert_eq!((view.partitions.len(), view.replication_factor()), (1, 1));
    let all = client.metadata(Topics::All).await.unwrap();
    assert!(all.iter().any(|(name, item)| name == "defaults" && item.as_ref() == Ok(&view)));
}

#[tokio::test]
async fn partitions_can_be_added_and_not_taken_away() {
    let client = shared().await.client();
    create(&client, topic("growing", 1)).await;
    create(&client, topic("not-growing", 3)).await;
    let items =
        client.create_partitions(&[("growing", 4), ("not-growing", 2), ("not-there", 2)]).await.unwrap();
    let items: BTreeMap<_, _> = items.into_iter().collect();
    assert_eq!(items["growing"], Ok(()));
    assert_eq!(items["not-growing"].as_ref().unwrap_err().code, Code::INVALID_PARTITIONS);
    assert_eq!(items["not-there"].as_ref().unwrap_err().code, Code::UNKNOWN_TOPIC_OR_PARTITION);
    seen(&client, "growing", |seen| seen.as_ref().is_ok_and(|view| view.partitions.len() == 4))
        .await
        .unwrap();
}

#[tokio::test]
async fn many_topics_go_in_requests_that_the_controller_takes() {
    let client = shared().await.client();
    // 4 records each: 10,000 would be refused as one request
    let many: Vec<_> = (0..2_600).map(|i| topic(&format!("one-of-many-{i}"), 3)).collect();
    let items = client.create_topics(&many, true).await.unwrap();
    assert_eq!(items.len(), many.len());
    assert!(items.iter().all(|(_, item)| item.is_ok()), "{:?}", items.iter().find(|(_, item)| item.is_err()));
    let too_wide = client.create_topics(&[topic("too-many-partitions", 10_001)], true).await.unwrap();
    assert_eq!(too_wide[0].1.as_ref().unwrap_err().code, Code::POLICY_VIOLATION);
}
