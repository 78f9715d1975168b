//! Pipelines and what is wrong with their sources.

use anyhow::{Context, Result, ensure};
use kube::ResourceExt;
use sluice_crds::cdc_pipeline::PreflightFinding;
use sluice_crds::{CdcPipeline, Connector, Topic};

use crate::kubernetes::conditions::{condition, current, verdict};
use crate::scene::pipeline::{ROWS, Shop};
use crate::scene::postgres::{self, Options, PASSWORD};
use crate::scene::{Connect, Expect, Scene};
use crate::wait::{said, seconds};

pub async fn p01_wal_level_is_named_and_mended(s: &Scene<'_>) -> Result<()> {
    let connect = s.shared_connect().await?;
    let options = Options { wal_level: None, persistent: true };
    let database = postgres::bring_up(s, "p1-postgres", options).await?;
    let shop = Shop::open(s, s.agent(), &database, &database, "p1").await?;
    s.apply::<CdcPipeline>("p1", shop.spec(connect, &database, &database)).await?;
    let finding = blocked(s, "p1", &["wal_level"]).await?;
    ensure!(
        finding.mend.contains("ALTER SYSTEM SET wal_level"),
        "the fix should be a statement: {finding:?}"
    );
    nothing_was_made(s, "p1").await?;
    nothing_is_in(s, connect, &shop.source, "p1").await?;

    // what the finding says, and the restart that PostgreSQL needs for it
    s.agent().sql(&database.dsn("postgres"), &[statement(&finding.mend)]).await?;
    database.scale(s, 0).await?;
    database.scale(s, 1).await?;
    s.ready::<CdcPipeline>("p1", seconds(90)).await?;
    shop.same(s, 30).await
}

pub async fn p02_a_role_without_replication_is_named_and_mended(s: &Scene<'_>) -> Result<()> {
    let connect = s.shared_connect().await?;
    let database = s.shared_postgres().await?;
    let shop = Shop::open(s, s.agent(), database, database, "p2").await?;
    let role = [
        "DROP ROLE IF EXISTS p2_reader",
        &format!("CREATE ROLE p2_reader LOGIN PASSWORD '{PASSWORD}'"),
        "GRANT CREATE ON DATABASE p2_source TO p2_reader",
        "GRANT USAGE, CREATE ON SCHEMA public TO p2_reader",
        "ALTER TABLE orders OWNER TO p2_reader",
    ];
    s.agent().sql(&shop.source, &role).await?;
    let mut spec = shop.spec(connect, database, database);
    spec["source"]["postgres"]["user"] = "p2_reader".into();
    s.apply::<CdcPipeline>("p2", spec).await?;
    let finding = blocked(s, "p2", &["p2_reader", "REPLICATION"]).await?;
    nothing_was_made(s, "p2").await?;
    nothing_is_in(s, connect, &shop.source, "p2").await?;
    s.agent().sql(&shop.source, &[statement(&finding.mend)]).await?;
    s.ready::<CdcPipeline>("p2", seconds(90)).await?;
    shop.same(s, 30).await
}

pub async fn p03_tables_that_are_not_captured_stay_writable(s: &Scene<'_>) -> Result<()> {
    let connect = s.shared_connect().await?;
    let database = s.shared_postgres().await?;
    let shop = Shop::open(s, s.agent(), database, database, "p3").await?;
    s.agent()
        .sql(&shop.source, &["CREATE TABLE audit (what text)", "INSERT INTO audit VALUES ('a'), ('b')"])
        .await?;
    s.apply::<CdcPipeline>("p3", shop.spec(connect, database, database)).await?;
    s.ready::<CdcPipeline>("p3", seconds(90)).await?;
    let statements = ["UPDATE audit SET what = 'c' WHERE what = 'a'", "DELETE FROM audit WHERE what = 'b'"];
    s.agent().sql(&shop.source, &statements).await.context("a table that is not captured refuses changes")?;

    let changes = [
        "UPDATE orders SET customer = 'somebody else' WHERE id % 10 = 0",
        "DELETE FROM orders WHERE id % 10 = 1",
    ];
    s.agent().sql(&shop.source, &changes).await?;
    shop.sell(s.agent(), ROWS + 1, 50).await?;
    shop.same(s, 30).await
}

