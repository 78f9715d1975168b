//! Verdicts: what is wrong, what Sluice does next, what one can do.

mod slot;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use sluice_crds::cdc_pipeline::{MissedRecords, OnGap, SnapshotRun};
use sluice_crds::common::RunState;

use super::child::{Child, Says};
use super::compile::Compiled;
use super::plan::{Look, Seen, Work};
use super::preflight::{self, Failed};
use super::wanted::Sink;
use super::{CdcReason, Wanted, adhoc, missed};
use crate::condition::{Verdict, VerdictKind, whole_seconds};
use crate::referent;
use crate::view::source::{TableName, Trouble};

pub(super) use slot::{slot_claimed, slot_held, slot_waits};

pub(super) fn connect_missing(name: &str) -> Verdict {
    Verdict::stalled(
        CdcReason::ConnectMissing,
        format!(
            "There is no ConnectCluster {name} in this namespace. Create it, or correct spec.connectRef in a new pipeline"
        ),
    )
}

pub(super) fn connect_unparsable(name: &str, then: &str) -> Verdict {
    Verdict::unknown(CdcReason::ConnectUnparsable, referent::unparsable("ConnectCluster", name, then))
}

pub(super) fn name_taken(compiled: &Compiled, seen: &Seen<'_>) -> Option<Verdict> {
    let topics = compiled.topics.iter().filter_map(|topic| topic.metadata.name.as_deref());
    let connectors = compiled.connectors().filter_map(|one| one.metadata.name.as_deref());
    let foreign =
        |name: &str, child: Option<&Child>| child.is_some_and(|child| !child.owned).then(|| name.to_owned());
    let taken = topics
        .filter_map(|name| Some(("Topic", foreign(name, seen.topics.get(name))?)))
        .chain(connectors.filter_map(|name| Some(("Connector", foreign(name, seen.connectors.get(name))?))))
        .next();
    taken.map(|(kind, name)| {
        let message = format!(
            "There is a {kind} {name} that belongs to no or to another pipeline, and this one needs the name. Nothing was \
             changed. Delete that {kind}, or create this pipeline under another name"
        );
        Verdict::stalled(CdcReason::NameTaken, message)
    })
}

pub(super) fn source_unseen<V>(wanted: &Wanted, look: &Look<'_, V>) -> Verdict {
    let connection = &wanted.source.connection;
    let place = format!("the source {}:{}/{}", connection.host, connection.port, connection.database);
    let reasons = [CdcReason::SourceUnreachable, CdcReason::SourceDenied, CdcReason::SourceUntrusted];
    unseen(&place, "spec.source.postgres", look, reasons, &connection.user)
}

pub(super) fn sink_unseen<V>(sink: &Sink, look: &Look<'_, V>) -> Verdict {
    let connection = &sink.connection;
    let place =
        format!("sink {} ({}:{}/{})", sink.name, connection.host, connection.port, connection.database);
    let reasons = [CdcReason::SinkUnreachable, CdcReason::SinkDenied, CdcReason::SinkUntrusted];
    unseen(&place, &format!("spec.sinks[{}].postgres", sink.name), look, reasons, &connection.user)
}

fn unseen<V>(
    place: &str,
    field: &str,
    look: &Look<'_, V>,
    [unreachable, denied, untrusted]: [CdcReason; 3],
    user: &str,
) -> Verdict {
    let Some((since, error)) = look.sight.blind() else { return Verdict::unknown(unreachable, "") };
    let Some(error) = error else {
        return Verdict::unknown(
            CdcReason::Looking,
            format!("Sluice is looking at {place} for the first time"),
        );
    };
    let since = whole_seconds(since);
    let again = "Sluice keeps trying";
    let Some(trouble) = look.trouble else {
        return Verdict::unknown(
            unreachable,
            format!("Sluice cannot see {place} since {since}: {error}. {again}"),
        );
    };
    let mend = match trouble {
        Trouble::SecretMissing => {
            let message = format!("{error}. {again}. Create it, or correct {field}.password or tls.ca");
            return Verdict::stalled(CdcReason::SecretMissing, message);
        }
        Trouble::NameUnknown => format!("Check {field}.host"),
        Trouble::PasswordRefused => {
            format!(
                "Check {field}.user and the Secret of {field}.password; ALTER ROLE {user} PASSWORD '…' sets another"
            )
        }
        Trouble::NotAdmitted => format!(
            "Add a line for this role, database and the cluster's addresses to pg_hba.conf; where there is one of type hostssl, set \
             {field}.tls.mode: Require or better"
        ),
        Trouble::NoTls => format!("Set ssl = on in the server, or {field}.tls.mode: Disable"),
        Trouble::Untrusted => format!(
            "Put the CA that signed the server's certificate into the Secret of {field}.tls.ca; where only the name differs, correct \
             {field}.host or set tls.mode: VerifyCa"
        ),
        Trouble::DatabaseMissing => format!("Create the database, or correct {field}.database"),
        Trouble::PrivilegeMissing => format!("GRANT the role {user} what the message names"),
        Trouble::Unreachable | Trouble::TimedOut => {
            format!("If this lasts, check {field}.host and port, network policies and listen_addresses")
        }
        Trouble::Busy => "Look at what holds its locks: pg_stat_activity and pg_locks".into(),
        Trouble::TooManyConnections => "Close connections or raise max_connections".into(),
        Trouble::NotUp | Trouble::Failed => "See the database's log".into(),
    };
    let message = format!("Sluice cannot look at {place} since {since}: {error}. {again}. {mend}");
    match trouble {
        Trouble::PasswordRefused
        | Trouble::NotAdmitted
        | Trouble::DatabaseMissing
        | Trouble::PrivilegeMissing => Verdict::stalled(denied, message),
        Trouble::NoTls | Trouble::Untrusted => Verdict::stalled(untrusted, message),
        // a name may come back as a server may
        _ => Verdict::unknown(unreachable, message),
    }
}

