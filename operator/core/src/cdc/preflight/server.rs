use std::collections::BTreeSet;

use super::{Check, Failed, Source, list, statements};
use crate::cdc::{names, sql};
use crate::view::source::SourceView;

pub(super) fn version_has_pgoutput(facts: &Source<'_>) -> Option<Failed> {
    let version = facts.view.server.version;
    (version < 100_000).then(|| {
        Failed::block(Check::Version, format!("PostgreSQL {} has no pgoutput", version / 10_000))
            .mend("Upgrade PostgreSQL to a supported version")
    })
}

pub(super) fn is_primary(facts: &Source<'_>) -> Option<Failed> {
    facts.view.server.in_recovery.then(|| {
        Failed::block(Check::Primary, "this server is a standby, and the slot must be made on the primary")
            .mend("Set spec.source.postgres.host to the primary, or to a name that follows it")
    })
}

pub(super) fn wal_level_is_logical(facts: &Source<'_>) -> Option<Failed> {
    let level = &facts.view.server.wal_level;
    (level != "logical").then(|| {
        Failed::block(Check::WalLevel, format!("wal_level is {level}")).mend(
            "ALTER SYSTEM SET wal_level = 'logical'; then restart PostgreSQL (Amazon RDS: set rds.logical_replication = 1 \
             in the parameter group and reboot)",
        )
    })
}

pub(super) fn role_may_replicate(facts: &Source<'_>) -> Option<Failed> {
    let role = &facts.view.role;
    (!role.may_replicate()).then(|| {
        let name = sql::ident_short(&role.name);
        Failed::block(Check::Replication, format!("the role {} has no REPLICATION", role.name))
            .mend(format!("ALTER ROLE {name} REPLICATION; (Amazon RDS: GRANT rds_replication TO {name};)"))
    })
}

pub(super) fn slot_is_ours(facts: &Source<'_>) -> Option<Failed> {
    let name = &facts.wanted.source.slot;
    let slot = facts.view.slots.get(name)?;
    let database = &facts.view.server.database;
    let other = "Set spec.source.postgres.slotName of a new pipeline to another name";
    let drop = format!("{};", sql::drop_slot(name));
    if slot.plugin.as_deref() != Some("pgoutput") {
        let plugin = slot.plugin.as_deref().unwrap_or("none: it is a physical slot");
        let message = format!("there is a replication slot {name} with another plugin ({plugin})");
        return Some(Failed::block(Check::Slot, message).mend(format!("{other}, or drop it: {drop}")));
    }
    if slot.database.as_ref().is_some_and(|of| of != database) {
        let of = slot.database.as_deref().unwrap_or_default();
        let message = format!("the replication slot {name} belongs to database {of}, not to {database}");
        return Some(Failed::block(Check::Slot, message).mend(format!("{other}, or drop it: {drop}")));
    }
    if slot.active && !facts.running {
        let pid = slot.active_pid.map(|pid| format!(" by the process {pid}")).unwrap_or_default();
        let message = format!("the replication slot {name} is in use{pid}, and not by this pipeline");
        return Some(Failed::block(Check::Slot, message).mend(format!("Stop what reads it, or: {other}")));
    }
    (!facts.running && !facts.started && !facts.wanted.is_marked_in(facts.view)).then(|| {
        let message = format!(
            "there is a replication slot {name} that this pipeline did not make: its publication {} does not say so",
            facts.wanted.source.publication
        );
        let take = statements(mark(facts));
        Failed::block(Check::Slot, message)
            .mend(format!("{other}, or drop it: {drop} To take it over and go on where it is: {take}"))
    })
}

/// What marks a slot as the pipeline's.
fn mark(facts: &Source<'_>) -> Vec<String> {
    let (wanted, comment) = (facts.wanted, facts.wanted.comment());
    let name = &wanted.source.publication;
    if facts.view.publications.contains_key(name) {
        return vec![sql::comment_publication(name, &comment)];
    }
    let heartbeat = wanted.source.heartbeat.is_some() && !facts.view.heartbeat.table_exists;
    let heartbeat = if heartbeat { sql::create_heartbeat() } else { Vec::new() };
    heartbeat.into_iter().chain(sql::create_publication(name, &wanted.published(), &comment)).collect()
}

