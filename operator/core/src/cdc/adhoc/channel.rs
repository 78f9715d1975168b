use sluice_crds::CdcPipelineStatus;

use crate::cdc::{Wanted, missed, names, snapshot};
use crate::view::source::{SourceView, TableName};

/// The signal table of a pipeline that needs one, or once needed one: a connector that is told of it is restarted, so it stays.
/// `None` also where the role may not make it; preflight says so.
pub fn channel(
    wanted: &Wanted,
    status: Option<&CdcPipelineStatus>,
    view: Option<&SourceView>,
) -> Option<TableName> {
    let table = names::signal_table(&wanted.source.slot);
    let source = status.and_then(|status| status.source.as_ref());
    if source.is_some_and(|source| source.signal_table.is_some()) {
        return Some(table);
    }
    let ran = |id: &str| status.is_some_and(|status| status.snapshots.iter().any(|run| run.id == id));
    let asked = wanted.reads.iter().any(|read| !ran(&read.id));
    let missed = !missed::orders(wanted, &missed::told(status)).is_empty();
    let needed = asked || missed || !snapshot::unloaded(wanted, source).is_empty();
    let possible = view.is_some_and(|view| {
        let made = view.signals.get(&table.name).copied().unwrap_or(view.heartbeat.creatable);
        // a publication that is somebody else's to change would keep all else from going on
        let published = view.publications.get(&wanted.source.publication).is_none_or(|publication| {
            publication.owned || view.role.superuser || publication.tables.contains(&table)
        });
        made && published
    });
    (needed && possible).then_some(table)
}