pub(super) fn paused(blocking: &[Failed]) -> Verdict {
    let rest = if blocking.is_empty() { "nothing is changed".into() } else { texts(blocking) };
    Verdict::stalled(CdcReason::Paused, format!("spec.paused is set: {rest}"))
}

pub(super) fn paused_with(gap: &str) -> Verdict {
    Verdict::stalled(CdcReason::Paused, format!("spec.paused is set: {gap}, and nothing is done about it"))
}

pub(super) fn blocked(blocking: &[Failed], running: bool) -> Verdict {
    let next = if running {
        "What runs goes on as it was"
    } else {
        "Nothing has been created, and Sluice looks again every few seconds"
    };
    Verdict::stalled(CdcReason::PreflightFailed, format!("{}. {next}", texts(blocking).trim_end_matches('.')))
}

fn texts(checks: &[Failed]) -> String {
    let text = |(at, check): (usize, &Failed)| {
        if checks.len() == 1 { check.text() } else { format!("({}) {}", at + 1, check.text()) }
    };
    checks.iter().enumerate().map(text).collect::<Vec<_>>().join(" ")
}

pub(super) fn preparing(work: &[Work]) -> Verdict {
    let doing = work.iter().map(|work| work.doing.as_str()).collect::<Vec<_>>().join(", ");
    Verdict::reconciling(CdcReason::Preparing, format!("Sluice is about to {doing}"))
}

/// A database refused a statement, or could not be reached for it.
pub fn statement_failed(doing: &str, trouble: Trouble, error: &str) -> Verdict {
    let message = format!("Sluice could not {doing}: {error}. It tries again every few seconds");
    let passing = matches!(
        trouble,
        Trouble::Unreachable
            | Trouble::TimedOut
            | Trouble::Busy
            | Trouble::TooManyConnections
            | Trouble::NotUp
    );
    if passing {
        Verdict::reconciling(CdcReason::Preparing, message)
    } else {
        Verdict::stalled(CdcReason::StatementRefused, message)
    }
}

/// The API server refused a child.
pub fn child_refused(child: &str, words: &str) -> Verdict {
    let message = format!("The API server refused {child}: {words}. Change the pipeline accordingly");
    Verdict::stalled(CdcReason::ChildRefused, message)
}

/// The first Topic that is not ready, if there is one.
pub(super) fn topics(compiled: &Compiled, seen: &Seen<'_>) -> Option<Verdict> {
    let names: Vec<&str> =
        compiled.topics.iter().filter_map(|topic| topic.metadata.name.as_deref()).collect();
    let unready = |name: &&&str| !seen.topics.get(**name).is_some_and(Child::is_ready);
    let first = names.iter().filter(unready).max_by_key(|name| gravity(seen.topics.get(**name)))?;
    let many = names.iter().filter(unready).count();
    let child = seen.topics.get(*first);
    Some(match child.and_then(|child| child.says.as_ref()) {
        Some(says) => pass_on(CdcReason::TopicNotReady, "Topic", first, says),
        None => Verdict::reconciling(
            CdcReason::Preparing,
            format!("{many} of {} topics are being created, {first} among them", names.len()),
        ),
    })
}

