//! No answer, or a late one.

use std::time::{Duration, Instant};

use kafka_protocol::messages::{DescribeClusterRequest, MetadataRequest};
use kafka_protocol::protocol::Request;
use sluice_clients::kafka::{Error, Stage, Topics};
use tokio::net::TcpListener;

use super::support::fake::{Fake, Reply};
use super::support::wait::until;
use super::{client, cluster};

#[tokio::test]
async fn a_listener_that_never_answers_times_out() {
    // connections are accepted by the kernel, nobody reads them
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let start = Instant::now();
    let error = client(&[&listener.local_addr().unwrap().to_string()]).describe_cluster().await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { stage: Stage::Connect, .. }), "{error}");
    assert!(!error.outcome_unknown());
    assert!((900..2_000).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_call_ends_at_its_deadline_and_the_next_one_has_a_new_connection() {
    let fake = Fake::start(|asked| match asked.connection {
        1 if asked.key == DescribeClusterRequest::KEY => Some(Reply::Silence),
        _ => cluster(asked, "c"),
    })
    .await;
    let client = client(&[&fake.address]);
    let start = Instant::now();
    let error = client.within(Duration::from_millis(500)).describe_cluster().await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { stage: Stage::Answer, .. }), "{error}");
    assert_eq!((error.reason(), error.outcome_unknown()), ("KafkaTimedOut", true));
    assert_eq!(error.to_string(), format!("DescribeCluster: {} did not answer within 0.5 s", fake.address));
    assert!((450..1_500).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());

    assert_eq!(client.describe_cluster().await.unwrap().cluster_id, "c");
    assert_eq!(client.describe_cluster().await.unwrap().cluster_id, "c");
    assert_eq!(fake.connections(), 2, "the second connection is kept");
}

#[tokio::test]
async fn a_cancelled_call_does_not_give_its_answer_to_the_next() {
    let pause = Duration::from_millis(300);
    let fake = Fake::start(move |asked| match asked.connection {
        1 => cluster(asked, "late").map(|reply| Reply::After(pause, Box::new(reply))),
        _ => cluster(asked, "right"),
    })
    .await;
    let client = client(&[&fake.address]);
    let cancelled = tokio::spawn({
        let client = client.clone();
        async move { client.describe_cluster().await }
    });
    until("it is on its way", async || fake.asked(DescribeClusterRequest::KEY), |asked| *asked == 1).await;
    cancelled.abort();
    assert!(cancelled.await.unwrap_err().is_cancelled());
    // before the late answer comes and after
    for _ in 0..3 {
        assert_eq!(client.describe_cluster().await.unwrap().cluster_id, "right");
        tokio::time::sleep(pause / 2).await;
    }
    assert_eq!(fake.connections(), 2);
}

#[tokio::test]
async fn a_slow_call_does_not_hold_up_others() {
    let fake = Fake::start(|asked| match asked.key {
        MetadataRequest::KEY => Some(Reply::Silence),
        _ => cluster(asked, "c"),
    })
    .await;
    let client = client(&[&fake.address]);
    let slow = tokio::spawn({
        let client = client.within(Duration::from_mins(1));
        async move { client.metadata(Topics::All).await }
    });
    until("it is on its way", async || fake.asked(MetadataRequest::KEY), |asked| *asked == 1).await;
    client.describe_cluster().await.unwrap();
    assert!(!slow.is_finished());
}

#[tokio::test]
async fn more_calls_than_connections_wait_for_their_turn_within_their_deadline() {
    let fake = Fake::start(|asked| match asked.key {
        MetadataRequest::KEY => Some(Reply::Silence),
        _ => cluster(asked, "c"),
    })
    .await;
    let client = client(&[&fake.address]);
    let busy = client.within(Duration::from_mins(1));
    let calls: Vec<_> = (0..4)
        .map(|_| {
            let client = busy.clone();
            tokio::spawn(async move { client.metadata(Topics::All).await })
        })
        .collect();
    until("all are on their way", async || fake.asked(MetadataRequest::KEY), |asked| *asked == 4).await;
    let error = client.within(Duration::from_millis(200)).describe_cluster().await.unwrap_err();
    assert!(
        matches!(error, Error::TimedOut { stage: Stage::Queue, .. }) && !error.outcome_unknown(),
        "{error}"
    );
    assert_eq!(fake.connections(), 4);
    // a turn becomes free when a caller goes away
    calls[0].abort();
    assert_eq!(client.describe_cluster().await.unwrap().cluster_id, "c");
}
