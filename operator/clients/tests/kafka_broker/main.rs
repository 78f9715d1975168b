//! The wire client and one real broker, shared by all tests here.

#[path = "../support/mod.rs"]
mod support;

mod configs;
mod disk;
mod offsets;
mod tls;
mod topics;
mod view;

use std::collections::BTreeMap;

use sluice_clients::kafka::{Client, ItemError, NewTopic, Topics};
use sluice_core::view::kafka::TopicView;
use support::wait::until;

fn topic(name: &str, partitions: i32) -> NewTopic {
    let configs = BTreeMap::new();
    NewTopic { name: name.to_owned(), partitions: Some(partitions), replication_factor: Some(1), configs }
}

type Seen = Result<TopicView, ItemError>;

/// The topic once it is as `wanted`: the broker's copy of the metadata follows the controller's by some
/// milliseconds.
async fn seen(client: &Client, name: &str, wanted: impl Fn(&Seen) -> bool) -> Seen {
    let look = async || client.metadata(Topics::Named(&[name])).await.unwrap().remove(0).1;
    until(name, look, wanted).await
}

/// A new topic, seen by the broker.
async fn create(client: &Client, topic: NewTopic) -> TopicView {
    let name = topic.name.clone();
    client.create_topics(&[topic], false).await.unwrap().remove(0).1.unwrap();
    seen(client, &name, Result::is_ok).await.unwrap()
}