/// The source's Connector, else the first sink's, that is not ready.
pub(super) fn connectors(wanted: &Wanted, compiled: &Compiled, seen: &Seen<'_>) -> Option<Verdict> {
    for connector in compiled.connectors() {
        let name = connector.metadata.name.as_deref().unwrap_or_default();
        let reason = if name == wanted.source_connector() {
            CdcReason::SourceNotReady
        } else {
            CdcReason::SinkNotReady
        };
        let state = connector.spec.state;
        let child = seen.connectors.get(name);
        match child.and_then(|child| Some((child, child.says.as_ref()?))) {
            // what it says is of the state that it was in
            Some((child, says)) if says.kind == VerdictKind::Ready && child.declared == state => {}
            Some((_, says)) if says.kind != VerdictKind::Ready => {
                return Some(pass_on(reason, "Connector", name, says));
            }
            _ => {
                let doing = match state {
                    RunState::Running => "started",
                    RunState::Paused => "paused",
                    RunState::Stopped => "stopped",
                };
                let message = format!("Connector {name} is being {doing}");
                return Some(Verdict::reconciling(CdcReason::Starting, message));
            }
        }
    }
    None
}

/// What needs somebody comes before what does not.
fn gravity(child: Option<&Child>) -> u8 {
    match child.and_then(|child| child.says.as_ref()).map(|says| says.kind) {
        Some(VerdictKind::Stalled) => 3,
        Some(VerdictKind::Unknown) => 2,
        _ => 1,
    }
}

fn pass_on(reason: CdcReason, kind: &str, name: &str, says: &Says) -> Verdict {
    use crate::reason::Reason as _;
    let message = format!("{kind} {name} ({}): {}", says.reason, says.message);
    Verdict { kind: says.kind, reason: reason.as_str(), message }
}

pub(super) fn at_rest(reason: CdcReason, state: &str) -> Verdict {
    let message = format!(
        "spec.state is {state}. The slot keeps the database's write-ahead log meanwhile; set spec.state: Running to go on"
    );
    Verdict::ready(reason, message)
}

fn counted(wanted: &Wanted) -> String {
    let plural = |count: usize, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
    let tables = plural(wanted.tables.len(), "table");
    match wanted.sinks.len() {
        0 => tables,
        sinks => format!("{tables} to {}", plural(sinks, "sink")),
    }
}

/// `unloaded`: tables that were added after the rows of the others had been read.
pub(super) fn streaming(wanted: &Wanted, unloaded: &BTreeSet<TableName>, runs: &[SnapshotRun]) -> Verdict {
    let mut message = format!("Changes of {} stream", counted(wanted));
    let all = unloaded.iter().map(ToString::to_string);
    let (failed, waiting): (Vec<_>, Vec<_>) = all.partition(|table| adhoc::could_not_read(runs, table));
    let waits = if wanted.signals.is_some() {
        "are being read, see status.snapshots"
    } else {
        "were not read, see status.preflight"
    };
    for (what, tables) in [("could not be read, see status.snapshots", failed), (waits, waiting)] {
        if !tables.is_empty() {
            let _ = write!(
                message,
                ". The rows that these had when they were added to spec.tables {what}: {}",
                preflight::list(&tables)
            );
        }
    }
    Verdict::ready(CdcReason::Streaming, message)
}

/// A sink has gone on behind a hole, or is about to.
pub(super) fn sink_gap(wanted: &Wanted, missed: &[(String, MissedRecords)]) -> Verdict {
    let what = missed::text(missed);
    if wanted.source.on_gap == OnGap::Resnapshot {
        let message =
            format!("{what}. spec.source.onGap is Resnapshot: the rows are read anew, see status.snapshots");
        return Verdict::reconciling(CdcReason::SinkGap, message);
    }
    let table = missed.first().map_or("", |(_, missed)| missed.table.as_str());
    let message = format!(
        "{what}. Later changes flow on. To read the rows anew while they do, add an id to spec.snapshots (for example \
         {{id: \"1\", type: Incremental, tables: [{table}]}}) or set spec.source.onGap: Resnapshot; rows that were deleted meanwhile stay \
         in the sink, and an id in spec.verify finds them. To go on without, set spec.source.onGap: Continue. Longer spec.topics.retention \
         keeps it from happening again"
    );
    Verdict::stalled(CdcReason::SinkGap, message)
}

pub(super) fn snapshotting(wanted: &Wanted) -> Verdict {
    let message = format!("The rows of {} are being read; changes made meanwhile follow", counted(wanted));
    Verdict::reconciling(CdcReason::Snapshotting, message)
}
