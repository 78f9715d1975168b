//! What the guard says of a slot on a real server, of an offset that real Debezium has stored, and what Debezium would do.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sluice_clients::postgres::SourceQuestion;
use sluice_core::cdc::budget::{self, State};
use sluice_core::cdc::guard::{Facts, Gap, Memory, Stored, judge};
use sluice_core::cdc::lag::Track;
use sluice_core::cdc::{CdcReason, sql};
use sluice_core::view::connect::RunState;
use sluice_core::view::source::SourceView;

use crate::flow::{Flow, calm};
use crate::support::postgres::ADMIN;

const ORDERS: &str = "CREATE TABLE orders (id bigint PRIMARY KEY, customer text NOT NULL);
    INSERT INTO orders SELECT n, 'c' || n FROM generate_series(1, 500) n";
const ALL: &str = "SELECT count(*), md5(string_agg(id || '|' || customer, ',' ORDER BY id)) FROM orders";

/// What an observer and the guard do, without Kubernetes.
struct Watch<'f> {
    flow: &'f Flow,
    /// Looks are two seconds apart, as an observer's are, however slow the machine is that this runs on.
    now: Timestamp,
    track: Track,
    memory: Memory,
}

impl<'f> Watch<'f> {
    fn over(flow: &'f Flow) -> Self {
        Self { flow, now: Timestamp::UNIX_EPOCH, track: Track::default(), memory: Memory::default() }
    }

    fn slot(&self) -> &'f str {
        &self.flow.wanted.source.slot
    }

    async fn look(&mut self) -> SourceView {
        let mut session = self.flow.server.session("source", ADMIN).await;
        let publications = BTreeSet::from([self.flow.wanted.source.publication.clone()]);
        let question = SourceQuestion { tables: self.flow.wanted.tables.clone(), publications };
        let mut view = session.source(&question).await.unwrap();
        self.now += SignedDuration::from_secs(2);
        view.lags = self.track.lags(self.now, view.position, &view.slots);
        view
    }

    /// The offset first, then the slot, as before a start.
    async fn gap(&mut self, stopped: bool) -> Option<Gap> {
        let stored = Stored::of(self.flow.offset().await.as_ref());
        let view = self.look().await;
        let facts = Facts { view: &view, slot: self.slot(), stored, memory: &self.memory, stopped };
        judge(&facts).gap
    }

    /// Notes server and slot once the slot is there.
    async fn remember(&mut self) {
        let view = self.look().await;
        assert!(view.slots.contains_key(self.slot()), "Debezium made its slot");
        self.memory.remember(&view, self.slot());
    }

    /// Until nobody reads the slot.
    async fn free(&mut self) {
        for _ in 0..600 {
            if self.look().await.slots.get(self.slot()).is_none_or(|slot| !slot.active) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the slot stays in use");
    }

    async fn advance(&self) {
        let advance = format!("SELECT pg_replication_slot_advance('{}', pg_current_wal_lsn())", self.slot());
        self.flow.source(&[&advance]).await;
    }

    /// What a resnapshot does: the connector is stopped, its offsets and its slot are given up, and it begins.
    async fn anew(&mut self) {
        calm(async || self.flow.client.delete_offsets(&self.flow.source_name()).await).await;
        self.flow.source(&[&sql::drop_slot(self.slot())]).await;
        assert_eq!(Stored::of(self.flow.offset().await.as_ref()), Stored::Nothing);
        assert!(!self.look().await.slots.contains_key(self.slot()));
        self.memory = Memory::default();
        assert_eq!(self.gap(true).await, None, "a first start has nothing behind it");
        self.flow.resume(&self.flow.source_name()).await;
    }
}

/// P7, F7
#[tokio::test]
async fn a_slot_that_was_advanced_is_a_gap_of_so_many_bytes_and_reading_all_rows_anew_heals() {
    let flow = Flow::start("advanced", &["public.orders"], &[ORDERS], |_| {}).await;
    let mut watch = Watch::over(&flow);
    flow.same(ALL).await;
    watch.remember().await;
    flow.stop(&flow.source_name()).await;
    watch.free().await;
    assert_eq!(watch.gap(true).await, None);
    flow.source(&["INSERT INTO orders SELECT n, 'unread' FROM generate_series(1001, 1005) n"]).await;
    assert_eq!(watch.gap(true).await, None, "what was written meanwhile waits in the slot");
    watch.advance().await;
    let gap = watch.gap(true).await.expect("a gap");
    // the server may have moved restart_lsn along, and from there Debezium does not go on either
    let (view, stored) = (watch.look().await, Stored::of(flow.offset().await.as_ref()).lsn());
    let kept = view.slots[watch.slot()].restart_lsn <= stored;
    assert_eq!((gap.reason, gap.passable), (CdcReason::SlotAhead, kept));
    assert!(gap.bytes().is_some_and(|bytes| (100..1 << 20).contains(&bytes)), "{gap:?}");

    watch.anew().await;
    flow.same(ALL).await;
    flow.source(&["INSERT INTO orders VALUES (2001, 'after')"]).await;
    flow.same(ALL).await;
    flow.end().await;
}

