//! The catalogue of failures against what Kafka Connect, Debezium and PostgreSQL really say when each is provoked.

use sluice_core::cdc::sql;
use sluice_core::connector::failure::{Class, classify};
use sluice_core::view::connect::RunState;

use crate::flow::{Flow, calm};
use crate::support::kafka;
use crate::support::postgres::SECRET;

const ALL: &str = "SELECT * FROM orders ORDER BY id";

/// A pipeline that reads and writes as roles of its own, without dead letters.
async fn flow(name: &str) -> Flow {
    let secret = sql::literal(SECRET);
    let schema = format!(
        "CREATE ROLE reader LOGIN SUPERUSER PASSWORD {secret}; CREATE ROLE writer LOGIN PASSWORD {secret};
         CREATE TABLE orders (id bigint PRIMARY KEY, customer text NOT NULL); INSERT INTO orders VALUES (1, 'first')"
    );
    let flow = Flow::prepare(name, &["public.orders"], &[&schema], |spec| {
        spec["source"]["postgres"]["user"] = "reader".into();
        spec["sinks"][0]["postgres"]["user"] = "writer".into();
        spec["sinks"][0].as_object_mut().unwrap().remove("deadLetter");
    })
    .await;
    flow.sink(&["GRANT SELECT, INSERT, UPDATE, DELETE ON orders TO writer"]).await;
    flow.connectors().await;
    flow.same(ALL).await;
    flow
}

impl Flow {
    /// The connector fails as this class says, and goes on once the cause is mended.
    async fn fails(&self, connector: &str, class: Class, mend: &[&str]) {
        let trace = self.until(connector, RunState::Failed).await;
        assert_eq!(classify(&trace), class, "{trace}");
        self.sink(mend).await;
        self.stop(connector).await;
        self.resume(connector).await;
        self.same(ALL).await;
        self.until(connector, RunState::Running).await;
    }
}

/// F1, and what a sink says of a row that it is refused.
#[tokio::test]
async fn a_sink_that_is_refused_says_what_kind_of_failure_it_is() {
    let flow = flow("refuses").await;
    let sink = flow.sink_name();

    flow.sink(&["ALTER TABLE orders ADD CONSTRAINT few CHECK (id < 10)"]).await;
    flow.source(&["INSERT INTO orders VALUES (10, 'too many')"]).await;
    flow.fails(&sink, Class::PoisonRecord, &["ALTER TABLE orders DROP CONSTRAINT few"]).await;

    flow.sink(&["ALTER TABLE orders ALTER COLUMN customer TYPE varchar(20)"]).await;
    flow.source(&["INSERT INTO orders VALUES (11, 'somebody with a long name')"]).await;
    flow.fails(&sink, Class::PoisonRecord, &["ALTER TABLE orders ALTER COLUMN customer TYPE text"]).await;

    flow.sink(&["REVOKE INSERT ON orders FROM writer"]).await;
    flow.source(&["INSERT INTO orders VALUES (12, 'without rights')"]).await;
    flow.fails(&sink, Class::Credentials, &["GRANT INSERT ON orders TO writer"]).await;

    let class = "org.apache.kafka.tools.ConsoleProducer";
    kafka::shared()
        .await
        .tool(class, &["--topic", "refuses.public.orders"], "this is no change event\n")
        .await;
    let trace = flow.until(&sink, RunState::Failed).await;
    assert_eq!(classify(&trace), Class::PoisonRecord, "{trace}");
    flow.end().await;
}

/// F17: the password changes in the database; and a publication that somebody drops.
#[tokio::test]
async fn a_source_that_is_not_let_in_or_misses_its_publication_says_so() {
    let flow = flow("outside").await;
    let source = flow.source_name();

    flow.stop(&source).await;
    flow.sink(&["ALTER ROLE reader PASSWORD 'another'"]).await;
    flow.resume(&source).await;
    let back = format!("ALTER ROLE reader PASSWORD {}", sql::literal(SECRET));
    flow.source(&["INSERT INTO orders VALUES (2, 'meanwhile')"]).await;
    flow.fails(&source, Class::Credentials, &[&back]).await;

    flow.stop(&source).await;
    flow.source(&[
        &sql::drop_publication(&flow.wanted.source.publication),
        "INSERT INTO orders VALUES (3, 'unpublished')",
    ])
    .await;
    flow.resume(&source).await;
    let trace = flow.until(&source, RunState::Failed).await;
    assert_eq!(classify(&trace), Class::Configuration, "{trace}");

    // F3: Connect stops what has failed, so that nobody else reads the slot
    flow.stop(&source).await;
    flow.end().await;
}

/// F14: who reads the slot keeps it; the source connector waits, and goes on once it is free.
#[tokio::test]
async fn a_slot_that_is_in_use_is_waited_for() {
    let flow = flow("in-use").await;
    let source = flow.source_name();
    flow.source(&["INSERT INTO orders VALUES (2, 'streamed')"]).await;
    flow.same(ALL).await;
    flow.stop(&source).await;
    let mut reader =
        flow.server.read_slot("source", &flow.wanted.source.slot, &flow.wanted.source.publication);
    let in_use = "SELECT active FROM pg_replication_slots";
    while flow.server.rows("source", in_use).await != [[Some("t".to_owned())]] {
        assert_eq!(reader.ended(), None, "it should read on");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    flow.resume(&source).await;
    tokio::time::sleep(std::time::Duration::from_secs(8)).await;
    let seen = calm(async || flow.client.connectors(None).await).await.remove(&source).unwrap();
    let failed = seen.tasks.iter().find(|task| task.state == RunState::Failed);
    assert_eq!(failed, None, "it waits by itself");
    reader.kill();
    flow.source(&["INSERT INTO orders VALUES (3, 'after')"]).await;
    flow.same(ALL).await;
    flow.until(&source, RunState::Running).await;
    flow.end().await;
}
