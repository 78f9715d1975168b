//! What the wire client does when brokers misbehave.

#[path = "../support/mod.rs"]
mod support;

mod broken;
mod broker;
mod elsewhere;
mod silent;

use std::time::Duration;

use kafka_protocol::messages::{DescribeClusterRequest, DescribeClusterResponse};
use kafka_protocol::protocol::StrBytes;
use sluice_clients::kafka::{Client, Options};
use support::fake::{Asked, Reply};

/// Connect in a second, done in two: soon over, and long enough for a machine that is busy with other tests.
fn options(addresses: &[&str]) -> Options {
    Options {
        connect: Duration::from_secs(1),
        read: Duration::from_secs(2),
        write: Duration::from_secs(2),
        ..Options::plain(addresses.iter().copied()).unwrap()
    }
}

fn client(addresses: &[&str]) -> Client {
    Client::new(options(addresses))
}

/// Answers `DescribeCluster` with a cluster of that id and no brokers.
fn cluster(asked: Asked, id: &'static str) -> Option<Reply> {
    let response = DescribeClusterResponse::default()
        .with_endpoint_type(1)
        .with_cluster_id(StrBytes::from_static_str(id));
    asked.answer::<DescribeClusterRequest>(&response)
}

/// The error with all its causes.
fn told(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |e| e.source()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
