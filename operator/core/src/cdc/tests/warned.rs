//! Checks that warn, and those that compare columns.

use std::collections::BTreeSet;

use serde_json::json;

use super::world::{sink, source, table, wanted};
use crate::cdc::Wanted;
use crate::cdc::preflight::{self, Check, Failed, Severity};
use crate::view::source::{Publication, Slot, SourceView, Table, TableName};

const LEFT: &str = "sluice_prod_old";

fn of_source(wanted: &Wanted, change: impl FnOnce(&mut SourceView)) -> Vec<Failed> {
    let mut view = source();
    change(&mut view);
    let (unloaded, left) = (&BTreeSet::new(), &BTreeSet::from([LEFT.to_owned()]));
    preflight::source(&preflight::Source {
        wanted,
        view: &view,
        running: false,
        started: false,
        unloaded,
        left,
    })
}

/// The sink has the table already, and this was done to it.
fn of_sink(change: impl FnOnce(&mut Table)) -> Vec<Failed> {
    of_sink_that(false, change)
}

fn of_sink_that(started: bool, change: impl FnOnce(&mut Table)) -> Vec<Failed> {
    let (wanted, source, mut view) = (wanted(|_| {}), source(), sink());
    let mut there = table(&[("id", "bigint"), ("customer", "text")], &["id"]);
    change(&mut there);
    view.tables.insert("orders".into(), there);
    let (wanted, sink, view, source) = (&wanted, &wanted.sinks[0], &view, &source);
    preflight::sink(&preflight::Target { wanted, sink, view, source, started })
}

#[track_caller]
fn only(failed: &[Failed], severity: Severity, check: Check, words: [&str; 2]) {
    let found: Vec<_> = failed.iter().map(|failed| (failed.check, failed.severity)).collect();
    assert_eq!(found, [(check, severity)], "{failed:#?}");
    assert!(failed[0].message.contains(words[0]), "{}", failed[0].message);
    assert!(failed[0].mend.contains(words[1]), "{}", failed[0].mend);
}

#[test]
fn a_reader_that_is_gone_must_be_let_go_before_the_next_gives_up_waiting() {
    let with = |timeout| of_source(&wanted(|_| {}), |view| view.server.wal_sender_timeout = timeout);
    assert_eq!(with(60_000), []);
    for (timeout, how) in [(0, "is off"), (600_000, "is 600 s")] {
        only(&with(timeout), Severity::Warn, Check::SenderTimeout, [how, "wal_sender_timeout = '60s'"]);
    }
}

#[test]
fn wal_that_nothing_bounds_is_told_of_and_a_budget_is_a_bound() {
    let unbounded = |view: &mut SourceView| view.server.max_slot_wal_keep_size = -1;
    let failed = of_source(&wanted(|_| {}), unbounded);
    only(&failed, Severity::Warn, Check::WalLimit, ["fill the database's disk", "maxRetainedWal"]);
    let budget = wanted(|spec| spec["objectives"] = json!({"maxRetainedWal": "10Gi"}));
    assert_eq!(of_source(&budget, unbounded), []);
}

/// F5
#[test]
fn a_slot_whose_pipeline_is_gone_is_named_with_what_drops_it_until_somebody_reads_it() {
    let left = |active| {
        of_source(&wanted(|_| {}), |view| {
            view.slots.insert(LEFT.into(), Slot { active, ..Default::default() });
            let comment = Some("Managed by Sluice: CdcPipeline prod/old".into());
            view.publications.insert(LEFT.into(), Publication { comment, ..Default::default() });
        })
    };
    let words = ["sluice_prod_old (CdcPipeline prod/old)", "DROP PUBLICATION IF EXISTS sluice_prod_old;"];
    only(&left(false), Severity::Warn, Check::LeftSlots, words);
    assert_eq!(left(true), [], "another Sluice has it");
}

#[test]
fn values_outside_of_their_rows_are_told_of_where_an_update_may_leave_them_out() {
    let large = |identity: &str| {
        of_source(&wanted(|_| {}), |view| {
            let orders = view.tables.get_mut(&TableName::new("public", "orders")).unwrap();
            (orders.toasted, orders.replica_identity) = (true, identity.into());
        })
    };
    only(
        &large("d"),
        Severity::Warn,
        Check::LargeValues,
        ["public.orders has", "public.orders REPLICA IDENTITY FULL;"],
    );
    assert_eq!(large("f"), []);
}

#[test]
fn a_narrower_column_keeps_the_pipeline_from_starting() {
    let narrow = |there: &mut Table| there.columns[1].base_type = "character varying(10)".into();
    let words =
        ["orders.customer (text, and character varying(10) in the sink)", "ALTER COLUMN customer TYPE text;"];
    only(&of_sink(narrow), Severity::Block, Check::SinkTypes, words);
    only(&of_sink_that(true, narrow), Severity::Warn, Check::SinkTypes, words);
    assert_eq!(of_sink(|_| {}), []);
}

#[test]
fn a_column_that_wants_what_the_source_may_not_have_is_named() {
    let failed = of_sink(|there| there.columns[1].not_null = true);
    only(
        &failed,
        Severity::Warn,
        Check::SinkNulls,
        ["orders.customer", "ALTER COLUMN customer DROP NOT NULL;"],
    );
    let more = |filled| {
        move |there: &mut Table| {
            there.columns.push(table(&[("loaded", "text")], &[]).columns.remove(0));
            (there.columns[2].not_null, there.columns[2].filled) = (true, filled);
        }
    };
    only(
        &of_sink(more(false)),
        Severity::Block,
        Check::SinkNulls,
        ["orders.loaded", "loaded DROP NOT NULL;"],
    );
    assert_eq!(of_sink(more(true)), []);
}
