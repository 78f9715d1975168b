use std::collections::BTreeSet;

use serde_json::json;

use super::world::{publication, sink, source, table, wanted};
use crate::cdc::Wanted;
use crate::cdc::preflight::{self, Check, Failed, Severity};
use crate::view::source::{Publication, SinkView, Slot, SourceView, TableKind, TableName};

fn orders() -> TableName {
    TableName::new("public", "orders")
}

fn of_source(change: impl FnOnce(&mut SourceView)) -> Vec<Failed> {
    failing(&wanted(|_| {}), change, false)
}

fn failing(wanted: &Wanted, change: impl FnOnce(&mut SourceView), running: bool) -> Vec<Failed> {
    let mut view = source();
    change(&mut view);
    let none = BTreeSet::new();
    preflight::source(&preflight::Source {
        wanted,
        view: &view,
        running,
        started: false,
        unloaded: &none,
        left: &BTreeSet::from(["sluice_prod_old".to_owned()]),
    })
}

fn of_sink(change: impl FnOnce(&mut SinkView)) -> Vec<Failed> {
    sink_failing(&wanted(|_| {}), change)
}

fn sink_failing(wanted: &Wanted, change: impl FnOnce(&mut SinkView)) -> Vec<Failed> {
    let (mut view, source) = (sink(), source());
    change(&mut view);
    let (sink, view, source) = (&wanted.sinks[0], &view, &source);
    preflight::sink(&preflight::Target { wanted, sink, view, source, started: false })
}

#[track_caller]
fn only(failed: &[Failed], check: Check, mend: &str) {
    let found: Vec<_> = failed.iter().map(|failed| failed.check).collect();
    assert_eq!(found, [check], "{failed:#?}");
    assert_eq!(failed[0].severity, Severity::Block);
    assert!(failed[0].mend.contains(mend), "{}", failed[0].mend);
}

#[test]
fn a_database_that_is_as_it_must_be_passes() {
    assert_eq!(of_source(|_| {}), []);
    assert_eq!(of_sink(|_| {}), []);
}

#[test]
fn each_fact_of_the_server_has_its_check_and_its_mend() {
    only(&of_source(|v| v.server.version = 90_600), Check::Version, "Upgrade");
    only(&of_source(|v| v.server.in_recovery = true), Check::Primary, "primary");
    only(
        &of_source(|v| v.server.wal_level = "replica".into()),
        Check::WalLevel,
        "ALTER SYSTEM SET wal_level = 'logical'",
    );
    only(&of_source(|v| v.role.replication = false), Check::Replication, "ALTER ROLE sluice REPLICATION;");
    only(&of_source(|v| v.server.used_wal_senders = 10), Check::FreeSender, "max_wal_senders = 20");
    let full = |v: &mut SourceView| {
        v.server.max_replication_slots = 2;
        v.slots.insert("busy".into(), Slot { active: true, ..Default::default() });
        v.slots.insert("idle".into(), Slot::default());
    };
    only(&of_source(full), Check::FreeSlot, "SELECT pg_drop_replication_slot('idle');");
}

#[test]
fn a_running_pipeline_is_not_told_that_its_own_slot_is_taken() {
    let own = |v: &mut SourceView| {
        v.server.max_replication_slots = 1;
        v.server.max_wal_senders = 1;
        v.server.used_wal_senders = 1;
        let slot =
            Slot { plugin: Some("pgoutput".into()), active: true, active_pid: Some(7), ..Default::default() };
        v.slots.insert("sluice_prod_shop".into(), slot);
    };
    assert_eq!(failing(&wanted(|_| {}), own, true), []);
    let checks: Vec<_> = of_source(own).iter().map(|failed| failed.check).collect();
    assert_eq!(checks, [Check::Slot, Check::FreeSender], "but a new one is");
}

#[test]
fn a_slot_is_taken_over_only_where_something_says_that_it_is_ours() {
    let wanted = wanted(|_| {});
    let slot = |view: &mut SourceView, comment: Option<String>| {
        let slot =
            Slot { plugin: Some("pgoutput".into()), database: Some("shop".into()), ..Default::default() };
        view.slots.insert("sluice_prod_shop".into(), slot);
        if let Some(comment) = comment {
            let publication = Publication { comment: Some(comment), ..publication(&wanted) };
            view.publications.insert("sluice_prod_shop".into(), publication);
        }
    };
    let checks = |comment: Option<String>, started: bool| {
        let mut view = source();
        slot(&mut view, comment);
        let (wanted, view) = (&wanted, &view);
        let (unloaded, left) = (&BTreeSet::new(), &BTreeSet::new());
        preflight::source(&preflight::Source { wanted, view, running: false, started, unloaded, left })
    };
    assert_eq!(
        checks(Some(wanted.comment()), false),
        [],
        "one that a retained pipeline left is taken up again"
    );
    assert_eq!(checks(None, true), [], "one that was read by this pipeline is its own");
    only(&checks(None, false), Check::Slot, "CREATE PUBLICATION sluice_prod_shop FOR TABLE");
    let other = checks(Some("Managed by Sluice: CdcPipeline other/shop".into()), false);
    only(
        &other,
        Check::Slot,
        "COMMENT ON PUBLICATION sluice_prod_shop IS 'Managed by Sluice: CdcPipeline prod/shop';",
    );
}

