//! Offsets of partitions and groups. Records are written and read by Kafka's own tools.

use std::collections::BTreeMap;

use sluice_clients::kafka::{
    At, Client, Code, Committed, ItemError, NewRecord, NewTopic, Peeked, TopicPartition,
};

use super::support::kafka::{Kafka, shared};
use super::support::wait::until;
use super::{create, topic};

fn at(topic: &str, partition: i32) -> TopicPartition {
    TopicPartition { topic: topic.to_owned(), partition }
}

async fn produce(kafka: &'static Kafka, topic: &'static str, records: usize) {
    let lines = "a record\n".repeat(records);
    let args = ["--topic", topic, "--timeout", "0"];
    kafka.tool("org.apache.kafka.tools.ConsoleProducer", &args, &lines).await;
}

/// Reads that many records of the topic as the group, and commits.
async fn consume(kafka: &'static Kafka, topic: &'static str, group: &'static str, records: &'static str) {
    let args = [
        "--topic",
        topic,
        "--group",
        group,
        "--from-beginning",
        "--max-messages",
        records,
        "--timeout-ms",
        "20000",
    ];
    kafka.tool("org.apache.kafka.tools.consumer.ConsoleConsumer", &args, "").await;
}

async fn committed(client: &Client, group: &str) -> Result<Committed, ItemError> {
    // for moments after a group coordinator was chosen it still loads, and says so
    let look = async || client.offset_fetch(&[group]).await.unwrap().remove(0).1;
    until(group, look, |seen| !seen.as_ref().is_err_and(|error| error.code.is_retriable())).await
}

#[tokio::test]
async fn partitions_tell_where_they_begin_and_end() {
    let kafka = shared().await;
    let client = kafka.client();
    create(&client, topic("measured", 1)).await;
    create(&client, topic("empty", 2)).await;
    produce(kafka, "measured", 3).await;

    let latest = client.list_offsets(&["measured", "empty", "not-there"], At::Latest).await.unwrap();
    let code = |at: &TopicPartition| latest[at].as_ref().unwrap_err().code;
    assert_eq!(latest[&at("measured", 0)], Ok(3));
    assert_eq!((latest[&at("empty", 0)].clone(), latest[&at("empty", 1)].clone()), (Ok(0), Ok(0)));
    assert_eq!(code(&at("not-there", 0)), Code::UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(latest.len(), 4);
    let earliest = client.list_offsets(&["measured"], At::Earliest).await.unwrap();
    assert_eq!(earliest, BTreeMap::from([(at("measured", 0), Ok(0))]));
}

#[tokio::test]
async fn a_group_tells_how_far_it_is_until_it_is_deleted() {
    let kafka = shared().await;
    let client = kafka.client();
    create(&client, topic("followed", 1)).await;
    produce(kafka, "followed", 5).await;
    consume(kafka, "followed", "readers", "5").await;
    assert_eq!(committed(&client, "readers").await, Ok(BTreeMap::from([(at("followed", 0), 5)])));
    assert_eq!(committed(&client, "nobody").await, Ok(BTreeMap::new()));

    let outcome = client.delete_groups(&["readers", "nobody"]).await.unwrap();
    let outcome: BTreeMap<_, _> = outcome.into_iter().collect();
    assert_eq!(outcome["readers"], Ok(()));
    assert_eq!(outcome["nobody"].as_ref().unwrap_err().code, Code::GROUP_ID_NOT_FOUND);
    assert_eq!(committed(&client, "readers").await, Ok(BTreeMap::new()));
}

#[tokio::test]
async fn single_records_are_read_where_they_stand() {
    let kafka = shared().await;
    let client = kafka.client();
    let configs = BTreeMap::from([("compression.type".to_owned(), "lz4".to_owned())]);
    create(&client, NewTopic { configs, ..topic("peeked", 1) }).await;
    create(&client, topic("peeked-not", 1)).await;
    let lines = (0..3000).map(|n| format!("record {n}")).collect::<Vec<_>>().join("\n");
    kafka.tool("org.apache.kafka.tools.ConsoleProducer", &["--topic", "peeked"], &lines).await;
    let times = async |time| {
        client.list_offsets(&["peeked"], At::Time(time)).await.unwrap()[&at("peeked", 0)].clone()
    };
    assert_eq!((times(0).await, times(i64::MAX / 2).await), (Ok(0), Ok(-1)));
    let places = |offset| BTreeMap::from([(at("peeked", 0), offset), (at("peeked-not", 0), 0)]);
    let began = jiff::Timestamp::now().as_millisecond();
    for offset in [0, 1, 1234, 2999] {
        let peeked = client.peek(&places(offset)).await.unwrap();
        let Ok(Peeked::Record(record)) = &peeked[&at("peeked", 0)] else { panic!("{peeked:?}") };
        assert_eq!(record.offset, offset);
        assert_eq!(record.value, Some(format!("record {offset}").into_bytes()));
        assert!((began - 120_000..=began).contains(&record.timestamp), "{record:?}, now is {began}");
        assert_eq!(peeked[&at("peeked-not", 0)], Ok(Peeked::Nothing));
    }
    let peeked = client.peek(&places(3000)).await.unwrap();
    assert_eq!(peeked[&at("peeked", 0)], Ok(Peeked::Nothing));
    let peeked = client.peek(&places(3001)).await.unwrap();
    assert_eq!(peeked[&at("peeked", 0)].as_ref().unwrap_err().code, Code(1), "out of range");
    assert_eq!(client.peek(&BTreeMap::from([(at("not-there", 0), 0)])).await.unwrap(), BTreeMap::new());
}

#[tokio::test]
async fn records_that_are_produced_are_read_as_they_were() {
    let kafka = shared().await;
    let client = kafka.client();
    create(&client, topic("produced", 2)).await;
    let record = |key: &str, value: Option<&str>| NewRecord {
        key: Some(key.as_bytes().to_vec()),
        value: value.map(|value| value.as_bytes().to_vec()),
        headers: vec![("sent".to_owned(), b"again".to_vec())],
    };
    let now = jiff::Timestamp::now().as_millisecond();
    let first = [record("a", Some("1")), record("b", None)];
    // its leader may not know of it yet
    let looked = async || client.produce(&at("produced", 1), &first, now).await.unwrap();
    assert_eq!(until("produced", looked, Result::is_ok).await, Ok(0));
    assert_eq!(client.produce(&at("produced", 1), &[record("a", Some("2"))], now).await.unwrap(), Ok(2));
    let tail = client.tail(&at("produced", 1), Some(0), 0).await.unwrap().unwrap();
    assert_eq!((tail.next, tail.end, tail.sealed), (3, 3, vec![]));
    let written: Vec<_> = tail
        .records
        .into_iter()
        .map(|one| NewRecord { key: one.key, value: one.value, headers: one.headers })
        .collect();
    assert_eq!(written, [record("a", Some("1")), record("b", None), record("a", Some("2"))]);

    let absent = client.produce(&at("not-there", 0), &first, now).await.unwrap();
    assert_eq!(absent.unwrap_err().code, Code::LEADER_NOT_AVAILABLE);
    let large = record("a", Some(&"x".repeat(2 << 20)));
    let refused = client.produce(&at("produced", 0), &[large], now).await.unwrap().unwrap_err();
    assert!(refused.code == Code(10) && !refused.code.is_retriable(), "{refused:?}");
}
