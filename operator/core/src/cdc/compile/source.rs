use std::collections::BTreeMap;

use sluice_crds::Connector;
use sluice_crds::cdc_pipeline::SnapshotMode;
use sluice_crds::topic::CleanupPolicy;

use super::{connector, converters, secret, set, tls};
use crate::cdc::{Wanted, names, sql};

pub(super) const CLASS: &str = "io.debezium.connector.postgresql.PostgresConnector";

/// What does not depend on the pipeline. Each differs from Debezium's default for the reason given.
const FIXED: [(&str, &str); 24] = [
    ("plugin.name", "pgoutput"),
    // publication and topics are Sluice's: exactly the pipeline's tables (F12), the declared replication (F15)
    ("publication.autocreate.mode", "disabled"),
    ("slot.drop.on.stop", "false"),
    // by default it gives up after 90 s, and tries again five seconds later, also when it was stopped meanwhile: between the two there is no
    // slot, and whoever begins then would read with one that the other is making. So it waits until PostgreSQL has made it
    ("internal.create.slot.command.timeout", "0"),
    // with an offset and without its slot, Debezium must fail, and not go on behind a gap in a new slot. It does so as long as it
    // checks that its position is available (`PostgresConnection.validateLogPosition`), which other strategies switch off
    ("offset.mismatch.strategy", "no_validation"),
    // a dead reader holds the slot until wal_sender_timeout, a minute by default: wait two (F14)
    ("slot.max.retries", "24"),
    ("slot.retry.delay.ms", "5000"),
    ("retriable.restart.connector.wait.ms", "5000"),
    // half a second of each change's way was spent in waiting; shorter than this costs more CPU than it gives
    ("poll.interval.ms", "50"),
    ("max.batch.size", "4096"),
    ("max.queue.size", "16384"),
    // rows of any width, bounded memory
    ("max.queue.size.in.bytes", "67108864"),
    ("interval.handling.mode", "string"), // microseconds have no months
    // an update that does not touch a large value does not carry it; without this a placeholder would reach the sink
    ("post.processors", "reselect"),
    ("post.processors.reselect.type", "io.debezium.processors.reselect.ReselectColumnsPostProcessor"),
    ("post.processors.reselect.reselect.unavailable.values", "true"),
    ("post.processors.reselect.reselect.null.values", "false"),
    // what a header holds (the other key, where a key has changed) as JSON, and not as Java prints it
    ("header.converter", "org.apache.kafka.connect.json.JsonConverter"),
    ("header.converter.schemas.enable", "false"),
    // the schema in every record is most of it, and always the same
    ("producer.override.compression.type", "lz4"),
    // Connect keeps every record until it is acknowledged, as objects; the producer counts its bytes compressed, a hundredth of
    // them. By the default of 32 MiB a snapshot fills the worker's heap, and all it does then is collect garbage
    ("producer.override.buffer.memory", "2097152"),
    ("producer.override.batch.size", "65536"),
    // an answer that is lost brings no record twice; and then several requests may be under way without changing the order
    ("producer.override.enable.idempotence", "true"),
    ("producer.override.max.in.flight.requests.per.connection", "5"),
];

pub(super) fn build(wanted: &Wanted) -> Connector {
    let connection = &wanted.source.connection;
    let mut config = BTreeMap::new();
    set(&mut config, FIXED);
    converters(&mut config);
    set(
        &mut config,
        [
            ("database.hostname", &connection.host),
            ("database.port", &connection.port.to_string()),
            ("database.dbname", &connection.database),
            ("database.user", &connection.user),
            ("database.password", &secret(&connection.password)),
            ("slot.name", &wanted.source.slot),
            ("publication.name", &wanted.source.publication),
            ("topic.prefix", &wanted.topics.prefix),
            ("table.include.list", &tables(wanted)),
            ("snapshot.mode", snapshot(wanted.snapshot)),
            ("tombstones.on.delete", if compacts(wanted) { "true" } else { "false" }),
            ("skipped.operations", if keeps_truncates(wanted) { "none" } else { "t" }),
        ],
    );
    for (key, value) in tls(connection) {
        config.insert(format!("database.{key}"), value);
    }
    if let Some(seconds) = wanted.source.heartbeat {
        set(
            &mut config,
            [
                ("heartbeat.interval.ms", &(i64::from(seconds) * 1000).to_string()),
                ("heartbeat.action.query", &sql::beat(&wanted.source.slot)),
            ],
        );
    }
    if let Some(table) = &wanted.signals {
        // orders and what becomes of them are in one topic, in their order
        let (table, topic) = (table.to_string(), wanted.topic(table));
        set(
            &mut config,
            [
                ("signal.enabled.channels", "source"),
                ("signal.data.collection", &table),
                // each chunk leaves nothing behind in the table
                ("incremental.snapshot.watermarking.strategy", "insert_delete"),
                // each chunk costs two rows in the signal table, and the time until they have come back
                ("incremental.snapshot.chunk.size", "4096"),
                ("notification.enabled.channels", "sink"),
                ("notification.sink.topic.name", &topic),
            ],
        );
    }
    connector(wanted, wanted.source_connector(), "source", CLASS, 1, config)
}

fn tables(wanted: &Wanted) -> String {
    wanted.tables.iter().map(|table| names::expression(&table.to_string())).collect::<Vec<_>>().join(",")
}

fn snapshot(mode: SnapshotMode) -> &'static str {
    match mode {
        SnapshotMode::Initial => "initial",
        SnapshotMode::Never => "no_data",
    }
}

/// Compaction forgets a deleted key by its tombstone; without compaction a tombstone says nothing new.
fn compacts(wanted: &Wanted) -> bool {
    let declared =
        wanted.topics.config.get("cleanup.policy").is_some_and(|policy| policy.as_str().contains("compact"));
    declared
        || matches!(wanted.topics.cleanup, Some(CleanupPolicy::Compact | CleanupPolicy::CompactAndDelete))
}

/// TRUNCATE has no key: among several partitions it would overtake rows, or be overtaken.
pub(super) fn keeps_truncates(wanted: &Wanted) -> bool {
    wanted.topics.partitions == 1
}
