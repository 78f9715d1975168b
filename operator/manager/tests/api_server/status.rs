//! Status writes: only what differs, only to the object that was looked at.

use apiserver_harness::Link;
use kube::api::{Api, DeleteParams, PostParams};
use kube::{Client, ResourceExt};
use sluice::{Error, Metrics, status};
use sluice_crds::{Topic, TopicSpec, TopicStatus};

use crate::with_crds;

struct Desk {
    link: Link,
    client: Client,
    metrics: Metrics,
    topics: Api<Topic>,
}

impl Desk {
    async fn new() -> Self {
        let server = with_crds().await;
        let namespace = server.namespace().await;
        let link = server.link().await;
        let (client, metrics) = (link.client(), Metrics::default());
        Self { client, link, metrics, topics: Api::namespaced(server.client(), &namespace) }
    }

    /// Creates a Topic and reads it as the operator meets it first.
    async fn topic(&self) -> Topic {
        let mut spec = TopicSpec { partitions: 1, ..Default::default() };
        spec.cluster_ref.name = "main".into();
        self.topics.create(&PostParams::default(), &Topic::new("orders", spec)).await.expect("a topic");
        self.read().await
    }

    async fn read(&self) -> Topic {
        self.topics.get("orders").await.expect("the topic")
    }

    async fn tell(&self, topic: &Topic, wanted: &TopicStatus) -> Result<bool, Error> {
        status::patch(&self.client, &self.metrics, topic, topic.status.as_ref(), wanted).await
    }
}

fn six_partitions(topic: &Topic) -> TopicStatus {
    TopicStatus {
        partitions: Some(6),
        topic_id: Some("id".into()),
        ..topic.status.clone().unwrap_or_default()
    }
}

#[tokio::test]
async fn a_status_is_written_when_it_differs_and_only_then() {
    let desk = Desk::new().await;
    let topic = desk.topic().await;
    let wanted = six_partitions(&topic);
    assert!(desk.tell(&topic, &wanted).await.unwrap());
    let topic = desk.read().await;
    assert_eq!(topic.status.as_ref(), Some(&wanted));
    // the same again needs no server
    desk.link.cut();
    assert!(!desk.tell(&topic, &wanted).await.unwrap());
    desk.link.mend();
    assert_eq!(desk.read().await.resource_version(), topic.resource_version());
}

#[tokio::test]
async fn a_status_is_replaced_whole() {
    let desk = Desk::new().await;
    let topic = desk.topic().await;
    desk.tell(&topic, &six_partitions(&topic)).await.unwrap();
    let topic = desk.read().await;
    let less = TopicStatus { topic_id: None, ..topic.status.clone().unwrap() };
    desk.tell(&topic, &less).await.unwrap();
    assert_eq!(desk.read().await.status, Some(less));
}

#[tokio::test]
async fn a_status_touches_nothing_else() {
    let desk = Desk::new().await;
    let before = desk.topic().await;
    let mut edited = before.clone();
    edited.spec.partitions = 3;
    desk.topics.replace("orders", &PostParams::default(), &edited).await.unwrap();
    // told about the copy from before the edit
    assert!(desk.tell(&before, &six_partitions(&before)).await.unwrap());
    let after = desk.read().await;
    assert_eq!((after.spec.partitions, after.metadata.generation), (3, Some(2)));
}

#[tokio::test]
async fn an_object_made_again_under_the_same_name_is_not_written() {
    let desk = Desk::new().await;
    let old = desk.topic().await;
    desk.topics.delete("orders", &DeleteParams::default()).await.unwrap();
    let new = desk.topic().await;
    assert!(!desk.tell(&old, &six_partitions(&old)).await.unwrap());
    assert_eq!(desk.read().await.resource_version(), new.resource_version());
}

#[tokio::test]
async fn an_object_that_is_gone_needs_no_status() {
    let desk = Desk::new().await;
    let topic = desk.topic().await;
    desk.topics.delete("orders", &DeleteParams::default()).await.unwrap();
    assert!(!desk.tell(&topic, &six_partitions(&topic)).await.unwrap());
}

#[tokio::test]
async fn a_status_that_the_schema_refuses_is_an_error() {
    let desk = Desk::new().await;
    let topic = desk.topic().await;
    let mut twice = six_partitions(&topic);
    twice.conditions.extend(twice.conditions.clone());
    let error = desk.tell(&topic, &twice).await.unwrap_err();
    assert_eq!(error.reason(), "KubeApi");
}
