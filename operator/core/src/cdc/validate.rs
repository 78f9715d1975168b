use std::collections::{BTreeMap, BTreeSet};

use sluice_crds::CdcPipeline;
use sluice_crds::cdc_pipeline as api;
use sluice_crds::topic::Retention;

use super::compile::APP;
use super::verify::{BadSchedule, Request, Schedule};
use super::wanted::{Read, Sink, Source, Topics, Wanted};
use super::{CdcReason, claim, names, offsets, sql};
use crate::finding::Finding;
use crate::meta::Owner;
use crate::topic::TOPIC_KEYS;
use crate::units;
use crate::view::source::TableName;

/// How long topics keep records where the spec says nothing: longer than a sink may be away over a long weekend (F15).
const RETENTION: &str = "7d";

type Findings = Vec<Finding<CdcReason>>;

/// Reads a spec. What the schema refuses already is not checked again.
pub fn validate(pipeline: &CdcPipeline) -> Result<Wanted, Findings> {
    match read(pipeline) {
        Some((wanted, findings)) if findings.is_empty() => Ok(wanted),
        Some((_, findings)) => Err(findings),
        None => Err(vec![invalid("the object has no name, namespace or uid yet")]),
    }
}

/// What a pipeline that is being deleted has left behind, also where its spec means nothing any more: an edit that was refused
/// has changed nothing, so slot and publication are still the ones that status names.
pub fn leaving(pipeline: &CdcPipeline) -> Option<Wanted> {
    let (mut wanted, findings) = read(pipeline)?;
    if !findings.is_empty()
        && let Some(made) = pipeline.status.as_ref().and_then(|status| status.source.as_ref())
        && !made.publication.is_empty()
    {
        wanted.source.publication.clone_from(&made.publication);
    }
    Some(wanted)
}

/// The spec as far as it can be read, and what is wrong with it.
fn read(pipeline: &CdcPipeline) -> Option<(Wanted, Findings)> {
    let spec = &pipeline.spec;
    let mut findings = Findings::new();
    let owner = Owner::of(pipeline, APP)?;

    let tables = tables(&spec.tables, &mut findings);
    let postgres = &spec.source.postgres;
    let slot = claim::slot(pipeline, &owner.namespace, &owner.name);
    let source = Source {
        connection: postgres.connection.clone(),
        publication: postgres.publication_name.clone().unwrap_or_else(|| slot.clone()),
        slot,
        heartbeat: postgres.heartbeat.enabled.then_some(postgres.heartbeat.interval_seconds),
        on_gap: spec.source.on_gap,
        on_budget_exceeded: spec.source.on_budget_exceeded,
    };
    let topics = topics(&spec.topics, &owner.name, &mut findings);
    let sinks = sinks(&spec.sinks, &topics.prefix);
    let max_retained_wal = spec.objectives.max_retained_wal.as_deref().and_then(|text| {
        let refused =
            |error: units::UnitError| invalid(error.to_string()).at("spec.objectives.maxRetainedWal");
        units::bytes(text).map_err(|error| findings.push(refused(error))).ok()
    });
    let mut seconds = |text: &Option<String>, field: &str| {
        let refused =
            |error: units::UnitError| invalid(error.to_string()).at(format!("spec.objectives.{field}"));
        let millis = units::millis(text.as_deref()?).map_err(|error| findings.push(refused(error)));
        millis.ok().map(|millis| millis / 1000)
    };
    let max_lag = seconds(&spec.objectives.max_lag, "maxLag");
    let max_snapshot = seconds(&spec.objectives.max_snapshot_duration, "maxSnapshotDuration");
    connectors(&owner.name, &sinks, &mut findings);
    collisions(&tables, &topics.prefix, &sinks, &mut findings);
    circles(&source, &tables, &sinks, &mut findings);
    connections(&source, &sinks, &mut findings);
    let verify = verify(&spec.verify, &tables, &mut findings);
    let ran = pipeline.status.as_ref().map(|status| status.snapshots.as_slice()).unwrap_or_default();
    let reads = reads(&spec.snapshots, &tables, ran, &mut findings);
    let begun = pipeline.status.as_ref().map(|status| status.offsets.as_slice()).unwrap_or_default();
    let offsets = offsets::requests(&spec.offsets, &sinks, begun, claim::started(pipeline), &mut findings);

    let wanted = Wanted {
        owner,
        connect: spec.connect_ref.name.clone(),
        source,
        tables,
        snapshot: spec.snapshot.mode,
        snapshots: spec
            .snapshots
            .iter()
            .filter(|request| request.type_ == api::SnapshotType::Initial)
            .map(|request| request.id.clone())
            .collect(),
        reads,
        offsets,
        signals: None,
        max_retained_wal,
        max_lag,
        max_snapshot,
        topics,
        sinks,
        verify,
        repair: spec.repair,
        state: spec.state,
        restarted_at: spec.restarted_at.clone(),
        deletion: spec.deletion_policy,
        paused: spec.paused,
    };
    Some((wanted, findings))
}

