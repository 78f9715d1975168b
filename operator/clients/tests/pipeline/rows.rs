//! Rows arrive as they are, whatever is in them and whatever is done to them.

use std::time::Duration;

use sluice_core::cdc::snapshot::Snapshot;

use crate::flow::Flow;

/// One column of each kind that people use, with defaults that must not be taken for values. (A `timetz` arrives in UTC: Debezium
/// gives it so.)
const KINDS: &str = "CREATE TYPE mood AS ENUM ('fine', 'sad');
CREATE DOMAIN percent AS integer CHECK (VALUE BETWEEN 0 AND 100);
CREATE TABLE kinds (
    id bigint PRIMARY KEY, small smallint, total numeric(12,2), wide numeric, real real, double double precision,
    yes boolean DEFAULT true, name text DEFAULT 'nobody', short varchar(8), fixed char(4), bytes bytea,
    day date DEFAULT current_date, clock time DEFAULT localtime, zoned_clock timetz,
    at timestamp DEFAULT localtimestamp, zoned timestamptz DEFAULT now(), span interval,
    doc json, docb jsonb, key uuid DEFAULT gen_random_uuid(), address inet, net cidr, mac macaddr,
    bits bit(4), cash money, how mood, share percent, tags text[], numbers int[], days daterange, xml xml);
INSERT INTO kinds VALUES (
    1, -5, 12.34, 123456789.123456789, 1.5, 2.25, false, 'o''brien \\ ü', 'x', 'ab', '\\x00ff',
    '2024-02-29', '23:59:59.123456', '12:00:00+00', '1969-12-31 23:59:59.999999', '2024-03-31 01:30:00+01', '1 mon 2 days 03:04:05',
    '{\"a\": [1, null]}', '{\"b\": {\"c\": true}}', '11111111-2222-3333-4444-555555555555', '10.0.0.1', '10.0.0.0/8', '08:00:2b:01:02:03',
    B'1010', 1234.56, 'sad', 42, ARRAY['a', 'b c', NULL], ARRAY[1, 2], '[2024-01-01,2024-02-01)', '<a>1</a>');
INSERT INTO kinds (id, yes, name, day, clock, at, zoned, key) VALUES (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL)";

const ALL: &str = "SELECT * FROM kinds ORDER BY id";

#[tokio::test]
async fn every_kind_of_value_arrives_as_it_is_from_the_snapshot_and_from_the_log() {
    let flow = Flow::start("kinds", &["public.kinds"], &[KINDS], |_| {}).await;
    flow.same(ALL).await;
    flow.source(&["INSERT INTO kinds SELECT (jsonb_populate_record(k, jsonb_build_object('id', k.id + 10))).* FROM kinds k"])
        .await;
    flow.same(ALL).await;
    flow.source(&["UPDATE kinds SET name = NULL, yes = NULL, docb = NULL, tags = '{}' WHERE id = 1"]).await;
    flow.same(ALL).await;
    flow.source(&["DELETE FROM kinds WHERE id IN (2, 11)"]).await;
    flow.same(ALL).await;
    flow.end().await;
}

