//! The REST client and answers that a real worker gives only by chance: a mock stands in for it.

mod support;

use std::time::Duration;

use sluice_clients::connect::{Client, Deadlines};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

async fn mock(verb: &str, at: &str, answer: ResponseTemplate) -> (MockServer, Client) {
    support::connect::crypto();
    let server = MockServer::start().await;
    Mock::given(method(verb)).and(path(at)).respond_with(answer).mount(&server).await;
    let deadlines = Deadlines { quick: Duration::from_millis(300), ..Default::default() };
    let client = Client::new(server.uri().parse().unwrap(), deadlines);
    (server, client)
}

fn refusal(status: u16, message: &str) -> ResponseTemplate {
    let body = serde_json::json!({ "error_code": status, "message": message });
    ResponseTemplate::new(status).set_body_json(body)
}

#[tokio::test]
async fn mocked_a_rebalance_is_not_yet_and_no_failure() {
    let words = "Cannot complete request momentarily due to stale configuration";
    let (_server, client) = mock("PUT", "/connectors/x/pause", refusal(409, words)).await;
    let error = client.pause("x").await.unwrap_err();
    assert_eq!((error.reason(), error.is_transient()), ("ConnectRebalancing", true));
    assert!(error.to_string().contains(words), "{error}");
}

#[tokio::test]
async fn mocked_silence_ends_at_the_deadline() {
    let slow = ResponseTemplate::new(204).set_delay(Duration::from_secs(20));
    let (_server, client) = mock("DELETE", "/connectors/x", slow).await;
    let start = std::time::Instant::now();
    assert_eq!(client.delete("x").await.unwrap_err().reason(), "ConnectTimedOut");
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn mocked_half_a_connector_tells_nothing_yet() {
    let body = serde_json::json!({ "new": { "info": { "config": { "a": "b" } } } });
    let answer = ResponseTemplate::new(200).set_body_json(body);
    let (_server, client) = mock("GET", "/connectors", answer).await;
    assert!(client.connectors(None).await.unwrap().is_empty());
}

#[tokio::test]
async fn mocked_an_offset_of_null_is_none() {
    let one =
        |lsn: serde_json::Value| serde_json::json!({ "partition": { "server": "shop" }, "offset": lsn });
    let body = serde_json::json!({ "offsets": [one(serde_json::Value::Null), one(serde_json::json!({ "lsn": 1 }))] });
    let answer = ResponseTemplate::new(200).set_body_json(body);
    let (_server, client) = mock("GET", "/connectors/x/offsets", answer).await;
    let offsets = client.offsets("x").await.unwrap();
    assert_eq!((offsets.len(), &offsets[0].offset["lsn"]), (1, &serde_json::json!(1)));
}

#[tokio::test]
async fn mocked_an_answer_of_somebody_else_is_not_quoted() {
    let answer = ResponseTemplate::new(200).set_body_string(r#"{"x": "password=hunter2"}"#);
    let (_server, client) = mock("GET", "/connectors", answer).await;
    let error = client.connectors(None).await.unwrap_err();
    let told = format!("{error:?} {error}");
    assert_eq!(error.reason(), "ConnectAnswerUnreadable");
    assert!(!told.contains("hunter2"), "{told}");
}

#[tokio::test]
async fn mocked_exactly_once_is_what_a_worker_has_nothing_against() {
    let path = "/connector-plugins/io.debezium.X/config/validate";
    let answer = |errors: &[&str]| {
        let value =
            serde_json::json!({ "name": "exactly.once.support", "value": "required", "errors": errors });
        ResponseTemplate::new(200).set_body_json(serde_json::json!({ "configs": [{ "value": value }] }))
    };
    let (_server, client) = mock("PUT", path, answer(&[])).await;
    assert!(client.exactly_once("io.debezium.X").await.unwrap());
    let words = "This worker does not have exactly-once source support enabled.";
    let (_server, client) = mock("PUT", path, answer(&[words])).await;
    assert!(!client.exactly_once("io.debezium.X").await.unwrap());
    let nothing = ResponseTemplate::new(200).set_body_json(serde_json::json!({ "configs": [] }));
    let (_server, client) = mock("PUT", path, nothing).await;
    assert!(
        !client.exactly_once("io.debezium.X").await.unwrap(),
        "one that does not know of it does not do it"
    );
}
