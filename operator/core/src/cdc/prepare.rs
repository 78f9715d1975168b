//! What is still missing in the databases. Each piece of work is idempotent: it may be interrupted and come again.

use sluice_crds::cdc_pipeline::SchemaEvolution;

use super::plan::{Seen, Work};
use super::preflight::{self, Change};
use super::{Wanted, sql};
use crate::view::source::SourceView;

/// In order: the publication holds the heartbeat table, so that comes first.
pub(super) fn work(wanted: &Wanted, source: &SourceView, seen: &Seen<'_>) -> Vec<Work> {
    let mut work = Vec::new();
    if wanted.source.heartbeat.is_some() && !source.heartbeat.table_exists {
        let doing = format!("create the heartbeat table {}", sql::HEARTBEAT);
        work.push(Work { sink: None, doing, statements: sql::create_heartbeat() });
    }
    if let Some(table) =
        wanted.signals.as_ref().filter(|table| source.signals.get(&table.name) != Some(&true))
    {
        let doing = format!("create the signal table {}", sql::table(table));
        work.push(Work { sink: None, doing, statements: sql::create_signals(table) });
    }
    let (unloaded, left) = (&seen.unloaded, &seen.left);
    let facts = preflight::Source { wanted, view: source, running: true, started: true, unloaded, left };
    if let Change::Run(statements) = preflight::publication_change(&facts) {
        let verb =
            if source.publications.contains_key(&wanted.source.publication) { "alter" } else { "create" };
        let doing = format!("{verb} the publication {}", wanted.source.publication);
        work.push(Work { sink: None, doing, statements });
    }
    for sink in wanted.sinks.iter().filter(|sink| sink.evolution == SchemaEvolution::Basic) {
        let Some(view) = seen.sinks.get(&sink.name).and_then(|look| look.sight.current()) else { continue };
        let mut statements = Vec::new();
        if !view.schema_exists {
            statements.push(format!("CREATE SCHEMA IF NOT EXISTS {}", sql::ident(&sink.schema)));
        }
        statements.extend(preflight::sink_creations(&preflight::Target {
            wanted,
            sink,
            view,
            source,
            started: seen.started,
        }));
        if !statements.is_empty() {
            let doing = format!("create tables in sink {}", sink.name);
            work.push(Work { sink: Some(sink.name.clone()), doing, statements });
        }
    }
    work
}
