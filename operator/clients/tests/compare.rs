//! Compares tables of two real databases.

mod support;

use std::sync::Mutex;
use std::time::Instant;

use sluice_clients::postgres::{Watch, compare};
use sluice_core::cdc::verify::TableOutcome;
use sluice_core::cdc::verify::pair::pair;
use sluice_core::view::source::{Lsn, TableName};
use sluice_crds::cdc_pipeline::VerifyMode;
use support::postgres::{ADMIN, Postgres};

const ORDERS: &str = "CREATE TABLE orders (shop text COLLATE \"C\", id int, customer text, total numeric(12,2), at timestamptz, doc jsonb, \
     tags text[], PRIMARY KEY (shop, id))";
const ROWS: &str = "INSERT INTO orders SELECT 'shop ' || n % 3, n, nullif('customer ' || n % 70, 'customer 7'), n * 0.25, \
     timestamptz '2026-01-01 00:00:00+00' + n * interval '1 minute', json_build_object('n', n), ARRAY['a', n::text] \
     FROM generate_series(1, 50000) n";

/// What the sink does while it catches up.
#[derive(Default)]
struct Sink<'a> {
    server: Option<&'a Postgres>,
    applies: Vec<&'static str>,
    never: bool,
    compared: Mutex<i64>,
    waited: Mutex<u32>,
}

impl Watch for Sink<'_> {
    async fn caught_up(&self, position: Lsn) -> Result<(), String> {
        assert!(position > Lsn(0));
        *self.waited.lock().unwrap() += 1;
        if self.never {
            return Err("it does not apply anything".into());
        }
        if let Some(server) = self.server {
            server.sql("sink", &self.applies).await;
        }
        Ok(())
    }

    fn compared(&self, rows: i64) {
        *self.compared.lock().unwrap() += rows;
    }
}

/// A server with the same rows in two databases.
async fn server() -> Postgres {
    let server = Postgres::start(&["wal_level=logical"]).await;
    server.sql("postgres", &["CREATE DATABASE source", "CREATE DATABASE sink"]).await;
    for database in ["source", "sink"] {
        server.sql(database, &[ORDERS, ROWS]).await;
    }
    server
}

async fn compared(server: &Postgres, mode: VerifyMode, sink: &Sink<'_>) -> TableOutcome {
    let (mut there, mut here) = (server.session("source", ADMIN).await, server.session("sink", ADMIN).await);
    let table = TableName::new("public", "orders");
    let from = there.described(&table).await.unwrap().unwrap();
    let to = here.described(&table).await.unwrap().unwrap();
    let pair = pair(mode, (&table, &from), (&table, &to)).unwrap();
    compare(&mut there, &mut here, &pair, "copy", sink).await.unwrap()
}

fn found(outcome: &TableOutcome) -> (i64, i64, i64) {
    (outcome.missing, outcome.extra, outcome.different)
}

#[tokio::test]
async fn what_is_missing_extra_or_different_is_found_and_named() {
    let server = server().await;
    let sink = Sink::default();
    let same = compared(&server, VerifyMode::Checksum, &sink).await;
    assert_eq!((same.rows, found(&same), same.unknown), (50_000, (0, 0, 0), None));
    assert_eq!((*sink.compared.lock().unwrap(), *sink.waited.lock().unwrap()), (50_000, 0));

    let changes = [
        "UPDATE orders SET customer = '' WHERE id = 7",
        "UPDATE orders SET total = total + 0.01 WHERE id = 49999",
        "DELETE FROM orders WHERE id IN (1, 25000, 50000)",
        "INSERT INTO orders VALUES ('shop 0', 0), ('shop 2', 60000)",
    ];
    server.sql("sink", &changes).await;
    let other = compared(&server, VerifyMode::Checksum, &Sink::default()).await;
    assert_eq!((found(&other), other.at_least, other.restless), ((3, 2, 2), false, 0));
    assert_eq!(other.first.len(), 5);
    assert!(other.first.iter().any(|difference| difference.key == ["shop 1", "7"]), "{:?}", other.first);
    let count = compared(&server, VerifyMode::Count, &Sink::default()).await;
    assert_eq!(found(&count), (3, 2, 0), "counting does not look at values");
}

#[tokio::test]
async fn rows_on_their_way_are_no_differences() {
    let server = server().await;
    let late = "UPDATE orders SET total = 0 WHERE id % 100 = 3";
    server
        .sql("source", &[late, "DELETE FROM orders WHERE id = 77", "INSERT INTO orders VALUES ('z', 1)"])
        .await;
    server.sql("sink", &["UPDATE orders SET total = 1 WHERE id = 50"]).await;
    let applies = vec![
        late,
        "DELETE FROM orders WHERE id = 77",
        "INSERT INTO orders VALUES ('z', 1) ON CONFLICT DO NOTHING",
    ];
    let sink = Sink { server: Some(&server), applies, ..Default::default() };
    let outcome = compared(&server, VerifyMode::Checksum, &sink).await;
    assert_eq!((found(&outcome), outcome.unknown), ((0, 0, 1), None));
    assert_eq!(outcome.first[0].key, ["shop 2", "50"]);

    let never = Sink { never: true, ..Default::default() };
    let outcome = compared(&server, VerifyMode::Checksum, &never).await;
    assert_eq!(found(&outcome), (0, 0, 0), "nobody knows whether it is on its way");
    assert_eq!(outcome.unknown.as_deref(), Some("it does not apply anything"));
}

#[tokio::test]
async fn a_sink_that_has_nothing_in_common_is_given_up_soon() {
    let server = server().await;
    for (database, there) in [("sink", (1, 0)), ("source", (0, 1))] {
        server.sql(database, &["TRUNCATE orders"]).await;
        let outcome = compared(&server, VerifyMode::Checksum, &Sink::default()).await;
        assert!(outcome.at_least, "{outcome:?}");
        let (missing, extra, different) = found(&outcome);
        assert_eq!((missing.min(1), extra.min(1), different), (there.0, there.1, 0));
        assert!((1000..=2500).contains(&(missing + extra)), "{outcome:?}");
        server.sql(database, &[ROWS]).await;
    }
}

/// `cargo test -p sluice-clients --test compare -- --ignored --nocapture`: a million rows, both databases on this machine.
#[tokio::test]
#[ignore = "takes half a minute; it measures"]
async fn a_million_rows() {
    let server = Postgres::start(&["wal_level=logical"]).await;
    server.sql("postgres", &["CREATE DATABASE source", "CREATE DATABASE sink"]).await;
    for database in ["source", "sink"] {
        server.sql(database, &[ORDERS, &ROWS.replace("50000", "1000000"), "VACUUM ANALYZE orders"]).await;
    }
    let sink = Sink::default();
    let began = Instant::now();
    let outcome = compared(&server, VerifyMode::Checksum, &sink).await;
    println!("1,000,000 rows compared in {:.1} s", began.elapsed().as_secs_f64());
    assert_eq!((outcome.rows, found(&outcome)), (1_000_000, (0, 0, 0)));
}
