//! Answers that are none.

use kafka_protocol::messages::describe_cluster_response::DescribeClusterBroker;
use kafka_protocol::messages::{DescribeClusterRequest, DescribeClusterResponse, MetadataRequest};
use kafka_protocol::protocol::Request;
use sluice_clients::kafka::{Error, Topics};

use super::support::fake::{Asked, Fake, Reply};
use super::support::kafka::free_port;
use super::support::wait::until;
use super::{client, cluster, told};

/// What comes of answering the first `DescribeCluster` so; the next one is answered well, on a new
/// connection.
async fn answered_with(reply: impl Fn(Asked) -> Reply + Send + Sync + 'static) -> Error {
    let fake = Fake::start(move |asked| match (asked.connection, asked.key) {
        (1, DescribeClusterRequest::KEY) => Some(reply(asked)),
        _ => cluster(asked, "c"),
    })
    .await;
    let client = client(&[&fake.address]);
    let error = client.describe_cluster().await.unwrap_err();
    assert!(error.outcome_unknown(), "{error}");
    assert_eq!(client.describe_cluster().await.unwrap().cluster_id, "c");
    assert_eq!(fake.connections(), 2);
    error
}

/// The frame of a good answer, to be damaged.
fn good(asked: Asked) -> Vec<u8> {
    match cluster(asked, "abcdefgh") {
        Some(Reply::Frame(frame)) => frame,
        _ => unreachable!("it is a DescribeCluster"),
    }
}

#[tokio::test]
async fn a_closed_connection_is_told_from_one_that_could_not_be_made() {
    let error = answered_with(|_| Reply::Then(Box::new(Reply::Raw(Vec::new())))).await;
    assert!(matches!(error, Error::Disconnected { .. }), "{error}");
    let error = answered_with(|_| Reply::Then(Box::new(Reply::Raw(vec![0, 0, 1, 0, 7])))).await;
    assert!(matches!(error, Error::Disconnected { .. }), "cut off in the frame: {error}");
}

#[tokio::test]
async fn what_is_no_kafka_is_said_to_be_none() {
    // "HTTP" read as a length is 1.2 GB; nothing of that size is reserved or waited for
    let error = answered_with(|_| Reply::Raw(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec())).await;
    assert!(told(&error).contains("1213486160 bytes is outside"), "{}", told(&error));
    assert_eq!(error.reason(), "KafkaProtocolError");
    for length in [-1_i32, 0, 3] {
        let error = answered_with(move |_| Reply::Raw(length.to_be_bytes().to_vec())).await;
        assert!(told(&error).contains("is outside"), "{}", told(&error));
    }
}

#[tokio::test]
async fn an_answer_to_another_request_is_not_taken() {
    let error =
        answered_with(|asked| Reply::Frame(good(Asked { correlation: asked.correlation + 1, ..asked })))
            .await;
    assert!(told(&error).contains("the answer is to request"), "{}", told(&error));
}

#[tokio::test]
async fn a_frame_that_is_cut_or_too_long_is_not_taken() {
    let length =
        good(Asked { connection: 1, key: DescribeClusterRequest::KEY, version: 2, correlation: 1 }).len();
    for cut in 5..length {
        let error = answered_with(move |asked| Reply::Frame(good(asked)[..cut].to_vec())).await;
        assert!(matches!(error, Error::Protocol { .. }), "{cut}: {error}");
    }
    let error = answered_with(|asked| Reply::Frame([good(asked), vec![0; 3]].concat())).await;
    assert!(told(&error).contains("3 bytes are left over"), "{}", told(&error));
}

#[tokio::test]
async fn a_claim_of_four_billion_brokers_costs_nothing() {
    let error = answered_with(|asked| {
        let mut frame = good(asked);
        // brokers is the last field before authorized operations and the tags: a compact array, empty = 1
        let at = frame.len() - 6;
        assert_eq!(frame[at], 1);
        frame.splice(at..=at, [0xff, 0xff, 0xff, 0xff, 0x0f]);
        Reply::Frame(frame)
    })
    .await;
    assert!(told(&error).contains("Not enough bytes"), "{}", told(&error));
}

#[tokio::test]
async fn a_broker_that_is_too_old_is_told_which_versions_are_missing() {
    let fake = Fake::start(|asked| asked.versions(0, 11)).await;
    let error = client(&[&fake.address]).metadata(Topics::All).await.unwrap_err();
    let told = told(&error);
    assert!(
        told.contains("it offers Metadata in versions 0 to 11, Sluice needs 12 to 13 (Kafka 4.0 or later)"),
        "{told}"
    );
    assert_eq!((error.outcome_unknown(), fake.asked(MetadataRequest::KEY)), (false, 0));
}

