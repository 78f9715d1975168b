//! A real broker that stops, hangs and comes back. Its own one, and one test, for it is not there all the
//! time.

use std::time::{Duration, Instant};

use sluice_clients::kafka::Topics;

use super::support::kafka::Kafka;
use super::support::wait::until;
use super::told;

#[tokio::test]
async fn a_broker_that_hangs_or_dies_is_noticed_and_found_again() {
    // a broker that returns can register once the session of its former life is over
    let extra = "broker.session.timeout.ms=2000\nbroker.heartbeat.interval.ms=300";
    let mut kafka = tokio::task::spawn_blocking(|| Kafka::start(1, extra)).await.unwrap();
    kafka.ready().await;
    let client = kafka.client().within(Duration::from_secs(2));
    client.metadata(Topics::All).await.unwrap();

    // it hangs: the connection is there, nobody answers
    kafka.nodes[0].process().signal("STOP");
    let start = Instant::now();
    let error = client.describe_quorum().await.unwrap_err();
    assert_eq!(error.reason(), "KafkaTimedOut", "{}", told(&error));
    assert!((1_900..4_000).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
    kafka.nodes[0].process().signal("CONT");
    until("it answers again", async || client.describe_quorum().await, Result::is_ok).await.unwrap();

    // it dies while a call is waiting for it
    kafka.nodes[0].process().signal("STOP");
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.metadata(Topics::All).await }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    kafka.nodes[0].kill();
    let error = waiting.await.unwrap().unwrap_err();
    assert_eq!(error.reason(), "KafkaUnreachable", "{}", told(&error));
    assert!(error.outcome_unknown(), "{}", told(&error));
    let error = client.metadata(Topics::All).await.unwrap_err();
    assert!(!error.outcome_unknown(), "now it cannot even be connected to: {}", told(&error));

    kafka.nodes[0].start();
    kafka.ready().await;
    client.metadata(Topics::All).await.unwrap();
}
