use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use sluice_clients::postgres::compare;
use sluice_core::cdc::verify::pair::{Pair, pair};
use sluice_core::cdc::verify::{Outcome, Request, TableOutcome};
use sluice_core::cdc::{Wanted, names};
use sluice_core::view::source::{SinkView, SourceView, TableName};
use sluice_crds::cdc_pipeline::VerifyMode;
use tracing::{debug, info};

use super::desk::State;
use super::watch::Watcher;
use crate::cdc::look::Found;
use crate::context::Context;
use crate::observe::database::{Failure, Place, World};
use crate::scope::Key;

/// For one statement, twice that its server is given to give up: chunks become smaller where this is too short.
const CALL: Duration = Duration::from_mins(1);
/// Attempts at a table whose databases do not answer, and the first pause between them.
const ATTEMPTS: u32 = 5;
const AGAIN: Duration = Duration::from_secs(5);

/// What is compared. Two that are equal need not both be done.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    pub id: String,
    pub mode: VerifyMode,
    pub tables: BTreeSet<TableName>,
    pub source: Place,
    pub slot: String,
    sinks: Vec<Target>,
    /// Of topics.
    prefix: String,
}

#[derive(Clone, Debug, PartialEq)]
struct Target {
    name: String,
    schema: String,
    group: String,
    place: Place,
}

impl Job {
    pub fn new(wanted: &Wanted, request: &Request, found: &Found) -> Self {
        let target = |(sink, world): (&sluice_core::cdc::Sink, &Arc<World<SinkView>>)| Target {
            name: sink.name.clone(),
            schema: sink.schema.clone(),
            group: names::consumer_group(&wanted.sink_connector(sink)),
            place: world.place.clone(),
        };
        Self {
            id: request.id.clone(),
            mode: request.mode,
            tables: request.tables.clone(),
            source: found.source.place.clone(),
            slot: wanted.source.slot.clone(),
            sinks: wanted.sinks.iter().zip(&found.sinks).map(target).collect(),
            prefix: wanted.topics.prefix.clone(),
        }
    }
}

pub type Databases = (Arc<World<SourceView>>, Vec<Arc<World<SinkView>>>);

/// Compares all tables of a job with their copies in all sinks, one after the other, and wakes the pipeline.
pub async fn run(
    job: Job,
    (source, sinks): Databases,
    pipeline: Key,
    cluster: Option<Key>,
    context: Weak<Context>,
    state: Arc<State>,
) {
    info!(%pipeline, id = job.id, tables = job.tables.len(), "compares source and sinks");
    let mut outcome = Outcome::default();
    for (target, sink) in job.sinks.iter().zip(&sinks) {
        for table in &job.tables {
            let watcher = Watcher {
                context: &context,
                cluster: cluster.as_ref(),
                source: &source,
                slot: &job.slot,
                topic: names::topic(&job.prefix, table),
                group: &target.group,
                state: &state,
            };
            let copy = TableName::new(&target.schema, &table.name);
            let one = One { mode: job.mode, table, copy: &copy, sink: &target.name };
            outcome.tables.push(one.compare(&source, sink, &watcher).await);
        }
    }
    let differences = outcome.sum(TableOutcome::differences);
    info!(%pipeline, id = job.id, rows = outcome.sum(|table| table.rows), differences, "compared source and sinks");
    state.end(outcome);
    if let Some(context) = context.upgrade() {
        context.shelves.pipelines.wake(&pipeline);
    }
}

struct One<'a> {
    mode: VerifyMode,
    table: &'a TableName,
    copy: &'a TableName,
    sink: &'a str,
}

enum Ended {
    Compared(Box<TableOutcome>),
    /// These tables cannot be compared.
    Not(String),
}

impl One<'_> {
    /// A table and its copy, again from the beginning where a database goes away meanwhile.
    async fn compare(
        &self,
        source: &World<SourceView>,
        sink: &World<SinkView>,
        watcher: &Watcher<'_>,
    ) -> TableOutcome {
        let mut pause = AGAIN;
        let mut attempt = 1;
        let why = loop {
            let before = watcher.state.rows.load(Ordering::Relaxed);
            match self.attempt(source, sink, watcher).await {
                Ok(Ended::Compared(outcome)) => return *outcome,
                Ok(Ended::Not(why)) => break why,
                Err(failure) if attempt == ATTEMPTS => break failure.text,
                Err(failure) => {
                    debug!(table = %self.table, sink = self.sink, error = failure.text, "not compared yet");
                }
            }
            watcher.state.rows.store(before, Ordering::Relaxed);
            tokio::time::sleep(pause).await;
            (attempt, pause) = (attempt + 1, pause * 2);
        };
        let (table, sink) = (self.table.to_string(), self.sink.to_owned());
        TableOutcome { table, sink, unknown: Some(why), ..Default::default() }
    }

    async fn attempt(
        &self,
        source: &World<SourceView>,
        sink: &World<SinkView>,
        watcher: &Watcher<'_>,
    ) -> Result<Ended, Failure> {
        let (mut there, mut here) = (source.session(CALL).await?, sink.session(CALL).await?);
        let (from, to) = (there.described(self.table).await?, here.described(self.copy).await?);
        let (Some(from), Some(to)) = (&from, &to) else {
            let (table, place) = match from {
                None => (self.table, "source"),
                Some(_) => (self.copy, "sink"),
            };
            return Ok(Ended::Not(format!("there is no table {table} in the {place}")));
        };
        let pair: Pair = match pair(self.mode, (self.table, from), (self.copy, to)) {
            Ok(pair) => pair,
            Err(why) => return Ok(Ended::Not(why)),
        };
        let outcome = compare(&mut there, &mut here, &pair, self.sink, watcher).await?;
        Ok(Ended::Compared(Box::new(outcome)))
    }
}
