use std::sync::Weak;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sluice_clients::kafka::{At, Client, Error, ItemError, Offsets, TopicPartition};
use sluice_clients::postgres::Watch;
use sluice_core::view::source::{Lsn, SourceView};
use tokio::time::{sleep, timeout};
use tracing::debug;

use super::desk::State;
use crate::context::Context;
use crate::observe::database::World;
use crate::scope::{Key, chain};

/// How long a sink may take to catch up: a beat, the flush of the source's offsets and that of the sink's are ten seconds each.
const PATIENCE: Duration = Duration::from_mins(3);
const LOOK: Duration = Duration::from_secs(1);

/// Follows changes of one table from the source to a sink.
pub struct Watcher<'a> {
    pub context: &'a Weak<Context>,
    pub cluster: Option<&'a Key>,
    pub source: &'a World<SourceView>,
    pub slot: &'a str,
    pub topic: String,
    pub group: &'a str,
    pub state: &'a State,
}

impl Watch for Watcher<'_> {
    async fn caught_up(&self, position: Lsn) -> Result<(), String> {
        let waited = async {
            self.read_to(position).await;
            self.applied().await;
        };
        timeout(PATIENCE, waited).await.map_err(|_| {
            format!(
                "it did not apply in {} s what the source had then, so rows on their way cannot be told from differences",
                PATIENCE.as_secs()
            )
        })
    }

    fn compared(&self, rows: i64) {
        self.state.rows.fetch_add(rows, Ordering::Relaxed);
    }
}

impl Watcher<'_> {
    /// Until all changes up to this position are in the topics: the connector confirms a position after Kafka has what is before it.
    async fn read_to(&self, position: Lsn) {
        loop {
            let seen = self.source.seen();
            let slot = seen.sight.current().and_then(|view| view.slots.get(self.slot));
            if slot.and_then(|slot| slot.confirmed_flush_lsn).is_some_and(|confirmed| confirmed >= position) {
                return;
            }
            sleep(LOOK).await;
        }
    }

    /// Until the sink has committed all records that the topic has now.
    async fn applied(&self) {
        let mut ends = None;
        loop {
            let client = self.context.upgrade().and_then(|context| {
                self.cluster.and_then(|cluster| context.kafka.get(cluster)).map(|world| world.client.clone())
            });
            if let Some(client) = client {
                match self.behind(&client, &mut ends).await {
                    Ok(false) => return,
                    Ok(true) => {}
                    Err(error) => debug!(topic = self.topic, error = %chain(&error), "the sink is not seen"),
                }
            }
            sleep(LOOK).await;
        }
    }

    /// Whether the sink has not committed these ends yet. They are asked for once: what comes later need not be waited for.
    async fn behind(&self, client: &Client, known: &mut Option<Offsets>) -> Result<bool, Error> {
        let ends = match known.take() {
            Some(ends) => ends,
            None => client.list_offsets(&[self.topic.as_str()], At::Latest).await?,
        };
        if ends.values().any(Result::is_err) {
            return Ok(true);
        }
        let ends = known.insert(ends);
        let groups = client.offset_fetch(&[self.group]).await?;
        let committed =
            groups.iter().find(|(group, _)| group == self.group).and_then(|(_, item)| item.as_ref().ok());
        let done = |(at, end): (&TopicPartition, &Result<i64, ItemError>)| match end {
            Ok(0) => true,
            Ok(end) => committed.and_then(|offsets| offsets.get(at)).is_some_and(|offset| offset >= end),
            Err(_) => false,
        };
        Ok(!ends.iter().all(done))
    }
}