pub(super) fn slots_are_free(facts: &Source<'_>) -> Option<Failed> {
    let view = facts.view;
    let used = view.slots.len();
    let most = view.server.max_replication_slots;
    let own = view.slots.contains_key(&facts.wanted.source.slot);
    (!own && i64::try_from(used).is_ok_and(|used| used >= most)).then(|| {
        let idle: Vec<&String> =
            view.slots.iter().filter(|(_, slot)| !slot.active).map(|(name, _)| name).collect();
        let message = format!("all {most} replication slots are taken");
        let raise = format!("ALTER SYSTEM SET max_replication_slots = {}; then restart PostgreSQL", most + 10);
        let mend = if idle.is_empty() {
            raise
        } else {
            let first = sql::literal(idle[0]);
            let idle = list(&idle);
            format!("{raise}, or drop one that nobody needs (not in use: {idle}): SELECT pg_drop_replication_slot({first});")
        };
        Failed::block(Check::FreeSlot, message).mend(mend)
    })
}

pub(super) fn senders_are_free(facts: &Source<'_>) -> Option<Failed> {
    let server = &facts.view.server;
    (!facts.running && server.used_wal_senders >= server.max_wal_senders).then(|| {
        let message = format!("all {} WAL senders are taken (max_wal_senders)", server.max_wal_senders);
        Failed::block(Check::FreeSender, message).mend(format!(
            "ALTER SYSTEM SET max_wal_senders = {}; then restart PostgreSQL",
            server.max_wal_senders + 10
        ))
    })
}

/// How long the source connector waits for its slot (`slot.max.retries`), in milliseconds.
const PATIENCE: i64 = 120_000;

pub(super) fn readers_are_let_go(facts: &Source<'_>) -> Option<Failed> {
    let timeout = facts.view.server.wal_sender_timeout;
    (timeout == 0 || timeout > PATIENCE).then(|| {
        let how = match timeout {
            0 => "is off".to_owned(),
            timeout => format!("is {} s", timeout / 1000),
        };
        let message = format!(
            "wal_sender_timeout {how}: a reader whose machine or network has gone keeps the slot so long, and the one that takes its \
             place cannot begin"
        );
        Failed::warn(Check::SenderTimeout, message)
            .mend("ALTER SYSTEM SET wal_sender_timeout = '60s'; SELECT pg_reload_conf();")
    })
}

pub(super) fn wal_is_bounded(facts: &Source<'_>) -> Option<Failed> {
    let bounded = facts.view.server.max_slot_wal_keep_size >= 0 || facts.wanted.max_retained_wal.is_some();
    (!bounded).then(|| {
        Failed::warn(
            Check::WalLimit,
            "nothing bounds the write-ahead log that the slot keeps while the pipeline does not read: it may fill the database's disk",
        )
        .mend(
            "Set spec.objectives.maxRetainedWal to be told in time, or in the server: ALTER SYSTEM SET max_slot_wal_keep_size = '20GB'; \
             SELECT pg_reload_conf();",
        )
    })
}

pub(super) fn no_slot_is_left(facts: &Source<'_>) -> Option<Failed> {
    let left = left_slots(facts.view, facts.left);
    (!left.is_empty()).then(|| {
        let whose = left.iter().map(|(slot, of)| format!("{slot} (CdcPipeline {of})")).collect::<Vec<_>>();
        let message = format!(
            "there are replication slots of pipelines that are gone, nobody reads them, and they keep write-ahead log: {}",
            list(&whose)
        );
        let drop = left.iter().flat_map(|(slot, _)| [sql::drop_slot(slot), sql::drop_publication(slot)]);
        Failed::warn(Check::LeftSlots, message)
            .mend(format!("If no other Sluice has them: {}", statements(drop)))
    })
}

/// Slots of these publications that nobody reads, and the pipeline that each was. A slot is named as its publication, unless somebody
/// named one of them.
pub fn left_slots(view: &SourceView, publications: &BTreeSet<String>) -> Vec<(String, String)> {
    let one = |name: &String| {
        let slot = view.slots.get(name)?;
        let comment = view.publications.get(name)?.comment.as_deref()?;
        let (namespace, of) = names::of_comment(comment)?;
        (!slot.active).then(|| (name.clone(), format!("{namespace}/{of}")))
    };
    publications.iter().filter_map(one).collect()
}
