use super::{Facts, Gap, Stored};
use crate::cdc::CdcReason;
use crate::cdc::lag::coarse;
use crate::units::human_bytes;
use crate::view::source::{Lsn, Slot};

type Rule = fn(&Facts<'_>) -> Option<Gap>;

/// In the order in which one explains the next: on another server the slot is missing too.
pub(super) const ALL: &[Rule] = &[
    server_is_the_same,
    slot_is_not_lost,
    slot_is_there,
    offset_is_debeziums,
    server_has_not_gone_back,
    slot_was_made_first,
    slot_keeps_what_is_needed,
    slot_is_not_ahead,
];

/// Positions of different clusters cannot be compared.
fn server_is_the_same(facts: &Facts<'_>) -> Option<Gap> {
    let known = facts.memory.remembered.as_ref()?.system_identifier.as_ref()?;
    let now = &facts.view.identity.as_ref()?.system_identifier;
    (known != now).then(|| Gap {
        reason: CdcReason::OtherServer,
        from: None,
        to: None,
        what: format!(
            "The source is another database cluster than the one that was read (system identifier {now}, before {known})"
        ),
        passable: false,
    })
}

/// `max_slot_wal_keep_size` was exceeded, or the slot was invalidated otherwise (F8).
fn slot_is_not_lost(facts: &Facts<'_>) -> Option<Gap> {
    (facts.present()?.wal_status.as_deref() == Some("lost")).then(|| Gap {
        reason: CdcReason::SlotLost,
        from: facts.stored.lsn(),
        to: facts.stored.lsn().map(|_| facts.view.position),
        what: format!(
            "The slot {} has lost WAL that was not read yet: the server removed it (max_slot_wal_keep_size) or invalidated the slot",
            facts.slot
        ),
        passable: false,
    })
}

/// It was dropped, or the server failed over to one that does not have it (F6). Debezium would make it anew where it is now.
fn slot_is_there(facts: &Facts<'_>) -> Option<Gap> {
    let remembered = facts.memory.remembered.as_ref();
    let needed = match facts.stored {
        Stored::At(_) | Stored::Unreadable => true,
        Stored::Nothing => remembered.is_some_and(|remembered| remembered.slot_seen),
        // a snapshot that was cut short begins again, with a slot of its own
        Stored::Unknown | Stored::Snapshotting => false,
    };
    if facts.present().is_some() || !needed {
        return None;
    }
    let timeline = remembered.and_then(|remembered| remembered.timeline);
    let now = facts.view.identity.as_ref().map(|identity| identity.timeline);
    let failover = timeline.is_some() && now.is_some() && timeline != now;
    let how = if failover {
        ": the server has failed over (its timeline changed), and the slot did not"
    } else {
        ""
    };
    Some(Gap {
        reason: CdcReason::SlotMissing,
        from: facts.stored.lsn(),
        to: facts.stored.lsn().map(|_| facts.view.position),
        what: format!("The slot {} is gone{how}", facts.slot),
        passable: false,
    })
}

fn offset_is_debeziums(facts: &Facts<'_>) -> Option<Gap> {
    (facts.stored == Stored::Unreadable).then(|| Gap {
        reason: CdcReason::OffsetUnreadable,
        from: None,
        to: None,
        what: "Connect has an offset for the source connector that is not one of Debezium's for PostgreSQL: how far it has read \
               cannot be told"
            .into(),
        passable: false,
    })
}

/// Restored from a backup, or failed over to a standby that was behind: what is written now has positions that count as read.
fn server_has_not_gone_back(facts: &Facts<'_>) -> Option<Gap> {
    let stored = facts.stored.lsn()?;
    let position = facts.view.position;
    let read = facts.present().is_some_and(Slot::is_read);
    (!read && position < stored).then(|| Gap {
        reason: CdcReason::ServerWentBack,
        from: Some(stored),
        to: Some(position),
        what: format!(
            "The source is {} behind what was read from it (up to {stored}): it was restored from a backup, or failed over to a \
             standby that was behind",
            human_bytes(coarse(stored.since(position)))
        ),
        passable: false,
    })
}

/// Debezium takes a slot that another session is still making for one that can be read (`PostgresConnection.parseConfirmedFlushLsn`),
/// and reads rows at once: what is committed until the slot is made, after them, would be in neither. So it is where a worker dies while
/// it makes the slot. Where it is made within Connect's first ten seconds, nothing tells of it.
fn slot_was_made_first(facts: &Facts<'_>) -> Option<Gap> {
    let read = match facts.stored {
        Stored::At(_) => true,
        // a slot that was there and is made anew comes before rows are read again
        Stored::Snapshotting => facts.memory.remembered.as_ref().is_none_or(|known| !known.slot_seen),
        Stored::Unknown | Stored::Nothing | Stored::Unreadable => false,
    };
    (read && facts.present()?.is_being_made()).then(|| Gap {
        reason: CdcReason::SlotAhead,
        from: facts.stored.lsn(),
        to: None,
        what: format!(
            "The slot {} is still being made while rows are read: changes until it is would be missing",
            facts.slot
        ),
        passable: false,
    })
}

/// A slot that was dropped and made again keeps nothing from before, and one that was advanced may not either. Debezium refuses these
/// too (its log position check), so nobody reads a slot like that; one that is read has only gone on since the offset was asked for.
fn slot_keeps_what_is_needed(facts: &Facts<'_>) -> Option<Gap> {
    let slot = facts.present()?;
    (!slot.is_read() && slot.restart_lsn? > delivered(facts)?).then(|| ahead(facts, false)).flatten()
}

/// PostgreSQL begins at `confirmed_flush_lsn`, whatever earlier position a reader asks for, and says nothing (F7).
fn slot_is_not_ahead(facts: &Facts<'_>) -> Option<Gap> {
    let slot = facts.present()?;
    (!slot.is_read() && slot.confirmed_flush_lsn? > delivered(facts)?).then(|| ahead(facts, true)).flatten()
}

/// Up to where everything is known to be in Kafka: the offset, what the reader was seen to confirm, and what was given up knowingly.
fn delivered(facts: &Facts<'_>) -> Option<Lsn> {
    let lag = facts.view.lags.get(facts.slot);
    let read = lag.and_then(|lag| lag.read_to);
    let ended = lag.and_then(|lag| lag.ended_at).filter(|_| !facts.stopped);
    let accepted = facts.memory.accepted_to();
    Some(facts.stored.lsn()?).max(read).max(ended).max(accepted)
}

fn ahead(facts: &Facts<'_>, passable: bool) -> Option<Gap> {
    let (from, to) = (facts.stored.lsn()?, facts.present()?.confirmed_flush_lsn?);
    Some(Gap {
        reason: CdcReason::SlotAhead,
        from: Some(from),
        to: Some(to),
        what: format!(
            "The slot {} was moved {} past the stored offset ({from} to {to}): changes committed there are not in Kafka",
            facts.slot,
            human_bytes(to.since(from))
        ),
        passable,
    })
}
