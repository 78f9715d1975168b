//! A replication slot has one reader, and it may be another one.

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::Pod;
use kube::api::Api;
use sluice_crds::{CdcPipeline, Connector};

use super::guard::{halts, heals, streaming};
use crate::kubernetes::exec;
use crate::scene::pipeline::{ROWS, Shop};
use crate::scene::postgres::{self, Options, Postgres};
use crate::scene::{Expect, Scene};
use crate::wait::{said, seconds};

/// Takes the slot `$1` of the database `$2` from its reader, and reads the publication `$3` as the program `$4`. It replies every `$5` seconds, and
/// confirms then what it has read; 0: never. A shell stays its parent: PostgreSQL takes an orphan that is killed for one of its own.
const TAKE: &str = r#"
for attempt in $(seq 100); do
  psql -qAtU postgres -c "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '$1' AND active" >/dev/null
  PGAPPNAME="$4" setsid sh -c 'pg_recvlogical -U postgres -d "$2" --slot "$1" --start --no-loop -s "$5" -F 1 -f /dev/null \
    -o proto_version=1 -o publication_names="$3" & echo $! >/tmp/reader; wait $!; exit 0' sh "$@" </dev/null >/dev/null 2>&1 &
  sleep 1
  kill -0 $(cat /tmp/reader) 2>/dev/null && exit 0
done
exit 1
"#;

struct Server<'a> {
    pods: Api<Pod>,
    postgres: &'a Postgres,
}

impl Server<'_> {
    async fn run(&self, command: &[&str]) -> Result<()> {
        exec::run(&self.pods, &format!("{}-0", self.postgres.name), "postgres", command).await.map(drop)
    }

    async fn signal(&self, signal: &str) -> Result<()> {
        self.run(&["sh", "-c", &format!("kill -{signal} $(cat /tmp/reader)")]).await
    }
}

pub async fn f14_a_slot_that_another_holds_is_told(s: &Scene<'_>) -> Result<()> {
    let (connect, sink) = (s.shared_connect().await?, s.shared_postgres().await?);
    let source = postgres::bring_up(s, "f14-postgres", Options::default()).await?;
    let shop = Shop::open(s, s.agent(), &source, sink, "f14").await?;
    s.apply::<CdcPipeline>("f14", shop.spec(connect, &source, sink)).await?;
    let slot = streaming(s, "f14").await?;
    shop.same(s, 30).await?;
    let told = s.get::<CdcPipeline>("f14").await?.status.and_then(|status| status.source);
    let publication = told.context("status names no source")?.publication;
    let server = Server { pods: s.space.api(), postgres: &source };
    let take =
        |program, replies| ["sh", "-c", TAKE, "sh", &slot, "f14_source", &publication, program, replies];

    server.run(&take("pg_recvlogical", "0")).await?;
    let words = [&slot, "pg_recvlogical", "pg_terminate_backend"];
    let other = Expect::refused(&["SlotHeld"], &words);
    s.says::<CdcPipeline>("f14", &other, seconds(40)).await?;
    s.eventually("the source connector to be stopped", seconds(20), async || {
        let source: Connector = s.space.get("f14-source").await.map_err(said)?;
        let state = source.status.and_then(|status| status.state).unwrap_or_default();
        if state == "Stopped" { Ok(()) } else { Err(state) }
    })
    .await?;
    server.signal("KILL").await?;
    s.ready::<CdcPipeline>("f14", seconds(90)).await?;

    // one that confirms what it reads
    server.run(&take("pg_recvlogical", "1")).await?;
    shop.sell(s.agent(), ROWS + 1, 5).await?;
    let words = [&slot, "spec.snapshots"];
    s.says::<CdcPipeline>("f14", &Expect::refused(&["SlotAhead"], &words), seconds(40)).await?;
    server.signal("KILL").await?;
    halts(s, "f14", &Expect::refused(&["SlotAhead"], &words)).await?;
    heals(s, &shop).await?;

    // as a worker whose machine is gone: its connection stays until PostgreSQL has waited for wal_sender_timeout
    server.run(&take("Debezium Streaming", "1")).await?;
    server.signal("STOP").await?;
    let words = [&slot, "wal_sender_timeout (60 s)"];
    let gone = Expect::refused(&["SlotHeld"], &words);
    s.says::<CdcPipeline>("f14", &gone, seconds(60)).await?;
    shop.sell(s.agent(), ROWS + 6, 5).await?;
    s.ready::<CdcPipeline>("f14", seconds(120)).await?;
    shop.same(s, 30).await
}
