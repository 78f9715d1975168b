//! Ways in which pipelines die elsewhere (docs/runbooks/how-pipelines-die.md), those that no other case plays.

use anyhow::{Context, Result, ensure};
use serde_json::json;
use sluice_crds::{CdcPipeline, Connector};

use super::guard::{halts, heals, read_and_stopped, state, streaming};
use crate::scene::pipeline::{ROWS, Shop};
use crate::scene::postgres::{self, Options};
use crate::scene::{Connect, Expect, Scene};
use crate::wait::{chain, seconds};

/// About 60 MiB of WAL, of a table that no pipeline has.
const BUSY: &str = "INSERT INTO busy SELECT n, repeat(md5(n::text), 16) FROM generate_series(1, 100000) n";

pub async fn f03_what_failed_stops_when_it_is_told_to(s: &Scene<'_>) -> Result<()> {
    let (connect, database) = (s.shared_connect().await?, s.shared_postgres().await?);
    let shop = Shop::open(s, s.agent(), database, database, "f3").await?;
    s.apply::<CdcPipeline>("f3", shop.spec(connect, database, database)).await?;
    streaming(s, "f3").await?;
    shop.same(s, 30).await?;
    let small = "ALTER TABLE orders ADD CONSTRAINT small CHECK (amount < 1000)";
    s.agent().sql(&shop.sink, &[small]).await?;
    s.agent().sql(&shop.source, &["INSERT INTO orders VALUES (100000, 'somebody', 5000)"]).await?;
    s.says::<CdcPipeline>("f3", &Expect::refused(&["SinkNotReady"], &["small"]), seconds(90)).await?;

    state(s, "f3", "Stopped", "PipelineStopped").await?;
    for name in ["f3-source", "f3-copy"] {
        let left = tasks(s, connect, name).await?;
        ensure!(left == 0, "{name} is said to have stopped, and Connect has {left} tasks of it");
    }
    s.agent().sql(&shop.sink, &["ALTER TABLE orders DROP CONSTRAINT small"]).await?;
    s.merge::<CdcPipeline>("f3", json!({"spec": {"state": "Running"}})).await?;
    s.ready::<CdcPipeline>("f3", seconds(60)).await?;
    shop.same(s, 30).await
}

pub async fn f04_tables_at_rest_do_not_hold_the_log(s: &Scene<'_>) -> Result<()> {
    let (connect, database) = (s.shared_connect().await?, s.shared_postgres().await?);
    let shop = Shop::open(s, s.agent(), database, database, "f4").await?;
    let mut spec = shop.spec(connect, database, database);
    spec["source"]["postgres"]["heartbeat"] = json!({"intervalSeconds": 2});
    s.apply::<CdcPipeline>("f4", spec).await?;
    let slot = streaming(s, "f4").await?;
    shop.same(s, 30).await?;
    let before = s.agent().sql_value(&shop.source, "SELECT pg_current_wal_lsn()").await?;
    s.agent().sql(&shop.source, &["CREATE TABLE busy (n int, t text)", BUSY]).await?;
    let after = s.agent().sql_value(&shop.source, "SELECT pg_current_wal_lsn()").await?;
    let written = format!("SELECT pg_wal_lsn_diff('{after}', '{before}') > 32 * 1024 * 1024");
    ensure!(s.agent().sql_value(&shop.source, &written).await? == "t", "too little WAL to be held");
    let read = format!(
        "SELECT restart_lsn >= '{after}' AND confirmed_flush_lsn >= '{after}' FROM pg_replication_slots \
         WHERE slot_name = '{slot}'"
    );
    s.eventually("the slot to let go of what others wrote", seconds(60), async || {
        let read = s.agent().sql_value(&shop.source, &read).await.map_err(|e| chain(e.as_ref()))?;
        if read == "t" { Ok(()) } else { Err(format!("it holds WAL from before {after}")) }
    })
    .await
}

pub async fn f06_a_slot_that_a_failover_lost_is_missed(s: &Scene<'_>) -> Result<()> {
    let (connect, database) = (s.shared_connect().await?, s.shared_postgres().await?);
    let shop = Shop::open(s, s.agent(), database, database, "f6").await?;
    let slot = read_and_stopped(s, &shop, shop.spec(connect, database, database)).await?;
    // before PostgreSQL 17 a standby has no slots of its primary
    s.agent().sql(&shop.source, &[&format!("SELECT pg_drop_replication_slot('{slot}')")]).await?;
    shop.sell(s.agent(), ROWS + 1, 5).await?;
    halts(s, "f6", &Expect::refused(&["SlotMissing"], &[&slot, "spec.snapshots"])).await?;
    heals(s, &shop).await
}

