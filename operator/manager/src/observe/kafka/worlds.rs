use std::collections::HashMap;
use std::sync::{Arc, Weak};

use jiff::Timestamp;
use parking_lot::Mutex;
use sluice_clients::kafka::tls::Tls;
use sluice_clients::kafka::{Client, Options};
use sluice_core::pki::Bundle;
use tokio_util::task::AbortOnDropHandle;

use super::batch::{self, Batches, Change, Refusal};
use super::canary;
use super::gather::gathering;
use super::look;
use super::world::World;
use crate::context::Context;
use crate::error::Error;
use crate::pki::tls_of;
use crate::scope::Key;
use crate::user::{self, Crowd, UserWish};

/// All Kafka clusters that we look at.
#[derive(Default)]
pub struct Worlds {
    entries: Mutex<HashMap<Key, Entry>>,
}

struct Entry {
    bootstrap: Vec<String>,
    /// `None`: there is no certificate yet.
    identity: Option<Shown>,
    world: Arc<World>,
    batches: Batches,
    crowd: Crowd,
    _tasks: [AbortOnDropHandle<()>; 4],
}

/// The certificate that Sluice shows.
struct Shown {
    tls: Tls,
    revision: i64,
}

impl Worlds {
    /// The world of a cluster, started if there is none. A renewed certificate is shown, and brokers that came or left are known, from
    /// the next connection on.
    pub fn ensure(
        &self,
        context: &Arc<Context>,
        key: &Key,
        bootstrap: &[String],
        identity: Option<&Bundle>,
    ) -> Result<Arc<World>, Error> {
        let mut entries = self.entries.lock();
        let unusable =
            |source| Error::Certificate { doing: format!("connect to KafkaCluster {key}"), source };
        let options = || {
            let address = |source| Error::Address { cluster: key.to_string(), source };
            Options::plain(bootstrap.iter().map(String::as_str)).map_err(address)
        };
        // without a certificate nothing was reached, and nothing is lost by starting anew
        if let Some(entry) = entries.get_mut(key).filter(|it| it.identity.is_some() || identity.is_none()) {
            if let (Some(shown), Some(identity)) = (&mut entry.identity, identity)
                && shown.revision != identity.revision
            {
                shown.tls.replace(tls_of(identity).map_err(unusable)?);
                shown.revision = identity.revision;
            }
            if entry.bootstrap != bootstrap {
                entry.world.client.reach(&options()?.bootstrap);
                entry.bootstrap = bootstrap.to_vec();
            }
            return Ok(Arc::clone(&entry.world));
        }
        let shown = match identity {
            Some(identity) => {
                let tls = Tls::from(tls_of(identity).map_err(unusable)?);
                Some(Shown { tls, revision: identity.revision })
            }
            None => None,
        };
        let options = Options { tls: shown.as_ref().map(|shown| shown.tls.clone()), ..options()? };
        let world = Arc::new(World::new(key.clone(), Client::new(options), Timestamp::now()));
        let weak: Weak<Context> = Arc::downgrade(context);
        let (batches, topics) = gathering();
        let (crowd, users) = gathering();
        let tasks = [
            AbortOnDropHandle::new(tokio::spawn(batch::run(Arc::clone(&world), weak.clone(), topics))),
            AbortOnDropHandle::new(tokio::spawn(user::serve(Arc::clone(&world), users))),
            AbortOnDropHandle::new(tokio::spawn(canary::observe(Arc::clone(&world), weak.clone()))),
            AbortOnDropHandle::new(tokio::spawn(look::observe(Arc::clone(&world), weak))),
        ];
        let entry = Entry {
            bootstrap: bootstrap.to_vec(),
            identity: shown,
            world: Arc::clone(&world),
            batches,
            crowd,
            _tasks: tasks,
        };
        entries.insert(key.clone(), entry);
        Ok(world)
    }

    pub fn get(&self, key: &Key) -> Option<Arc<World>> {
        let entries = self.entries.lock();
        entries.get(key).map(|entry| Arc::clone(&entry.world))
    }

    /// Makes a change in a cluster's topics, together with what others want at the same time.
    pub async fn change(&self, key: &Key, change: Change) -> Result<(), Refusal> {
        let batches = {
            let entries = self.entries.lock();
            entries.get(key).map(|entry| entry.batches.clone())
        };
        let made = match batches {
            Some(batches) => batches.make(change).await,
            None => None,
        };
        made.unwrap_or_else(|| {
            Err(Refusal::Call(format!("what was asked of KafkaCluster {key} got no answer")))
        })
    }

    /// Changes what a cluster knows of a user, together with what others want at the same time; `None`: this is not what is looked at
    /// any more.
    pub async fn change_user(&self, world: &Arc<World>, wish: UserWish) -> Option<Result<(), user::Refusal>> {
        let crowd = {
            let entries = self.entries.lock();
            let entry = entries.get(&world.key).filter(|entry| Arc::ptr_eq(&entry.world, world))?;
            entry.crowd.clone()
        };
        crowd.make(wish).await
    }

    /// Stops looking at a cluster that is gone. The listeners through which records of Sluice's own went.
    pub fn forget(&self, key: &Key) -> Vec<String> {
        let gone = self.entries.lock().remove(key);
        gone.map(|entry| entry.world.canary.heard().into_keys().collect()).unwrap_or_default()
    }
}
