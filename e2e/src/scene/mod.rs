//! What a scenario works with.
//!
//! A `Stage` is one run: the agent pod, and clusters that several cases share, brought up when the first case asks.
//! A `Scene` is one case on it: a `Place` (namespace, deadlines, what to clean up) and the stage.
//! `kafka`, `user`, `connect`, `postgres` and `pipeline` build what scenarios need in a place; `agent` works beside the data.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Result, anyhow};
use k8s_openapi::api::core::v1::Node;
use kube::api::{Api, ListParams};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

pub mod agent;
pub mod connect;
pub mod kafka;
pub mod pipeline;
pub mod place;
pub mod postgres;
pub mod user;

pub use agent::Agent;
pub use connect::Connect;
pub use kafka::Kafka;
pub use place::{Expect, Place};
pub use postgres::Postgres;

use crate::kubernetes::objects::Space;
use crate::kubernetes::operator::Operator;
use crate::ui::Ui;
use crate::wait::chain;

/// Namespace of the agent and of everything that cases share.
pub const SHARED: &str = "e2e-shared";

type Shared<T> = OnceCell<Result<T, String>>;

pub struct Stage {
    pub client: Client,
    pub ui: Arc<Ui>,
    /// Folders of failed cases.
    pub out: PathBuf,
    pub home: Place,
    pub agent: Agent,
    kafka: Shared<Kafka>,
    connect: Shared<Connect>,
    postgres: Shared<Postgres>,
}

impl Stage {
    pub async fn set(client: Client, ui: Arc<Ui>, out: PathBuf) -> Result<Self> {
        let home = Place::new(Space::new(client.clone(), SHARED), ui.begin("stage"));
        home.space.create().await?;
        let agent = Agent::start(&home).await?;
        home.task.goes_on();
        let (kafka, connect, postgres) = Default::default();
        Ok(Self { client, ui, out, home, agent, kafka, connect, postgres })
    }
}

/// `fields` put into the object `base`.
pub fn with(mut base: Value, fields: Value) -> Value {
    if let Value::Object(fields) = fields {
        for (key, value) in fields {
            base[key] = value;
        }
    }
    base
}

pub struct Scene<'s> {
    pub stage: &'s Stage,
    pub place: Place,
}

impl Deref for Scene<'_> {
    type Target = Place;
    fn deref(&self) -> &Place {
        &self.place
    }
}

impl Scene<'_> {
    pub fn agent(&self) -> &Agent {
        &self.stage.agent
    }

    /// Three brokers in the shared namespace with every kind of listener, and topics of replication factor 3.
    pub async fn shared_kafka(&self) -> Result<&Kafka> {
        let stage = self.stage;
        self.task.waits_for("the shared KafkaCluster");
        let spec = with(kafka::spec(3), json!({"listeners": kafka::listeners()}));
        once(&stage.kafka, async { kafka::bring_up(&stage.home, "kafka", spec).await }).await
    }

    /// One worker on the shared Kafka.
    pub async fn shared_connect(&self) -> Result<&Connect> {
        let stage = self.stage;
        self.shared_kafka().await?;
        self.task.waits_for("the shared ConnectCluster");
        once(&stage.connect, async {
            connect::bring_up(&stage.home, "connect", connect::spec("kafka")).await
        })
        .await
    }

    /// PostgreSQL with `wal_level=logical`; each case takes a database of its own.
    pub async fn shared_postgres(&self) -> Result<&Postgres> {
        let stage = self.stage;
        self.task.waits_for("the shared PostgreSQL");
        let options = postgres::Options::default();
        once(&stage.postgres, async { postgres::bring_up(&stage.home, "postgres", options).await }).await
    }

    /// Zone of each Kubernetes node, by its name.
    pub async fn zones(&self) -> Result<BTreeMap<String, String>> {
        let nodes = Api::<Node>::all(self.stage.client.clone()).list(&ListParams::default()).await?;
        let zone =
            |node: &Node| node.labels().get("topology.kubernetes.io/zone").cloned().unwrap_or_default();
        Ok(nodes.items.iter().map(|node| (node.name_any(), zone(node))).collect())
    }

    pub async fn operator(&self) -> Result<Operator> {
        Operator::find(&self.stage.client).await
    }
}

/// What one case tries and all share, its failure too: nobody waits a second time for what does not come.
async fn once<T>(cell: &Shared<T>, bring_up: impl Future<Output = Result<T>>) -> Result<&T> {
    let made = cell.get_or_init(async || bring_up.await.map_err(|error| chain(error.as_ref()))).await;
    made.as_ref().map_err(|error| anyhow!("what cases share is not there: {error}"))
}
