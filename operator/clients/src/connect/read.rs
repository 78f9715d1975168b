//! What is there: the worker, its plugins, the connectors with config and status, their offsets and topics.

use std::collections::BTreeMap;
use std::sync::Arc;

use reqwest::Method;
use sluice_core::view::connect::{ConnectView, ConnectorView, Plugin};

use super::error::Error;
use super::http::Client;
use super::wire::{Expanded, Offsets, PluginInfo, Root, TopicsOf};

/// What a worker says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worker {
    pub version: String,
    pub kafka_cluster_id: String,
}

/// How far a connector has come in one part of its source. What both hold is the connector's own business: for Debezium's
/// PostgreSQL connector `{"server": …}` and `{"lsn": …}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offset {
    pub partition: serde_json::Value,
    pub offset: serde_json::Value,
}

impl Client {
    pub async fn worker(&self) -> Result<Worker, Error> {
        let root: Root = self.get("ask the worker who it is", &[], &[]).await?;
        Ok(Worker { version: root.version, kafka_cluster_id: root.kafka_cluster_id })
    }

    /// Fails until the worker has joined its group and read the config topic (KIP-1017): before that it knows no connector.
    pub async fn healthy(&self) -> Result<(), Error> {
        self.order("ask for the worker's health", Method::GET, &["health"], &[]).await
    }

    /// All plugins of the worker's image: connectors, converters, transformations, …, sorted.
    pub async fn plugins(&self) -> Result<Vec<Plugin>, Error> {
        let query = [("connectorsOnly", "false")];
        let found: Vec<PluginInfo> = self.get("list plugins", &["connector-plugins"], &query).await?;
        let mut plugins: Vec<_> = found.into_iter().map(Plugin::from).collect();
        plugins.sort();
        plugins.dedup();
        Ok(plugins)
    }

    /// Every connector with its configuration and status, in one call. Those that are as in `previous` are shared with it.
    pub async fn connectors(
        &self,
        previous: Option<&ConnectView>,
    ) -> Result<BTreeMap<String, Arc<ConnectorView>>, Error> {
        let query = [("expand", "info"), ("expand", "status")];
        let found: BTreeMap<String, Expanded> = self.get("list connectors", &["connectors"], &query).await?;
        let seen = found.into_iter().filter_map(|(name, expanded)| Some((name, expanded.view()?)));
        Ok(seen.map(|(name, seen)| shared(name, seen, previous)).collect())
    }

    /// Everything, in three calls.
    pub async fn view(&self, previous: Option<&ConnectView>) -> Result<ConnectView, Error> {
        let Worker { version, kafka_cluster_id } = self.worker().await?;
        let plugins = self.plugins().await?;
        let connectors = self.connectors(previous).await?;
        Ok(ConnectView { version, kafka_cluster_id, plugins, connectors, ..Default::default() })
    }

    /// A worker that has just deleted one may name its partition once more, with `null`: that is none.
    pub async fn offsets(&self, connector: &str) -> Result<Vec<Offset>, Error> {
        let found: Offsets = self.get("read offsets", &["connectors", connector, "offsets"], &[]).await?;
        let offsets = found.offsets.into_iter().filter(|entry| !entry.offset.is_null());
        Ok(offsets.map(|entry| Offset { partition: entry.partition, offset: entry.offset }).collect())
    }

    /// Topics that the connector has used since it was created or its topics were reset.
    pub async fn topics(&self, connector: &str) -> Result<Vec<String>, Error> {
        let path = ["connectors", connector, "topics"];
        let mut found: BTreeMap<String, TopicsOf> = self.get("list topics", &path, &[]).await?;
        Ok(found.remove(connector).map(|of| of.topics).unwrap_or_default())
    }
}

fn shared(name: String, seen: ConnectorView, previous: Option<&ConnectView>) -> (String, Arc<ConnectorView>) {
    let before = previous.and_then(|view| view.connectors.get(&name)).filter(|before| ***before == seen);
    let view = before.map_or_else(|| Arc::new(seen), Arc::clone);
    (name, view)
}
