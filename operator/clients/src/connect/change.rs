//! Orders: one request each. Connect carries most of them out after it has answered.

use std::collections::BTreeMap;

use reqwest::Method;
use sluice_core::connector::FieldErrors;

use super::error::Error;
use super::http::Client;
use super::read::Offset;
use super::wire::{NewConnector, OffsetEntry, Offsets, Validated};

/// In which state a connector begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Initial {
    Running,
    Paused,
    Stopped,
}

/// What a restart takes in (KIP-745).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    /// The connector and all of its tasks.
    All,
    /// Whatever of them has failed.
    Failed,
}

impl Client {
    /// Creates a connector that begins in this state (KIP-980). One of that name that exists is [`Error::NotYet`] and stays as it is:
    /// Connect answers 409 as during a rebalance.
    pub async fn create(
        &self,
        name: &str,
        config: &BTreeMap<String, String>,
        state: Initial,
    ) -> Result<(), Error> {
        let initial_state = match state {
            Initial::Running => "RUNNING",
            Initial::Paused => "PAUSED",
            Initial::Stopped => "STOPPED",
        };
        let body = NewConnector { name, config, initial_state };
        self.send_config("create connector", Method::POST, &["connectors"], &body).await.map(drop)
    }

    /// Replaces the configuration of a connector, or creates it, running. `true` where it did not exist.
    pub async fn put_config(&self, name: &str, config: &BTreeMap<String, String>) -> Result<bool, Error> {
        let path = ["connectors", name, "config"];
        let (status, _) = self.send_config("put config", Method::PUT, &path, config).await?;
        Ok(status == 201)
    }

    /// Asks the plugin what it has against this configuration, `name` included. Nothing changes. An empty list is consent.
    ///
    /// Connect refuses the whole question ([`Error::Refused`], [`Error::Failed`]) where it does not know the class.
    pub async fn validate(
        &self,
        class: &str,
        config: &BTreeMap<String, String>,
    ) -> Result<Vec<FieldErrors>, Error> {
        let answer = self.ask_plugin("validate config", class, config).await?;
        let fields = answer.configs.into_iter().map(|c| c.value).filter(|value| !value.errors.is_empty());
        Ok(fields.map(|value| FieldErrors { field: value.name, errors: value.errors }).collect())
    }

    /// What this worker makes of `text`, a value with a `${provider:path:key}` in it. Where the provider has no such key the
    /// text comes back as it was: Connect takes a missing file for no error at all, and a connector would be started
    /// with the variable's name as its password.
    ///
    /// Connect has no endpoint for it. Validation resolves variables and echoes plain strings, so the value travels as the name
    /// of a connector that nobody makes. Never ask for a secret by this.
    pub async fn resolve(&self, class: &str, text: &str) -> Result<Option<String>, Error> {
        let config = [("connector.class", class), ("name", text)];
        let config = config.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        let answer = self.ask_plugin("resolve a variable", class, &config).await?;
        Ok(answer.configs.into_iter().find(|c| c.value.name == "name").and_then(|c| c.value.value))
    }

    /// Whether this worker would run the connector with records and offsets in one transaction (KIP-618): it is asked what it has
    /// against `exactly.once.support: required`. Nothing is made of that.
    pub async fn exactly_once(&self, class: &str) -> Result<bool, Error> {
        const KEY: &str = "exactly.once.support";
        let config = [("connector.class", class), ("name", "exactly-once"), (KEY, "required")];
        let config = config.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        let answer = self.ask_plugin("ask for exactly-once support", class, &config).await?;
        Ok(answer.configs.iter().any(|c| c.value.name == KEY && c.value.errors.is_empty()))
    }

    pub async fn pause(&self, name: &str) -> Result<(), Error> {
        self.order("pause connector", Method::PUT, &["connectors", name, "pause"], &[]).await
    }

    pub async fn resume(&self, name: &str) -> Result<(), Error> {
        self.order("resume connector", Method::PUT, &["connectors", name, "resume"], &[]).await
    }

    /// Ends the tasks and keeps config and offsets (KIP-875).
    pub async fn stop(&self, name: &str) -> Result<(), Error> {
        self.order("stop connector", Method::PUT, &["connectors", name, "stop"], &[]).await
    }

    /// Its offsets stay in Kafka: a connector of that name continues where this one was.
    pub async fn delete(&self, name: &str) -> Result<(), Error> {
        self.order("delete connector", Method::DELETE, &["connectors", name], &[]).await
    }

    pub async fn restart(&self, name: &str, what: Restart) -> Result<(), Error> {
        let only_failed = if what == Restart::Failed { "true" } else { "false" };
        let query = [("includeTasks", "true"), ("onlyFailed", only_failed)];
        self.order("restart connector", Method::POST, &["connectors", name, "restart"], &query).await
    }

    /// Stores these offsets in the place of those that there are (KIP-875). Only while the connector is stopped; else [`Error::Refused`], or
    /// [`Error::Failed`] where its tasks have not ended yet.
    pub async fn set_offsets(&self, name: &str, offsets: &[Offset]) -> Result<(), Error> {
        let one = |it: &Offset| OffsetEntry { partition: it.partition.clone(), offset: it.offset.clone() };
        let body = Offsets { offsets: offsets.iter().map(one).collect() };
        let path = ["connectors", name, "offsets"];
        self.send_config("set offsets", Method::PATCH, &path, &body).await.map(drop)
    }

    /// Only while the connector is stopped; else [`Error::Refused`].
    pub async fn delete_offsets(&self, name: &str) -> Result<(), Error> {
        self.order("delete offsets", Method::DELETE, &["connectors", name, "offsets"], &[]).await
    }

    async fn ask_plugin(
        &self,
        request: &'static str,
        class: &str,
        config: &BTreeMap<String, String>,
    ) -> Result<Validated, Error> {
        let path = ["connector-plugins", class, "config", "validate"];
        let (_, body) = self.send_config(request, Method::PUT, &path, config).await?;
        self.read(request, &body)
    }
}
