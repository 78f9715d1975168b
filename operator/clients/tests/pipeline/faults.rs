//! What goes wrong on the way, and what must not come of it.

use std::time::Duration;

use sluice_core::view::connect::RunState;

use crate::flow::{Flow, calm};
use crate::support::kafka;

const ORDERS: &str = "CREATE TABLE orders (id bigint PRIMARY KEY, customer text NOT NULL);
    INSERT INTO orders SELECT n, 'c' || n FROM generate_series(1, 500) n";
const ALL: &str = "SELECT count(*), md5(string_agg(id || '|' || customer, ',' ORDER BY id)) FROM orders";

#[tokio::test]
async fn a_record_that_cannot_be_read_goes_to_the_dead_letters_and_the_flow_goes_on() {
    let flow = Flow::start("poison", &["public.orders"], &[ORDERS], |_| {}).await;
    flow.same(ALL).await;
    let kafka = kafka::shared().await;
    let class = "org.apache.kafka.tools.ConsoleProducer";
    kafka.tool(class, &["--topic", "poison.public.orders"], "this is no change event\n").await;
    flow.source(&["INSERT INTO orders VALUES (1001, 'after the poison')"]).await;
    flow.same(ALL).await;
    assert_eq!(flow.records("poison.copy.dead-letter").await, 1);
    flow.until(&flow.sink_name(), RunState::Running).await;
    flow.end().await;
}

#[tokio::test]
async fn stopping_and_going_on_loses_nothing() {
    let flow = Flow::start("stops", &["public.orders"], &[ORDERS], |_| {}).await;
    flow.same(ALL).await;
    for round in 0..3 {
        flow.stop(&flow.source_name()).await;
        let first = 1000 + round * 100;
        let insert =
            format!("INSERT INTO orders SELECT n, 'r{round}' FROM generate_series({first}, {}) n", first + 9);
        flow.source(&[&insert]).await;
        flow.resume(&flow.source_name()).await;
        flow.same(ALL).await;
    }
    flow.until(&flow.source_name(), RunState::Running).await;
    flow.end().await;
}

#[tokio::test]
async fn a_server_that_dies_and_returns_is_found_again_by_both_connectors() {
    let mut flow = Flow::start("dies", &["public.orders"], &[ORDERS], |_| {}).await;
    flow.same(ALL).await;
    flow.source(&["INSERT INTO orders SELECT n, 'on the way' FROM generate_series(1001, 1100) n"]).await;
    flow.server.kill();
    tokio::time::sleep(Duration::from_secs(8)).await;
    flow.server.up().await;
    flow.source(&["INSERT INTO orders SELECT n, 'after' FROM generate_series(2001, 2100) n"]).await;
    flow.same(ALL).await;
    flow.until(&flow.source_name(), RunState::Running).await;
    flow.until(&flow.sink_name(), RunState::Running).await;
    flow.end().await;
}

#[tokio::test]
async fn offsets_that_were_forgotten_mean_a_new_beginning() {
    let flow = Flow::start("again", &["public.orders"], &[ORDERS], |_| {}).await;
    flow.same(ALL).await;
    assert!(flow.client.delete_offsets(&flow.source_name()).await.is_err(), "Connect refuses while it runs");
    for name in [flow.source_name(), flow.sink_name()] {
        flow.stop(&name).await;
        calm(async || flow.client.delete_offsets(&name).await).await;
        calm(async || flow.client.delete(&name).await).await;
    }
    assert!(!flow.client.connectors(None).await.unwrap().contains_key(&flow.source_name()));
    flow.drop_slot().await;
    flow.sink(&["DELETE FROM orders"]).await;
    flow.source(&["INSERT INTO orders VALUES (7001, 'new')"]).await;
    flow.connectors().await;
    flow.same(ALL).await;
    flow.end().await;
}

#[tokio::test]
async fn a_connector_whose_slot_is_gone_fails_and_makes_none_behind_the_gap() {
    let flow = Flow::start("slotless", &["public.orders"], &[ORDERS], |_| {}).await;
    flow.same(ALL).await;
    flow.source(&["INSERT INTO orders VALUES (1001, 'streamed')"]).await;
    flow.same(ALL).await;
    flow.stop(&flow.source_name()).await;
    assert!(flow.offset().await.is_some());
    flow.drop_slot().await;
    flow.source(&["INSERT INTO orders VALUES (1002, 'in the gap')"]).await;
    flow.resume(&flow.source_name()).await;
    let trace = flow.until(&flow.source_name(), RunState::Failed).await;
    assert!(trace.contains("no longer available on the server"), "{trace}");
    assert!(flow.slots().await.is_empty(), "no slot was made behind the gap");
    flow.end().await;
}

/// F11: offsets outlive their connector. One that is made again, stopped, has what its forerunner stored, so that it can be compared
/// with the slot before anything is read.
#[tokio::test]
async fn a_connector_that_is_made_again_has_its_forerunners_offset_before_it_begins() {
    let flow = Flow::start("heir", &["public.orders"], &[ORDERS], |_| {}).await;
    flow.same(ALL).await;
    flow.source(&["INSERT INTO orders VALUES (1001, 'streamed')"]).await;
    flow.same(ALL).await;
    flow.stop(&flow.source_name()).await;
    let stored = flow.offset().await.expect("an offset");
    calm(async || flow.client.delete(&flow.source_name()).await).await;
    flow.source(&["INSERT INTO orders VALUES (1002, 'meanwhile')"]).await;
    flow.sink(&["DELETE FROM orders WHERE id <= 500"]).await;

    flow.made_stopped().await;
    assert_eq!(flow.offset().await, Some(stored));
    flow.resume(&flow.source_name()).await;
    let arrived = "SELECT count(*) FROM orders WHERE id > 1000";
    flow.same(arrived).await;
    let again = flow.server.rows("sink", "SELECT count(*) FROM orders WHERE id <= 500").await;
    assert_eq!(again, [[Some("0".to_owned())]], "it went on where it was: nothing was read anew");
    flow.end().await;
}