fn invalid(message: impl Into<String>) -> Finding<CdcReason> {
    Finding::new(CdcReason::InvalidSpec, message)
}

fn tables(listed: &[String], findings: &mut Findings) -> BTreeSet<TableName> {
    let mut tables = BTreeSet::new();
    for (at, text) in listed.iter().enumerate() {
        let field = format!("spec.tables[{at}]");
        match text.parse::<TableName>() {
            Ok(table) if table == sql::heartbeat_table() || is_signals(&table) => findings.push(
                invalid(format!("{text} is Sluice's own table")).at(field).mend("Remove it".to_owned()),
            ),
            Ok(table) => drop(tables.insert(table)),
            Err(error) => findings.push(invalid(error.to_string()).at(field)),
        }
    }
    tables
}

fn topics(spec: &api::Topics, pipeline: &str, findings: &mut Findings) -> Topics {
    let declared = spec.retention.clone().unwrap_or_default();
    for (text, field, read) in [
        (&declared.time, "time", units::millis as fn(&str) -> Result<i64, units::UnitError>),
        (&declared.size, "size", units::bytes),
    ] {
        if let Some(text) = text.as_deref().filter(|text| *text != "Unlimited")
            && let Err(error) = read(text)
        {
            findings.push(invalid(error.to_string()).at(format!("spec.topics.retention.{field}")));
        }
    }
    for key in spec.config.keys().filter(|key| !TOPIC_KEYS.contains(&key.as_str())) {
        let finding = invalid("Kafka has no topic configuration of this name");
        findings.push(finding.at(format!("spec.topics.config[{key}]")));
    }
    // a retention that is written as Kafka's own key is meant as it is
    let time = (!spec.config.contains_key("retention.ms")).then(|| declared.time.unwrap_or(RETENTION.into()));
    Topics {
        prefix: spec.prefix.clone().unwrap_or_else(|| pipeline.to_owned()),
        partitions: spec.partitions,
        replication_factor: spec.replication_factor,
        retention: Retention { time, size: declared.size },
        cleanup: spec.cleanup_policy,
        config: spec.config.clone(),
        adoption: spec.adoption,
    }
}

fn sinks(spec: &[api::Sink], prefix: &str) -> Vec<Sink> {
    let sink = |sink: &api::Sink| Sink {
        name: sink.name.clone(),
        connection: sink.postgres.connection.clone(),
        schema: sink.postgres.schema.clone(),
        evolution: sink.postgres.schema_evolution,
        tasks_max: sink.tasks_max,
        dead_letter: sink.dead_letter.as_ref().map(|letter| {
            letter.topic.clone().unwrap_or_else(|| names::dead_letter_topic(prefix, &sink.name))
        }),
        replay: sink.replay.iter().map(|request| request.id.clone()).collect(),
    };
    spec.iter().map(sink).collect()
}

fn verify(spec: &[api::Verify], tables: &BTreeSet<TableName>, findings: &mut Findings) -> Vec<Request> {
    let mut requests = Vec::new();
    for (at, entry) in spec.iter().enumerate() {
        let schedule = entry.schedule.as_deref().and_then(|text| {
            let refused = |error: BadSchedule| Finding::new(CdcReason::ScheduleInvalid, error.to_string());
            let at = format!("spec.verify[{at}].schedule");
            Schedule::read(text).map_err(|error| findings.push(refused(error).at(at))).ok()
        });
        let field = format!("spec.verify[{at}].tables");
        let of = some_of(&entry.tables, tables, &field, findings);
        requests.push(Request { id: entry.id.clone(), schedule, tables: of, mode: entry.mode });
    }
    requests
}

fn is_signals(table: &TableName) -> bool {
    table.schema == sql::SCHEMA && table.name.starts_with("signal_")
}

/// Of the tables that a list names those that are the pipeline's; without a list all.
fn some_of(
    listed: &[String],
    tables: &BTreeSet<TableName>,
    field: &str,
    findings: &mut Findings,
) -> BTreeSet<TableName> {
    let mut of = BTreeSet::new();
    for (which, text) in listed.iter().enumerate() {
        match text.parse::<TableName>() {
            Ok(table) if tables.contains(&table) => drop(of.insert(table)),
            _ => {
                let finding = Finding::new(CdcReason::TableUnknown, format!("{text} is not in spec.tables"));
                findings.push(finding.at(format!("{field}[{which}]")));
            }
        }
    }
    if listed.is_empty() { tables.clone() } else { of }
}

/// What of a condition would reach beyond it.
fn breaks_out(filter: &str) -> Option<&'static str> {
    let (mut depth, mut closes) = (0_i32, false);
    for c in filter.chars() {
        depth += i32::from(c == '(') - i32::from(c == ')');
        closes |= depth < 0;
    }
    if filter.contains(';') {
        Some("a semicolon")
    } else if filter.contains("--") || filter.contains("/*") {
        Some("a comment")
    } else {
        (closes || depth != 0).then_some("parentheses without their other half")
    }
}

