use std::collections::BTreeMap;

use sluice_crds::Connector;
use sluice_crds::cdc_pipeline::{PostgresConnection, SchemaEvolution};

use super::source::keeps_truncates;
use super::{connector, converters, secret, set, tls};
use crate::cdc::Wanted;
use crate::cdc::wanted::Sink;

const CLASS: &str = "io.debezium.connector.jdbc.JdbcSinkConnector";

/// What does not depend on the pipeline. Each differs from the connector's default for the reason given.
const FIXED: [(&str, &str); 14] = [
    ("insert.mode", "upsert"), // at-least-once delivery repeats records
    ("delete.enabled", "true"),
    ("primary.key.mode", "record_key"),
    ("quote.identifiers", "true"), // names as they are in the source
    // the default guesses a type for each header, and the connector fails on what it guesses (`__debezium.newkey`)
    ("header.converter", "org.apache.kafka.connect.converters.ByteArrayConverter"),
    // one statement per row and batch; also what makes rewritten batches possible: a statement must not touch a row twice
    ("use.reduction.buffer", "true"),
    ("batch.size", "2000"),
    ("consumer.override.max.poll.records", "2000"),
    // five retries of a second were less than a failover of PostgreSQL takes
    ("flush.max.retries", "20"),
    ("flush.retry.delay.ms", "3000"),
    ("connection.restart.on.errors", "true"),
    // a task uses one connection at a time; the default opens five
    ("connection.pool.min_size", "1"),
    ("connection.pool.max_size", "4"),
    ("connection.pool.timeout", "600000"), // milliseconds; the default closes and opens connections all the time
];

pub(super) fn build(wanted: &Wanted, sink: &Sink) -> Connector {
    let mut config = BTreeMap::new();
    set(&mut config, FIXED);
    converters(&mut config);
    let topics = wanted.tables.iter().map(|table| wanted.topic(table)).collect::<Vec<_>>().join(",");
    let evolution = match sink.evolution {
        SchemaEvolution::Basic => "basic",
        SchemaEvolution::None => "none",
    };
    set(
        &mut config,
        [
            ("topics", topics.as_str()),
            ("connection.url", &url(&sink.connection)),
            ("connection.username", &sink.connection.user),
            ("connection.password", &secret(&sink.connection.password)),
            ("collection.name.format", &format!("{}.${{source.table}}", sink.schema)),
            ("schema.evolution", evolution),
            ("truncate.enabled", if keeps_truncates(wanted) { "true" } else { "false" }),
        ],
    );
    if let Some(topic) = &sink.dead_letter {
        let factor = wanted.topics.replication_factor.unwrap_or(-1).to_string();
        set(
            &mut config,
            [
                ("errors.tolerance", "all"),
                ("errors.deadletterqueue.topic.name", topic),
                ("errors.deadletterqueue.topic.replication.factor", &factor),
                ("errors.deadletterqueue.context.headers.enable", "true"),
                ("errors.log.enable", "true"), // the cause; the record itself stays out of the log
            ],
        );
    }
    connector(wanted, wanted.sink_connector(sink), "sink", CLASS, sink.tasks_max, config)
}

/// - `stringtype=unspecified`: the server gives a text the type of its column, so that inet, jsonb, enums … take it.
/// - `reWriteBatchedInserts`: one statement for many rows.
fn url(connection: &PostgresConnection) -> String {
    let host = &connection.host;
    let host = if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.clone() };
    let tls = tls(connection).iter().fold(String::new(), |all, (key, value)| format!("{all}&{key}={value}"));
    format!(
        "jdbc:postgresql://{host}:{}/{}?stringtype=unspecified&reWriteBatchedInserts=true&tcpKeepAlive=true&ApplicationName=sluice{tls}",
        connection.port,
        encoded(&connection.database)
    )
}

/// As in an URL's path.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
    let one = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(one).collect()
}