#[test]
fn a_slot_that_cannot_be_ours_is_named() {
    let slot = |change: fn(&mut Slot)| {
        let mut slot =
            Slot { plugin: Some("pgoutput".into()), database: Some("shop".into()), ..Default::default() };
        change(&mut slot);
        of_source(|v| drop(v.slots.insert("sluice_prod_shop".into(), slot)))
    };
    only(&slot(|_| {}), Check::Slot, "take it over");
    only(&slot(|s| s.plugin = Some("wal2json".into())), Check::Slot, "slotName");
    only(&slot(|s| s.database = Some("other".into())), Check::Slot, "slotName");
    let (wanted, mut view, unloaded) = (wanted(|_| {}), source(), BTreeSet::new());
    let lost = Slot {
        plugin: Some("pgoutput".into()),
        database: Some("shop".into()),
        wal_status: Some("lost".into()),
        ..Default::default()
    };
    view.slots.insert("sluice_prod_shop".into(), lost);
    let facts = preflight::Source {
        wanted: &wanted,
        view: &view,
        running: false,
        started: true,
        unloaded: &unloaded,
        left: &BTreeSet::new(),
    };
    assert_eq!(preflight::source(&facts), [], "what a slot of ours has lost is the guard's question");
}

#[test]
fn each_fact_of_a_table_has_its_check_and_its_mend() {
    let one = |change: fn(&mut crate::view::source::Table)| {
        of_source(|v| change(v.tables.get_mut(&orders()).unwrap()))
    };
    only(&of_source(|v| drop(v.tables.remove(&orders()))), Check::TablesExist, "spec.tables");
    only(&one(|t| t.kind = TableKind::Partitioned), Check::TableKind, "partitions");
    only(&one(|t| t.kind = TableKind::View), Check::TableKind, "beneath");
    only(&one(|t| t.rights.select = false), Check::TableRights, "GRANT SELECT ON public.orders TO sluice;");
    only(&one(|t| t.row_security = true), Check::RowSecurity, "BYPASSRLS");
    only(&one(|t| t.primary_key.clear()), Check::TableKey, "ALTER TABLE public.orders ADD PRIMARY KEY");
    only(
        &one(|t| t.replica_identity = "n".into()),
        Check::TableKey,
        "ALTER TABLE public.orders REPLICA IDENTITY DEFAULT;",
    );
    let generated = one(|t| t.columns[1].generated = true);
    assert_eq!((generated[0].check, generated[0].severity), (Check::GeneratedColumns, Severity::Warn));
}

#[test]
fn a_table_without_a_key_may_flow_to_topics_once_its_rows_are_whole() {
    let topics_only = wanted(|spec| spec["sinks"] = json!([]));
    let keyless = |identity: &'static str| {
        move |v: &mut SourceView| {
            let table = v.tables.get_mut(&orders()).unwrap();
            table.primary_key.clear();
            table.replica_identity = identity.into();
        }
    };
    only(
        &failing(&topics_only, keyless("d"), false),
        Check::TableKey,
        "ALTER TABLE public.orders REPLICA IDENTITY FULL;",
    );
    assert_eq!(failing(&topics_only, keyless("f"), false), []);
    only(&of_source(keyless("f")), Check::TableKey, "ADD PRIMARY KEY");
}

#[test]
fn who_may_make_the_publication_is_told_with_the_statement() {
    only(
        &of_source(|v| v.role.create = false),
        Check::Publication,
        "GRANT CREATE ON DATABASE shop TO sluice;",
    );
    let failed = of_source(|v| v.tables.get_mut(&orders()).unwrap().owned = false);
    only(&failed, Check::Publication, "GRANT shop_owner TO sluice;");
    assert!(
        failed[0].mend.contains(
            "CREATE PUBLICATION sluice_prod_shop FOR TABLE public.order_items, public.orders, sluice.heartbeat;"
        ),
        "{}",
        failed[0].mend
    );
    let superuser = of_source(|v| {
        v.role.superuser = true;
        v.role.create = false;
        v.tables.get_mut(&orders()).unwrap().owned = false;
    });
    assert_eq!(superuser, []);
}