/// F6: Debezium itself refuses these two, in words of its own and only once it has been started.
#[tokio::test]
async fn a_slot_that_was_dropped_or_made_again_is_a_gap_and_debezium_does_not_go_on_either() {
    let flow = Flow::start("dropped", &["public.orders"], &[ORDERS], |_| {}).await;
    let mut watch = Watch::over(&flow);
    flow.same(ALL).await;
    flow.source(&["INSERT INTO orders VALUES (600, 'streamed')"]).await;
    flow.same(ALL).await;
    watch.remember().await;
    flow.stop(&flow.source_name()).await;
    watch.free().await;
    flow.source(&[&sql::drop_slot(watch.slot())]).await;
    let gap = watch.gap(true).await.expect("a gap");
    assert_eq!((gap.reason, gap.passable), (CdcReason::SlotMissing, false));
    flow.resume(&flow.source_name()).await;
    let trace = flow.until(&flow.source_name(), RunState::Failed).await;
    assert!(trace.contains("no longer available on the server"), "{trace}");

    flow.stop(&flow.source_name()).await;
    let again = format!("SELECT pg_create_logical_replication_slot('{}', 'pgoutput')", watch.slot());
    flow.source(&["INSERT INTO orders VALUES (601, 'unread')", &again]).await;
    let gap = watch.gap(true).await.expect("a gap");
    assert_eq!((gap.reason, gap.passable), (CdcReason::SlotAhead, false));
    flow.resume(&flow.source_name()).await;
    let trace = flow.until(&flow.source_name(), RunState::Failed).await;
    assert!(trace.contains("no longer available on the server"), "{trace}");
    flow.stop(&flow.source_name()).await;

    watch.anew().await;
    flow.same(ALL).await;
    flow.end().await;
}

/// Connect stores first and Debezium confirms a moment later what has been acknowledged by then.
#[tokio::test]
async fn a_reader_that_is_cut_off_under_load_leaves_no_gap() {
    let flow = Flow::start("cut", &["public.orders"], &[ORDERS], |_| {}).await;
    let mut watch = Watch::over(&flow);
    flow.same(ALL).await;
    watch.remember().await;
    let cut = format!(
        "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '{}' AND active",
        watch.slot()
    );
    for round in 0..120 {
        let first = 10_000 + round * 50;
        let insert =
            format!("INSERT INTO orders SELECT n, 'load' FROM generate_series({first}, {}) n", first + 49);
        flow.source(&[&insert]).await;
        if round % 40 == 20 {
            flow.source(&[&cut]).await;
        }
        assert_eq!(watch.gap(false).await, None, "round {round}");
    }
    flow.same(ALL).await;
    for _ in 0..3 {
        flow.stop(&flow.source_name()).await;
        watch.free().await;
        assert_eq!(watch.gap(true).await, None, "who is stopped by order stores all that was delivered");
        flow.resume(&flow.source_name()).await;
        flow.source(&["UPDATE orders SET customer = customer || '.' WHERE id < 100"]).await;
        flow.same(ALL).await;
    }
    flow.end().await;
}

/// P8, F8
#[tokio::test]
async fn retained_wal_is_told_before_the_slot_is_lost_and_the_loss_heals_by_reading_anew() {
    let flow = Flow::start("budget", &["public.orders"], &[ORDERS], |spec| {
        spec["objectives"] = serde_json::json!({"maxRetainedWal": "8Mi"});
    })
    .await;
    let mut watch = Watch::over(&flow);
    flow.same(ALL).await;
    watch.remember().await;
    flow.source(&["ALTER SYSTEM SET max_slot_wal_keep_size = '64MB'", "SELECT pg_reload_conf()"]).await;
    flow.stop(&flow.source_name()).await;
    watch.free().await;
    let mut said = Vec::new();
    for _ in 0..100 {
        let view = watch.look().await;
        let state = budget::judge(&flow.wanted, &view, false).map(|budget| budget.state);
        if said.last() != Some(&state) {
            said.push(state);
        }
        if view.slots[watch.slot()].wal_status.as_deref() == Some("lost") {
            break;
        }
        // less than a segment at a time, so that nothing on the way is stepped over
        flow.source(&[
            "CREATE TABLE IF NOT EXISTS busy (n int, t text)",
            "INSERT INTO busy SELECT n, repeat('x', 500) FROM generate_series(1, 8000) n",
            "CHECKPOINT",
        ])
        .await;
    }
    let order = [State::Within, State::Exceeded, State::LimitNear];
    assert!(said.iter().flatten().take(3).eq(&order), "{said:?}");
    let gap = watch.gap(true).await.expect("a gap");
    assert_eq!((gap.reason, gap.passable), (CdcReason::SlotLost, false));
    watch.anew().await;
    flow.same(ALL).await;
    flow.end().await;
}
