//! Facts and statements against a real PostgreSQL.

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use sluice_clients::postgres::{Error, Password, Session, SourceQuestion, Target, Tls};
use sluice_core::cdc::sql;
use sluice_core::view::source::{Slot, SourceView, TableKind, TableName, Trouble};
use support::postgres::{ADMIN, Postgres, SECRET};
use support::tls::Authority;

const SCHEMA: &str = "
CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
CREATE TYPE mood AS ENUM ('fine', 'sad');
CREATE TABLE orders (id bigint PRIMARY KEY, customer text NOT NULL, total numeric(12,2), quantity positive,
    how mood, hows mood[], tags text[], twice bigint GENERATED ALWAYS AS (id * 2) STORED);
CREATE TABLE items (line int, order_id bigint, sku varchar(20), PRIMARY KEY (order_id, line));
CREATE TABLE keyless (a int);
CREATE TABLE secret (id int PRIMARY KEY);
CREATE VIEW report AS SELECT id FROM orders;
CREATE TABLE parted (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE SCHEMA \"Inv\"; CREATE TABLE \"Inv\".\"Stock\" (\"Sku\" text PRIMARY KEY);
ALTER TABLE keyless REPLICA IDENTITY FULL;
CREATE ROLE owner NOLOGIN; CREATE ROLE reader LOGIN REPLICATION IN ROLE owner; CREATE ROLE plain LOGIN;
ALTER TABLE orders OWNER TO owner; ALTER TABLE items OWNER TO owner; ALTER TABLE \"Inv\".\"Stock\" OWNER TO owner;
GRANT USAGE ON SCHEMA \"Inv\" TO owner; GRANT SELECT ON keyless TO reader";

/// A server with `wal_level` and the database `shop`.
async fn shop(settings: &[&str]) -> Postgres {
    let server = Postgres::start(settings).await;
    server.sql("postgres", &["CREATE DATABASE shop"]).await;
    server.sql("shop", &[SCHEMA]).await;
    for role in ["reader", "plain"] {
        let statement = format!("ALTER ROLE {role} PASSWORD {}", sql::literal(SECRET));
        server.sql("shop", &[&statement]).await;
    }
    server.sql("shop", &["GRANT CREATE ON DATABASE shop TO reader"]).await;
    server
}

fn table(schema: &str, name: &str) -> TableName {
    TableName::new(schema, name)
}

fn tables(names: &[&str]) -> BTreeSet<TableName> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

fn question(names: &[&str]) -> SourceQuestion {
    SourceQuestion { tables: tables(names), publications: ["sluice_shop".to_owned()].into() }
}

async fn look(session: &mut Session, names: &[&str]) -> SourceView {
    session.source(&question(names)).await.expect("look at the source")
}

/// The slot `sluice_shop` as soon as it is as wanted.
async fn slot_once(session: &mut Session, wanted: impl Fn(&Slot) -> bool) -> Slot {
    for _ in 0..300 {
        let slot = session.pulse().await.unwrap().slots.remove("sluice_shop").unwrap();
        if wanted(&slot) {
            return slot;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("not within 30 s");
}

#[tokio::test]
async fn the_facts_of_a_source_are_read_in_one_look() {
    let server = shop(&["wal_level=logical", "max_replication_slots=3"]).await;
    let mut session = server.session("shop", "reader").await;
    let view = look(
        &mut session,
        &[
            "public.orders",
            "public.items",
            "public.keyless",
            "public.secret",
            "public.report",
            "public.parted",
            "Inv.Stock",
            "public.missing",
            "missing.orders",
        ],
    )
    .await;

    assert!(view.server.version >= 130_000, "{:?}", view.server);
    assert_eq!((view.server.wal_level.as_str(), view.server.max_replication_slots), ("logical", 3));
    assert_eq!((view.server.database.as_str(), view.server.in_recovery), ("shop", false));
    assert!(view.position.0 > 0);
    assert!(view.role.replication && view.role.create && !view.role.superuser && view.role.name == "reader");
    assert!(view.identity.as_ref().is_some_and(|i| i.timeline == 1 && i.system_identifier.len() > 10));

    let orders = &view.tables[&table("public", "orders")];
    assert_eq!((orders.kind, orders.replica_identity.as_str(), orders.owned), (TableKind::Table, "d", true));
    assert_eq!(orders.primary_key, ["id"]);
    let column = |name: &str| orders.columns.iter().find(|c| c.name == name).unwrap().clone();
    assert_eq!(column("total").type_name, "numeric(12,2)");
    assert_eq!(
        (column("quantity").type_name.as_str(), column("quantity").base_type.as_str()),
        ("public.positive", "integer")
    );
    assert!(column("quantity").built_in && !column("how").built_in && !column("hows").built_in);
    assert!(column("tags").built_in && column("tags").toastable && column("customer").toastable);
    assert!(!column("id").toastable && column("twice").generated && column("customer").not_null);

    assert_eq!(
        view.tables[&table("public", "items")].primary_key,
        ["order_id", "line"],
        "in the key's order"
    );
    assert_eq!(view.tables[&table("public", "keyless")].replica_identity, "f");
    assert!(view.tables[&table("public", "keyless")].rights.select);
    assert!(!view.tables[&table("public", "secret")].rights.select);
    assert_eq!(view.tables[&table("public", "report")].kind, TableKind::View);
    assert_eq!(view.tables[&table("public", "parted")].kind, TableKind::Partitioned);
    assert_eq!(view.tables[&table("Inv", "Stock")].primary_key, ["Sku"]);
    assert_eq!(view.tables.len(), 7, "what is not there is not in the view");
    assert!(view.publications.is_empty() && view.slots.is_empty() && !view.heartbeat.table_exists);
    assert!(view.heartbeat.creatable);
}

#[tokio::test]
async fn a_role_without_rights_can_still_look_and_is_told_what_it_lacks() {
    let server = shop(&["wal_level=replica"]).await;
    let mut session = server.session("shop", "plain").await;
    let view = look(&mut session, &["public.orders", "Inv.Stock"]).await;
    assert_eq!(view.server.wal_level, "replica");
    assert!(!view.role.may_replicate() && !view.role.create && !view.heartbeat.creatable);
    assert!(view.tables.values().all(|table| !table.rights.select && !table.owned));

    let statements = sql::create_publication("sluice_shop", &tables(&["public.orders"]), "mine");
    let refused = session.run("create the publication", &statements).await.unwrap_err();
    assert_eq!(refused.trouble(), Trouble::PrivilegeMissing, "{refused}");
    assert!(!session.is_closed(), "a refused statement does not end the session");
    look(&mut session, &[]).await;
}

#[tokio::test]
async fn what_sluice_makes_in_a_source_is_seen_changed_and_gone_without_a_trace() {
    let server = shop(&["wal_level=logical"]).await;
    let mut session = server.session("shop", "reader").await;
    session.run("make the heartbeat table", &sql::create_heartbeat()).await.unwrap();
    let own = tables(&["public.orders", "Inv.Stock", sql::HEARTBEAT]);
    session.run("create", &sql::create_publication("sluice_shop", &own, "of it's \\ owner")).await.unwrap();
    let view = look(&mut session, &[]).await;
    let publication = &view.publications["sluice_shop"];
    assert_eq!(publication.tables.iter().cloned().collect::<BTreeSet<_>>(), own);
    assert_eq!(publication.comment.as_deref(), Some("of it's \\ owner"));
    assert!(publication.owned && !publication.all_tables && publication.filtered.is_empty());
    assert!(publication.insert && publication.update && publication.delete);
    assert!(view.heartbeat.table_exists && view.heartbeat.writable && view.heartbeat.owned);

    // P3: a table that is not captured keeps accepting changes, though it has no key
    server
        .sql(
            "shop",
            &[
                "ALTER TABLE keyless REPLICA IDENTITY DEFAULT",
                "INSERT INTO keyless VALUES (1)",
                "UPDATE keyless SET a = 2",
                "DELETE FROM keyless",
            ],
        )
        .await;

    session.run("alter", &[sql::set_publication("sluice_shop", &tables(&["public.orders"]))]).await.unwrap();
    assert_eq!(look(&mut session, &[]).await.publications["sluice_shop"].tables, [table("public", "orders")]);

    let make = "SELECT pg_create_logical_replication_slot('sluice_shop', 'pgoutput')";
    session.run("make a slot", &[make.into()]).await.unwrap();
    session.run("beat", &[sql::beat("sluice_shop")]).await.unwrap();
    let pulse = session.pulse().await.unwrap();
    let slot = &pulse.slots["sluice_shop"];
    assert_eq!((slot.plugin.as_deref(), slot.database.as_deref()), (Some("pgoutput"), Some("shop")));
    assert_eq!((slot.active, slot.wal_status.as_deref()), (false, Some("reserved")));
    assert!(pulse.position.since(slot.confirmed_flush_lsn.unwrap()) > 0);
    assert_eq!(slot.safe_wal_size, None, "max_slot_wal_keep_size is not set");
    assert_eq!(slot.reader, None);
    let reads = server.read_slot("shop", "sluice_shop", "sluice_shop");
    let read = slot_once(&mut session, |slot| slot.active).await;
    assert_eq!((read.foreign_reader(), read.is_read()), (Some("pg_recvlogical"), false));
    drop(reads);
    slot_once(&mut session, |slot| !slot.active).await;

    // twice: teardown may be interrupted and come again
    for _ in 0..2 {
        let all = [
            sql::drop_slot("sluice_shop"),
            sql::drop_publication("sluice_shop"),
            sql::drop_heartbeat("sluice_shop"),
        ];
        session.run("remove", &all).await.unwrap();
    }
    let view = look(&mut session, &[]).await;
    assert!(view.slots.is_empty() && view.publications.is_empty());
    assert!(!view.heartbeat.schema_exists, "nothing else was in our schema");
}

#[tokio::test]
async fn the_heartbeat_table_stays_while_another_pipeline_beats() {
    let server = shop(&["wal_level=logical"]).await;
    let mut session = server.session("shop", "reader").await;
    session.run("make", &sql::create_heartbeat()).await.unwrap();
    session.run("beat", &[sql::beat("a"), sql::beat("b"), sql::beat("b")]).await.unwrap();
    session.run("remove", &[sql::drop_heartbeat("a")]).await.unwrap();
    assert!(look(&mut session, &[]).await.heartbeat.table_exists);
    session.run("remove", &[sql::drop_heartbeat("b")]).await.unwrap();
    assert!(!look(&mut session, &[]).await.heartbeat.table_exists);
}

#[tokio::test]
async fn a_sink_gets_the_tables_of_its_source() {
    let server = shop(&["wal_level=replica"]).await;
    server.sql("postgres", &["CREATE DATABASE warehouse"]).await;
    server.sql("warehouse", &["GRANT USAGE ON SCHEMA public TO plain"]).await;
    let mut source = server.session("shop", "reader").await;
    let view = look(&mut source, &["public.orders", "public.items"]).await;
    let mut sink = server.session("warehouse", "plain").await;
    let names: BTreeSet<String> = ["orders".to_owned(), "items".to_owned()].into();

    let before = sink.sink("public", &names).await.unwrap();
    assert!(before.schema_exists && before.schema_usage && !before.schema_create && before.tables.is_empty());
    let missing = sink.sink("nowhere", &names).await.unwrap();
    assert!(!missing.schema_exists && !missing.create_schema && !missing.read_only);

    server.sql("warehouse", &["GRANT CREATE ON SCHEMA public TO plain"]).await;
    for (name, table) in &view.tables {
        let statement = sql::create_sink_table("public", &name.name, table);
        sink.run("create", &[statement]).await.unwrap();
    }
    let after = sink.sink("public", &names).await.unwrap();
    let orders = &after.tables["orders"];
    assert_eq!(orders.primary_key, ["id"]);
    assert_eq!(after.tables["items"].primary_key, ["order_id", "line"]);
    let types: Vec<_> = orders.columns.iter().map(|c| (c.name.as_str(), c.type_name.as_str())).collect();
    assert_eq!(
        types,
        [
            ("id", "bigint"),
            ("customer", "text"),
            ("total", "numeric(12,2)"),
            ("quantity", "integer"),
            ("how", "text"),
            ("hows", "text"),
            ("tags", "text[]"),
        ]
    );
    assert!(orders.columns.iter().all(|c| c.not_null == (c.name == "id")), "only the key must be there");
    assert!(orders.rights.insert && orders.rights.update && orders.rights.delete && orders.rights.select);
}

#[tokio::test]
async fn each_way_to_stay_outside_has_its_name() {
    let server = shop(&["wal_level=replica"]).await;
    let enter =
        async |target: Target| Session::enter(&target).await.err().map(|e| (e.trouble(), e.to_string()));
    let target = |host: &str, port, database: &str, user: &str, password: &str| {
        let mut target = Target::new(host, port, database, user, Password::new(password));
        target.connect = Duration::from_secs(2);
        target
    };
    let port = server.port;
    for (target, trouble) in [
        (target("127.0.0.1", port, "shop", "reader", "wrong"), Trouble::PasswordRefused),
        (target("127.0.0.1", port, "shop", "nobody", SECRET), Trouble::PasswordRefused),
        (target("127.0.0.1", port, "nothing", "reader", SECRET), Trouble::DatabaseMissing),
        (target("127.0.0.1", 1, "shop", "reader", SECRET), Trouble::Unreachable),
        (target("no-such-host.invalid", port, "shop", "reader", SECRET), Trouble::NameUnknown),
        // TEST-NET-1: packets go nowhere
        (target("192.0.2.1", port, "shop", "reader", SECRET), Trouble::TimedOut),
    ] {
        let (seen, text) = enter(target.clone()).await.expect("refused");
        // a machine without a route says so at once
        let routeless = trouble == Trouble::TimedOut && seen == Trouble::Unreachable;
        assert!(seen == trouble || routeless, "{trouble:?}: {seen:?} {text}");
        assert!(!text.contains(SECRET) && !text.contains("wrong"), "{text}");
    }

    server.sql("postgres", &["ALTER ROLE plain CONNECTION LIMIT 0"]).await;
    let (seen, text) = enter(target("127.0.0.1", port, "shop", "plain", SECRET)).await.expect("refused");
    assert_eq!(seen, Trouble::TooManyConnections, "{text}");

    server
        .admit("local all all trust\nhost all postgres all scram-sha-256\nhostssl all all all scram-sha-256")
        .await;
    let (seen, text) = enter(target("127.0.0.1", port, "shop", "reader", SECRET)).await.expect("refused");
    assert_eq!(seen, Trouble::NotAdmitted, "{text}");
    assert!(text.contains("no encryption"), "{text}");
}

#[tokio::test]
async fn tls_is_what_was_asked_for_and_a_stranger_is_named() {
    let server = Postgres::start(&[]).await;
    let (ours, other) = (Authority::new(), Authority::new());
    let verify = |ca: &Authority, name| Tls::Verify { ca: ca.pem().into(), name };
    let enter = async |host: &str, tls: Tls| {
        let target = Target::new(host, server.port, "postgres", ADMIN, Password::new(SECRET)).with_tls(tls);
        Session::enter(&target).await.err().map(|error| error.trouble())
    };
    assert_eq!(enter("localhost", Tls::Require).await, Some(Trouble::NoTls), "never in plain instead");
    assert_eq!(enter("localhost", verify(&ours, true)).await, Some(Trouble::NoTls));

    server.certify(&ours, &["localhost"]).await;
    server.admit("hostnossl all all 127.0.0.1/32 scram-sha-256\nhostssl all all all scram-sha-256").await;
    for tls in [Tls::Require, verify(&ours, false), verify(&ours, true)] {
        assert_eq!(enter("localhost", tls.clone()).await, None, "{tls:?}");
    }
    assert_eq!(enter("127.0.0.1", verify(&ours, false)).await, None, "whoever the CA has signed");
    assert_eq!(enter("127.0.0.1", verify(&ours, true)).await, Some(Trouble::Untrusted), "another name");
    for name in [false, true] {
        assert_eq!(enter("localhost", verify(&other, name)).await, Some(Trouble::Untrusted), "another CA");
    }
    let nonsense = Tls::Verify { ca: b"no certificate".to_vec(), name: true };
    assert_eq!(enter("localhost", nonsense).await, Some(Trouble::SecretMissing));

    server.admit("local all all trust\nhostssl all all all scram-sha-256").await;
    let plain = enter("127.0.0.1", Tls::Disable).await;
    assert_eq!(plain, Some(Trouble::NotAdmitted), "the server insists");
    assert_eq!(enter("127.0.0.1", Tls::Require).await, None);
}

#[tokio::test]
async fn a_silent_server_and_a_held_lock_end_at_their_deadlines() {
    let server = shop(&["wal_level=logical"]).await;
    let mut quick = server.target("shop", "reader");
    quick.call = Duration::from_secs(2);
    let mut session = Session::enter(&quick).await.unwrap();

    let holder = server.session("shop", ADMIN).await;
    let held = tokio::spawn(async move {
        let mut holder = holder;
        let hold =
            ["LOCK TABLE public.orders IN ACCESS EXCLUSIVE MODE".to_owned(), "SELECT pg_sleep(3)".to_owned()];
        holder.run("hold", &hold).await
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    let view = look(&mut session, &["public.orders", "public.items"]).await;
    assert_eq!(view.tables.len(), 2, "a look reads catalogs, and waits for nobody's table");
    let statements = sql::create_publication("sluice_shop", &tables(&["public.orders"]), "");
    let refused = session.run("create", &statements).await.unwrap_err();
    assert_eq!(refused.trouble(), Trouble::Busy, "{refused}");
    assert!(matches!(refused, Error::Refused { .. }), "the server gave up first: {refused:?}");
    held.await.unwrap().unwrap();

    server.process().signal("STOP");
    // the postmaster is stopped; the backend of our session still answers, but nobody new gets in
    quick.connect = Duration::from_secs(1);
    let outside = Session::enter(&quick).await.unwrap_err();
    server.process().signal("CONT");
    assert_eq!(outside.trouble(), Trouble::TimedOut, "{outside}");
}
