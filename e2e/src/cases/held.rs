//! A replication slot has one reader, and it may be another one.

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::Pod;
use kube::api::Api;
use sluice_crds::CdcPipeline;

use super::guard::{heals, streaming};
use crate::kubernetes::exec;
use crate::scene::pipeline::{ROWS, Shop};
use crate::scene::postgres::{self, Options, Postgres};
use crate::scene::{Expect, Scene};
use crate::wait::seconds;

/// Takes the slot `$1` of the database `$2` from its reader, and reads the publication `$3` as the program `$4`. It replies every second, and
/// confirms nothing until it ends.
const TAKE: &str = r#"
for attempt in $(seq 100); do
  psql -qAtU postgres -c "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '$1' AND active" >/dev/null
  PGAPPNAME="$4" setsid pg_recvlogical -U postgres -d "$2" --slot "$1" --start --no-loop -s 1 -F 0 -f /dev/null \
    -o proto_version=1 -o publication_names="$3" </dev/null >/dev/null 2>&1 &
  echo $! >/tmp/reader
  sleep 1
  kill -0 $! 2>/dev/null && exit 0
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
    let take = |program| ["sh", "-c", TAKE, "sh", &slot, "f14_source", &publication, program];

    server.run(&take("pg_recvlogical")).await?;
    let words = [&slot, "pg_recvlogical", "pg_terminate_backend"];
    let other = Expect::refused(&["SlotHeld"], &words);
    s.says::<CdcPipeline>("f14", &other, seconds(40)).await?;
    shop.sell(s.agent(), ROWS + 1, 5).await?;
    // in its end it confirms what it has read
    server.signal("TERM").await?;
    let words = [&slot, "spec.snapshots"];
    s.says::<CdcPipeline>("f14", &Expect::refused(&["SlotAhead"], &words), seconds(20)).await?;
    heals(s, &shop).await?;

    // as a worker whose machine is gone: its connection stays until PostgreSQL has waited for wal_sender_timeout
    server.run(&take("Debezium Streaming")).await?;
    server.signal("STOP").await?;
    let words = [&slot, "wal_sender_timeout (60 s)"];
    let gone = Expect::refused(&["SlotHeld"], &words);
    s.says::<CdcPipeline>("f14", &gone, seconds(60)).await?;
    shop.sell(s.agent(), ROWS + 6, 5).await?;
    s.ready::<CdcPipeline>("f14", seconds(120)).await?;
    server.signal("KILL").await?;
    shop.same(s, 30).await
}
