use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};

use jiff::Timestamp;
use sluice_clients::kafka::{BadAddress, Client, Options};
use tokio_util::task::AbortOnDropHandle;

use super::batch::{Batches, Change, Refusal};
use super::look;
use super::world::World;
use crate::context::Context;
use crate::scope::Key;

/// All Kafka clusters that we look at.
#[derive(Default)]
pub struct Worlds {
    entries: Mutex<HashMap<Key, Entry>>,
}

struct Entry {
    bootstrap: Vec<String>,
    world: Arc<World>,
    batches: Batches,
    _tasks: [AbortOnDropHandle<()>; 2],
}

impl Worlds {
    /// The world of a cluster, started if there is none, or if it is reached elsewhere than before.
    pub fn ensure(
        &self,
        context: &Arc<Context>,
        key: &Key,
        bootstrap: &[String],
    ) -> Result<Arc<World>, BadAddress> {
        let mut entries = self.entries.lock().expect("no panic while holding the worlds");
        if let Some(entry) = entries.get(key).filter(|entry| entry.bootstrap == bootstrap) {
            return Ok(Arc::clone(&entry.world));
        }
        let options = Options::plain(bootstrap.iter().map(String::as_str))?;
        let world = Arc::new(World::new(key.clone(), Client::new(options), Timestamp::now()));
        let weak: Weak<Context> = Arc::downgrade(context);
        let (batches, carry_out) = Batches::new(Arc::clone(&world), weak.clone());
        let tasks = [
            AbortOnDropHandle::new(tokio::spawn(look::observe(Arc::clone(&world), weak))),
            AbortOnDropHandle::new(tokio::spawn(carry_out)),
        ];
        let entry =
            Entry { bootstrap: bootstrap.to_vec(), world: Arc::clone(&world), batches, _tasks: tasks };
        entries.insert(key.clone(), entry);
        Ok(world)
    }

    pub fn get(&self, key: &Key) -> Option<Arc<World>> {
        let entries = self.entries.lock().expect("no panic while holding the worlds");
        entries.get(key).map(|entry| Arc::clone(&entry.world))
    }

    /// Makes a change in a cluster's topics, together with what others want at the same time.
    pub async fn change(&self, key: &Key, change: Change) -> Result<(), Refusal> {
        let batches = {
            let entries = self.entries.lock().expect("no panic while holding the worlds");
            entries.get(key).map(|entry| entry.batches.clone())
        };
        match batches {
            Some(batches) => batches.make(change).await,
            None => Err(Refusal::Call(format!("nobody looks at KafkaCluster {key} any more"))),
        }
    }

    /// Stops looking at a cluster that is gone.
    pub fn forget(&self, key: &Key) {
        self.entries.lock().expect("no panic while holding the worlds").remove(key);
    }
}
