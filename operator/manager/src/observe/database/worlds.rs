use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Weak};

use jiff::Timestamp;
use parking_lot::Mutex;
use tokio_util::task::AbortOnDropHandle;

use super::eyes::Eyes;
use super::look;
use super::world::{Interest, Place, World};
use crate::context::Context;
use crate::scope::Key;

/// All databases of one kind that we look at.
pub struct Worlds<V> {
    entries: Mutex<HashMap<Place, Entry<V>>>,
}

// by hand: `V` itself need have no default
impl<V> Default for Worlds<V> {
    fn default() -> Self {
        Self { entries: Mutex::default() }
    }
}

struct Entry<V> {
    world: Arc<World<V>>,
    _task: AbortOnDropHandle<()>,
}

impl<V: Eyes> Worlds<V> {
    /// The world of a place, started if there is none, that looks for what this pipeline wants too.
    pub fn ensure(
        &self,
        context: &Arc<Context>,
        place: Place,
        pipeline: &Key,
        interest: Interest,
    ) -> Arc<World<V>> {
        let mut entries = self.entries.lock();
        let entry = entries.entry(place.clone()).or_insert_with(|| {
            let world = Arc::new(World::new(place, Arc::clone(&context.shared), Timestamp::now()));
            world.interest(pipeline, interest.clone());
            let weak: Weak<Context> = Arc::downgrade(context);
            let task = AbortOnDropHandle::new(tokio::spawn(look::observe(Arc::clone(&world), weak)));
            Entry { world, _task: task }
        });
        entry.world.interest(pipeline, interest);
        Arc::clone(&entry.world)
    }

    /// A database that this pipeline wants to know of.
    pub fn of(&self, pipeline: &Key) -> Option<Arc<World<V>>> {
        let entries = self.entries.lock();
        let wants = |world: &World<V>| world.pipelines().contains(pipeline);
        entries.values().find(|entry| wants(&entry.world)).map(|entry| Arc::clone(&entry.world))
    }

    /// The pipeline wants to know of these places only. What nobody wants to know of is looked at no more.
    pub fn only(&self, pipeline: &Key, places: &HashSet<Place>) {
        let mut entries = self.entries.lock();
        entries.retain(|place, entry| places.contains(place) || entry.world.lose_interest(pipeline));
    }

    /// A Secret has changed.
    pub fn secret_changed(&self, secret: &Key) {
        let entries = self.entries.lock();
        for (place, entry) in entries.iter() {
            if place.names_secret(&secret.namespace, &secret.name) {
                entry.world.secret_changed();
            }
        }
    }
}