pub async fn f08_a_slot_whose_log_was_removed_is_not_read_on(s: &Scene<'_>) -> Result<()> {
    let (connect, sink) = (s.shared_connect().await?, s.shared_postgres().await?);
    let source = postgres::bring_up(s, "f8-postgres", Options::default()).await?;
    let limits = [
        "ALTER SYSTEM SET max_slot_wal_keep_size = '32MB'",
        "ALTER SYSTEM SET max_wal_size = '64MB'",
        "SELECT pg_reload_conf()",
    ];
    s.agent().sql(&source.dsn("postgres"), &limits).await?;
    let shop = Shop::open(s, s.agent(), &source, sink, "f8").await?;
    let slot = read_and_stopped(s, &shop, shop.spec(connect, &source, sink)).await?;
    shop.sell(s.agent(), ROWS + 1, 5).await?;
    let busy = ["CREATE TABLE busy (n int, t text)", BUSY, BUSY, "SELECT pg_switch_wal()", "CHECKPOINT"];
    s.agent().sql(&shop.source, &busy).await?;
    let query = format!("SELECT wal_status FROM pg_replication_slots WHERE slot_name = '{slot}'");
    let wal_status = s.agent().sql_value(&shop.source, &query).await?;
    ensure!(wal_status == "lost", "the slot should have lost its WAL: {wal_status}");
    halts(s, "f8", &Expect::refused(&["SlotLost"], &[&slot, "max_slot_wal_keep_size"])).await?;
    heals(s, &shop).await
}

pub async fn f13_a_table_without_a_key_is_refused_and_topics_are_as_declared(s: &Scene<'_>) -> Result<()> {
    let (kafka, connect) = (s.shared_kafka().await?, s.shared_connect().await?);
    let database = s.shared_postgres().await?;
    let shop = Shop::open(s, s.agent(), database, database, "f13").await?;
    s.agent().sql(&shop.source, &["CREATE TABLE notes (id int NOT NULL, words text)"]).await?;
    let mut spec = shop.spec(connect, database, database);
    spec["tables"] = json!(["public.orders", "public.notes"]);
    spec["topics"] = json!({"partitions": 2, "replicationFactor": 3, "retention": {"time": "3d"}});
    s.apply::<CdcPipeline>("f13", spec).await?;
    let words = ["public.notes", "ALTER TABLE public.notes ADD PRIMARY KEY"];
    s.says::<CdcPipeline>("f13", &Expect::refused(&["PreflightFailed"], &words), seconds(30)).await?;
    let made = s.space.list::<Connector>("").await?;
    let made = made.iter().filter_map(|it| it.metadata.name.as_ref()).find(|name| name.starts_with("f13-"));
    ensure!(made.is_none(), "{made:?} was created in spite of it");

    s.agent().sql(&shop.source, &["ALTER TABLE notes ADD PRIMARY KEY (id)"]).await?;
    s.ready::<CdcPipeline>("f13", seconds(90)).await?;
    s.agent().sql(&shop.source, &["INSERT INTO notes VALUES (1, 'one')"]).await?;
    shop.agree(s, "SELECT count(*) || ' rows ' || max(words) FROM notes", 30).await?;
    let topic = s.agent().topic(&kafka.bootstrap, "f13.public.notes").await?.context("no topic")?;
    let replicas: Vec<_> = topic.partitions.iter().map(|p| p.replicas.len()).collect();
    ensure!(replicas == [3, 3], "{topic:?}");
    let configs = s.agent().topic_configs(&kafka.bootstrap, "f13.public.notes").await?;
    ensure!(configs.get("retention.ms").is_some_and(|ms| ms == "259200000"), "{configs:?}");
    Ok(())
}

/// How many Connect has of a connector, whatever their state.
async fn tasks(s: &Scene<'_>, connect: &Connect, name: &str) -> Result<usize> {
    let answer = s.agent().rest("GET", &format!("{}/connectors/{name}/status", connect.url), None).await?;
    let tasks = answer.body.pointer("/tasks").and_then(serde_json::Value::as_array);
    Ok(tasks.with_context(|| format!("no tasks in {answer:?}"))?.len())
}
