use std::sync::Arc;

use kube::core::DeserializeGuard;
use kube::runtime::reflector::ObjectRef;
use sluice_crds::{CdcPipeline, ConnectCluster, Connector, KafkaCluster, Topic, User};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::task::JoinSet;

use super::queue;
use crate::context::Context;

pub type Guarded<K> = DeserializeGuard<K>;

/// The receiving ends: each ring asks for a pass.
pub struct Bells {
    pub clusters: Bell<KafkaCluster>,
    pub topics: Bell<Topic>,
    pub users: Bell<User>,
    pub connects: Bell<ConnectCluster>,
    pub connectors: Bell<Connector>,
    pub pipelines: Bell<CdcPipeline>,
}
pub type Bell<K> = UnboundedReceiver<ObjectRef<Guarded<K>>>;
pub type Ring<K> = UnboundedSender<ObjectRef<Guarded<K>>>;

impl Bells {
    /// Passes at once: many for topics, whose passes wait for a batch that they fill together.
    pub fn spawn(self, context: &Arc<Context>, tasks: &mut JoinSet<()>) {
        queue::spawn(
            context,
            "KafkaCluster",
            |c| &c.shelves.clusters,
            self.clusters,
            8,
            crate::cluster::reconcile,
            tasks,
        );
        queue::spawn(
            context,
            "Topic",
            |c| &c.shelves.topics,
            self.topics,
            512,
            crate::topic::reconcile,
            tasks,
        );
        queue::spawn(context, "User", |c| &c.shelves.users, self.users, 512, crate::user::reconcile, tasks);
        queue::spawn(
            context,
            "ConnectCluster",
            |c| &c.shelves.connects,
            self.connects,
            16,
            crate::connect::reconcile,
            tasks,
        );
        queue::spawn(
            context,
            "Connector",
            |c| &c.shelves.connectors,
            self.connectors,
            32,
            crate::connector::reconcile,
            tasks,
        );
        queue::spawn(
            context,
            "CdcPipeline",
            |c| &c.shelves.pipelines,
            self.pipelines,
            16,
            crate::cdc::reconcile,
            tasks,
        );
    }
}
