//! One watched scope: all namespaces, or one of the named ones. References never leave a namespace, so scopes
//! know nothing of each other.
//!
//! `watch` fills the stores and rings the bells; `news` is what a watch has to tell, `lists` whether all have listed once;
//! `shelf` is a kind's store with its bell, `children` what we made; `bells` and `queue` turn a kind's bell into passes, one per
//! object at a time; `gauges` are what a scrape reads off all of it.

mod bells;
mod children;
mod gauges;
mod lists;
mod news;
mod queue;
mod shelf;
mod watch;

use std::fmt;
use std::sync::Arc;

use kube::{Resource, ResourceExt};
use sluice_crds::{CdcPipeline, ConnectCluster, Connector, KafkaCluster, Topic, User};
use tokio::task::JoinSet;

use crate::context::{Context, Shared};

pub use children::{Child, Children, belonging_to};
pub use gauges::refresh;
pub use lists::Lists;
pub use queue::{Pass, chain};
pub use shelf::{Found, Parsed, Shelf};

/// Namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    pub namespace: String,
    pub name: String,
}

impl Key {
    pub fn of<K: Resource>(object: &K) -> Self {
        Self { namespace: object.namespace().unwrap_or_default(), name: object.name_any() }
    }

    /// Another object in the same namespace.
    #[must_use]
    pub fn sibling(&self, name: &str) -> Self {
        Self { namespace: self.namespace.clone(), name: name.to_owned() }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// All objects of our kinds.
pub struct Shelves {
    pub clusters: Shelf<KafkaCluster>,
    pub topics: Shelf<Topic>,
    pub users: Shelf<User>,
    pub connects: Shelf<ConnectCluster>,
    pub connectors: Shelf<Connector>,
    pub pipelines: Shelf<CdcPipeline>,
}

/// Watches and reconciles `namespace` (`None`: all) until the set is dropped.
pub fn start(shared: &Arc<Shared>, namespace: Option<&str>, tasks: &mut JoinSet<()>) -> Arc<Context> {
    let (watches, bells, shelves, children) = watch::prepare(&shared.client, namespace);
    let context = Arc::new(Context::new(Arc::clone(shared), shelves, children));
    watches.spawn(&context, tasks);
    bells.spawn(&context, tasks);
    let filling = Arc::clone(&context);
    let namespace = namespace.map(str::to_owned);
    tasks.spawn(async move {
        filling.lists.filled_aloud(namespace.as_deref()).await;
        // a task of a scope never ends
        std::future::pending::<()>().await;
    });
    context
}
