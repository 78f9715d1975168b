//! Which broker is asked when one does not do.

use std::time::{Duration, Instant};

use kafka_protocol::messages::{CreateTopicsRequest, CreateTopicsResponse, DescribeClusterRequest};
use kafka_protocol::protocol::Request;
use sluice_clients::kafka::{Client, Error, NewTopic, Options};

use super::support::fake::{Fake, Reply};
use super::support::kafka::free_port;
use super::{client, cluster, told};

fn nobody() -> String {
    format!("127.0.0.1:{}", free_port())
}

fn topic() -> NewTopic {
    NewTopic {
        name: "t".to_owned(),
        partitions: None,
        replication_factor: None,
        configs: std::collections::BTreeMap::new(),
    }
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_unreachable_at_once() {
    let start = Instant::now();
    let error = client(&[&nobody()]).describe_cluster().await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    assert_eq!(error.reason(), "KafkaUnreachable");
    assert!(told(&error).contains("refused"), "{}", told(&error));
    assert!(start.elapsed() < Duration::from_millis(900), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_unreachable_within_the_deadline() {
    let start = Instant::now();
    let options = Options {
        connect: Duration::from_secs(20),
        read: Duration::from_secs(20),
        ..super::options(&["no-such-host.invalid:9092"])
    };
    let error = Client::new(options).describe_cluster().await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    assert!(told(&error).contains("lookup"), "{}", told(&error));
    assert!(start.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn a_question_goes_on_to_the_next_broker_and_stays_there() {
    let silent =
        Fake::start(|asked| (asked.key == DescribeClusterRequest::KEY).then_some(Reply::Silence)).await;
    let good = Fake::start(|asked| cluster(asked, "c")).await;
    let client = client(&[&nobody(), &silent.address, &good.address]);
    let start = Instant::now();
    assert_eq!(client.describe_cluster().await.unwrap().cluster_id, "c");
    assert!(start.elapsed() < Duration::from_secs(2), "half of the time was kept: {:?}", start.elapsed());
    let start = Instant::now();
    client.describe_cluster().await.unwrap();
    assert!(start.elapsed() < Duration::from_millis(900), "{:?}", start.elapsed());
    assert_eq!((silent.asked(DescribeClusterRequest::KEY), good.asked(DescribeClusterRequest::KEY)), (1, 2));
}

#[tokio::test]
async fn when_none_answers_all_are_named() {
    let (one, other) = (nobody(), nobody());
    let error = client(&[&one, &other]).describe_cluster().await.unwrap_err();
    assert_eq!(error.to_string(), format!("DescribeCluster: none of {one}, {other} answered"));
    assert_eq!(error.reason(), "KafkaUnreachable");
    let error = client(&[]).describe_cluster().await.unwrap_err();
    assert_eq!(error.to_string(), "DescribeCluster: no bootstrap address is given");
}

#[tokio::test]
async fn a_change_that_may_have_been_made_is_not_made_again() {
    let first = Fake::start(|asked| {
        (asked.key == CreateTopicsRequest::KEY).then(|| Reply::Then(Box::new(Reply::Raw(Vec::new()))))
    })
    .await;
    let second =
        Fake::start(|asked| asked.answer::<CreateTopicsRequest>(&CreateTopicsResponse::default())).await;
    let error =
        client(&[&first.address, &second.address]).create_topics(&[topic()], false).await.unwrap_err();
    assert!(matches!(error, Error::Disconnected { .. }) && error.outcome_unknown(), "{error}");
    assert_eq!(second.asked(CreateTopicsRequest::KEY), 0);
}

#[tokio::test]
async fn a_change_that_was_surely_not_made_goes_to_the_next_broker() {
    // the second accepts connections and says nothing: nothing of the request was sent to it
    let mute = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mute_address = mute.local_addr().unwrap().to_string();
    let good =
        Fake::start(|asked| asked.answer::<CreateTopicsRequest>(&CreateTopicsResponse::default())).await;
    let client = client(&[&nobody(), &mute_address, &good.address]);
    client.create_topics(&[topic()], false).await.unwrap();
    assert_eq!(good.asked(CreateTopicsRequest::KEY), 1);
}

#[tokio::test]
async fn a_connection_that_was_closed_while_idle_costs_no_error() {
    let fake = Fake::start(|asked| cluster(asked, "c").map(|reply| Reply::Then(Box::new(reply)))).await;
    let client = client(&[&fake.address]);
    for connections in 1..=3 {
        client.create_topics(&[], false).await.unwrap();
        client.describe_cluster().await.unwrap();
        assert_eq!(fake.connections(), connections);
        // the farewell needs a moment to arrive
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