#[tokio::test]
async fn a_broker_that_does_not_know_our_api_versions_is_asked_in_its_own() {
    let fake = Fake::start(|asked| match asked {
        // as Kafka does it: version 0, code 35, and the range of ApiVersions alone
        Asked { key: 18, version: 4, correlation, .. } => {
            let body = [&correlation.to_be_bytes()[..], &[0, 35, 0, 0, 0, 1, 0, 18, 0, 0, 0, 3]].concat();
            Some(Reply::Frame(body))
        }
        _ => cluster(asked, "older"),
    })
    .await;
    assert_eq!(client(&[&fake.address]).describe_cluster().await.unwrap().cluster_id, "older");
    assert_eq!((fake.asked(18), fake.connections()), (2, 1));
}

#[tokio::test]
async fn a_broker_that_refuses_every_api_versions_is_left_alone() {
    for range in [&[0, 0, 0, 1, 0, 18, 0, 0, 0, 2][..], &[0, 0, 0, 0], &[], &[0, 0, 0, 1, 0, 18, 0, 0, 0, 4]]
    {
        let fake = Fake::start(move |asked| {
            let body = [&asked.correlation.to_be_bytes()[..], &[0, 35], range].concat();
            Some(Reply::Frame(body))
        })
        .await;
        let error = client(&[&fake.address]).describe_cluster().await.unwrap_err();
        assert!(
            ["KafkaProtocolError", "KafkaRefused"].contains(&error.reason()),
            "{range:?}: {}",
            told(&error)
        );
        assert!(fake.asked(18) <= 2);
    }
}

#[tokio::test]
async fn a_connection_that_ends_between_calls_is_told_once() {
    let fake = Fake::start(|asked| match (asked.connection, cluster(asked, "c")) {
        (1, Some(answer)) => Some(Reply::Then(Box::new(answer))),
        (_, answer) => answer,
    })
    .await;
    let client = client(&[&fake.address]);
    client.describe_cluster().await.unwrap();
    until("it is gone", async || client.has_lost_a_broker(), |lost| *lost).await;
    assert!(!client.has_lost_a_broker());
    client.describe_cluster().await.unwrap();
    assert!(!client.has_lost_a_broker(), "the second one stays");
}

/// A cluster whose only broker has the id 7 and this address.
fn of_one(asked: Asked, address: &str) -> Option<Reply> {
    let (host, port) = address.rsplit_once(':').unwrap();
    let broker = DescribeClusterBroker::default()
        .with_broker_id(7.into())
        .with_host(host.to_owned().into())
        .with_port(port.parse().unwrap());
    let response = DescribeClusterResponse::default()
        .with_endpoint_type(1)
        .with_cluster_id("c".to_owned().into())
        .with_brokers(vec![broker]);
    asked.answer::<DescribeClusterRequest>(&response)
}

#[tokio::test]
async fn a_broker_that_nobody_asks_is_missed_too_once_it_is_held() {
    let broker = Fake::start(|asked| match (asked.connection, asked.versions(0, 100)) {
        (1, Some(answer)) => Some(Reply::Then(Box::new(answer))),
        (_, answer) => answer,
    })
    .await;
    let address = broker.address.clone();
    let bootstrap = Fake::start(move |asked| of_one(asked, &address)).await;
    let client = client(&[&bootstrap.address]);
    client.describe_cluster().await.unwrap();
    assert_eq!((broker.connections(), client.has_lost_a_broker()), (0, false));
    client.hold(7).await.unwrap();
    until("it is gone", async || client.has_lost_a_broker(), |lost| *lost).await;
    for _ in 0..3 {
        client.hold(7).await.unwrap();
    }
    assert_eq!((broker.connections(), client.has_lost_a_broker()), (2, false), "the second one stays");
}

#[tokio::test]
async fn a_broker_whose_address_is_forgotten_was_lost() {
    let nobody = format!("127.0.0.1:{}", free_port());
    let bootstrap = Fake::start(move |asked| of_one(asked, &nobody)).await;
    let client = client(&[&bootstrap.address]);
    client.describe_cluster().await.unwrap();
    assert!(!client.has_lost_a_broker());
    let error = client.describe_log_dirs(7).await.unwrap_err();
    assert_eq!(error.reason(), "KafkaUnreachable");
    assert!(client.has_lost_a_broker());
}