fn published(change: impl FnOnce(&mut Publication)) -> Vec<Failed> {
    let wanted = wanted(|_| {});
    let mut publication = Publication {
        owner: "dba".into(),
        insert: true,
        update: true,
        delete: true,
        tables: wanted.published().into_iter().collect(),
        ..Default::default()
    };
    change(&mut publication);
    of_source(|v| {
        v.heartbeat.table_exists = true;
        v.heartbeat.writable = true;
        v.heartbeat.owned = true;
        v.publications.insert(wanted.source.publication.clone(), publication);
    })
}

#[test]
fn a_publication_that_somebody_made_is_used_where_it_is_right_and_else_left_alone() {
    assert_eq!(published(|_| {}), []);
    only(&published(|p| p.all_tables = true), Check::Publication, "publicationName");
    only(
        &published(|p| drop(p.tables.pop())),
        Check::Publication,
        "ALTER PUBLICATION sluice_prod_shop SET TABLE",
    );
    only(&published(|p| p.filtered = vec![orders()]), Check::Publication, "SET TABLE public.order_items");
    only(&published(|p| p.delete = false), Check::Publication, "insert, update, delete");
    let ours = |p: &mut Publication| {
        p.comment = Some(wanted(|_| {}).comment());
        p.owned = true;
        p.tables.pop();
    };
    assert_eq!(published(ours), [], "our own is altered without a word");
    only(
        &published(|p| {
            ours(p);
            p.owned = false;
        }),
        Check::Publication,
        "GRANT dba TO sluice;",
    );
}

#[test]
fn the_heartbeat_table_needs_rights_or_can_be_left_out() {
    only(
        &of_source(|v| v.heartbeat.creatable = false),
        Check::Heartbeat,
        "CREATE SCHEMA IF NOT EXISTS sluice;",
    );
    let unwritable = of_source(|v| v.heartbeat.table_exists = true);
    only(
        &unwritable,
        Check::Heartbeat,
        "ON sluice.heartbeat TO sluice; or set spec.source.postgres.heartbeat.enabled: false",
    );
    let quiet = wanted(|spec| spec["source"]["postgres"]["heartbeat"] = json!({"enabled": false}));
    let failed = failing(&quiet, |v| v.heartbeat.creatable = false, false);
    assert_eq!((failed.len(), failed[0].severity), (1, Severity::Warn), "F4 is a choice, but said");
}

#[test]
fn each_fact_of_a_sink_has_its_check_and_its_mend() {
    only(&of_sink(|v| v.read_only = true), Check::SinkWritable, "primary");
    only(
        &of_sink(|v| v.schema_exists = false),
        Check::SinkSchema,
        "CREATE SCHEMA public AUTHORIZATION writer;",
    );
    only(&of_sink(|v| v.schema_usage = false), Check::SinkSchema, "GRANT USAGE ON SCHEMA public TO writer;");
    only(
        &of_sink(|v| v.schema_create = false),
        Check::SinkCreate,
        "GRANT CREATE ON SCHEMA public TO writer;",
    );
    let with = |change: fn(&mut crate::view::source::Table)| {
        let mut orders = table(&[("id", "bigint"), ("customer", "text")], &["id"]);
        change(&mut orders);
        of_sink(|v| drop(v.tables.insert("orders".into(), orders)))
    };
    assert_eq!(with(|_| {}), []);
    only(&with(|t| t.kind = TableKind::View), Check::SinkRights, "Rename");
    only(&with(|t| t.rights.update = false), Check::SinkRights, "UPDATE, DELETE ON public.orders TO writer;");
    only(&with(|t| t.primary_key.clear()), Check::SinkKey, "CREATE UNIQUE INDEX ON public.orders (id);");
    assert_eq!(
        with(|t| {
            t.primary_key.clear();
            t.unique_keys = vec![vec!["id".into()]];
        }),
        []
    );
    assert_eq!(with(|t| drop(t.columns.pop())), [], "the connector adds the column");
    only(
        &with(|t| {
            t.columns.pop();
            t.owned = false;
        }),
        Check::SinkColumns,
        "ADD COLUMN customer text;",
    );
}

#[test]
fn a_sink_that_is_left_alone_must_be_complete() {
    let fixed = wanted(|spec| spec["sinks"][0]["postgres"]["schemaEvolution"] = "None".into());
    let failed = sink_failing(&fixed, |_| {});
    only(
        &failed,
        Check::SinkTables,
        "CREATE TABLE IF NOT EXISTS \"public\".\"orders\" (\"id\" bigint, \"customer\" text, PRIMARY KEY (\"id\"));",
    );
    assert_eq!(failed[0].sink.as_deref(), Some("warehouse"));
}