#[tokio::test]
async fn many_changes_of_one_row_and_keys_that_move_end_as_in_the_source() {
    let tables = "CREATE TABLE items (a int, b text, n int, PRIMARY KEY (a, b)); CREATE TABLE \"Odd Name\" (\"Key\" int PRIMARY KEY);
        CREATE TABLE \"Upper\" (\"Id\" int PRIMARY KEY, \"order\" text);
        INSERT INTO items SELECT n, 'b' || n, n FROM generate_series(1, 2000) n; INSERT INTO \"Upper\" VALUES (1, 'x')";
    let flow = Flow::start("moves", &["public.items", "public.Upper"], &[tables], |_| {}).await;
    let items = "SELECT * FROM items ORDER BY a, b";
    flow.same(items).await;
    flow.same("SELECT * FROM \"Upper\" ORDER BY 1").await;
    flow.source(&[
        "DO $$ BEGIN FOR i IN 1..300 LOOP UPDATE items SET n = i WHERE a = 5; END LOOP; END $$",
        "BEGIN; INSERT INTO items VALUES (9000, 'x', 1); DELETE FROM items WHERE a = 9000; INSERT INTO items VALUES (9000, 'x', 2); COMMIT",
        "BEGIN; INSERT INTO items VALUES (9001, 'x', 1); DELETE FROM items WHERE a = 9001; COMMIT",
        "BEGIN; UPDATE items SET n = -1; ROLLBACK",
        "UPDATE items SET b = 'moved' WHERE a BETWEEN 10 AND 20",
        "UPDATE items SET a = a + 100000 WHERE a BETWEEN 30 AND 40",
        "DELETE FROM items WHERE a % 7 = 0",
        "UPDATE \"Upper\" SET \"order\" = 'y'",
    ])
    .await;
    flow.same(items).await;
    flow.same("SELECT * FROM \"Upper\" ORDER BY 1").await;
    // one partition: TRUNCATE keeps its place among the rows
    flow.source(&["TRUNCATE items", "INSERT INTO items VALUES (1, 'after', 1)"]).await;
    flow.same(items).await;
    assert_eq!(flow.records("moves.copy.dead-letter").await, 0);
    flow.end().await;
}

#[tokio::test]
async fn a_large_value_that_an_update_does_not_touch_survives_it() {
    let table = "CREATE TABLE letters (id int PRIMARY KEY, seen int, body text, doc jsonb);
        INSERT INTO letters SELECT 1, 0, string_agg(md5(n::text), ''), jsonb_agg(md5(n::text)) FROM generate_series(1, 2000) n";
    let flow = Flow::start("toast", &["public.letters"], &[table], |_| {}).await;
    let all = "SELECT id, seen, md5(body), md5(doc::text) FROM letters";
    flow.same(all).await;
    flow.source(&["UPDATE letters SET seen = 1"]).await;
    flow.same(all).await;
    flow.source(&["UPDATE letters SET seen = 2", "DELETE FROM letters"]).await;
    flow.same(all).await;
    flow.end().await;
}

#[tokio::test]
async fn columns_that_appear_later_appear_in_the_sink() {
    let table = "CREATE TABLE growing (id int PRIMARY KEY); INSERT INTO growing VALUES (1)";
    let flow = Flow::start("growing", &["public.growing"], &[table], |_| {}).await;
    flow.same("SELECT * FROM growing ORDER BY id").await;
    flow.source(&[
        "ALTER TABLE growing ADD COLUMN more text, ADD COLUMN many numeric(8,2)",
        "INSERT INTO growing VALUES (2, 'x', 1.25)",
    ])
    .await;
    flow.same("SELECT * FROM growing ORDER BY id").await;
    flow.end().await;
}

#[tokio::test]
async fn the_snapshot_is_known_by_its_marks_and_an_idle_table_does_not_hold_the_log() {
    let table = "CREATE TABLE idle (id int PRIMARY KEY); INSERT INTO idle SELECT generate_series(1, 100)";
    let flow = Flow::start("marks", &["public.idle"], &[table], |_| {}).await;
    flow.same("SELECT count(*) FROM idle").await;
    let mut seen = flow.snapshot().await;
    for _ in 0..200 {
        if seen == Snapshot::Completed {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        seen = flow.snapshot().await;
    }
    assert_eq!(seen, Snapshot::Completed, "{:?}", flow.offset().await);

    // F4: only tables that are not captured are written
    flow.source(&["CREATE TABLE busy AS SELECT generate_series(1, 50000)"]).await;
    let written = flow.server.rows("source", "SELECT pg_current_wal_lsn()").await[0][0].clone().unwrap();
    let passed = format!(
        "SELECT confirmed_flush_lsn >= '{written}' FROM pg_replication_slots WHERE slot_name = '{}'",
        flow.wanted.source.slot
    );
    for _ in 0..300 {
        if flow.server.rows("source", &passed).await == [[Some("t".to_owned())]] {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!(
        "the slot stays before {written}: {:?}",
        flow.server.rows("source", "SELECT * FROM pg_replication_slots").await
    );
}
