use std::collections::HashMap;
use std::sync::{Arc, Weak};

use jiff::Timestamp;
use parking_lot::Mutex;
use sluice_clients::connect::{Client, Deadlines};
use sluice_core::connect::names;
use tokio_util::task::AbortOnDropHandle;

use super::look;
use super::world::World;
use crate::context::Context;
use crate::scope::Key;

/// All Connect clusters that we look at.
#[derive(Default)]
pub struct Worlds {
    entries: Mutex<HashMap<Key, Entry>>,
}

struct Entry {
    world: Arc<World>,
    _task: AbortOnDropHandle<()>,
}

impl Worlds {
    /// The world of a Connect cluster, started if there is none.
    pub fn ensure(&self, context: &Arc<Context>, key: &Key) -> Arc<World> {
        let mut entries = self.entries.lock();
        if let Some(entry) = entries.get(key) {
            return Arc::clone(&entry.world);
        }
        // namespace and name are DNS labels
        let base = names::url(&key.namespace, &key.name).parse().expect("an URL by its shape");
        let client = Client::new(base, Deadlines::default());
        let world = Arc::new(World::new(key.clone(), client, Timestamp::now()));
        let weak: Weak<Context> = Arc::downgrade(context);
        let task = AbortOnDropHandle::new(tokio::spawn(look::observe(Arc::clone(&world), weak)));
        entries.insert(key.clone(), Entry { world: Arc::clone(&world), _task: task });
        world
    }

    pub fn get(&self, key: &Key) -> Option<Arc<World>> {
        let entries = self.entries.lock();
        entries.get(key).map(|entry| Arc::clone(&entry.world))
    }

    /// Stops looking at a Connect cluster that is gone.
    pub fn forget(&self, key: &Key) {
        self.entries.lock().remove(key);
    }
}
