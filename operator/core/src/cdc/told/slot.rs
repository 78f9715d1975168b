//! Who else has the slot.

use super::super::claim::Claim;
use super::super::plan::Seen;
use super::super::{CdcReason, Wanted};
use crate::condition::Verdict;
use crate::view::source::Holder;

/// Seconds in which a reader that lives sends three replies.
const SILENT: i64 = 35;
/// A server that has much to send looks for replies only after half of `wal_sender_timeout`: so many seconds later they are seen.
const SEEN: i64 = 10;

pub(in crate::cdc) fn slot_claimed(wanted: &Wanted, by: &Claim) -> Verdict {
    let message = format!(
        "The replication slot {} is the CdcPipeline {}/{}'s, and a slot has one reader. Nothing was changed. Create this pipeline \
         anew with another spec.source.postgres.slotName, or delete the other one",
        wanted.source.slot, by.namespace, by.name
    );
    Verdict::stalled(CdcReason::SlotClaimed, message)
}

/// A transaction anywhere in the server that has written something holds up every slot that is made after it began.
pub(in crate::cdc) fn slot_waits(wanted: &Wanted, seen: &Seen<'_>) -> Option<Verdict> {
    let name = &wanted.source.slot;
    let slot = seen.source.sight.current()?.slots.get(name)?;
    let first = slot.waits_for.first()?;
    let who = match slot.waits_for.len() - 1 {
        0 => holder(first),
        more => format!("{} and {more} more", holder(first)),
    };
    let end = match first.pid {
        0 => "COMMIT PREPARED or ROLLBACK PREPARED (see pg_prepared_xacts)".to_owned(),
        pid => format!("SELECT pg_terminate_backend({pid});"),
    };
    Some(Verdict::reconciling(
        CdcReason::SlotWaiting,
        format!(
            "PostgreSQL makes the slot {name} once all transactions that began before have ended, and rows are read after that. It \
             waits for {who}. To end that transaction at once: {end}"
        ),
    ))
}

/// A slot has one reader. Debezium waits while it is another one, and its task runs on meanwhile.
pub(in crate::cdc) fn slot_held(wanted: &Wanted, seen: &Seen<'_>) -> Option<Verdict> {
    let name = &wanted.source.slot;
    let view = seen.source.sight.current()?;
    let slot = view.slots.get(name).filter(|slot| slot.active)?;
    let pid = slot.active_pid?;
    let end = format!("SELECT pg_terminate_backend({pid});");
    if let Some(application) = slot.foreign_reader() {
        let message = format!(
            "The slot {name} is read by the process {pid} ({application}), and not by the source connector: what that confirms never comes to \
             Kafka. Stop that program, or end its session: {end}"
        );
        return Some(Verdict::stalled(CdcReason::SlotHeld, message));
    }
    let timeout = view.server.wal_sender_timeout;
    let silent = SILENT.max(timeout / 2000 + SEEN);
    if view.lags.get(name).is_none_or(|lag| lag.silent < silent) {
        return None;
    }
    let then = match timeout {
        0 => "wal_sender_timeout is 0, so PostgreSQL keeps the slot for it for ever. To free the slot"
            .to_owned(),
        ms => format!(
            "PostgreSQL ends its session after wal_sender_timeout ({} s), and the connector reads on then. To do so at once",
            ms / 1000
        ),
    };
    Some(Verdict::reconciling(
        CdcReason::SlotHeld,
        format!(
            "The slot {name} is held by the process {pid}, whose client has sent nothing for more than {silent} s: probably a worker that is \
             gone, or cut off. {then}: {end}"
        ),
    ))
}

fn holder(holder: &Holder) -> String {
    if holder.pid == 0 {
        return "a prepared transaction".into();
    }
    let known = |what: &Option<String>| what.clone().filter(|what| !what.is_empty());
    let place = match (known(&holder.user), known(&holder.database)) {
        (Some(user), Some(database)) => Some(format!("{user} in {database}")),
        (user, database) => user.or(database),
    };
    let since = known(&holder.since).map(|since| format!("since {since}"));
    let parts: Vec<String> =
        [place, known(&holder.application), known(&holder.state), since].into_iter().flatten().collect();
    let details = if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) };
    format!("the process {}{details}", holder.pid)
}