fn reads(
    listed: &[api::SnapshotRequest],
    tables: &BTreeSet<TableName>,
    ran: &[api::SnapshotRun],
    findings: &mut Findings,
) -> Vec<Read> {
    let mut reads = Vec::new();
    for (at, request) in listed.iter().enumerate() {
        // what was asked for long ago may name tables that have left since
        if ran.iter().any(|run| run.id == request.id && run.completed_at.is_some()) {
            let (id, type_) = (request.id.clone(), request.type_);
            reads.push(Read { id, type_, tables: BTreeSet::new(), filter: None });
            continue;
        }
        // Debezium puts it among other conditions as it is
        if let Some(what) = request.where_.as_deref().and_then(breaks_out) {
            let message =
                format!("it has {what}: only one condition can be meant, as it stands behind WHERE");
            findings.push(invalid(message).at(format!("spec.snapshots[{at}].where")));
        }
        if request.type_ != api::SnapshotType::Initial {
            let field = format!("spec.snapshots[{at}].tables");
            let tables = some_of(&request.tables, tables, &field, findings);
            let (id, type_) = (request.id.clone(), request.type_);
            reads.push(Read { id, type_, tables, filter: request.where_.clone() });
        }
    }
    reads
}

/// A sink whose connector would have the source's name.
fn connectors(pipeline: &str, sinks: &[Sink], findings: &mut Findings) {
    let source = names::source_connector(pipeline);
    for (at, sink) in sinks.iter().enumerate() {
        if names::sink_connector(pipeline, &sink.name) == source {
            let message =
                format!("the connector of sink {} would be called {source}, as the source's is", sink.name);
            let finding =
                Finding::new(CdcReason::NameCollision, message).at(format!("spec.sinks[{at}].name"));
            findings.push(finding.mend("Give the sink another name"));
        }
    }
}

/// Two things that would have one name in Kafka or in a sink.
fn collisions(tables: &BTreeSet<TableName>, prefix: &str, sinks: &[Sink], findings: &mut Findings) {
    let mut topics: BTreeMap<String, String> = BTreeMap::new();
    topics.insert(names::heartbeat_topic(prefix), "the heartbeat".into());
    let of_tables = tables.iter().map(|table| (names::topic(prefix, table), format!("table {table}")));
    let of_sinks = sinks.iter().filter_map(|sink| {
        Some((sink.dead_letter.clone()?, format!("the dead letters of sink {}", sink.name)))
    });
    for (topic, what) in of_tables.chain(of_sinks) {
        if topic.len() > 249 {
            findings.push(invalid(format!(
                "the topic of {what} would be called {topic}, and Kafka allows 249 characters"
            )));
        }
        if let Some(other) = topics.insert(topic.clone(), what.clone()) {
            let message = format!("{other} and {what} would share the topic {topic}");
            findings.push(Finding::new(CdcReason::NameCollision, message));
        }
    }
    if sinks.is_empty() {
        return;
    }
    let mut names: BTreeMap<&str, &TableName> = BTreeMap::new();
    for table in tables {
        if let Some(other) = names.insert(&table.name, table) {
            let message = format!("{other} and {table} would be one table in a sink");
            let finding = Finding::new(CdcReason::NameCollision, message).at("spec.tables");
            findings.push(finding.mend("Give each its own pipeline, with another schema in the sink"));
        }
    }
}

/// A sink that writes what the source reads would go on for ever.
fn circles(source: &Source, tables: &BTreeSet<TableName>, sinks: &[Sink], findings: &mut Findings) {
    for (at, sink) in sinks.iter().enumerate() {
        let (a, b) = (&source.connection, &sink.connection);
        let same = a.host == b.host && a.port == b.port && a.database == b.database;
        if same && let Some(table) = tables.iter().find(|table| table.schema == sink.schema) {
            let message = format!("the sink would write into {table}, from which the pipeline reads");
            let field = format!("spec.sinks[{at}].postgres.schema");
            findings.push(invalid(message).at(field).mend("Write to another schema or database"));
        }
    }
}

/// Characters that would change the meaning of a JDBC URL or of a placeholder.
fn connections(source: &Source, sinks: &[Sink], findings: &mut Findings) {
    let mut check = |connection: &api::PostgresConnection, field: String| {
        let host = &connection.host;
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
        if !host.chars().all(allowed) {
            let message = format!("{host:?} is no host name or address");
            findings.push(invalid(message).at(format!("{field}.host")));
        }
        for (text, name) in [(&connection.database, "database"), (&connection.user, "user")] {
            if text.contains("${") || text.chars().any(char::is_control) {
                findings.push(invalid(format!("{text:?} cannot be meant")).at(format!("{field}.{name}")));
            }
        }
    };
    check(&source.connection, "spec.source.postgres".into());
    for (at, sink) in sinks.iter().enumerate() {
        check(&sink.connection, format!("spec.sinks[{at}].postgres"));
    }
}