pub async fn p06_five_minutes_without_the_database(s: &Scene<'_>) -> Result<()> {
    let connect = s.shared_connect().await?;
    let sink = s.shared_postgres().await?;
    let options = Options { persistent: true, ..Options::default() };
    let source = postgres::bring_up(s, "p6-postgres", options).await?;
    let shop = Shop::open(s, s.agent(), &source, sink, "p6").await?;
    s.apply::<CdcPipeline>("p6", shop.spec(connect, &source, sink)).await?;
    s.ready::<CdcPipeline>("p6", seconds(90)).await?;
    shop.same(s, 30).await?;
    // rows that may be on their way when the database goes
    shop.sell(s.agent(), ROWS + 1, 200).await?;
    source.scale(s, 0).await?;

    let told = s
        .eventually("the pipeline to say that it cannot see the database", seconds(60), async || {
            let pipeline: CdcPipeline = s.space.get("p6").await.map_err(said)?;
            let ready = current(&pipeline)?;
            if ready.status == "True" { Err(verdict(&pipeline)) } else { Ok(ready) }
        })
        .await?;
    ensure!(told.message.contains("since"), "the message should say since when: {}", told.message);
    s.stays("the pipeline is not Ready without its database", seconds(300), async || {
        let pipeline: CdcPipeline = s.space.get("p6").await.map_err(said)?;
        let ready = condition(&pipeline, "Ready").filter(|ready| ready.status == "True");
        if ready.is_none() { Ok(()) } else { Err(verdict(&pipeline)) }
    })
    .await?;

    source.scale(s, 1).await?;
    shop.sell(s.agent(), ROWS + 201, 200).await?;
    s.ready::<CdcPipeline>("p6", seconds(120)).await?;
    shop.same(s, 60).await
}

/// The finding that keeps the pipeline from starting, once its message has all of these words.
async fn blocked(s: &Scene<'_>, name: &str, words: &[&str]) -> Result<PreflightFinding> {
    let told =
        s.says::<CdcPipeline>(name, &Expect::refused(&["PreflightFailed"], words), seconds(30)).await?;
    let findings = told.status.unwrap_or_default().preflight;
    let blocking = findings.iter().find(|finding| finding.severity == "Block");
    blocking.cloned().with_context(|| format!("no finding blocks: {findings:?}"))
}

/// The first SQL statement of a fix that may go on in prose.
fn statement(mend: &str) -> &str {
    mend.split_once(';').map_or(mend, |(sql, _)| sql)
}

/// No Topic, no Connector: a pipeline whose preflight fails leaves no trace.
pub async fn nothing_was_made(s: &Scene<'_>, pipeline: &str) -> Result<()> {
    s.stays("nothing is created", seconds(3), async || {
        let owned = |meta: &[k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference]| {
            meta.iter().any(|owner| owner.kind == "CdcPipeline" && owner.name == pipeline)
        };
        let topics = s.space.list::<Topic>("").await.map_err(said)?;
        let connectors = s.space.list::<Connector>("").await.map_err(said)?;
        let mut made: Vec<String> = Vec::new();
        made.extend(topics.iter().filter(|t| owned(t.owner_references())).map(ResourceExt::name_any));
        made.extend(connectors.iter().filter(|c| owned(c.owner_references())).map(ResourceExt::name_any));
        if made.is_empty() { Ok(()) } else { Err(made.join(" ")) }
    })
    .await
}

/// No publication, slot or heartbeat in the source, and no connector in Connect.
async fn nothing_is_in(s: &Scene<'_>, connect: &Connect, source: &str, pipeline: &str) -> Result<()> {
    const MADE: &str = "SELECT coalesce(string_agg(what, ', '), '') FROM (
        SELECT 'publication ' || pubname AS what FROM pg_publication
        UNION ALL SELECT 'slot ' || slot_name FROM pg_replication_slots WHERE database = current_database()
        UNION ALL SELECT 'schema ' || nspname FROM pg_namespace WHERE nspname = 'sluice') made";
    let made = s.agent().sql_value(source, MADE).await?;
    ensure!(made.is_empty(), "the source has {made}");
    let url = format!("{}/connectors", connect.url);
    let answer = s.agent().rest("GET", &url, None).await?;
    let names = answer.body.as_array().with_context(|| format!("{answer:?}"))?;
    let prefix = format!("{pipeline}-");
    let ours: Vec<_> =
        names.iter().filter_map(|name| name.as_str()).filter(|name| name.starts_with(&prefix)).collect();
    ensure!(ours.is_empty(), "Connect has {ours:?}");
    Ok(())
}
